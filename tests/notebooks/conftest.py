"""What runs a notebook on a server of the tests, as `make tour` does."""

from __future__ import annotations

from pathlib import Path

import pytest

from lxdnb.tour import NOTEBOOKS, tour
from notebooks.tour import busybox
from tests import daemons

NOTEBOOK = NOTEBOOKS / "00-tour.ipynb"
NAMES = ("LXD_SOCKET", "LXD_DIR", "INCUS_SOCKET", "INCUS_DIR")


@pytest.fixture
def visit(monkeypatch, tmp_path):
    """Run the tour, or another notebook, on a server; return its exit code and page."""

    def visit(server: daemons.Daemon, notebook: Path = NOTEBOOK) -> tuple[int, str]:
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        page = tmp_path / "build" / "tour.html"
        code = tour(page, notebook, own_image=busybox)
        return code, page.read_text() if page.exists() else ""

    return visit
