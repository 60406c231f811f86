"""`make tour`: the page it writes, and the server as it was before, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from notebooks import tour
from tests import daemons


@pytest.fixture
def own(flavour: str) -> Iterator[daemons.Daemon]:
    """A daemon for one test, to take things away from."""
    if reason := daemons.missing(flavour):
        pytest.skip(reason)
    with daemons.daemon(flavour) as daemon:
        yield daemon


@pytest.fixture
def visit(monkeypatch, tmp_path):
    """Run the tour on a server; return its exit code and page."""

    def visit(server: daemons.Daemon) -> tuple[int, str]:
        for name in ("LXD_SOCKET", "LXD_DIR", "INCUS_SOCKET", "INCUS_DIR"):
            monkeypatch.delenv(name, raising=False)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        page = tmp_path / "build" / "tour.html"
        monkeypatch.setattr(tour, "PAGE", page)
        code = tour.main()
        return code, page.read_text() if page.exists() else ""

    return visit


def inventory(server: daemons.Daemon) -> dict[str, Any]:
    collections = ("instances", "images", "profiles", "storage-pools", "projects")
    here = {name: sorted(server.query(f"/1.0/{name}") or ()) for name in collections}
    # The host's other interfaces come and go as other tests like.
    networks = server.query("/1.0/networks?recursion=1") or ()
    return here | {"networks": sorted(network["name"] for network in networks if network["managed"])}


@pytest.mark.timeout(300)
def test_the_page_holds_what_the_container_said(server, visit, capfd):
    before = inventory(server)
    code, page = visit(server)
    assert code == 0
    said, warned = capfd.readouterr()
    assert "tour.html" in said
    assert "WARNING" not in warned  # a kernel says so when its sockets are open to others
    assert f"{'LXD' if server.flavour == 'lxd' else 'Incus'} " in said
    assert "and my home is /root." in page
    assert "step 20 of 20" in page
    assert "instance-started" in page
    assert Path("/proc/version").read_text().split()[2] in page
    # Readable in a folder, without a kernel or a network for widgets.
    assert "application/vnd.jupyter.widget" not in page
    assert inventory(server) == before


@pytest.mark.timeout(300)
def test_nothing_is_left_when_a_cell_fails(server, visit, monkeypatch, tmp_path, capsys):
    book = nbformat.read(tour.NOTEBOOK, as_version=4)
    place = next(number for number, cell in enumerate(book.cells) if cell.source.startswith("container = %lxd launch"))
    book.cells.insert(place + 1, nbformat.v4.new_code_cell("%lxd exec {{name}} -- sh -c 'exit 5'"))
    nbformat.write(book, tmp_path / "broken.ipynb")
    monkeypatch.setattr(tour, "NOTEBOOK", tmp_path / "broken.ipynb")
    monkeypatch.setattr(tour, "ROOT", tmp_path)
    before = inventory(server)
    code, page = visit(server)
    assert code == 1
    assert "ended with exit code 5" in capsys.readouterr().err
    assert "ended with exit code 5" in page
    assert inventory(server) == before


@pytest.mark.timeout(300)
def test_what_the_server_lacks_is_lent_and_taken_back(own, visit, capsys):
    own.cli("profile", "device", "remove", "default", "root")
    own.cli("image", "delete", "busybox")
    own.cli("storage", "delete", "default")
    before = inventory(own)
    assert before["images"] == before["storage-pools"] == []
    code, page = visit(own)
    said = capsys.readouterr().out
    assert code == 0
    for lent in ("fetching images:alpine", "no root disk", "no storage pool"):
        assert lent in said
    assert "step 20 of 20" in page
    assert inventory(own) == before


def test_the_image_that_is_asked_for(server, visit, monkeypatch, capsys):
    monkeypatch.setenv("LXDNB_TOUR_IMAGE", "no-such-image")
    code, _ = visit(server)
    assert code == 1
    assert "no image of this server has the alias or fingerprint 'no-such-image'" in capsys.readouterr().err


def test_without_any_server_it_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("LXD_DIR", str(tmp_path))
    monkeypatch.delenv("INCUS_DIR", raising=False)
    monkeypatch.setattr(daemons, "missing", lambda flavour: "only root can start a daemon")
    monkeypatch.setattr(tour, "_is_root", lambda: False)
    assert tour.main() == 1
    told = capsys.readouterr()
    assert f"{tmp_path}/unix.socket: there is no such socket" in told.out
    assert "only root can start a daemon" in told.err
