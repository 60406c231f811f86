"""Files over one SFTP connection: many requests under way, one thread, and no error of any of them lost.

What is done to a file is a task: a generator that yields requests, which are sent at once, and None where it wants
the answer to its oldest one. `run` lets many of them take turns, so that a thousand small files cost about as many
round trips as ten. Nothing here knows what is on this side of the wire: bytes go to and come from whoever is given.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, NamedTuple, Self, TypeVar

from lxdnb import api
from lxdnb.exceptions import FileFailed
from lxdnb.streams._failures import failure
from lxdnb.streams._packets import (
    LONGEST,
    VERSION,
    Answer,
    Code,
    FileEntry,
    Kind,
    Malformed,
    Open,
    Status,
    attributes,
    header,
    number,
    read,
    text,
)

CHUNK = 32 * 1024  # bytes in one READ or WRITE: what every server takes
WINDOW = 64  # chunks of one file under way
TASKS = 48  # files under way
# Requests under way in all. While we send we do not read: so many small answers must fit into the socket's buffer,
# or the server would wait for us as we wait for it.
REQUESTS = 128
FLUSH = 256 * 1024  # bytes that are gathered before they are sent

T = TypeVar("T")
K = TypeVar("K", bytes, FileEntry, list[FileEntry])


class Request(NamedTuple):
    kind: Kind
    parts: tuple[bytes | memoryview, ...]


Task = Generator[Request | None, Any, T]
"""Yields requests, and None for the answer to the oldest that has not been read; returns what it came for."""


class Fresh:
    """What mode the server gives to new files of one place: its umask and the folder's own defaults decide."""

    mode: int | None = None


class _Sent:
    """A request that is under way, and its answer once it has come."""

    __slots__ = ("answer", "running")

    def __init__(self, running: _Running | None) -> None:
        self.running = running
        self.answer: Answer | None = None


class _Running:
    """A task, and what it has sent and not read the answer of."""

    __slots__ = ("sent", "task", "waits")

    def __init__(self, task: Task[Any]) -> None:
        self.task = task
        self.sent: deque[_Sent] = deque()
        self.waits = False


