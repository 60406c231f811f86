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


def toured(folder: Path, environment: Mapping[str, str], name: str) -> list[str]:
    """Run the tour in JupyterLab, keep a picture of it by a name, and return what its cells say."""
    if reason := lab.missing():
        pytest.skip(reason)
    shutil.copy(NOTEBOOKS / "00-tour.ipynb", folder / "tour.ipynb")
    with lab.lab(folder, environment) as running:
        notebook = running.open("tour.ipynb", height=4600)
        notebook.run_all(timeout=120)
        everything = [notebook.output(cell) for cell in range(len(notebook.numbers()))]
        notebook.screenshot(PAGE.parent / f"tour-in-lab-{name}.png")
    text = "\n".join(everything)
    assert "Error" not in text
    assert "Traceback" not in text
    # The container's own words, from a line, a script and a panel.
    assert "I am tour, and my home is /root." in text
    assert "step 20 of 20" in text
    # The panel that was opened first has heard what came after it.
    assert "instance-deleted\tinstances/tour" in text
    assert "still there: False" in everything[-1]
    return everything


@pytest.mark.timeout(300)
def test_the_tour_runs_in_jupyterlab(server: Daemon, tmp_path: Path):
    everything = toured(tmp_path, server.environment, server.flavour)
    known = server.query("/1.0")["environment"]
    name = {"lxd": "LXD", "incus": "Incus"}[server.flavour]
    product = f"{name} {known['server_version']} at {server.socket}"
    assert everything[1].startswith(f"{product}\n")
    assert f"<Client {product}>" in everything[1]
    assert any(output.startswith(f"Linux tour {known['kernel_version']}") for output in everything)
    assert server.query("/1.0/instances") == []


@pytest.mark.timeout(300)
def test_without_a_daemon_the_notebook_has_a_sandbox_of_its_own(monkeypatch, tmp_path: Path):
    for name in ("LXD_SOCKET", "LXD_DIR", "INCUS_SOCKET", "INCUS_DIR"):
        monkeypatch.delenv(name, raising=False)
    if there := [path for path in remotes.local_sockets({}) if os.path.exists(path)]:
        pytest.skip(f"{there[0]} is there: the tour would be on it; stop its daemon")
    everything = toured(tmp_path, {}, "nothing")
    line, client = filter(None, everything[1].splitlines())
    assert line == "No LXD or Incus answers here: a simulated LXD 5.0.2, in memory, gone with this process"
    assert client.startswith("<Client simulated LXD 5.0.2 at ")
