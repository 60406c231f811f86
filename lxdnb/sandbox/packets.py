"""Packets of SFTP, version 3, taken apart and put together.

https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from lxdnb.sandbox.nodes import Node

__all__ = ["Attributes", "Code", "Kind", "Malformed", "Reader", "attributes", "packet", "text"]

SIZE, OWNER, MODE, TIMES = 1, 2, 4, 8


class Kind(IntEnum):
    INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT = range(1, 11)
    OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = range(11, 21)
    STATUS, HANDLE, DATA, NAME, ATTRS = range(101, 106)
    EXTENDED = 200


class Code(IntEnum):
    OK, EOF, MISSING, DENIED, FAILURE = range(5)
    UNSUPPORTED = 8


class Malformed(Exception):
    """What is no packet."""


@dataclass
class Attributes:
    """What a request says of a file: None for what it does not speak of."""

    size: int | None = None
    owner: tuple[int, int] | None = None
    mode: int | None = None
    modified: int | None = None


class Reader:
    """The rest of a packet."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def raw(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) < size:
            raise Malformed
        self._at += size
        return taken

    def number(self) -> int:
        return int.from_bytes(self.raw(4), "big")

    def long(self) -> int:
        return int.from_bytes(self.raw(8), "big")

    def string(self) -> bytes:
        return self.raw(self.number())

    def path(self) -> str:
        return self.string().decode(errors="surrogateescape")

    def attributes(self) -> Attributes:
        told, flags = Attributes(), self.number()
        if flags & SIZE:
            told.size = self.long()
        if flags & OWNER:
            told.owner = self.number(), self.number()
        if flags & MODE:
            told.mode = self.number()
        if flags & TIMES:
            self.number()
            told.modified = self.number()
        return told


def text(value: bytes | str) -> bytes:
    data = value.encode(errors="surrogateescape") if isinstance(value, str) else value
    return struct.pack(">I", len(data)) + data


def packet(kind: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">IB", len(body) + 1, kind) + body


def attributes(node: Node) -> bytes:
    """Return what is told of a file."""
    when = int(node.mtime) & 0xFFFFFFFF
    flags = SIZE | OWNER | MODE | TIMES
    return struct.pack(">IQIIIII", flags, node.size, node.uid, node.gid, node.whole_mode, when, when)
