"""Commands in a terminal: its one stream both ways, and its control, cut in each phase."""

from __future__ import annotations

import threading

import pytest

import lxdnb
from tests.faults import host
from tests.faults.background import SECONDS, begun, ended
from tests.faults.proxy import ANSWER, ASKED, HEAD, REQUEST, down


@pytest.mark.parametrize("moment", [REQUEST, ASKED, ANSWER, HEAD])
@pytest.mark.parametrize("fd", ["control", "0"])
def test_a_handshake_is_cut(container, proxy, mark, fd, moment):
    proxy.hang_up(f"fd={fd}$", moment)
    starting = begun(container.start_command, ["sleep", mark], interactive=True)
    assert isinstance(starting.exception(SECONDS), lxdnb.ClientConnectionFailed)
    host.await_none(mark)


@pytest.mark.parametrize("how", ["hang up", "reset"])
def test_a_screen_is_cut_before_its_first_byte(container, proxy, mark, how):
    running = container.start_command(["sleep", mark], interactive=True, on_stdout=print)
    host.await_some(mark)
    assert proxy.sever("fd=0$", how) == 1
    assert isinstance(ended(running), lxdnb.ClientConnectionFailed)
    host.await_none(mark)


@pytest.mark.parametrize("after", [1, 3, 30])
def test_a_screen_is_cut_in_the_middle(container, proxy, mark, after: int):
    said: list[bytes] = []
    fault = proxy.hang_up("fd=0$", down(after))
    running = container.start_command(host.chatter(mark), interactive=True, on_stdout=said.append)
    assert isinstance(ended(running), lxdnb.ClientConnectionFailed)
    fault.await_strike()
    assert (b"word\r\n" * 10).startswith(b"".join(said))
    host.await_none(mark)


def test_a_screen_is_cut_at_its_end(container, proxy, mark):
    fault = proxy.hang_up("fd=0$", down(b"\x81\x00"))
    running = container.start_command(["sh", "-c", "sleep 0.2; echo all", mark], interactive=True, on_stdout=print)
    assert isinstance(ended(running), lxdnb.ClientConnectionFailed)
    fault.await_strike()


def test_a_keyboard_is_cut_as_it_is_typed_on(container, proxy, mark):
    running = container.start_command(["sh", "-c", "cat; sleep 60", mark], interactive=True, on_stdout=print)
    host.await_some(mark)
    assert proxy.sever("fd=0$") == 1
    typing = begun(lambda: [running.write("typed\n") for _ in range(1000)])
    assert isinstance(typing.exception(SECONDS), (BrokenPipeError, lxdnb.LXDError))
    assert isinstance(ended(running), lxdnb.ClientConnectionFailed)
    host.await_none(mark)


@pytest.mark.parametrize("talks", [False, True])
def test_a_control_that_is_cut_kills_the_command(container, proxy, mark, talks: bool):
    heard = threading.Event()
    command = host.chatter(mark) if talks else ["sleep", mark]
    running = container.start_command(command, interactive=True, on_stdout=lambda piece: heard.set())
    assert heard.wait(SECONDS) if talks else not host.await_some(mark)
    assert proxy.sever("fd=control$") == 1
    assert ended(running) == 137
    host.await_none(mark)


@pytest.mark.parametrize(("talks", "restarts"), [(False, True), (True, False)])
def test_a_killed_daemon_ends_the_command_here(container, server, mark, talks: bool, restarts: bool):
    heard = threading.Event()
    command = host.chatter(mark) if talks else ["sleep", mark]
    running = container.start_command(command, interactive=True, on_stdout=lambda piece: heard.set())
    assert heard.wait(SECONDS) if talks else not host.await_some(mark)
    server.kill()
    if restarts:
        server.restart()
    assert isinstance(ended(running), lxdnb.ClientConnectionFailed | lxdnb.NotFound)


def test_lines_end_with_an_error_when_the_daemon_is_killed(container, server, mark):
    running = container.start_command(host.chatter(mark), interactive=True)
    lines = iter(running)
    assert begun(next, lines).result(SECONDS).strip() == "word"
    server.kill()
    assert isinstance(begun(list, lines).exception(SECONDS), lxdnb.ClientConnectionFailed)
