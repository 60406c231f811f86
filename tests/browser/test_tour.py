"""The tour as its reader has it: opened in JupyterLab, all cells run on a real daemon, read from the page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from notebooks import tour
from tests.browser import lab
from tests.daemons import Daemon


@pytest.mark.timeout(300)
def test_the_tour_runs_in_jupyterlab(server: Daemon, tmp_path: Path):
    if reason := lab.missing():
        pytest.skip(reason)
    shutil.copy(tour.NOTEBOOK, tmp_path / "tour.ipynb")
    with lab.lab(tmp_path, server.environment) as running:
        notebook = running.open("tour.ipynb", height=4600)
        notebook.run_all(timeout=120)
        cells = len(notebook.numbers())
        everything = [notebook.output(cell) for cell in range(cells)]
        notebook.screenshot(tour.PAGE.parent / f"tour-in-lab-{server.flavour}.png")

    product = {"lxd": "<Client LXD ", "incus": "<Client Incus "}[server.flavour]
    assert product in everything[1]
    text = "\n".join(everything)
    assert "Error" not in text
    assert "Traceback" not in text
    # The container's own words, from a line, a script and a panel.
    kernel = Path("/proc/version").read_text().split()[2]
    assert any(output.startswith(f"Linux tour {kernel}") for output in everything)
    assert "I am tour, and my home is /root." in text
    assert "step 20 of 20" in text
    # The panel that was opened first has heard what came after it.
    assert "instance-deleted\tinstances/tour" in text
    assert "still there: False" in everything[-1]
    assert server.query("/1.0/instances") == []
