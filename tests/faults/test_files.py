"""Files on their way when the connection or the daemon goes: here whole or not at all, there begun at most.

In the container a file that was being written may be left in parts, over SFTP with gaps between them, as servers work
on several requests at a time: neither SFTP nor the REST API can make one appear at once. Written again, it is whole.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import lxdnb
from lxdnb.models import files as files_module
from lxdnb.transport import refusal
from tests.faults.background import SECONDS, begun
from tests.faults.conftest import BOX
from tests.faults.proxy import ANSWER, ASKED, HEAD, REQUEST, Proxy, down, up

BYTES = subprocess.run(["seq", "600000"], capture_output=True, check=True).stdout  # 4 MB, no part like another
MEGABYTE = 1_000_000
NAMES = [f"f{number:02}" for number in range(20)]
SMALL = BYTES[: 200 * 1024]

ROUTES = ["sftp", "files"]


@pytest.fixture(params=ROUTES)
def route(request, monkeypatch) -> str:
    """The way that files take: over SFTP, or by the REST API's files alone as on a server without it."""
    if request.param == "files":

        def no_sftp(instance: object) -> None:
            raise lxdnb.NotFound(refusal(404, "no such endpoint"))

        monkeypatch.setattr(files_module, "Sftp", no_sftp)
    return request.param


@pytest.fixture
def inside(server) -> Iterator[Path]:
    """A folder of the container, `/data` there, as the host sees it."""
    folder = server.directory / f"storage-pools/default/containers/{BOX}/rootfs/data"
    server.cli("exec", BOX, "--", "mkdir", "-m", "777", "/data")
    yield folder
    server.cli("exec", BOX, "--", "rm", "-r", "/data")


@pytest.fixture
def here(tmp_path) -> Path:
    """A folder on this side."""
    (folder := tmp_path / "here").mkdir()
    return folder


def read(route: str) -> str:
    """The request by which a file comes."""
    return "/sftp" if route == "sftp" else "GET .*/files"


def written(route: str) -> str:
    """The request by which a file goes."""
    return "/sftp" if route == "sftp" else "POST .*/files"


def failure(call, *arguments, **options) -> BaseException | None:
    return begun(call, *arguments, **options).exception(SECONDS)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def is_begun(found: bytes, whole: bytes) -> bool:
    """Whether it is a part of the whole, with nothing else in it but gaps of zeros."""
    step = 1024
    parts = ((found[at : at + step], whole[at : at + step]) for at in range(0, len(found), step))
    return len(found) <= len(whole) and all(whole.startswith(part) or not any(part) for part, whole in parts)


@pytest.mark.parametrize("moment", [REQUEST, ASKED, ANSWER, HEAD, down(), down(MEGABYTE)])
def test_a_file_that_is_cut_on_its_way_here_is_not_there(container, proxy, route, inside, here, moment):
    (inside / "a").write_bytes(BYTES)
    for there in ({}, {"a": b"as it was"}):
        for name, before in there.items():
            (here / name).write_bytes(before)
        fault = proxy.hang_up(read(route), moment)
        assert isinstance(failure(container.files.get, "/data/a", to=here / "a"), lxdnb.ClientConnectionFailed)
        fault.await_strike()
        assert content(here) == there
    container.files.get("/data/a", to=here / "a")
    assert content(here) == {"a": BYTES}


@pytest.mark.parametrize("moment", [HEAD, down(), down(MEGABYTE)])
def test_bytes_that_are_cut_are_none(container, proxy, route, inside, moment):
    (inside / "a").write_bytes(BYTES)
    proxy.reset(read(route), moment)
    assert isinstance(failure(container.files.get, "/data/a"), lxdnb.ClientConnectionFailed)


@pytest.mark.parametrize("moment", [REQUEST, ASKED, ANSWER, up(1), up(MEGABYTE)])
def test_a_file_that_is_cut_on_its_way_there_is_begun_at_most(container, proxy, route, inside, moment):
    fault = proxy.hang_up(written(route), moment)
    assert isinstance(failure(container.files.put, "/data/a", BYTES), lxdnb.ClientConnectionFailed)
    fault.await_strike()
    assert all(name == "a" and is_begun(found, BYTES) for name, found in content(inside).items())
    container.files.put("/data/a", BYTES)
    assert content(inside) == {"a": BYTES}


