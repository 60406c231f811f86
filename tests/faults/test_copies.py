"""Copies and migrations when a server or the way to it is lost: the source survives, half done is not called done."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import lxdnb
from tests import daemons
from tests.eventually import eventually
from tests.faults.background import SECONDS, begun
from tests.faults.conftest import BOX, revive
from tests.faults.proxy import ANSWER, ASKED, REQUEST
from tests.faults.sides import MODES, NOISE, Side, between, in_the_middle


def names(server: daemons.Daemon) -> list[str]:
    return [url.rpartition("/")[2] for url in server.query("/1.0/instances") if not url.endswith(f"/{BOX}")]


def noise(server: daemons.Daemon, name: str) -> Path:
    return server.directory / "storage-pools/default/containers" / name / "rootfs/noise"


@pytest.fixture
def source(server: daemons.Daemon) -> Iterator[str]:
    """A stopped instance of some megabytes, by its name."""
    name = unused_name()
    server.cli("init", "busybox", name)
    noise(server, name).write_bytes(os.urandom(NOISE))
    yield name
    revive(server)
    for name in names(server):
        server.cli("delete", "--force", name)


def unused_name() -> str:
    """A name that nobody used: a server that fails to make an instance may leave its files, so that it cannot again."""
    return f"source-{uuid4().hex[:8]}"


def survives(server: daemons.Daemon, name: str) -> str:
    """The source is there, whole, and as free to be used as before: it is renamed, and its new name returned."""
    assert name in names(server)
    assert noise(server, name).stat().st_size == NOISE
    server.cli("rename", name, renamed := unused_name())
    return renamed


# --- on one server


@pytest.mark.parametrize("moment", [REQUEST, ANSWER])
def test_a_copy_whose_request_is_cut_is_told(client, proxy, server, source, moment):
    fault = proxy.reset("POST .*/instances$", moment)
    assert isinstance(
        begun(client.instances.get(source).copy, "copy", wait=True).exception(SECONDS), lxdnb.ClientConnectionFailed
    )
    fault.await_strike()
    assert len([line for line in proxy.lines if line.startswith("POST")]) == 1
    if moment is REQUEST:
        assert names(server) == [source]
    eventually(server.rests, otherwise=server.under_way)
    assert noise(server, source).stat().st_size == NOISE


def test_a_copy_whose_wait_is_cut_goes_on(client, proxy, server, source):
    fault = proxy.hang_up("/wait", ASKED)
    copy = begun(client.instances.get(source).copy, "copy", wait=True).result(SECONDS)
    fault.await_strike()
    assert (copy.name, copy.status) == ("copy", "Stopped")
    assert noise(server, "copy").read_bytes() == noise(server, source).read_bytes()


def test_a_daemon_killed_while_it_copies(client, proxy, server, source):
    fault = proxy.stall("/wait", ASKED)
    copying = begun(client.instances.get(source).copy, "copy", wait=True)
    fault.await_strike()
    server.kill()
    proxy.release()
    assert isinstance(copying.exception(SECONDS), lxdnb.ClientConnectionFailed)
    server.restart()
    survives(server, source)


# --- between two


@pytest.fixture
def sides(server, other_server, counted, tmp_path, source) -> Iterator[tuple[Side, Side]]:
    """The server that gives, and the one that takes."""
    with between(server, other_server, tmp_path) as made:
        yield made
        revive(other_server)
        other_server.clear()


@pytest.mark.parametrize("mode", MODES)
def test_a_migration_that_is_broken_leaves_the_source(sides, source, mode):
    giver, taker = sides
    way, moment = in_the_middle(sides, mode)
    for broken in ("connection", "giver", "taker"):
        instance = giver.client.instances.get(source)
        fault = (way.hang_up if broken == "connection" else way.stall)("GET .*/websocket", moment, times=2)
        migrating = begun(instance.migrate, taker.client, wait=True, mode=mode)
        fault.await_strike()
        fault.times = 0
        if broken != "connection":
            (giver if broken == "giver" else taker).server.kill()
            way.release()
        error = migrating.exception(SECONDS)
        assert isinstance(error, lxdnb.LXDError), (broken, error)
        assert not [line for line in giver.way.lines if line.startswith("DELETE") and "/instances/" in line]
        for side in sides:
            revive(side.server)
            eventually(side.server.rests, otherwise=side.server.under_way)
        if broken != "taker":
            assert names(taker.server) == []
        source = survives(giver.server, source)
    instance = giver.client.instances.get(source)
    moved = begun(instance.migrate, taker.client, wait=True, mode=mode).result(SECONDS)
    assert (moved.name, names(giver.server)) == (source, [])
    assert noise(taker.server, source).stat().st_size == NOISE


@pytest.mark.parametrize("mode", ["pull", "relay"])
def test_an_interrupt_cancels_it_on_both(sides, source, mode):
    giver, taker = sides
    instance = giver.client.instances.get(source)
    way, moment = in_the_middle(sides, mode)
    fault = way.stall("GET .*/websocket", moment, times=2)

    def interrupt() -> None:
        fault.await_strike()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    interrupting = begun(interrupt)
    with pytest.raises(KeyboardInterrupt):
        instance.copy(unused_name(), taker.client, wait=True, mode=mode)
    way.release()
    interrupting.result(SECONDS)
    for side in sides:
        eventually(side.server.rests, otherwise=side.server.under_way)
    assert names(taker.server) == []
    survives(giver.server, source)
