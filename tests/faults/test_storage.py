"""Volumes on their way when a server or the way to it is lost: whole or not there, and the source as it was."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import lxdnb
from lxdnb.models import StorageVolume
from tests import daemons
from tests.eventually import eventually
from tests.faults.background import SECONDS, begun
from tests.faults.conftest import revive
from tests.faults.proxy import ANSWER, ASKED, HEAD, REQUEST, down, up
from tests.faults.sides import NOISE, Side, between, in_the_middle

LOST = lxdnb.ClientConnectionFailed
VOLUMES = "/1.0/storage-pools/default/volumes/custom"
EXPORT, IMPORT = r"GET .*/export", r"POST .*/volumes/custom( |$|\?)"
SIZE, PART = 1_000_000, 300_000  # bytes, of the volume and hence of a backup at least, and of a part of it


def names(server: daemons.Daemon) -> list[str]:
    return [url.rpartition("/")[2] for url in server.query(VOLUMES) or [] if "/snapshots/" not in url]


def noise(server: daemons.Daemon, name: str) -> Path:
    return server.directory / "storage-pools/default/custom" / f"default_{name}" / "noise"


def survives(server: daemons.Daemon, size: int) -> None:
    """The source is there, whole, and as free to be used as before."""
    assert noise(server, "source").stat().st_size == size
    server.cli("storage", "volume", "rename", "default", "source", "free")
    server.cli("storage", "volume", "rename", "default", "free", "source")


def failure(call, *arguments, **options) -> BaseException | None:
    return begun(call, *arguments, **options).exception(SECONDS)


@pytest.fixture
def source(server, client) -> Iterator[StorageVolume]:
    """A volume of a megabyte."""
    volume = client.storage_pools.get("default").volumes.create({"name": "source"})
    noise(server, "source").write_bytes(os.urandom(SIZE))
    yield volume
    revive(server)
    for name in names(server):
        server.cli("storage", "volume", "delete", "default", name)


def backups(server: daemons.Daemon) -> list[str]:
    return server.query(f"{VOLUMES}/source/backups") or []


def test_an_export_that_is_cut_leaves_nothing_anywhere(source, server, proxy, tmp_path):
    (folder := tmp_path / "here").mkdir()
    for before in ({}, {"v": b"as it was"}):
        for name, content in before.items():
            (folder / name).write_bytes(content)
        for moment in (REQUEST, HEAD, down(PART)):
            fault = (proxy.reset if before else proxy.hang_up)(EXPORT, moment)
            assert isinstance(failure(source.export_backup, folder / "v", compression_algorithm="none"), LOST)
            fault.await_strike()
            assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
            assert backups(server) == []
    source.export_backup(folder / "v", compression_algorithm="none")
    assert (folder / "v").stat().st_size > SIZE
    survives(server, SIZE)


def test_an_import_that_is_cut_makes_no_volume(source, server, proxy, tmp_path):
    data = tmp_path / "whole.tar"
    source.export_backup(data, compression_algorithm="none")
    volumes = source.storage_pool.volumes
    for moment in (REQUEST, up(1), up(PART)):
        for how in (proxy.hang_up, proxy.reset):
            fault = how(IMPORT, moment)
            assert isinstance(failure(volumes.import_backup, data, "again"), LOST)
            fault.await_strike()
    assert names(server) == ["source"]
    proxy.hang_up("/wait", ASKED)
    assert begun(volumes.import_backup, data, "again").result(SECONDS).name == "again"
    assert noise(server, "again").read_bytes() == noise(server, "source").read_bytes()
    eventually(lambda: not [*(server.directory / "backups").glob("*import*")])


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_daemon_ends_while_backups_are_on_their_way(source, server, proxy, tmp_path, end):
    data = tmp_path / "whole.tar"
    source.export_backup(data, compression_algorithm="none")
    comes, goes = proxy.stall(EXPORT, down(PART)), proxy.stall(IMPORT, up(PART))
    calls = [
        begun(source.export_backup, tmp_path / "half.tar", compression_algorithm="none"),
        begun(source.storage_pool.volumes.import_backup, data, "again"),
    ]
    comes.await_strike()
    goes.await_strike()
    getattr(server, end)()
    proxy.release()
    assert all(isinstance(call.exception(SECONDS), LOST) for call in calls)
    assert not (tmp_path / "half.tar").exists()
    server.restart()
    assert names(server) == ["source"]
    survives(server, SIZE)


# --- between two servers


@pytest.fixture
def sides(server, other_server, counted, tmp_path, source) -> Iterator[tuple[Side, Side]]:
    """The server that gives, and the one that takes; what is to go fills all the buffers on the way."""
    noise(server, "source").write_bytes(os.urandom(NOISE))
    with between(server, other_server, tmp_path) as made:
        yield made
        revive(other_server)
        other_server.clear()


def volume_of(side: Side) -> StorageVolume:
    return side.client.storage_pools.get("default").volumes.get("custom", "source")


def idle(side: Side) -> bool:
    return side.server.rests()


BROKEN = {"pull": ("giver", "taker"), "push": ("connection", "taker"), "relay": ("connection",)}
"""What is tried in each mode; for what volumes have in common with instances, test_copies has all of it."""


@pytest.mark.parametrize("mode", BROKEN)
def test_a_move_that_is_broken_leaves_the_source(sides, mode):
    giver, taker = sides
    volume = volume_of(giver)
    way, moment = in_the_middle(sides, mode)
    for broken in BROKEN[mode]:
        fault = (way.hang_up if broken == "connection" else way.stall)("GET .*/websocket", moment, times=2)
        moving = begun(volume.move, new_client=taker.client, mode=mode)
        fault.await_strike()
        fault.times = 0
        if broken != "connection":
            (giver if broken == "giver" else taker).server.kill()
            way.release()
        error = moving.exception(SECONDS)
        assert isinstance(error, lxdnb.LXDError), (broken, error)
        assert not [line for line in giver.way.lines if line.startswith("DELETE") and "/volumes/" in line]
        assert volume.client is giver.client
        for side in sides:
            revive(side.server)
            eventually(lambda side=side: idle(side))
        if broken != "taker":  # servers delete what they have not got all of just after they say so
            eventually(lambda: names(taker.server) == [])
        survives(giver.server, NOISE)
    taker.server.clear()  # what a daemon was making when it was killed is its own to forget, and it does not
    moved = begun(volume.move, new_client=taker.client, mode=mode).result(SECONDS)
    assert (moved.name, names(giver.server)) == ("source", [])
    assert noise(taker.server, "source").stat().st_size == NOISE


def test_an_interrupt_ends_a_relay_on_both(sides):
    giver, taker = sides
    volume = volume_of(giver)
    fault = giver.way.stall("GET .*/websocket", in_the_middle(sides, "relay")[1], times=2)

    def interrupt() -> None:
        fault.await_strike()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    interrupting = begun(interrupt)
    with pytest.raises(KeyboardInterrupt):
        volume.copy("copy", new_client=taker.client, mode="relay")
    giver.way.release()
    interrupting.result(SECONDS)
    for side in sides:
        eventually(lambda side=side: idle(side))
    eventually(lambda: names(taker.server) == [])
    survives(giver.server, NOISE)


@pytest.mark.parametrize("moment", [REQUEST, ANSWER])
def test_a_copy_whose_request_is_cut_is_told(sides, moment):
    giver, taker = sides
    fault = taker.way.reset(IMPORT, moment)
    assert isinstance(failure(volume_of(giver).copy, "copy", new_client=taker.client), LOST)
    fault.await_strike()
    # It may have been taken, and is not to be disturbed then: LXD would die of it.
    eventually(lambda: idle(taker))
    survives(giver.server, NOISE)
    if moment is REQUEST:
        assert names(taker.server) == []
        giver.server.kill()  # what was offered in vain would wait for up to 30 s
    else:
        eventually(lambda: (copy := noise(taker.server, "copy")).exists() and copy.stat().st_size == NOISE)
