"""An SFTP server of one tree that can be as hostile or broken as a test wants, by draft-ietf-secsh-filexfer-02.

It stands behind the HTTP upgrade of a real socket, and answers one request after the other: one that it cannot get rid
of keeps it from reading on.
"""

from __future__ import annotations

import socket
import stat
import struct
import threading
from collections.abc import Callable
from pathlib import Path

INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, FSETSTAT, MKDIR = 1, 2, 3, 4, 5, 6, 7, 8, 10, 14
OPENDIR, READDIR, STAT, READLINK, STATUS, HANDLE, DATA, NAME, ATTRS = 11, 12, 17, 19, 101, 102, 103, 104, 105
OK, EOF, MISSING, FAILURE = 0, 1, 2, 4
DIRECTORY, FILE, LINK, FIFO = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def packet(kind: int, body: bytes) -> bytes:
    return struct.pack(">IB", len(body) + 1, kind) + body


def status(identifier: int, code: int, message: bytes = b"") -> bytes:
    return packet(STATUS, struct.pack(">II", identifier, code) + text(message) + text(b"en"))


def attributes(mode: int, size: int = 0) -> bytes:
    return struct.pack(">IQI", 1 | 4, size, mode)


class Server:
    """A server of one tree: what each folder lists, and what each file holds."""

    def __init__(self, path: Path) -> None:
        self.folders: dict[bytes, list[tuple[bytes, int, bytes]]] = {}  # name, mode, content or target
        self.answers: dict[int, Callable[[int, bytes], bytes | None]] = {}  # instead of its own; None hangs up
        self.greeting = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: sftp\r\n\r\n"
        self.version = packet(VERSION, struct.pack(">I", 3))
        self.longest = 32768
        self.last: int | None = None  # after the answer to such a request it hangs up
        self.seen: list[int] = []
        self.written: dict[bytes, bytes] = {}
        self.closed = threading.Event()
        self._handles: dict[bytes, list[bytes] | bytes] = {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                with connection, connection.makefile("rwb") as file:
                    self._speak(file)
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.closed.set()

    def _speak(self, file) -> None:
        while file.readline() not in (b"\r\n", b""):
            pass
        file.write(self.greeting)
        file.flush()
        while len(head := file.read(5)) == 5:
            length, kind = struct.unpack(">IB", head)
            body = file.read(length - 1)
            self.seen.append(kind)
            if kind == INIT:
                answer = self.version
            else:
                (identifier,) = struct.unpack_from(">I", body)
                answer = self.answers.get(kind, self._answer_to(kind))(identifier, body[4:])
            if answer is None:
                return
            file.write(answer)
            file.flush()
            if kind == self.last:
                return

    def _answer_to(self, kind: int) -> Callable[[int, bytes], bytes]:
        return lambda identifier, body: self._answer(kind, identifier, body)

    def _find(self, path: bytes) -> tuple[int, bytes] | None:
        if path in self.folders:
            return DIRECTORY, b""
        folder, _, name = path.rpartition(b"/")
        return next(((mode, held) for known, mode, held in self.folders.get(folder, []) if known == name), None)

    def _answer(self, kind: int, identifier: int, body: bytes) -> bytes:
        number = struct.pack(">I", identifier)
        (length,) = struct.unpack_from(">I", body)
        name, rest = body[4 : 4 + length], body[4 + length :]
        if kind in (STAT, LSTAT):
            found = self._find(name)
            if found is None:
                return status(identifier, MISSING)
            return packet(ATTRS, number + attributes(found[0], len(found[1])))
        if kind == OPENDIR:
            listed = b"".join(
                text(each) + text(b"") + attributes(mode, len(held)) for each, mode, held in self.folders[name]
            )
            names = packet(NAME, number + struct.pack(">I", len(self.folders[name])) + listed)
            self._handles[b"d" + name] = [names] if self.folders[name] else []
            return packet(HANDLE, number + text(b"d" + name))
        if kind == READDIR:
            left = self._handles[name]
            assert isinstance(left, list)
            return number_of(left.pop(), identifier) if left else status(identifier, EOF)
        if kind == READLINK:
            found = self._find(name)
            assert found
            return packet(NAME, number + struct.pack(">I", 1) + text(found[1]) + text(b"") + struct.pack(">I", 0))
        if kind == OPEN:
            found = self._find(name)
            self._handles[b"f" + name] = found[1] if found else b""
            self.written[name] = b""
            return packet(HANDLE, number + text(b"f" + name))
        if kind == READ:
            offset, wanted = struct.unpack(">QI", rest)
            held = self._handles[name]
            assert isinstance(held, bytes)
            piece = held[offset : offset + min(wanted, self.longest)]
            return packet(DATA, number + text(piece)) if piece else status(identifier, EOF)
        if kind == WRITE:
            (offset,) = struct.unpack_from(">Q", rest)
            assert offset == len(self.written[name[1:]])
            self.written[name[1:]] += rest[12:]
            return status(identifier, OK)
        return status(identifier, OK)


def number_of(answer: bytes, identifier: int) -> bytes:
    return answer[:5] + struct.pack(">I", identifier) + answer[9:]
