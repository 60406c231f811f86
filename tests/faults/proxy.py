"""A way to a real daemon that breaks where it is told to: between two bytes of a request, by hang-up, reset or silence.

Clients connect to `endpoint`, each connection is relayed to the daemon's unix socket. A `Fault` names a request and a
moment in it; connections that nobody named pass untouched. One thread with an event loop of its own serves all, so
that what a client leaves behind is the client's alone.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal, Self

from tests.faults.link import DaemonEnd, Link
from tests.faults.moments import ANSWER, ASKED, HEAD, REQUEST, SECONDS, Fault, Moment, down, up

__all__ = ["ANSWER", "ASKED", "HEAD", "REQUEST", "TURNED_AWAY", "Fault", "Moment", "Proxy", "down", "up"]

TURNED_AWAY = "turned away"
"""What `lines` has of a connection that came while there was no daemon."""

_SECRET = re.compile(rb'"(control|\d)":"([0-9a-f]{64})"')


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
        self._links: set[Link] = set()
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
        link = Link(self, reader, writer, DaemonEnd(connection))
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
