"""The console of a running instance: a terminal whose words are kept, and shown to whoever is attached to it.

Pure. As BusyBox's init does, it asks for Enter, and then runs a shell that nobody has to log in to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import PIECE, Gate, Pipe, Steps
from lxdnb.sandbox.commands.registry import NotExecutable, NotFound, program
from lxdnb.sandbox.nodes import FileError
from lxdnb.sandbox.signals import HUP, INT, QUIT
from lxdnb.sandbox.terminal import Terminal, TerminalFile

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Machine, Process

__all__ = ["GREETING", "Console", "kept"]

GREETING = b"\r\nPlease press Enter to activate this console. "
_BANNER = "\n\nBusyBox v1.35.0 (simulated) built-in shell (ash)\nEnter 'help' for a list of built-in commands.\n\n"
_ENVIRONMENT = {"HOME": "/", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "vt102"}
_MOST_UNREAD = 2**17  # bytes, as servers keep them
_MOST_KEPT = 2**20  # bytes


def kept(before: bytes | bytearray, data: bytes, most: int = _MOST_KEPT) -> bytearray:
    """Return all that a console has said, or the last of it."""
    whole = before if isinstance(before, bytearray) else bytearray(before)
    whole += data
    if len(whole) > most:
        del whole[: len(whole) - most]
    return whole


class Console:
    """That of one machine. `unread` is what it has said since somebody asked for that last."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.unread = bytearray()
        self.shown: Pipe | None = None
        """What is shown to who is attached."""
        self.terminal = Terminal(80, 25, self._typed)
        self.terminal.out.readers = 1
        self.over = Gate()
        """Opens when the machine stands still."""
        self._attended = False
        self._say(GREETING)
        self._take()

    def _say(self, data: bytes) -> None:
        self.unread = kept(self.unread, data, _MOST_UNREAD)
        instance = self._machine.instance
        instance.console = kept(instance.console or b"", data)

    def _take(self) -> None:
        """Hand on what was said, no faster than who is attached reads it."""
        out = self.terminal.out
        while out.data:
            if self.shown is not None and len(self.shown.data) >= PIECE:
                self.shown.writable.wait(self._take)
                return
            data = out.take(PIECE)
            self._say(data)
            if self.shown is not None:
                self.shown.put(data.replace(b"\n", b"\r\r\n"))  # through two more terminals of the server's
        out.readable.wait(self._take)

    def attach(self, shown: Pipe) -> None:
        """Show it to somebody, from now on."""
        self.shown = shown
        if not self._attended:
            self._attended = True
            self._begin()

    def detach(self, shown: Pipe) -> None:
        if self.shown is shown:
            self.shown = None
            shown.data.clear()
            shown.writable.open()

    def _typed(self, number: int) -> None:
        for process in [*self._machine.processes.values()]:
            if process.terminal is self.terminal:
                process.signal(number)

    def _begin(self) -> None:
        process = self._machine.make(["init"])
        process.terminal, process.environment = self.terminal, dict(_ENVIRONMENT)
        process.files = {0: TerminalFile(self.terminal)}
        process.files |= {number: process.files[0].hold() for number in (1, 2)}
        process.ignored = {INT, QUIT, HUP}
        self._machine.begin(process, _attend(process))


def _attend(process: Process) -> Steps[int]:
    """Run one shell after the other, each once somebody wants it."""
    while True:
        yield from process.read(0)
        yield from process.say(_BANNER)
        try:
            child = process.spawn(["-/bin/sh"], _shell)
        except (NotFound, NotExecutable, FileError):
            yield 1.0  # as init waits before it tries again
        else:
            yield from process.wait(child)
        yield from process.say(GREETING.decode().replace("\r", ""))


def _shell(process: Process) -> Steps[int]:
    process.ignored.clear()
    run: Callable[..., Steps[int]] = program
    return run(process, ["/bin/sh"])
