"""The packets of SFTP, version 3: values to bytes and back. Pure; what a server sends is checked before it is believed.

https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02; where OpenSSH departs from it, every server has
followed OpenSSH: in a request for a symbolic link the target comes before the link.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Mapping
from enum import IntEnum, IntFlag
from typing import NamedTuple

VERSION = 3
LONGEST = 256 * 1024
"""The longest packet that servers take and send, in bytes."""


class Kind(IntEnum):
    """The first byte of a packet."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    STAT = 17
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105


class Code(IntEnum):
    """What a STATUS says."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8


class Open(IntFlag):
    """How a file is opened."""

    READ = 1
    WRITE = 2
    CREATE = 8
    TRUNCATE = 16


SIZE, OWNER, MODE, TIMES, EXTENDED = 1, 2, 4, 8, 0x80000000  # which attributes follow

_TYPES: Mapping[int, str] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


class Malformed(Exception):
    """The server sent what is no packet of the protocol."""


class FileEntry(NamedTuple):
    """A file, folder or link in an instance, as `stat` and `list` tell of it.

    `type` is file, directory, symlink, fifo, socket or device; `mode` the permissions, as in 0o644; `size` is in bytes,
    `modified` in seconds since 1970; each is None where the server does not tell. `target` is where a symlink
    points, for `stat` alone.
    """

    name: str
    type: str | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    modified: int | None = None
    target: str | None = None


class Status(NamedTuple):
    """What a server says of a request that has no other answer, or that failed."""

    code: int
    message: str


Answer = Status | bytes | list[FileEntry] | FileEntry
"""A status, a handle or data, names, or attributes."""


def number(value: int) -> bytes:
    return struct.pack(">I", value)


def text(value: str | bytes) -> bytes:
    """Return a string with its length before it; a name that is no UTF-8 has its bytes as surrogates."""
    raw = encoded(value) if isinstance(value, str) else value
    return struct.pack(">I", len(raw)) + raw


def encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def attributes(mode: int | None = None, owner: tuple[int, int] | None = None) -> bytes:
    """Return attributes to set: a mode or an owner. Never both: servers then take the one for the other."""
    if owner is not None:
        return struct.pack(">III", OWNER, *owner)
    return struct.pack(">I", 0) if mode is None else struct.pack(">II", MODE, mode)


def header(kind: Kind, identifier: int, length: int) -> bytes:
    """Return the head of a request, `length` being that of what comes after."""
    return struct.pack(">IBI", length + 5, kind, identifier)


class _Reader:
    """The fields of a packet, one after the other."""

    def __init__(self, packet: bytes | bytearray | memoryview, place: int) -> None:
        self.packet = packet
        self.place = place

    def number(self) -> int:
        return self._unpack(">I", 4)

    def long(self) -> int:
        return self._unpack(">Q", 8)

    def bytes(self) -> bytes:
        length = self.number()
        end = self.place + length
        if end > len(self.packet):
            raise Malformed("a string is longer than its packet")
        found = bytes(self.packet[self.place : end])
        self.place = end
        return found

    def text(self) -> str:
        return self.bytes().decode("utf-8", "surrogateescape")

    def entry(self, name: str) -> FileEntry:
        flags = self.number()
        size = self.long() if flags & SIZE else None
        uid, gid = (self.number(), self.number()) if flags & OWNER else (None, None)
        mode = self.number() if flags & MODE else None
        modified = (self.number(), self.number())[1] if flags & TIMES else None
        if flags & EXTENDED:
            for _ in range(self.number()):
                self.bytes()
                self.bytes()
        if mode is None:
            return FileEntry(name, None, None, uid, gid, size, modified)
        return FileEntry(name, _TYPES.get(stat.S_IFMT(mode)), stat.S_IMODE(mode), uid, gid, size, modified)

    def _unpack(self, layout: str, length: int) -> int:
        try:
            (value,) = struct.unpack_from(layout, self.packet, self.place)
        except struct.error:
            raise Malformed("a packet is shorter than its fields") from None
        self.place += length
        return value


def read(packet: bytes | bytearray | memoryview) -> tuple[int, Answer]:
    """Return the number of the request that a packet answers, and the answer. Raises Malformed.

    The answer to INIT has no such number: it is -1, and the answer is a status whose code is the version.
    """
    if not packet:
        raise Malformed("a packet is empty")
    kind = packet[0]
    fields = _Reader(packet, 1)
    identifier = fields.number()
    if kind == Kind.DATA or kind == Kind.HANDLE:
        return identifier, fields.bytes()
    if kind == Kind.STATUS:
        code = fields.number()
        # Its message and language are missing in answers of the first servers.
        return identifier, Status(code, fields.text() if fields.place < len(packet) else "")
    if kind == Kind.ATTRS:
        return identifier, fields.entry("")
    if kind == Kind.NAME:
        count = fields.number()
        names: list[FileEntry] = []
        for _ in range(count):
            name = fields.text()
            fields.bytes()  # the line that `ls -l` would print
            names.append(fields.entry(name))
        return identifier, names
    if kind == Kind.VERSION:
        return -1, Status(identifier, "")
    raise Malformed(f"a packet of kind {kind}")
