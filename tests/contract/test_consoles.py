"""Consoles: a look at one with `lxc console` or `incus console` on a terminal, and what is refused."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

import lxdnb
from tests import daemons
from tests.eventually import eventually

GREETING = "\r\nPlease press Enter to activate this console. "
SECONDS = 20.0


class Look:
    """A console's program on a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process, self._terminal = process, terminal
        self.heard = b""

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def hear(self, word: str, type_again: str = "") -> None:
        """Wait until a word has been shown since last time; what is typed too early is lost, and typed again."""
        deadline = time.monotonic() + SECONDS
        while word.encode() not in self.heard:
            if time.monotonic() > deadline:
                pytest.fail(f"{word!r} is not shown, but {self.heard!r}")
            if select.select([self._terminal], [], [], 0.5)[0]:
                self.heard += os.read(self._terminal, 65_536)
            elif type_again:
                self.type(type_again)
        self.heard = self.heard.partition(word.encode())[2]

    def leave(self) -> int:
        """Type the keys that detach, which the program wants to read one by one."""
        for _ in range(20):
            self.type("\x01")
            time.sleep(0.05)
            self.type("q")
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(1)
        pytest.fail(f"it does not detach, but shows {self.heard!r}")


@pytest.fixture
def look(server) -> Iterator[Callable[..., Look]]:
    with contextlib.ExitStack() as stack:

        def begin(name: str, shown: str = "<ctrl>+a q") -> Look:
            ours, theirs = pty.openpty()
            stack.callback(os.close, ours)
            process = subprocess.Popen(
                [daemons.KINDS[server.flavour].cli, "console", name],
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env={**os.environ, **server.environment},
                start_new_session=True,
            )
            os.close(theirs)
            stack.callback(process.wait, SECONDS)
            stack.callback(process.kill)
            begun = Look(process, ours)
            begun.hear(shown)
            return begun

        yield begin


def test_a_look_at_a_console_with_the_servers_own_program(container, server, look):
    first = look(container.name)
    first.hear("built-in shell (ash)", "\r")
    first.hear("/ # ")
    first.type("echo $((6 * 7))-$TERM\r")
    first.hear("42-vt102")
    assert first.leave() == 0
    again = look(container.name)  # the shell has stayed
    again.hear("/ # ", "\r")
    again.type("cd /tmp; pwd\r")
    again.hear("\n/tmp")
    again.type("sleep 1000\r")
    again.hear("sleep 1000")
    eventually(lambda: "sleep 1000" in container.execute(["ps"]).stdout)
    again.type("\x03")
    again.hear("/tmp # ")
    assert "sleep 1000" not in container.execute(["ps"]).stdout
    again.type("exit\r")
    again.hear(GREETING.strip())
    again.leave()
    log = server.cli("console", container.name, "--show-log")
    assert "42-vt102" in log
    assert log.replace("\r", "").count("Please press Enter to activate this console. ") == 2


def test_what_a_process_says_on_the_console_is_shown_there(container, look):
    shown = look(container.name)
    shown.hear("/ # ", "\r")
    container.execute(["sh", "-c", "echo over here >/dev/console"])
    shown.hear("over here\r")
    container.stop(wait=True, force=True)
    assert "over here\r\n" in container.console_log()
    container.start(wait=True)
    said: list[str] = []
    eventually(lambda: said.append(container.console_log()) or "".join(said) == GREETING)
    container.stop(wait=True, force=True)
    assert container.console_log().count(GREETING) == 2  # each run's


def post(client, name: str, **wanted) -> dict:
    return client.api.instances[name].console.post(json=wanted).json()["metadata"]


def test_what_no_console_can_be_is_refused(container, client, flavour):
    told = post(client, container.name, width=80, height=25)
    assert (told["class"], told["status"], told["description"]) == ("websocket", "Running", "Showing console")
    assert sorted(told["metadata"]["fds"]) == ["0", "control"]
    assert told["may_cancel"] is (flavour == "incus")
    for words, wanted in (
        ("VGA console is only supported by virtual machines", {"type": "vga"}),
        ('Unknown console type "bogus"', {"type": "bogus"}),
        ("cannot unmarshal number into Go struct field InstanceConsolePost.type of type string", {"type": 3}),
    ):
        with pytest.raises(lxdnb.LXDAPIException, match=words):
            post(client, container.name, **wanted)
    container.stop(wait=True, force=True)
    with pytest.raises(lxdnb.LXDAPIException, match="Instance is not running"):
        post(client, container.name)


def test_a_console_is_for_one_at_a_time(container, look, flavour):
    first = look(container.name)
    first.hear("/ # ", "\r")
    look(container.name, "attaching to the container failed" if flavour == "lxd" else "already connected")
    first.type("echo still here | tr a-z A-Z\r")
    first.hear("STILL HERE")
