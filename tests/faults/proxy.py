"""A way to a real daemon that breaks where it is told to: between two bytes of a request, by hang-up, reset or silence.

Clients connect to `endpoint`, each connection is relayed to the daemon's unix socket. A `Fault` names a request by a
pattern and a moment in it; connections that nobody named pass untouched. One thread with an event loop of its own
serves all, so that what a client leaves behind is the client's alone.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

__all__ = ["ANSWER", "ASKED", "HEAD", "REQUEST", "TURNED_AWAY", "Fault", "Moment", "Proxy", "down", "up"]

TURNED_AWAY = "turned away"
"""What `lines` has of a connection that came while there was no daemon."""

CHUNK = 64 * 1024
SECONDS = 20.0  # that a test waits for something which is to happen here

_REQUEST_LINE = re.compile(rb"(?:GET|HEAD|POST|PUT|PATCH|DELETE) \S+(?= HTTP/1\.1\r\n)")
_SECRET = re.compile(rb'"(control|\d)":"([0-9a-f]{64})"')
_HEAD_END = b"\r\n\r\n"


class Moment(NamedTuple):
    """A moment in a request: so many bytes into a part of it, or just before a mark."""

    way: Literal["up", "down"]
    part: Literal["head", "body"]
    after: int = 0
    mark: bytes = b""


REQUEST = Moment("up", "head")
"""Before the server sees anything of the request."""
ASKED = Moment("up", "body")
"""As soon as the server has the head of the request."""
ANSWER = Moment("down", "head")
"""When the server answers, before anything of the answer is passed on."""
HEAD = Moment("down", "head", 12)
"""In the middle of the answer's head, hence of a websocket's handshake."""


def down(after: int | bytes = 0) -> Moment:
    """So many bytes after the head of the answer, or when the server sends that mark, which does not pass."""
    return Moment("down", "body", 0, after) if isinstance(after, bytes) else Moment("down", "body", after)


def up(after: int | bytes = 0) -> Moment:
    """So many bytes after the head of the request, or when the client sends that mark, which does not pass."""
    return Moment("up", "body", 0, after) if isinstance(after, bytes) else Moment("up", "body", after)


@dataclass
class Fault:
    """What is to happen, once, to the first request after `skip` others that matches."""

    pattern: str
    moment: Moment
    how: Literal["hang up", "reset", "stall"]
    times: int = 1
    skip: int = 0
    struck: threading.Event = field(default_factory=threading.Event)

    def await_strike(self) -> None:
        """Wait until it has happened."""
        assert self.struck.wait(SECONDS), f"nothing came to the moment of {self}"

    def takes(self, line: str) -> bool:
        if not self.times or not re.search(self.pattern, line):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class _Daemon:
    """The daemon's end of a connection, read without a buffer: asyncio's own drops what it has when a reset follows."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pending = b""

    async def read(self, size: int) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._connection, size)

    def write(self, data: bytes) -> None:
        self._pending += data

    async def drain(self) -> None:
        data, self._pending = self._pending, b""
        await asyncio.get_running_loop().sock_sendall(self._connection, data)

    def shut(self) -> None:
        """Hang up; whoever reads here sees the end."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the daemon was faster

    def close(self) -> None:
        self._connection.close()


class _Way:
    """One direction of one connection: where it stands in the request under way."""

    def __init__(self, name: Literal["up", "down"], reader: Any, writer: Any) -> None:
        self.name, self.reader, self.writer = name, reader, writer
        self.begin()

    def begin(self) -> None:
        self.head: bytes | None = b""  # what has come of the head; None in the body
        self.passed = 0  # bytes of the part
        self.tail = b""

    def parts(self, data: bytes) -> list[tuple[str, bytes]]:
        """Cut what has come into what belongs to the head and what to the body."""
        if self.head is None:
            return [("body", data)]
        before = len(self.head)
        self.head += data
        end = self.head.find(_HEAD_END)
        if end < 0:
            return [("head", data)]
        cut = end + len(_HEAD_END) - before
        self.head = None
        return [("head", data[:cut]), ("body", data[cut:])]

    def allowed(self, moment: Moment, part: str, data: bytes) -> int | None:
        """Return how many of these bytes pass before the moment comes; None if it does not come in them."""
        if (moment.way, moment.part) != (self.name, part):
            return None
        if moment.mark:
            found = (self.tail + data).find(moment.mark)
            return None if found < 0 else max(0, found - len(self.tail))
        left = moment.after - self.passed
        return left if 0 <= left <= len(data) else None

    def count(self, data: bytes, moment: Moment | None) -> None:
        self.passed += len(data)
        if moment is not None and moment.mark:
            self.tail = (self.tail + data)[-(len(moment.mark) - 1) :] if len(moment.mark) > 1 else b""


class _Link:
    """One connection: the client's side and the daemon's."""

    def __init__(
        self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, daemon: _Daemon
    ) -> None:
        self.proxy = proxy
        self.client, self.daemon = writer, daemon
        self.client_socket: Any = writer.get_extra_info("socket")
        self.up = _Way("up", reader, daemon)
        self.down = _Way("down", daemon, writer)
        self.line = ""
        self.fault: Fault | None = None
        self.upgraded = False
        self.flows = asyncio.Event()
        self.flows.set()

    async def relay(self) -> None:
        pumps = [asyncio.create_task(self._pump(way)) for way in (self.up, self.down)]
        closed = False
        try:
            # One side's end is the other's too: neither HTTP nor websockets are used half closed here.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            self.end("hang up")
            closing = asyncio.create_task(self.client.wait_closed())
            closed = bool((await asyncio.wait([closing], timeout=1))[0])
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
        finally:
            for pump in pumps:
                pump.cancel()
            try:
                await asyncio.gather(*pumps, return_exceptions=True)
            finally:
                self.daemon.close()
                if not closed:
                    self.client.transport.abort()

    def end(self, how: str) -> None:
        if how == "reset":
            if self.client_socket.family != socket.AF_UNIX and self.client_socket.fileno() >= 0:
                self.client_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.client.transport.abort()
        else:
            self.client.close()
        self.daemon.shut()

    async def _pump(self, way: _Way) -> None:
        try:
            while data := await way.reader.read(CHUNK):
                await self.flows.wait()
                if way is self.up and not self.upgraded and (found := _REQUEST_LINE.match(data)):
                    self._begin(found.group().decode())
                for part, piece in way.parts(data):
                    await self._pass(way, part, piece)
        except OSError:
            pass  # either side is gone

    def _begin(self, line: str) -> None:
        self.line = self.proxy.named(line)
        self.up.begin()
        self.down.begin()
        self.fault = self.proxy.fault_of(self.line)

    async def _pass(self, way: _Way, part: str, data: bytes) -> None:
        fault = self.fault
        allowed = None if fault is None else way.allowed(fault.moment, part, data)
        if fault is not None and allowed is not None:
            await self._write(way, part, data[:allowed], fault.moment)
            self.fault = None
            await self._strike(fault)
            data = data[allowed:]
        await self._write(way, part, data, fault.moment if fault else None)

    async def _write(self, way: _Way, part: str, data: bytes, moment: Moment | None) -> None:
        if not data:
            return
        if way is self.down:
            if part == "head" and b" 101 " in data[:16]:
                self.upgraded = True
            self.proxy.learn(self.line, data)
        way.count(data, moment)
        way.writer.write(data)
        await way.writer.drain()
        if part == "head" and way.head is None:
            way.passed = 0

    async def _strike(self, fault: Fault) -> None:
        if fault.how == "stall":
            self.flows.clear()
            fault.struck.set()
            await self.flows.wait()
            return
        self.end(fault.how)
        fault.struck.set()
        raise ConnectionAbortedError("as the fault wants it")


class Proxy:
    """`with Proxy(daemon.socket, folder) as proxy:` and clients connect to `proxy.endpoint`.

    `kind` says what they speak: `unix` to a socket in `folder`, `tcp`, or `tls` with the certificate and key of
    `identity`. The daemon need not run: while it does not, connections are hung up.
    """

    def __init__(
        self,
        target: Path,
        folder: Path,
        kind: Literal["unix", "tcp", "tls"] = "unix",
        identity: tuple[Path, Path] | None = None,
    ) -> None:
        self.target, self.kind = target, kind
        self._path = folder / "proxy.socket"
        self._port = 0
        self._context: ssl.SSLContext | None = None
        if identity is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*identity)
        self._lock = threading.Condition()
        self._faults: list[Fault] = []
        self._names: dict[str, str] = {}
        self._lines: list[str] = []
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._do(self._end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()
        self._path.unlink(missing_ok=True)

    @property
    def endpoint(self) -> str:
        """What a client is given: a path or a URL."""
        if self.kind == "unix":
            return str(self._path)
        return f"{'https' if self.kind == 'tls' else 'http'}://127.0.0.1:{self._port}"

    @property
    def lines(self) -> list[str]:
        """`GET /1.0/…` of each request since `forget()`; with ` fd=control` or the like for a command's websocket."""
        with self._lock:
            return list(self._lines)

    def hang_up(self, pattern: str, moment: Moment = REQUEST, *, times: int = 1, skip: int = 0) -> Fault:
        """Close the connection in due form, as a server does that ends, when the moment comes."""
        return self._add(Fault(pattern, moment, "hang up", times, skip))

    def reset(self, pattern: str, moment: Moment = REQUEST, *, times: int = 1, skip: int = 0) -> Fault:
        """Tear the connection down, by RST where there is such a thing, when the moment comes."""
        return self._add(Fault(pattern, moment, "reset", times, skip))

    def stall(self, pattern: str, moment: Moment = REQUEST, *, times: int = 1, skip: int = 0) -> Fault:
        """Pass nothing on, either way, from the moment until `release()`; the connection stays."""
        return self._add(Fault(pattern, moment, "stall", times, skip))

    def release(self) -> None:
        """Let all that is stalled go on."""
        self._do(self._release())

    def sever(self, pattern: str = "", how: Literal["hang up", "reset"] = "hang up") -> int:
        """End the connections whose request matches, now, and return how many they were."""
        return self._do(self._sever(pattern, how))

    def refuse(self) -> None:
        """Stop listening: whoever connects is refused. What is connected stays."""
        self._do(self._refuse())

    def accept(self) -> None:
        """Listen, again or for the first time, at the same place."""
        self._do(self._accept())

    def forget(self) -> None:
        """Count requests from here on."""
        with self._lock:
            self._lines.clear()

    def await_request(self, pattern: str, count: int = 1) -> None:
        """Wait until so many requests that match have come, counted as `lines` are."""
        wanted = re.compile(pattern)
        with self._lock:
            came = self._lock.wait_for(lambda: sum(map(bool, map(wanted.search, self._lines))) >= count, SECONDS)
            assert came, f"not {count} requests like {pattern!r} in {self._lines}"

    # --- in the loop's thread

    def named(self, line: str) -> str:
        """Note a request's line, with the name of the stream where it is a command's websocket."""
        secret = re.search("secret=([0-9a-f]+)", line)
        if secret and secret[1] in self._names:
            line += f" fd={self._names[secret[1]]}"
        with self._lock:
            self._lines.append(line)
            self._lock.notify_all()
        return line

    def learn(self, line: str, data: bytes) -> None:
        """Note which secret is whose, from the answer to an exec."""
        if line.startswith("POST") and "/exec" in line:
            self._names |= {secret.decode(): fd.decode() for fd, secret in _SECRET.findall(data)}

    def fault_of(self, line: str) -> Fault | None:
        with self._lock:
            return next((fault for fault in self._faults if fault.takes(line)), None)

    def _add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(SECONDS)

    async def _accept(self) -> None:
        if self.kind == "unix":
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, str(self._path))
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, ssl=self._context)
            self._port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()  # not wait_closed(), which from Python 3.12 on waits for the connections too
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.setblocking(False)
            await self._loop.sock_connect(connection, str(self.target))
        except OSError:
            connection.close()
            writer.close()
            self.named(TURNED_AWAY)
            return
        link = _Link(self, reader, writer, _Daemon(connection))
        task = asyncio.current_task()
        assert task is not None
        self._links.add(link)
        self._tasks.add(task)
        try:
            await link.relay()
        except asyncio.CancelledError:
            pass  # at the end of all
        finally:
            self._links.discard(link)
            self._tasks.discard(task)

    async def _release(self) -> None:
        for link in self._links:
            link.flows.set()

    async def _sever(self, pattern: str, how: str) -> int:
        chosen = [link for link in self._links if re.search(pattern, link.line)]
        for link in chosen:
            link.end(how)
        return len(chosen)

    async def _end_all(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports' own last calls
