"""The tour as its reader has it: opened in JupyterLab, all cells run on a server, read from the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from lxdnb import remotes
from lxdnb.tour import NOTEBOOKS
from notebooks.tour import PAGE
from tests.browser import lab
from tests.daemons import Daemon

# The container's own words, from a line, a script and a panel; and the panel that was opened first has heard what came
# after it.
TOLD = ("I am tour, and my home is /root.", "step 20 of 20", "instance-deleted\tinstances/tour", "still there: False")


def toured(folder: Path, environment: Mapping[str, str], name: str, *told: str) -> list[str]:
    """Run the tour in JupyterLab, keep a picture of it by a name, and return what its cells say.

    That is what is TOLD at each place, and what is `told` here: the page shows it a moment after the cells have ended.
    """
    if reason := lab.missing():
        pytest.skip(reason)
    shutil.copy(NOTEBOOKS / "00-tour.ipynb", folder / "tour.ipynb")
    with lab.lab(folder, environment) as running:
        notebook = running.open("tour.ipynb", height=4600)
        notebook.run_all(timeout=120)
        count = len(notebook.numbers())
        everything: list[str] = []

        def all_is_told() -> bool:
            everything[:] = map(notebook.output, range(count))
            return all(words in "\n".join(everything) for words in (*TOLD, *told))

        notebook.wait_until(all_is_told)
        notebook.screenshot(PAGE.parent / f"tour-in-lab-{name}.png")
    text = "\n".join(everything)
    assert "Error" not in text
    assert "Traceback" not in text
    assert "still there: False" in everything[-1]
    return everything


@pytest.mark.timeout(300)
def test_the_tour_runs_in_jupyterlab(server: Daemon, tmp_path: Path):
    known = server.query("/1.0")["environment"]
    name = {"lxd": "LXD", "incus": "Incus"}[server.flavour]
    product, kernel = f"{name} {known['server_version']} at {server.socket}", f"Linux tour {known['kernel_version']}"
    everything = toured(tmp_path, server.environment, server.flavour, f"{product}\n", f"<Client {product}>", kernel)
    assert everything[1].startswith(f"{product}\n")
    assert f"<Client {product}>" in everything[1]
    assert any(output.startswith(kernel) for output in everything)
    assert server.query("/1.0/instances") == []


@pytest.mark.timeout(300)
def test_without_a_daemon_the_notebook_has_a_sandbox_of_its_own(monkeypatch, tmp_path: Path):
    for name in ("LXD_SOCKET", "LXD_DIR", "INCUS_SOCKET", "INCUS_DIR"):
        monkeypatch.delenv(name, raising=False)
    if there := [path for path in remotes.local_sockets({}) if os.path.exists(path)]:
        pytest.skip(f"{there[0]} is there: the tour would be on it; stop its daemon")
    said = "No LXD or Incus answers here: a simulated LXD 5.0.2, in memory, gone with this process"
    shown = "<Client simulated LXD 5.0.2 at "
    line, client = filter(None, toured(tmp_path, {}, "nothing", said, shown)[1].splitlines())
    assert line == said
    assert client.startswith(shown)
