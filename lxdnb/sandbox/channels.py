"""What processes read from and write to: pipes, open files and devices; and what they wait at meanwhile.

Reading and writing are generators: they yield the gate at which a process has to wait, and None where others are to
have their turn. A pipe holds so much and no more, so that who writes waits for who reads.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, TypeVar

from lxdnb.sandbox.filesystem import Tree
from lxdnb.sandbox.nodes import Directory, File, FileError, Live, Node

if TYPE_CHECKING:
    from lxdnb.sandbox.terminal import Terminal

__all__ = ["PIECE", "BrokenPipe", "DeviceFile", "Gate", "Open", "OpenFile", "Pipe", "PipeEnd", "Step", "Steps"]

T = TypeVar("T")
PIECE = 65_536  # bytes moved at once, and held by a pipe


class Gate:
    """Where one waits until it opens; each who waits is let through once."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Callable[[], object]] = []

    def wait(self, call: Callable[[], object]) -> None:
        self._waiting.append(call)

    def open(self) -> None:
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()


Step = Gate | float | None
"""What a process waits for: that a gate opens, that so many seconds pass, or its next turn."""
Steps = Generator[Step, None, T]


class BrokenPipe(Exception):
    """Nobody reads any more what is written."""


class Open:
    """An open file, as processes share it: gone once the last of them has let go."""

    terminal: Terminal | None = None
    node: Node | None = None

    def __init__(self) -> None:
        self._holders = 1

    def hold(self) -> Open:
        self._holders += 1
        return self

    def let_go(self) -> None:
        self._holders -= 1
        if self._holders == 0:
            self.closed()

    def closed(self) -> None:
        """The last has let go."""

    def read(self, size: int) -> Steps[bytes]:
        """Return up to so many bytes: none at the end."""
        raise FileError("EBADF")
        yield

    def write(self, data: bytes) -> Steps[None]:
        raise FileError("EBADF")
        yield


class Pipe:
    """Bytes on their way from who writes to who reads."""

    def __init__(self, size: int = PIECE) -> None:
        self.data = bytearray()
        self.size = size
        self.readers = self.writers = 0
        self.readable, self.writable = Gate(), Gate()

    @property
    def ended(self) -> bool:
        """Whether all has been read and nobody will write more."""
        return not self.data and self.writers <= 0

    def take(self, size: int) -> bytes:
        taken = bytes(memoryview(self.data)[:size])
        del self.data[:size]
        if taken:
            self.writable.open()
        return taken

    def put(self, data: bytes) -> None:
        self.data += data
        self.readable.open()

    def end(self, side: str) -> None:
        """One of those who read or write is gone."""
        if side == "r":
            self.readers -= 1
            if self.readers <= 0:
                self.data.clear()
                self.writable.open()
        else:
            self.writers -= 1
            if self.writers <= 0:
                self.readable.open()


class PipeEnd(Open):
    """One end of a pipe: `r` to read from, `w` to write to."""

    def __init__(self, pipe: Pipe, side: str) -> None:
        super().__init__()
        self.pipe, self._side = pipe, side
        if side == "r":
            pipe.readers += 1
        else:
            pipe.writers += 1

    def closed(self) -> None:
        self.pipe.end(self._side)

    def read(self, size: int) -> Steps[bytes]:
        if self._side != "r":
            raise FileError("EBADF")
        while not self.pipe.data:
            if self.pipe.writers <= 0:
                return b""
            yield self.pipe.readable
        return self.pipe.take(size)

    def write(self, data: bytes) -> Steps[None]:
        if self._side != "w":
            raise FileError("EBADF")
        pipe, at = self.pipe, 0
        while at < len(data) or not data:
            if pipe.readers <= 0:
                raise BrokenPipe
            if not data:
                return
            room = pipe.size - len(pipe.data)
            if room <= 0:
                yield pipe.writable
                continue
            pipe.put(data[at : at + room])
            at += room


class OpenFile(Open):
    """A file of the tree, with a place in it."""

    def __init__(self, tree: Tree, node: Node, *, reads: bool, writes: bool, append: bool = False) -> None:
        super().__init__()
        self.tree, self.node = tree, node
        self.at = 0
        self._reads, self._writes, self._append = reads, writes, append
        self._content = node.content() if isinstance(node, Live) else None

    def read(self, size: int) -> Steps[bytes]:
        if isinstance(self.node, Directory):
            raise FileError("EISDIR")
        if not self._reads:
            raise FileError("EBADF")
        yield None
        data = self._content if self._content is not None else self.node.data if isinstance(self.node, File) else b""
        piece = bytes(memoryview(data)[self.at : self.at + size])
        self.at += len(piece)
        return piece

    def write(self, data: bytes) -> Steps[None]:
        if not self._writes or not isinstance(self.node, File):
            raise FileError("EBADF")
        if self._append:
            self.at = self.node.size
        self.tree.write(self.node, self.at, data)
        self.at += len(data)
        yield None


class DeviceFile(Open):
    """A device: what is written to it is gone, except to `full`, which takes nothing."""

    def __init__(self, name: str, random: Callable[[int], bytes]) -> None:
        super().__init__()
        self._name, self._random = name, random

    def read(self, size: int) -> Steps[bytes]:
        yield None
        if self._name in ("zero", "full"):
            return bytes(min(size, PIECE))
        if self._name in ("random", "urandom"):
            return self._random(min(size, PIECE))
        return b""

    def write(self, data: bytes) -> Steps[None]:
        yield None
        if self._name == "full":
            raise FileError("ENOSPC")
