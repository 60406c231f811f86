"""`make tour`: the page it writes, and the server as it was before, whatever happens on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from lxdnb import remotes
from lxdnb.tour import tour
from tests import daemons
from tests.on_sandbox import SANDBOXES
from tests.servers import a_server

from .conftest import NAMES, NOTEBOOK
from .looks import inventory

ROOT = Path(__file__).parents[2]


@pytest.fixture
def own(server_kind: str) -> Iterator[daemons.Daemon]:
    """A server for one test, to take things away from."""
    with a_server(server_kind) as server:
        yield server


@pytest.fixture
def nobody_answers(monkeypatch) -> None:
    """An environment that names no server, on a machine that has none."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    if there := [path for path in remotes.local_sockets({}) if os.path.exists(path)]:
        pytest.skip(f"{there[0]} is there: the tour would be on it; stop its daemon")


@pytest.mark.timeout(300)
def test_the_page_holds_what_the_container_said(server, server_kind, visit, capfd):
    before = inventory(server)
    code, page = visit(server)
    assert code == 0
    said, warned = capfd.readouterr()
    assert "tour.html" in said
    assert "WARNING" not in warned  # a kernel says so when its sockets are open to others
    product = {"lxd": "LXD", "incus": "Incus"}[server.flavour]
    known = server.query("/1.0")["environment"]
    name = f"{product} {known['server_version']}"
    assert said.splitlines()[0] == f"{'A simulated ' if server_kind in SANDBOXES else ''}{name} at {server.socket}"
    assert (f"This page was made on a simulated {name}: its containers are in memory alone." in page) == (
        server_kind in SANDBOXES
    )
    assert f"This page was made on {'a simulated ' if server_kind in SANDBOXES else ''}{name}" in page
    assert "and my home is /root." in page
    assert "step 20 of 20" in page
    assert "instance-started" in page
    assert "not found" not in page
    assert known["kernel_version"] in page
    # Readable in a folder, without a kernel or a network for widgets.
    assert "application/vnd.jupyter.widget" not in page
    assert inventory(server) == before


@pytest.mark.timeout(300)
def test_nothing_is_left_when_a_cell_fails(server, visit, tmp_path, capsys):
    book = nbformat.read(NOTEBOOK, as_version=4)
    place = next(number for number, cell in enumerate(book.cells) if cell.source.startswith("container = %lxd launch"))
    book.cells.insert(place + 1, nbformat.v4.new_code_cell("%lxd exec {{name}} -- sh -c 'exit 5'"))
    nbformat.write(book, tmp_path / "broken.ipynb")
    before = inventory(server)
    code, page = visit(server, tmp_path / "broken.ipynb")
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
    monkeypatch.setenv("LXDNB_TOUR_IMAGE", "nowhere:alpine")
    assert visit(server)[0] == 1
    assert "LXDNB_TOUR_IMAGE: no image server 'nowhere'" in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_without_a_daemon_it_is_on_a_sandbox_and_says_so(nobody_answers, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", "import sys, pathlib, lxdnb.tour; sys.exit(lxdnb.tour.tour(pathlib.Path('a/b.html')))"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    line = "No LXD or Incus answers here: a simulated LXD 5.0.2, in memory, gone with this process"
    assert ran.stdout.splitlines()[0] == line
    page = (tmp_path / "a" / "b.html").read_text()
    assert line in page
    assert "This page was made on a simulated LXD 5.0.2: its containers are in memory alone." in page
    assert "and my home is /root." in page
    assert "step 20 of 20" in page


def test_a_sandbox_has_no_image_but_its_own(nobody_answers, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("LXDNB_TOUR_IMAGE", "images:alpine/3.22")
    assert tour(tmp_path / "tour.html") == 1
    assert "a simulated server cannot fetch images:alpine/3.22. It has busybox; or unset it" in capsys.readouterr().err
    monkeypatch.setenv("LXDNB_TOUR_IMAGE", "no-such-image")
    assert tour(tmp_path / "tour.html") == 1
    assert "no image of this server has the alias or fingerprint 'no-such-image'" in capsys.readouterr().err
    assert not (tmp_path / "tour.html").exists()


def test_a_server_that_is_named_and_down_is_no_reason_for_a_sandbox(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("LXD_DIR", str(tmp_path))
    assert tour(tmp_path / "tour.html") == 1
    told = capsys.readouterr().err
    assert "No tour: LXD_DIR names a server, but none answers" in told
    assert f"{tmp_path}/unix.socket: there is no such socket" in told


def test_a_server_without_an_image_or_a_way_to_one(own, monkeypatch, tmp_path, capsys):
    own.cli("image", "delete", "busybox")
    for name, value in own.environment.items():
        monkeypatch.setenv(name, value)
    assert tour(tmp_path / "tour.html") == 1
    assert "the server has no image, and cannot fetch images:alpine/3.22 (" in capsys.readouterr().err
