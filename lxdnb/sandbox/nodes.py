"""What file systems are made of: files, directories, links, devices, and files that are written as they are read.

Small, for there may be very many.
"""

from __future__ import annotations

import stat
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

__all__ = [
    "WORDS", "Device", "Directory", "Fifo", "File", "FileError", "Link", "Live", "LiveDirectory", "Mount", "Node",
    "Space",
]  # fmt: skip

WORDS = {
    "E2BIG": "Argument list too long",
    "EACCES": "Permission denied",
    "EAGAIN": "Resource temporarily unavailable",
    "EBADF": "Bad file descriptor",
    "EBUSY": "Device or resource busy",
    "EEXIST": "File exists",
    "EINVAL": "Invalid argument",
    "EISDIR": "Is a directory",
    "ELOOP": "Too many levels of symbolic links",
    "ENAMETOOLONG": "File name too long",
    "ENOENT": "No such file or directory",
    "ENOSPC": "No space left on device",
    "ENOTDIR": "Not a directory",
    "ENOTEMPTY": "Directory not empty",
    "ENOTTY": "Not a tty",
    "EPERM": "Operation not permitted",
    "EPIPE": "Broken pipe",
    "ESRCH": "No such process",
    "EXDEV": "Invalid cross-device link",
}


class FileError(Exception):
    """What was asked of a file cannot be: the word of its errno, and what C's library says of that."""

    def __init__(self, word: str) -> None:
        super().__init__(WORDS[word])
        self.word = word

    @property
    def text(self) -> str:
        return WORDS[self.word]


class Node(ABC):
    """One of them. `mtime` is in seconds since 1970; `links` counts its names."""

    __slots__ = ("gid", "links", "mode", "mtime", "uid")

    kind: ClassVar[int] = stat.S_IFREG
    fixed: ClassVar[bool] = False
    """Whether nobody may change it."""

    def __init__(self, mode: int, mtime: float) -> None:
        self.mode, self.mtime, self.uid, self.gid, self.links = mode, mtime, 0, 0, 1

    @property
    def size(self) -> int:
        return 0

    @property
    def whole_mode(self) -> int:
        """The mode with the bits that tell its kind."""
        return self.kind | self.mode

    def copied(self, known: dict[int, Node]) -> Node:
        """Return it once more; `known` has those that were copied already, for files of two names."""
        if id(self) not in known:
            known[id(self)] = made = self._fresh()
            made.mode, made.mtime, made.links = self.mode, self.mtime, self.links
            made.uid, made.gid = self.uid, self.gid
        return known[id(self)]

    @abstractmethod
    def _fresh(self) -> Node:
        """Return one of its kind, with what it holds, but for what all nodes have."""


class Space:
    """The bytes that a file system has, and has used; what is written to it is also counted as `within` another."""

    __slots__ = ("_written", "total", "used", "within")

    def __init__(self, total: int, within: Space | None = None) -> None:
        self.total, self.used, self.within = total, 0, within
        self._written = 0  # of what it holds, without what a copy of it has in common with this

    def take(self, size: int) -> None:
        """Use more, or less. Raises FileError where there is not so much."""
        if size > 0 and (self.used + size > self.total or (self.within and not self.within.has(size))):
            raise FileError("ENOSPC")
        self.used += size
        if self.within is not None:
            written = max(0, self._written + size)
            self.within.used += written - self._written
            self._written = written

    def has(self, size: int) -> bool:
        return self.used + size <= self.total

    def __del__(self) -> None:
        if self.within is not None:
            self.within.used -= self._written


class File(Node):
    __slots__ = ("data", "space")

    def __init__(self, mode: int, mtime: float, data: bytes = b"") -> None:
        super().__init__(mode, mtime)
        self.data: bytes | bytearray = data
        self.space: Space | None = None

    @property
    def size(self) -> int:
        return len(self.data)

    def changeable(self) -> bytearray:
        """What it holds, as its own."""
        if not isinstance(self.data, bytearray):
            self.data = bytearray(self.data)
        return self.data

    def _fresh(self) -> Node:
        self.data = bytes(self.data)  # from now on shared, until one of the two changes it
        return File(self.mode, self.mtime, self.data)


class Directory(Node):
    __slots__ = ("_children", "space")
    kind = stat.S_IFDIR

    def __init__(self, mode: int, mtime: float) -> None:
        super().__init__(mode, mtime)
        self.space: Space | None = None
        self._children: dict[str, Node] = {}

    @property
    def size(self) -> int:
        return 4096

    def get(self, name: str) -> Node | None:
        return self._children.get(name)

    def names(self) -> list[str]:
        return [*self._children]

    def put(self, name: str, node: Node) -> None:
        self._children[name] = node

    def drop(self, name: str) -> None:
        del self._children[name]

    def _fresh(self) -> Directory:
        return Directory(self.mode, self.mtime)

    def copied(self, known: dict[int, Node]) -> Directory:
        made = self._fresh()
        made.uid, made.gid = self.uid, self.gid
        made._children = {name: node.copied(known) for name, node in self._children.items()}
        return made


class Mount(Directory):
    """The root of a file system of its own, over what it covers. A copy of it is what it covers."""

    __slots__ = ("covered",)

    def __init__(self, covered: Directory, mtime: float, size: int) -> None:
        super().__init__(0o1777, mtime)
        self.covered, self.space = covered, Space(size)

    def copied(self, known: dict[int, Node]) -> Directory:
        return self.covered.copied(known)


class Link(Node):
    __slots__ = ("target",)
    kind = stat.S_IFLNK

    def __init__(self, target: str, mtime: float) -> None:
        super().__init__(0o777, mtime)
        self.target = target

    @property
    def size(self) -> int:
        return len(self.target.encode(errors="surrogateescape"))

    def _fresh(self) -> Node:
        return Link(self.target, self.mtime)


class Device(Node):
    """A character device, by its name in /dev."""

    __slots__ = ("name",)
    kind = stat.S_IFCHR

    def __init__(self, name: str, mtime: float, mode: int = 0o666) -> None:
        super().__init__(mode, mtime)
        self.name = name

    def _fresh(self) -> Node:
        return Device(self.name, self.mtime)


class Fifo(Node):
    __slots__ = ("pipe",)
    kind = stat.S_IFIFO

    def __init__(self, mode: int, mtime: float) -> None:
        super().__init__(mode, mtime)
        self.pipe: object = None

    def _fresh(self) -> Node:
        return Fifo(self.mode, self.mtime)


class Live(Node):
    """A file that is written as it is read, as those in /proc are."""

    __slots__ = ("content",)
    fixed = True

    def __init__(self, content: Callable[[], bytes], mtime: float) -> None:
        super().__init__(0o444, mtime)
        self.content = content

    def _fresh(self) -> Node:
        return File(self.mode, self.mtime)


class LiveDirectory(Directory):
    """A directory whose entries are settled as they are asked for. A copy of it is empty."""

    __slots__ = ("_entries",)
    fixed = True

    def __init__(self, entries: Callable[[], dict[str, Node]], mtime: float) -> None:
        super().__init__(0o555, mtime)
        self._entries = entries

    def get(self, name: str) -> Node | None:
        return self._entries().get(name)

    def names(self) -> list[str]:
        return [*self._entries()]

    def copied(self, known: dict[int, Node]) -> Directory:
        return Directory(0o555, self.mtime)
