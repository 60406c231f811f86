"""A terminal: it shows what is typed, lets a line be mended until it is sent, and makes signals of ^C and ^\\.

https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap11.html
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from lxdnb.sandbox.channels import Gate, Open, Pipe, Steps
from lxdnb.sandbox.signals import INT, QUIT

__all__ = ["Terminal", "TerminalFile"]

_MOST_TYPED = 4096  # bytes in a line, as Linux has it
_MOST_WAITING = 2**20  # bytes of lines that nobody has read


class Terminal:
    """One of them. `signal` is told what the keys mean to who runs in it; `out` is what it shows."""

    def __init__(self, width: int, height: int, signal: Callable[[int], None]) -> None:
        self.width, self.height = width or 80, height or 25
        self.out = Pipe()
        self.out.writers = 1
        self.echo = self.canonical = True
        self.gone = False
        self.readable = Gate()
        self._signal = signal
        self._line = bytearray()
        self._lines: deque[bytes] = deque()

    @property
    def waiting(self) -> bool:
        """Whether there is something to read."""
        return bool(self._lines)

    @property
    def ahead(self) -> bytes:
        """The line that would be read next, as it was shown when it was typed; nothing where there is none."""
        return self._lines[0] if self._lines and self.echo else b""

    @property
    def full(self) -> bool:
        return sum(map(len, self._lines)) > _MOST_WAITING

    def type(self, data: bytes) -> None:
        """Take what is typed; what nobody reads is lost at last, as Linux has it."""
        if self.full:
            return
        if not self.canonical:
            self._lines.append(data)
            self._show(data)
            self.readable.open()
            return
        for number in data:
            self._key(number)

    def _key(self, key: int) -> None:
        if key in (3, 28):
            self._line.clear()
            self._lines.clear()
            self._show(b"^C" if key == 3 else b"^\\")
            self._signal(INT if key == 3 else QUIT)
        elif key == 4:
            self._send(b"")
        elif key in (8, 127):
            if self._line:
                while self._line and self._line[-1] & 0xC0 == 0x80:  # the rest of a character
                    self._line.pop()
                self._line.pop()
                self._show(b"\b \b")
        elif key == 21:
            self._show(b"\b \b" * len(self._line.decode(errors="replace")))
            self._line.clear()
        elif key in (10, 13):
            self._show(b"\r\n")
            self._send(b"\n")
        elif len(self._line) < _MOST_TYPED - 1:
            self._line.append(key)
            self._show(bytes([key]) if key >= 32 or key == 9 else b"^" + bytes([key ^ 64]))

    def _show(self, data: bytes) -> None:
        if self.echo and len(self.out.data) < _MOST_WAITING:
            self.out.put(data)

    def _send(self, end: bytes) -> None:
        self._lines.append(bytes(self._line) + end)
        self._line.clear()
        self.readable.open()

    def hang_up(self) -> None:
        """Nobody is there any more."""
        self.gone = True
        self.out.readers = 0
        self.out.data.clear()
        self.out.writable.open()
        self.readable.open()

    def read(self, size: int) -> Steps[bytes]:
        while not self._lines:
            if self.gone:
                return b""
            yield self.readable
        line = self._lines.popleft()
        if len(line) > size:
            self._lines.appendleft(line[size:])
        return line[:size]

    def write(self, data: bytes) -> Steps[None]:
        shown = data.replace(b"\n", b"\r\n")
        at = 0
        while at < len(shown):
            if self.gone:
                return
            room = self.out.size - len(self.out.data)
            if room <= 0:
                yield self.out.writable
                continue
            self.out.put(shown[at : at + room])
            at += room


class TerminalFile(Open):
    """A terminal as a file."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self.terminal, self._own = terminal, terminal

    def read(self, size: int) -> Steps[bytes]:
        return (yield from self._own.read(size))

    def write(self, data: bytes) -> Steps[None]:
        yield from self._own.write(data)
