"""Tasks over one SFTP connection: many requests under way, one thread, and no error of any of them lost.

A task is a generator that yields requests, which are sent at once, and None where it wants the answer to its oldest
one. `run` lets many of them take turns, so that a thousand small files cost about as many round trips as ten.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple, Self, TypeVar

from lxdnb import api
from lxdnb.streams._packets import LONGEST, VERSION, Answer, Kind, Malformed, Status, header, read

__all__ = ["Pipeline", "Request", "Task"]

TASKS = 48  # tasks under way
# Requests under way in all. While we send we do not read: so many small answers must fit into the socket's buffer,
# or the server would wait for us as we wait for it.
REQUESTS = 128
BULKY = {Kind.READ, Kind.READDIR}  # whose answers are not small
FLUSH = 256 * 1024  # bytes that are gathered before they are sent
AT_ONCE = 32 * 1024  # bytes that there is room for at the end of what is read into

T = TypeVar("T")


class Request(NamedTuple):
    kind: Kind
    parts: tuple[bytes | memoryview, ...]


Task = Generator[Request | None, Any, T]
"""Yields requests, and None for the answer to the oldest that has not been read; returns what it came for."""


class _Sent:
    """A request that is under way, and its answer once it has come."""

    __slots__ = ("answer", "bulky", "running")

    def __init__(self, running: _Running | None, bulky: bool = False) -> None:
        self.running = running
        self.bulky = bulky
        self.answer: Answer | None = None


class _Running:
    """A task, and what it has sent and not read the answer of."""

    __slots__ = ("sent", "task", "waits")

    def __init__(self, task: Task[Any]) -> None:
        self.task = task
        self.sent: deque[_Sent] = deque()
        self.waits = False


class Pipeline:
    """A connection to an instance's files, by which tasks are run.

    Raises ClientConnectionFailed when the server is lost or says nothing for as long as the client's read timeout.
    After an error it can only be closed.
    """

    def __init__(self, instance: api.APINode) -> None:
        self._node = instance.sftp
        self._socket = self._node.upgrade("sftp")
        self._pending: dict[int, _Sent] = {}
        self._bulky = 0  # of these, those whose answers are not small
        self._ready: deque[_Running] = deque()
        self._last = -1
        self._out = bytearray()
        self._in = bytearray(LONGEST + 4 + AT_ONCE)
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
        kind, parts = request
        # Nor must a server that waits for us to read its long answers be sent what it has no room for.
        while len(self._pending) >= REQUESTS or (kind == Kind.WRITE and self._bulky):
            self._receive()
        self._last = (self._last + 1) & 0x7FFFFFFF
        self._out += header(kind, self._last, sum(map(len, parts)))
        for part in parts:
            self._out += part
        sent = self._pending[self._last] = _Sent(running, kind in BULKY)
        self._bulky += sent.bulky
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
            self._bulky -= sent.bulky
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
