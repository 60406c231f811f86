"""A notebook, the tour unless another is named, run on the server of `connect("auto")`: its page is written, and the
server left as it was.

What the tour needs and a server lacks is lent to it, and taken back also when a cell fails. Where no daemon answers,
the notebook has a simulated server of its own, which needs nothing and leaves nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from traitlets.config import Config

from lxdnb import api
from lxdnb.client import Client
from lxdnb.exceptions import LXDError, NotFound
from lxdnb.finding import connect
from lxdnb.models import Instance
from lxdnb.remotes import image_source, local_sockets

__all__ = ["NOTEBOOKS", "TourError", "tour"]

_PACKAGED = Path(__file__).with_name("notebooks")
NOTEBOOKS = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[1] / "notebooks"
"""Where the notebooks are: in the package that was installed, or in the checkout."""
ALPINE = "images:alpine/3.22"
FETCH_SECONDS = 180  # for the public image server


class TourError(Exception):
    """Why there is no tour, and what to do."""


@contextmanager
def _loan(client: Client, own_image: Callable[[], bytes] | None) -> Generator[dict[str, str]]:
    """Yield what the tour works with, lent where the server lacks it; take it all back, the containers first."""
    token = uuid.uuid4().hex[:6]
    with ExitStack() as stack:
        image = _image(client, stack, own_image)
        profile = _profile(client, stack, token)
        name = f"tour-{token}"
        stack.callback(_remove_all, client, name)
        yield {"name": name, "image": image, "profile": profile}


def _image(client: Client, stack: ExitStack, own_image: Callable[[], bytes] | None) -> str:
    """Return an image: the one asked for, else the smallest there is, else alpine, else one made here."""
    if asked := os.environ.get("LXDNB_TOUR_IMAGE"):
        source = _source(client, asked)
        if isinstance(source, str):
            return client.images.find(source).fingerprint
        return _add_image(client, stack, json={"source": source})
    containers = [image for image in client.images.all() if image.type == "container"]
    if containers:
        return min(containers, key=lambda image: image.size or 0).fingerprint
    source = _source(client, ALPINE)
    assert isinstance(source, dict)
    print(f"The server has no image: fetching {ALPINE} from {source['server']}.")
    try:
        return _add_image(client, stack, json={"source": source})
    except LXDError as error:
        if own_image is None:
            raise TourError(
                f"the server has no image, and cannot fetch {ALPINE} ({error}). "
                "Copy one to it, or name one that it can fetch in LXDNB_TOUR_IMAGE"
            ) from error
        print(f"That failed ({error}): making a busybox image here.")
    return _add_image(client, stack, data=own_image(), headers={"Content-Type": "application/octet-stream"})


def _source(client: Client, image: str) -> str | dict[str, str]:
    try:
        return image_source(image, client.product)
    except ValueError as error:
        raise TourError(f"LXDNB_TOUR_IMAGE: {error}") from None


def _add_image(client: Client, stack: ExitStack, **request: Any) -> str:
    """Have the server take an image, to be deleted at the end if it was not there before."""
    before = {image.fingerprint for image in client.images.all()}
    operation = client.operations.get(client.api.images.post(**request).json()["operation"])
    try:
        fingerprint = operation.wait(FETCH_SECONDS).metadata["fingerprint"]
    except BaseException:
        # Also for Ctrl-C: else the image would come after all, when nobody takes it back.
        _quietly(operation.cancel)
        raise
    if fingerprint not in before:
        stack.callback(_quietly, client.images.get(fingerprint).delete, True)
    return fingerprint


def _profile(client: Client, stack: ExitStack, token: str) -> str:
    """Return the default profile, or one like it with a root disk if it has none."""
    default = api.metadata(client.api.profiles.default.get())
    devices = default["devices"]
    if any(device.get("type") == "disk" and device.get("path") == "/" for device in devices.values()):
        return "default"
    pools = api.metadata(client.api.storage_pools.get(params={"recursion": 1}))
    name = f"lxdnb-tour-{token}"
    if pools:
        pool = pools[0]["name"]
    else:
        pool = name
        print("The server has no storage pool: lending the tour one, in a directory.")
        _finish(client, client.api.storage_pools.post(json={"name": pool, "driver": "dir"}))
        stack.callback(_quietly, lambda: _finish(client, client.api.storage_pools[pool].delete()))
    print(f"The default profile has no root disk: lending the tour one in the pool {pool}.")
    lent = {**devices, "root": {"type": "disk", "path": "/", "pool": pool}}
    _finish(client, client.api.profiles.post(json={"name": name, "config": default["config"], "devices": lent}))
    stack.callback(_quietly, lambda: _finish(client, client.api.profiles[name].delete()))
    return name


def _finish(client: Client, response: Any) -> None:
    """Wait for what was answered with an operation, as newer servers do where older ones are done at once."""
    if response.json()["type"] == "async":
        client.operations.wait_for_operation(response.json()["operation"], FETCH_SECONDS)


@contextmanager
def _terminable() -> Generator[None]:
    """Have SIGTERM clean up as well, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _remove_all(client: Client, name: str) -> None:
    """Take away what a notebook that failed has left of its own: whatever has that name, or begins with it."""

    def its(found: str | None) -> bool:
        return found is not None and (found == name or found.startswith((f"{name}-", f"{name} ")))

    for instance in client.instances.all():
        if its(instance.name):
            _quietly(_remove_instance, instance)
    for image in client.images.all():
        if its((image.properties or {}).get("description")):
            _quietly(image.delete, True)
    for profile in client.profiles.all():
        if its(profile.name):
            _quietly(profile.delete)


