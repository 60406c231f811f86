"""`make tour`: run 00-tour.ipynb on a real server, write build/tour.html, and leave the server as it was.

The server is the local LXD or Incus that answers, else (as root on Debian) a private LXD for the tour alone. What
the tour needs and the server lacks is lent to it, and taken back also when a cell fails.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from traitlets.config import Config

import lxdnb
from lxdnb import api
from lxdnb.remotes import image_source
from tests import daemons, install
from tests.image import busybox_image, find_busybox

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "00-tour.ipynb"
PAGE = ROOT / "build" / "tour.html"
ALPINE = "images:alpine/3.22"
FETCH_SECONDS = 180  # for the public image server


class TourError(Exception):
    """Why there is no tour, and what to do."""


@dataclass(frozen=True)
class Loan:
    """What the tour's notebook is told: the cell of parameters, filled in."""

    name: str
    image: str
    profile: str

    def cell(self) -> Any:
        lines = [f"{key} = {value!r}" for key, value in vars(self).items()]
        return nbformat.v4.new_code_cell("\n".join(lines), metadata={"tags": ["injected-parameters"]})


@contextmanager
def server() -> Iterator[lxdnb.Client]:
    """Yield the local server that answers, else a private one."""
    try:
        client = lxdnb.connect()
    except lxdnb.ClientConnectionFailed as nobody:
        print(f"{nobody}\n")
        if daemons.missing("lxd") and _is_root():
            install.main(["lxd", "lxcfs", "busybox-static"])
        if reason := daemons.missing("lxd"):
            raise TourError(f"Nor can a private LXD be started for the tour: {reason}") from None
        print("Starting a private LXD for the tour.")
        with daemons.daemon("lxd") as private:
            # The notebook's kernel finds it as a person's would.
            os.environ.update(private.environment)
            yield lxdnb.connect()
        return
    if not client.trusted:
        raise TourError(f"{client.endpoint} answers, but does not trust this user.")
    yield client


@contextmanager
def loan(client: lxdnb.Client) -> Iterator[Loan]:
    """Yield what the tour works with, lent where the server lacks it; take it all back, the containers first."""
    token = uuid.uuid4().hex[:6]
    with ExitStack() as stack:
        image = _image(client, stack)
        profile = _profile(client, stack, token)
        name = f"tour-{token}"
        stack.callback(_quietly, _remove_instance, client, name)
        yield Loan(name, image, profile)


def _image(client: lxdnb.Client, stack: ExitStack) -> str:
    """Return an image: the one asked for, else the smallest there is, else alpine, else one made here."""
    server_kind = client.host_info["environment"].get("server", "lxd")
    if asked := os.environ.get("LXDNB_TOUR_IMAGE"):
        source = image_source(asked, server_kind)
        if isinstance(source, str):
            return client.images.find(source).fingerprint
        return _add_image(client, stack, json={"source": source})
    containers = [image for image in client.images.all() if image.type == "container"]
    if containers:
        return min(containers, key=lambda image: image.size).fingerprint
    source = image_source(ALPINE, server_kind)
    assert isinstance(source, dict)
    print(f"The server has no image: fetching {ALPINE} from {source['server']}.")
    try:
        return _add_image(client, stack, json={"source": source})
    except lxdnb.LXDError as error:
        print(f"That failed ({error}): making a busybox image here.")
    if not find_busybox() and _is_root():
        install.main(["busybox-static"])
    if not find_busybox():
        raise TourError("No busybox to make an image of: install busybox-static, or set LXDNB_TOUR_IMAGE")
    with tempfile.TemporaryDirectory() as folder:
        body = busybox_image(Path(folder, "busybox.tar.gz")).read_bytes()
    return _add_image(client, stack, data=body, headers={"Content-Type": "application/octet-stream"})


def _add_image(client: lxdnb.Client, stack: ExitStack, **request: Any) -> str:
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


def _profile(client: lxdnb.Client, stack: ExitStack, token: str) -> str:
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


def _finish(client: lxdnb.Client, response: Any) -> None:
    """Wait for what was answered with an operation, as newer servers do where older ones are done at once."""
    if response.json()["type"] == "async":
        client.operations.wait_for_operation(response.json()["operation"], FETCH_SECONDS)


@contextmanager
def _terminable() -> Iterator[None]:
    """Have SIGTERM clean up as well, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _remove_instance(client: lxdnb.Client, name: str) -> None:
    if not client.instances.exists(name):
        return
    instance = client.instances.get(name)
    if instance.status != "Stopped":
        instance.stop(wait=True)
    if client.instances.exists(name):
        instance.delete(wait=True)


def _quietly(call: Callable[..., object], *arguments: Any) -> None:
    """Take one thing back, and say so if that fails, so that the others are still taken back."""
    try:
        call(*arguments)
    except lxdnb.NotFound:
        pass  # gone already
    except lxdnb.LXDError as error:
        print(f"Could not clean up: {error}", file=sys.stderr)


def _execute(notebook: Any) -> None:
    """Execute it by a kernel whose sockets are in a folder that is this user's alone: over TCP others could listen.

    https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files
    """
    with tempfile.TemporaryDirectory() as folder:
        config = Config()
        config.KernelManager.transport = "ipc"
        config.KernelManager.connection_file = str(Path(folder, "kernel.json"))
        resources = {"metadata": {"path": str(NOTEBOOK.parent)}}
        NotebookClient(notebook, timeout=600, resources=resources, config=config).execute()


def execute(given: Loan, page: Path) -> tuple[int, str | None]:
    """Execute the notebook and write the page, whatever happens; return the cells run and the first error."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    places = [number for number, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
    notebook.cells.insert(places[0] + 1, given.cell())
    failed = None
    try:
        _execute(notebook)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        failed = str(error)
    exporter = HTMLExporter()
    # The panels' own text stands for them: a page in a folder has no kernel, and may have no network to fetch
    # widgets from.
    exporter.config.NbConvertBase.display_data_priority = ["text/html", "image/png", "text/markdown", "text/plain"]
    notebook.metadata.pop("widgets", None)
    body, _ = exporter.from_notebook_node(notebook)
    page.parent.mkdir(exist_ok=True)
    page.write_text(body)
    return sum(1 for cell in notebook.cells if cell.get("execution_count")), failed


def main() -> int:
    """Run the tour; return the exit code."""
    started = time.monotonic()
    try:
        with _terminable(), server() as client, loan(client) as given:
            print(f"Touring {client!r}")
            cells, failed = execute(given, PAGE)
            image = client.images.get(given.image).properties.get("description", given.image[:12])
    except (TourError, lxdnb.LXDError) as error:
        print(f"No tour: {error}", file=sys.stderr)
        return 1
    seconds = time.monotonic() - started
    print(f"Ran {cells} cells of {NOTEBOOK.relative_to(ROOT)} in {seconds:.0f} s, with a container of {image}.")
    print(f"The page is {PAGE}")
    if failed:
        print(f"A cell failed:\n{failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