class Sftp:
    """A connection to the files of an instance, running or not.

    Paths are absolute. Raises NotFound for what is not there, FileFailed for what cannot be done, with the path;
    ClientConnectionFailed when the server is lost or says nothing for as long as the client's read timeout. After an
    error it can only be closed.
    """

    def __init__(self, instance: api.APINode) -> None:
        self._node = instance.sftp
        self._socket = self._node.upgrade("sftp")
        self._pending: dict[int, _Sent] = {}
        self._ready: deque[_Running] = deque()
        self._last = -1
        self._out = bytearray()
        self._in = bytearray(LONGEST + 4 + CHUNK)
        self._start = self._end = 0  # where in it unread bytes lie
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the server then closes what was open."""
        self._socket.close()

    def do(self, task: Task[T]) -> T:
        """Run one task and return its result."""
        result: list[T] = []

        def kept() -> Task[None]:
            result.append((yield from task))

        self.run(deque([kept()]))
        return result[0]

    def run(self, tasks: deque[Task[Any]]) -> None:
        """Run tasks, many at a time, until none is left; a task may add others at either end of the queue.

        The first error ends them all: each is closed, so that it can clear away what it has begun.
        """
        running: set[_Running] = set()
        try:
            while True:
                while tasks and len(running) < TASKS:
                    begun = _Running(tasks.popleft())
                    running.add(begun)
                    self._step(begun, running)
                if self._ready:
                    self._step(self._ready.popleft(), running)
                elif running:
                    self._receive()
                else:
                    return
        except Malformed as error:
            raise self._node.lost(error) from None
        finally:
            for each in [*(each.task for each in running), *tasks]:
                each.close()

    # --- tasks ---------------------------------------------------------------------------------------------------

    def stat(self, path: str, follow: bool = True) -> Task[FileEntry]:
        """Return what the server tells of a path, or with `follow=False` of a link itself."""
        answer = yield from self._ask(path, Kind.STAT if follow else Kind.LSTAT, text(path))
        return _kind(path, answer, FileEntry)._replace(name=path.rpartition("/")[2])

    def list(self, path: str) -> Task[list[FileEntry]]:
        """Return what is in a folder, without `.` and `..`, in the server's order."""
        handle = _kind(path, (yield from self._ask(path, Kind.OPENDIR, text(path))), bytes)
        found: list[FileEntry] = []
        while True:
            yield Request(Kind.READDIR, (text(handle),))
            answer = yield None
            if isinstance(answer, Status) and answer.code == Code.EOF:
                break
            names: list[FileEntry] = _kind(path, answer, list)
            if not names:
                raise Malformed("a folder's list goes on without names")
            found += [each for each in names if each.name not in (".", "..")]
        yield from self._ask(path, Kind.CLOSE, text(handle))
        return found

    def readlink(self, path: str) -> Task[str]:
        """Return where a link points."""
        names = _kind(path, (yield from self._ask(path, Kind.READLINK, text(path))), list)
        if len(names) != 1:
            raise Malformed(f"a link with {len(names)} targets")
        return names[0].name

    def read(self, path: str, take: Callable[[bytes], object], size: int = 0) -> Task[None]:
        """Read a file to its end, whatever its size is said to be, and hand on its pieces in order.

        `size` tells how much may be asked for ahead.
        """
        handle = _kind(path, (yield from self._ask(path, Kind.OPEN, text(path), number(Open.READ), number(0))), bytes)
        asked: deque[int] = deque()
        ahead = 0
        while True:
            while not asked or (ahead <= size and len(asked) < WINDOW):
                length = min(CHUNK, size - ahead) if ahead < size else CHUNK
                yield Request(Kind.READ, (text(handle), struct.pack(">QI", ahead, length)))
                asked.append(length)
                ahead += length
            answer = yield None
            length = asked.popleft()
            if isinstance(answer, Status) and answer.code == Code.EOF:
                break
            data = _kind(path, answer, bytes)
            if not 0 < len(data) <= length:
                raise Malformed(f"{len(data)} bytes where {length} were asked for")
            take(data)
            if len(data) < length:  # what was asked for ahead lies beyond a gap
                ahead -= length - len(data) + sum(asked)
                yield from _passed_over(asked)
        yield from _passed_over(asked)
        yield from self._ask(path, Kind.CLOSE, text(handle))

    def write(
        self,
        path: str,
        pieces: Iterable[bytes | memoryview],
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        append: bool = False,
        fresh: Fresh | None = None,
    ) -> Task[None]:
        """Write a file: in place of what is in it, or with `append` after it.

        `fresh` says that there is no such file, and what mode a new one has there, once that is known.
        """
        flags = Open.WRITE | Open.CREATE | (Open(0) if append else Open.TRUNCATE)
        handle = _kind(path, (yield from self._ask(path, Kind.OPEN, text(path), number(flags), number(0))), bytes)
        offset = 0
        if append:
            # Not by the flag of the protocol: servers written in Go refuse to write then.
            offset = _kind(path, (yield from self._ask(path, Kind.FSTAT, text(handle))), FileEntry).size or 0
        if fresh is not None and mode is not None:  # a request less for most of many small files
            if fresh.mode is None:
                fresh.mode = _kind(path, (yield from self._ask(path, Kind.FSTAT, text(handle))), FileEntry).mode
            if fresh.mode == mode and owner is None:
                mode = None
        unread = 0
        for piece in pieces:
            yield Request(Kind.WRITE, (text(handle), struct.pack(">QI", offset, len(piece)), piece))
            offset += len(piece)
            unread += 1
            if unread == WINDOW:
                _good(path, (yield None))
                unread -= 1
        # The owner first: to change it takes away the bits that make a program run as its owner.
        for change in _changes(mode, owner):
            yield Request(Kind.FSETSTAT, (text(handle), change))
            unread += 1
        yield Request(Kind.CLOSE, (text(handle),))
        for _ in range(unread + 1):
            _good(path, (yield None))

    def mkdir(self, path: str, mode: int, owner: tuple[int, int] | None = None) -> Task[bool]:
        """Make a folder, unless there is one, which stays as it is. Returns whether it is new."""
        try:
            yield from self._ask(path, Kind.MKDIR, text(path), attributes())
        except FileFailed:
            there = yield from self.stat(path)
            if there.type != "directory":
                raise
            return False
        for change in _changes(mode, owner):
            yield from self._ask(path, Kind.SETSTAT, text(path), change)
        return True

    def symlink(self, path: str, target: str) -> Task[None]:
        """Make a link at `path`, owned by root. Raises FileFailed where there is anything of that name."""
        yield from self._ask(path, Kind.SYMLINK, text(target), text(path))

    def remove(self, path: str, folder: bool = False) -> Task[None]:
        """Remove a file or a link, or an empty folder."""
        yield from self._ask(path, Kind.RMDIR if folder else Kind.REMOVE, text(path))

    def _ask(self, path: str, kind: Kind, *parts: bytes) -> Task[Answer]:
        yield Request(kind, parts)
        return _good(path, (yield None))

    # --- the wire ------------------------------------------------------------------------------------------------

    def _greet(self) -> None:
        self._out += header(Kind.INIT, VERSION, 0)
        hello = self._pending[-1] = _Sent(None)
        try:
            while hello.answer is None:
                self._receive()
            if not isinstance(hello.answer, Status) or hello.answer.code < VERSION:
                raise Malformed(f"it does not speak SFTP {VERSION}")
        except Malformed as error:
            raise self._node.lost(error) from None

    def _step(self, current: _Running, running: set[_Running]) -> None:
        """Let a task go on until it wants an answer that is not there yet, or ends."""
        value = current.sent.popleft().answer if current.waits else None
        current.waits = False
        while True:
            try:
                request = current.task.send(value)
            except StopIteration:
                running.remove(current)
                return
            if request is not None:
                self._post(request, current)
                value = None
                continue
            value = current.sent[0].answer
            if value is None:
                current.waits = True
                return
            current.sent.popleft()

    def _post(self, request: Request, running: _Running) -> None:
        while len(self._pending) >= REQUESTS:
            self._receive()
        self._last = (self._last + 1) & 0x7FFFFFFF
        kind, parts = request
        self._out += header(kind, self._last, sum(map(len, parts)))
        for part in parts:
            self._out += part
        sent = self._pending[self._last] = _Sent(running)
        running.sent.append(sent)
        if len(self._out) >= FLUSH:
            self._flush()

    def _flush(self) -> None:
        try:
            self._socket.sendall(self._out)
        except OSError as error:
            raise self._node.lost(error) from None
        self._out.clear()

    def _receive(self) -> None:
        """Send what is gathered, wait for bytes, and give the answers in them to those who asked."""
        if self._out:
            self._flush()
        if self._end == len(self._in):
            left = self._in[self._start : self._end]
            self._in[: len(left)] = left
            self._start, self._end = 0, len(left)
        try:
            count = self._socket.recv_into(memoryview(self._in)[self._end :])
            if not count:
                raise ConnectionResetError("the server hung up")
        except OSError as error:
            raise self._node.lost(error) from None
        self._end += count
        for packet in self._packets():
            identifier, answer = read(packet)
            sent = self._pending.pop(identifier, None)
            if sent is None:
                raise Malformed("an answer to what was not asked")
            sent.answer = answer
            running = sent.running
            if running is not None and running.waits and running.sent[0] is sent:
                self._ready.append(running)

    def _packets(self) -> Iterator[memoryview]:
        """Yield the whole packets among what has come."""
        view = memoryview(self._in)
        while self._end - self._start >= 4:
            (length,) = struct.unpack_from(">I", self._in, self._start)
            if length > LONGEST:
                raise Malformed(f"a packet of {length} bytes")
            if self._end - self._start < 4 + length:
                break
            begin = self._start + 4
            self._start = begin + length
            yield view[begin : self._start]
        if self._start == self._end:
            self._start = self._end = 0


def _changes(mode: int | None, owner: tuple[int, int] | None) -> list[bytes]:
    changes = [] if owner is None else [attributes(owner=owner)]
    return changes if mode is None else [*changes, attributes(mode=mode)]


def _passed_over(asked: deque[int]) -> Task[None]:
    for _ in asked:
        yield None
    asked.clear()


def _kind(path: str, answer: Answer, kind: type[K]) -> K:
    """Return an answer that is of the kind that was asked for."""
    _good(path, answer)
    if not isinstance(answer, kind):
        raise Malformed(f"a {type(answer).__name__} where a {kind.__name__} was asked for")
    return answer


def _good(path: str, answer: Answer) -> Answer:
    """Return an answer that is no failure. Raises NotFound, FileFailed."""
    if isinstance(answer, Status) and answer.code != Code.OK:
        raise failure(path, answer)
    return answer
