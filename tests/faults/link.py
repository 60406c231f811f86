"""One connection through the proxy: relayed byte for byte, request by request, until the moment of its fault."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from typing import TYPE_CHECKING, Any, Literal

from tests.faults.moments import Fault, Moment

if TYPE_CHECKING:
    from tests.faults.proxy import Proxy

__all__ = ["DaemonEnd", "Link"]

CHUNK = 64 * 1024

_REQUEST_LINE = re.compile(rb"(?:GET|HEAD|POST|PUT|PATCH|DELETE) \S+(?= HTTP/1\.1\r\n)")
_HEAD_END = b"\r\n\r\n"


class DaemonEnd:
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


class Way:
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


class Link:
    """One connection: the client's side and the daemon's."""

    def __init__(
        self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, daemon: DaemonEnd
    ) -> None:
        self.proxy = proxy
        self.client, self.daemon = writer, daemon
        self.client_socket: Any = writer.get_extra_info("socket")
        self.up = Way("up", reader, daemon)
        self.down = Way("down", daemon, writer)
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

    async def _pump(self, way: Way) -> None:
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

    async def _pass(self, way: Way, part: str, data: bytes) -> None:
        fault = self.fault
        allowed = None if fault is None else way.allowed(fault.moment, part, data)
        if fault is not None and allowed is not None:
            await self._write(way, part, data[:allowed], fault.moment)
            self.fault = None
            await self._strike(fault)
            data = data[allowed:]
        await self._write(way, part, data, fault.moment if fault else None)

    async def _write(self, way: Way, part: str, data: bytes, moment: Moment | None) -> None:
        if not data:
            return
        if way is self.down:
            if part == "head" and b" 101 " in data[:16]:
                self.upgraded = True
            self.proxy.learn(self.line, data)
        way.count(data, moment)
        way.writer.write(data)
        try:
            await way.writer.drain()
        except OSError:
            # A daemon that takes no more has hung up, and its last words may still be on their way to the client.
            if way is self.down:
                raise
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