def test_a_folder_that_is_cut_on_its_way_here_has_whole_files_alone(container, proxy, route, inside, here):
    for name in NAMES:
        (inside / name).write_bytes(SMALL)
    # Over SFTP all come by one connection, else each by a request of its own.
    moment, skip = (down(2 * MEGABYTE), 0) if route == "sftp" else (down(MEGABYTE // 10), 10)
    fault = proxy.hang_up(read(route), moment, skip=skip)
    assert isinstance(failure(container.files.recursive_get, "/data", here), lxdnb.ClientConnectionFailed)
    fault.await_strike()
    assert set(content(here)) < set(NAMES)
    assert all(found == SMALL for found in content(here).values())
    container.files.recursive_get("/data", here)
    assert content(here) == dict.fromkeys(NAMES, SMALL)


def test_a_folder_that_is_cut_on_its_way_there_can_be_sent_again(container, proxy, route, inside, here):
    for name in NAMES:
        (here / name).write_bytes(SMALL)
    moment, skip = (up(2 * MEGABYTE), 0) if route == "sftp" else (up(MEGABYTE // 10), 10)
    fault = proxy.hang_up(written(route), moment, skip=skip)
    assert isinstance(failure(container.files.recursive_put, here, "/data"), lxdnb.ClientConnectionFailed)
    fault.await_strike()
    assert set(content(inside)) <= set(NAMES)
    assert all(is_begun(found, SMALL) for found in content(inside).values())
    container.files.recursive_put(here, "/data")
    assert content(inside) == dict.fromkeys(NAMES, SMALL)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_daemon_ends_while_files_are_on_their_way(container, proxy, server, route, inside, here, end):
    files = container.files
    (here / "a").write_bytes(b"as it was")
    (inside / "b").write_bytes(BYTES)
    comes = proxy.stall(read(route), down(MEGABYTE))
    calls = [begun(files.get, "/data/b", to=here / "a")]
    comes.await_strike()
    goes = proxy.stall(written(route), up(MEGABYTE))
    calls.append(begun(files.put, "/data/a", BYTES))
    goes.await_strike()
    getattr(server, end)()
    proxy.release()
    assert all(isinstance(call.exception(SECONDS), lxdnb.ClientConnectionFailed) for call in calls)
    assert content(here) == {"a": b"as it was"}
    assert is_begun(content(inside).get("a", b""), BYTES)
    server.restart()
    files.put("/data/a", BYTES)
    files.get("/data/a", to=here / "a")
    assert content(here) == {"a": BYTES}


def test_a_daemon_that_was_away_between_two_calls_is_not_noticed(container, server, route, inside):
    container.files.put("/data/a", "before")
    server.kill()
    server.restart()
    assert container.files.get("/data/a") == b"before"


@pytest.mark.parametrize("goes", ["here", "there"])
def test_a_silent_server_does_not_hold_a_file(server, proxy, route, inside, here, goes):
    client = lxdnb.Client(proxy.endpoint, timeout=(1, 0.5))
    files = client.containers.get(BOX).files
    (inside / "b").write_bytes(BYTES)
    if goes == "here":
        proxy.stall(read(route), down(MEGABYTE))
        error = failure(files.get, "/data/b", to=here / "a")
    else:
        proxy.stall(written(route), up(MEGABYTE))
        error = failure(files.put, "/data/a", BYTES)
    assert isinstance(error, lxdnb.ClientConnectionFailed)
    assert content(here) == {}
    client.close()


def test_an_input_that_raises_leaves_no_connection(container, route, inside):
    def pieces() -> Iterator[bytes]:
        yield BYTES
        raise LookupError("no more")

    assert isinstance(failure(container.files.put, "/data/a", pieces()), LookupError)
    assert is_begun(content(inside).get("a", b""), BYTES)


def test_over_tls_too(server, tmp_path, route, inside, here):
    identity = (server.server_certificate, server.server_certificate.with_suffix(".key"))
    with Proxy(server.socket, tmp_path, "tls", identity) as proxy:
        client = lxdnb.Client(proxy.endpoint, fingerprint=server.fingerprint)
        files = client.containers.get(BOX).files
        (inside / "a").write_bytes(BYTES)
        proxy.reset(read(route), down(MEGABYTE))
        assert isinstance(failure(files.get, "/data/a", to=here / "a"), lxdnb.ClientConnectionFailed)
        proxy.reset(written(route), up(MEGABYTE))
        assert isinstance(failure(files.put, "/data/b", BYTES), lxdnb.ClientConnectionFailed)
        assert content(here) == {}
        client.close()