def _remove_instance(instance: Instance) -> None:
    if instance.status != "Stopped":
        instance.stop(wait=True)
    if not instance.ephemeral:  # else it is gone
        instance.delete(wait=True)


def _quietly(call: Callable[..., object], *arguments: Any) -> None:
    """Take one thing back, and say so if that fails, so that the others are still taken back."""
    try:
        call(*arguments)
    except NotFound:
        pass  # gone already
    except LXDError as error:
        print(f"Could not clean up: {error}", file=sys.stderr)


def _execute(notebook: Any, folder: Path) -> None:
    """Execute it by a kernel whose sockets are in a folder that is this user's alone: over TCP others could listen.

    https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files
    """
    with tempfile.TemporaryDirectory() as private:
        config = Config()
        if os.name != "nt":  # where there are no such sockets
            config.KernelManager.transport = "ipc"
        config.KernelManager.connection_file = str(Path(private, "kernel.json"))
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=600, resources=resources, config=config).execute()


def _visit(path: Path, page: Path, given: Mapping[str, str], where: str) -> tuple[int, str | None]:
    """Execute the notebook and write the page, whatever happens; return the cells run and the first error."""
    notebook: Any = nbformat.read(path, as_version=4)
    places = [number for number, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
    if given:
        lines = [f"{key} = {value!r}" for key, value in given.items()]
        cell: Any = nbformat.v4.new_code_cell("\n".join(lines), metadata={"tags": ["injected-parameters"]})
        notebook.cells.insert(places[0] + 1, cell)
    failed = None
    try:
        _execute(notebook, path.parent)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        failed = str(error)
    cells = sum(1 for cell in notebook.cells if cell.get("execution_count"))
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(f"*This page was made on {where}.*"))
    exporter = HTMLExporter()
    # The panels' own text stands for them: a page in a folder has no kernel, and may have no network to fetch
    # widgets from.
    exporter.config.NbConvertBase.display_data_priority = ["text/html", "image/png", "text/markdown", "text/plain"]
    notebook.metadata.pop("widgets", None)
    body, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": "A tour of lxdnb"}})
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(body, encoding="utf-8")
    return cells, failed


@contextmanager
def _given(client: Client, own_image: Callable[[], bytes] | None) -> Generator[Mapping[str, str]]:
    """Yield what the notebook's parameters are to be, where its own do not do."""
    if client.endpoint in local_sockets(os.environ):
        with _loan(client, own_image) as given:
            yield given
        return
    # The kernel has a simulated server of its own, which is like this one.
    asked = os.environ.get("LXDNB_TOUR_IMAGE")
    source = _source(client, asked) if asked else ""
    if not isinstance(source, str):
        raise TourError(f"LXDNB_TOUR_IMAGE: a simulated server cannot fetch {asked}. It has busybox; or unset it")
    yield {"image": client.images.find(source).fingerprint} if source else {}


def tour(page: Path, notebook: Path = NOTEBOOKS / "00-tour.ipynb", own_image: Callable[[], bytes] | None = None) -> int:
    """Run the tour, write its page, say what was done; return the exit code.

    `own_image` makes an image, for a server that has none and can fetch none. Where no daemon answers that is this
    user's to use, the server is a simulated one.
    """
    started = time.monotonic()
    try:
        with _terminable():
            client = connect("auto")
            with _given(client, own_image) as given:
                simulated = (client.host_info.get("environment") or {}).get("os_name") == "Simulated"
                product = repr(client).removeprefix("<Client ").partition(" at ")[0]
                where = f"a {product}: its containers are in memory alone" if simulated else product
                cells, failed = _visit(notebook, page, given, where)
    except (TourError, LXDError) as error:
        print(f"No tour: {error}", file=sys.stderr)
        return 1
    print(f"Ran {cells} cells of {notebook.name} in {time.monotonic() - started:.0f} s, on {where}.")
    print(f"The page is {page}")
    if failed:
        print(f"A cell failed:\n{failed}", file=sys.stderr)
        return 1
    return 0
