"""Commands whose streams are cut, each in each phase: an error in time, and no process left in the container."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import lxdnb
from lxdnb.streams import _session
from tests.faults import host
from tests.faults.background import SECONDS, begun, ended
from tests.faults.conftest import BOX
from tests.faults.proxy import ANSWER, ASKED, HEAD, REQUEST, Proxy, down, up

OUTPUTS = {"1": "on_stdout", "2": "on_stderr"}


@pytest.mark.parametrize("moment", [REQUEST, ASKED, ANSWER, HEAD, down(20)])
def test_the_request_is_cut(container, proxy, mark, moment):
    proxy.forget()
    proxy.hang_up("POST .*/exec", moment)
    with pytest.raises(lxdnb.ClientConnectionFailed):
        container.execute(["sleep", mark])
    assert len(proxy.lines) == 1, "a command is not run twice"
    assert not host.running(mark)


@pytest.mark.parametrize("moment", [REQUEST, ASKED, ANSWER, HEAD])
@pytest.mark.parametrize("fd", ["control", "0", "1", "2"])
def test_a_handshake_is_cut(container, proxy, mark, fd, moment):
    proxy.hang_up(f"fd={fd}$", moment)
    with pytest.raises(lxdnb.ClientConnectionFailed):
        begun(container.execute, ["sleep", mark]).result(SECONDS)
    host.await_none(mark)


@pytest.mark.parametrize("fd", ["1", "2"])
def test_an_output_is_cut_before_its_first_byte(container, proxy, mark, fd):
    running = container.start_command(["sleep", mark])
    host.await_some(mark)
    assert proxy.sever(f"fd={fd}$") == 1
    assert isinstance(ended(running), lxdnb.ClientConnectionFailed)
    host.await_none(mark)


@pytest.mark.parametrize("fd", ["1", "2"])
@pytest.mark.parametrize("after", [1, 2, 3, 30])
def test_an_output_is_cut_in_the_middle(container, proxy, mark, fd, after: int):
    said: list[bytes] = []
    fault = proxy.hang_up(f"fd={fd}$", down(after))
    running = container.start_command(host.chatter(mark, fd), **{OUTPUTS[fd]: said.append})
    assert isinstance(ended(running), lxdnb.ClientConnectionFailed)
    fault.await_strike()
    assert b"word\nword\nword\nword\nword\n".startswith(b"".join(said))
    host.await_none(mark)


@pytest.mark.parametrize("fd", ["1", "2"])
def test_an_output_is_cut_at_its_end(container, proxy, fd):
    # All that was written has come, but nobody can know that without the server's word.
    fault = proxy.hang_up(f"fd={fd}$", down(b"\x81\x00"))
    with pytest.raises(lxdnb.ClientConnectionFailed, match="cut off"):
        begun(container.execute, ["sh", "-c", f"echo all >&{fd}"]).result(SECONDS)
    fault.await_strike()


@pytest.mark.parametrize("talks", [False, True])
def test_a_control_that_is_cut_kills_the_command(container, proxy, mark, talks: bool):
    heard = threading.Event()
    running = container.start_command(
        host.chatter(mark) if talks else ["sleep", mark], on_stdout=lambda piece: heard.set()
    )
    assert heard.wait(SECONDS) if talks else not host.await_some(mark)
    assert proxy.sever("fd=control$") == 1
    assert ended(running) == 137
    host.await_none(mark)


def test_an_input_that_has_ended_may_be_cut(container, proxy, mark):
    ready = threading.Event()
    script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done"
    running = container.start_command(["sh", "-c", script, mark], on_stdout=lambda piece: ready.set())
    assert ready.wait(SECONDS)
    assert proxy.sever("fd=0$") == 1
    running.signal()
    assert ended(running) == 7


@pytest.mark.parametrize("moment", [down(), up(3), up(200_000)])
def test_an_input_that_is_cut_ends_a_command_that_reads_it(container, proxy, moment):
    # The server tells the command that its input has ended. To a client that looks as if the command had ended.
    fault = proxy.hang_up("fd=0$", moment)
    read: list[bytes] = []
    running = container.start_command(["cat"], stdin=b"0123456789" * 100_000, on_stdout=read.append)
    assert ended(running) == 0
    fault.await_strike()
    assert (b"0123456789" * 100_000).startswith(b"".join(read))
    assert len(b"".join(read)) <= moment.after


def test_an_input_that_is_cut_is_an_error_if_the_command_goes_on(container, proxy, mark, monkeypatch):
    monkeypatch.setattr(_session, "LINGER", 1)
    fault = proxy.hang_up("fd=0$", up(100_000))
    running = container.start_command(["sleep", mark], stdin=b"0123456789" * 1_000_000)
    assert isinstance(ended(running), lxdnb.ClientConnectionFailed)
    fault.await_strike()
    host.await_none(mark)


def test_a_command_whose_wait_is_cut_is_whole(container, proxy):
    fault = proxy.hang_up("/wait", ASKED)
    assert container.execute(["sh", "-c", "sleep 0.2; echo whole; exit 3"]) == (3, "whole\n", "")
    fault.await_strike()


def test_a_command_whose_end_the_server_has_forgotten(container, proxy, server):
    # Its record lives 5 s, and the wait for it hears nothing of all that time.
    fault = proxy.stall("/wait", ASKED)
    running = container.start_command(["sh", "-c", "echo all; exit 3"], on_stdout=(said := []).append)
    fault.await_strike()
    host.await_that(lambda: not server.cli("query", f"/1.0/operations/{running.operation_id}", check=False))
    assert proxy.sever("/wait") == 1
    assert isinstance(ended(running), lxdnb.ClientConnectionFailed | lxdnb.NotFound)
    assert said == [b"all\n"]


def test_what_a_handler_raises_ends_the_command(container, mark):
    def refuse(piece: bytes) -> None:
        raise LookupError("not this")

    assert isinstance(ended(container.start_command(host.chatter(mark), on_stdout=refuse)), LookupError)
    host.await_none(mark)


def test_what_an_input_raises_ends_the_command(container, mark):
    def pieces() -> Iterator[bytes]:
        yield b"first"
        raise LookupError("no more")

    assert isinstance(ended(container.start_command(["sleep", mark], stdin=pieces())), LookupError)
    host.await_none(mark)


@pytest.mark.parametrize("kind", ["tcp", "tls"])
def test_a_reset_over_the_network(server, tmp_path, mark, kind):
    identity = (server.server_certificate, server.server_certificate.with_suffix(".key"))
    with Proxy(server.socket, tmp_path, kind, identity if kind == "tls" else None) as proxy:
        client = lxdnb.Client(proxy.endpoint, fingerprint=server.fingerprint if kind == "tls" else None)
        fault = proxy.reset("fd=1$", down(30))
        running = client.containers.get(BOX).start_command(host.chatter(mark))
        assert isinstance(ended(running), lxdnb.ClientConnectionFailed)
        fault.await_strike()
        host.await_none(mark)
        client.close()


@pytest.mark.parametrize(("talks", "restarts"), [(False, False), (True, True)])
def test_a_killed_daemon_ends_the_command_here(container, server, mark, talks: bool, restarts: bool):
    heard = threading.Event()
    running = container.start_command(
        host.chatter(mark) if talks else ["sleep", mark], on_stdout=lambda piece: heard.set()
    )
    assert heard.wait(SECONDS) if talks else not host.await_some(mark)
    server.kill()
    if restarts:
        server.restart()
    assert isinstance(ended(running), lxdnb.ClientConnectionFailed | lxdnb.NotFound)


def test_a_daemon_is_killed_while_it_is_fed(container, server, mark):
    fed = threading.Event()

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 10_000
            fed.set()

    running = container.start_command(["sh", "-c", "exec cat >/dev/null", mark], stdin=endless())
    assert fed.wait(SECONDS)
    server.kill()
    assert isinstance(ended(running), lxdnb.ClientConnectionFailed)


@pytest.mark.parametrize("fd", ["control", "1"])
def test_a_daemon_is_killed_during_the_handshake(container, proxy, server, mark, fd):
    fault = proxy.stall(f"fd={fd}$", ASKED)
    starting = begun(container.start_command, ["sleep", mark])
    fault.await_strike()
    server.kill()
    proxy.release()
    assert isinstance(starting.exception(SECONDS), lxdnb.ClientConnectionFailed)
    assert not host.running(mark)
