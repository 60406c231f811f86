"""Images on their way when the connection or the daemon goes: there whole or not at all, here whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import lxdnb
from tests import daemons
from tests.faults.background import SECONDS, begun
from tests.faults.conftest import revive
from tests.faults.proxy import ANSWER, ASKED, HEAD, REQUEST, Proxy, down, up
from tests.faults.sides import NOISE, between

LOST = lxdnb.ClientConnectionFailed
EXPORT, UPLOAD = r"GET .*/export", r"POST /1\.0/images(\?| |$)"
MEGABYTE = 1_000_000


def padded(size: int = 3 * MEGABYTE) -> bytes:
    """An image of one file that does not shrink, of so much noise."""
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w") as archive:
        metadata = b"architecture: x86_64\ncreation_date: 1700000000\n"
        for name, content in (("metadata.yaml", metadata), ("rootfs/noise", os.urandom(size))):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return found.getvalue()


DATA = padded()
FINGERPRINT = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def here(tmp_path) -> Path:
    """A folder on this side."""
    (folder := tmp_path / "here").mkdir()
    return folder


@pytest.fixture
def image(client, server, proxy) -> Iterator[lxdnb.models.Image]:
    yield client.images.create(DATA)
    if FINGERPRINT in fingerprints(server):
        server.cli("image", "delete", FINGERPRINT)


@pytest.fixture
def empty(server) -> Iterator[None]:
    """The server without that image, before and after."""
    yield
    if not Path(f"/proc/{server.pid}").exists():
        server.restart()
    if FINGERPRINT in fingerprints(server):
        server.cli("image", "delete", FINGERPRINT)


def fingerprints(server: daemons.Daemon) -> list[str]:
    return [each["fingerprint"] for each in server.query("/1.0/images?recursion=1")]


def failure(call, *arguments, **options) -> BaseException | None:
    return begun(call, *arguments, **options).exception(SECONDS)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_export_that_is_cut_is_not_there(image, proxy, here):
    for moment in (REQUEST, ASKED, ANSWER, HEAD, down(), down(MEGABYTE)):
        for how in (proxy.hang_up, proxy.reset):
            for there in ({}, {"a": b"as it was"}):
                for name, before in there.items():
                    (here / name).write_bytes(before)
                fault = how(EXPORT, moment)
                assert isinstance(failure(image.export, to=here / "a"), LOST)
                fault.await_strike()
                assert content(here) == there
            (here / "a").unlink()
    proxy.hang_up(EXPORT, down(MEGABYTE))
    assert isinstance(failure(image.export), LOST)
    image.export(to=here / "a")
    assert content(here) == {"a": DATA}


def test_an_upload_that_is_cut_makes_no_image(client, server, proxy, empty):
    for moment in (REQUEST, ASKED, up(1), up(MEGABYTE)):
        for how in (proxy.hang_up, proxy.reset):
            fault = how(UPLOAD, moment)
            assert isinstance(failure(client.images.create, DATA), LOST)
            fault.await_strike()
            assert FINGERPRINT not in fingerprints(server)
    assert client.images.create(DATA).fingerprint == FINGERPRINT


def test_an_input_that_raises_makes_no_image(client, server, empty):
    def pieces() -> Iterator[bytes]:
        yield DATA[:MEGABYTE]
        raise LookupError("no more")

    assert isinstance(failure(client.images.create, pieces()), LookupError)
    assert FINGERPRINT not in fingerprints(server)


def test_a_silent_server_holds_no_image(server, proxy, here, image):
    client = lxdnb.Client(proxy.endpoint, timeout=(1, 0.5))
    proxy.stall(EXPORT, down(MEGABYTE))
    assert isinstance(failure(client.images.get(FINGERPRINT).export, to=here / "a"), LOST)
    assert content(here) == {}
    image.delete(wait=True)
    proxy.stall(UPLOAD, up(MEGABYTE))
    assert isinstance(failure(client.images.create, DATA), LOST)
    assert FINGERPRINT not in fingerprints(server)
    client.close()


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_daemon_ends_while_images_are_on_their_way(client, server, proxy, here, empty, end):
    image = client.images.create(DATA)
    (here / "a").write_bytes(b"as it was")
    comes = proxy.stall(EXPORT, down(MEGABYTE))
    goes = proxy.stall(UPLOAD, up(MEGABYTE))
    other = DATA + bytes(10_240)
    calls = [begun(image.export, to=here / "a"), begun(client.images.create, other)]
    comes.await_strike()
    goes.await_strike()
    getattr(server, end)()
    proxy.release()
    assert all(isinstance(call.exception(SECONDS), LOST) for call in calls)
    assert content(here) == {"a": b"as it was"}
    server.restart()
    assert hashlib.sha256(other).hexdigest() not in fingerprints(server)
    assert FINGERPRINT in fingerprints(server)


@pytest.mark.parametrize("broken", ["source", "target"])
def test_a_relayed_copy_that_is_cut_makes_no_image(image, server, proxy, tmp_path, other_server, broken):
    (folder := tmp_path / "other").mkdir()
    with Proxy(other_server.socket, folder) as way:
        target = lxdnb.Client(way.endpoint)
        for how in ("hang_up", "reset"):
            ends, pattern, moment = (
                (proxy, EXPORT, down(MEGABYTE)) if broken == "source" else (way, UPLOAD, up(MEGABYTE))
            )
            fault = getattr(ends, how)(pattern, moment)
            assert isinstance(failure(image.copy, target, wait=True, mode="relay"), LOST)
            fault.await_strike()
            assert FINGERPRINT not in fingerprints(other_server)
            assert FINGERPRINT in fingerprints(server)
        assert image.copy(target, wait=True, mode="relay").fingerprint == FINGERPRINT
        target.close()
    other_server.clear()


def test_a_pulled_copy_whose_giver_is_lost_makes_no_image(image, server, tmp_path, other_server, other_client):
    (folder := tmp_path / "other").mkdir()
    identity = (server.server_certificate, server.server_certificate.with_suffix(".key"))
    with Proxy(server.socket, folder, "tls", identity) as way:
        giver = lxdnb.Client(way.endpoint, fingerprint=server.fingerprint)
        source = giver.images.get(FINGERPRINT)
        for how in (way.hang_up, way.reset):
            for moment in (HEAD, down(MEGABYTE)):
                fault = how(EXPORT, moment)
                assert isinstance(failure(source.copy, other_client, wait=True, aliases=["a"]), lxdnb.OperationFailed)
                fault.await_strike()
                assert FINGERPRINT not in fingerprints(other_server)
        goes = way.stall(EXPORT, down(MEGABYTE))
        call = begun(source.copy, other_client, wait=True, aliases=["a"])
        goes.await_strike()
        server.kill()
        way.release()
        assert isinstance(call.exception(SECONDS), lxdnb.OperationFailed)
        assert FINGERPRINT not in fingerprints(other_server)
        server.restart()
        assert FINGERPRINT in fingerprints(server)
        copied = source.copy(other_client, wait=True, aliases=["a"])
        assert [alias["name"] for alias in copied.aliases] == ["a"]
        with copied.export() as file:
            assert file.read() == DATA
        giver.close()


def test_a_pushed_copy_that_is_broken_makes_no_image(server, tmp_path, other_server):
    with between(server, other_server, tmp_path) as (giver, taker):
        data = padded(NOISE)
        source = giver.client.images.create(data)
        for broken in ("hang_up", "reset", "taker", "giver"):
            # The first request of the kind is ours, by which the target is told to expect it.
            how = getattr(taker.way, broken, taker.way.stall)
            fault = how(UPLOAD, up(MEGABYTE), skip=1)
            call = begun(source.copy, taker.client, wait=True, mode="push", aliases=["a"])
            fault.await_strike()
            if broken in ("taker", "giver"):
                (taker if broken == "taker" else giver).server.kill()
                taker.way.release()
            error = call.exception(SECONDS)
            assert isinstance(error, LOST if broken == "giver" else lxdnb.OperationFailed), (broken, error)
            for side in (giver, taker):
                revive(side.server)
            assert source.fingerprint not in fingerprints(other_server)
            assert source.fingerprint in fingerprints(server)
        copied = source.copy(taker.client, wait=True, mode="push", aliases=["a"])
        assert [alias["name"] for alias in copied.aliases] == ["a"]
        with copied.export() as file:
            assert file.read() == data
        source.delete(wait=True)
    other_server.clear()
