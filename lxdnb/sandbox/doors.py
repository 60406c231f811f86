"""The sockets of a sandbox besides its unix socket: what listens there, and who comes in once hands are shaken.

HTTP without TLS is for machines without unix sockets, and for loopback addresses alone: whoever can reach those has
the same rights as by a unix socket, except web pages, which no browser may bring in.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

from tornado import netutil  # by its name: not every system has bind_unix_socket
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream
from tornado.netutil import add_accept_handler

from lxdnb.sandbox.callers import ROOT, Caller, caller_by_tls
from lxdnb.sandbox.identity import Identity
from lxdnb.sandbox.listening import DEBUG, address_of, place_of
from lxdnb.sandbox.state import Host
from lxdnb.sandbox.tls import TlsStream, context_of, shake_hands

__all__ = ["HTTP", "SocketDoors", "caller_of", "comes_from_a_page"]

HTTP = "http"
"""The door for programs on this machine that come without TLS; no setting of a server."""

_BACKLOG = 4096  # connections that wait to be taken: as many as Linux lets real servers have
_PLAIN = (HTTP, DEBUG)
_log = logging.getLogger("lxdnb.sandbox")


class PlainStream(IOStream):
    """A connection without TLS, which has come by a door."""

    door = ""


class SocketDoors:
    """Doors that a server with an identity opens, in the event loop that runs."""

    def __init__(self, server: HTTPServer, identity: Identity) -> None:
        self._server, self._context = server, context_of(identity)
        self._open: dict[str, list[Callable[[], None]]] = {}
        self._streams: WeakSet[IOStream] = WeakSet()
        self._path: Path | None = None
        self._places: dict[str, tuple[str, int]] = {}
        self._coming: set[asyncio.Task[None]] = set()

    def resolves(self, name: str) -> bool:
        try:
            return bool(socket.getaddrinfo(name, None))
        except (OSError, UnicodeError):
            return False

    def open(self, key: str, name: str, port: int) -> int:
        sockets = bound(name, port)
        if key == HTTP and not all(ipaddress.ip_address(each.getsockname()[0]).is_loopback for each in sockets):
            for each in sockets:
                each.close()
            raise OSError(f"{name} is no loopback address: without TLS a sandbox listens for this machine alone")
        self._open[key] = [closing(each, add_accept_handler(each, partial(self._come, key))) for each in sockets]
        taken = sockets[0].getsockname()[1]
        self._places[key] = name, taken
        return taken

    def close(self, key: str) -> None:
        self._places.pop(key, None)
        for close in self._open.pop(key, []):
            close()

    def own_addresses(self) -> list[str]:
        try:
            found = {str(each[4][0]) for each in socket.getaddrinfo(socket.gethostname(), None)}
        except OSError:
            return []
        kept = [each for each in map(ipaddress.ip_address, found) if not each.is_loopback and not each.is_link_local]
        return [str(each) for each in sorted(kept, key=lambda each: (each.version, int(each)))]

    def open_unix(self, path: Path) -> None:
        """Listen at a unix socket, for whoever may write to it: its owner. Raises OSError, ValueError."""
        if not hasattr(socket, "AF_UNIX"):
            raise OSError("this system has no unix sockets: give http='127.0.0.1:0' in place of socket")
        listener = netutil.bind_unix_socket(str(path), mode=0o600, backlog=_BACKLOG)
        self._open["unix"] = [closing(listener, add_accept_handler(listener, self._come_locally))]
        self._path = path

    def show(self, identity: Identity) -> None:
        self._context = context_of(identity)

    def vanish(self) -> None:
        for key in [*self._open]:
            self.close(key)
        for stream in [*self._streams]:
            stream.close()

    def come_back(self) -> None:
        if self._path is not None:
            self.open_unix(self._path)

    def leave(self, *, kill: bool) -> None:
        """Close all of them for a while; the unix socket stays behind where it was killed."""
        places = dict(self._places)
        self.vanish()
        self._places = places
        for task in self._coming:
            task.cancel()
        if self._path is not None and not kill:
            self._path.unlink(missing_ok=True)

    def reopen(self) -> None:
        """Open again what was open. Raises OSError."""
        if self._path is not None and "unix" not in self._open:
            self.open_unix(self._path)
        for key, place in [*self._places.items()]:
            if key not in self._open:
                self.open(key, *place)

    async def shut(self) -> None:
        """Close all of them, and send away who is only about to come in."""
        for key in [*self._open]:
            self.close(key)
        coming = [*self._coming]
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)

    def _come(self, key: str, connection: socket.socket, address: Any) -> None:
        task = asyncio.ensure_future(self._let_in(key, connection, address))
        self._coming.add(task)

        def in_or_out(ended: asyncio.Task[None]) -> None:
            self._coming.discard(ended)
            if ended.cancelled():  # before it had begun
                connection.close()

        task.add_done_callback(in_or_out)

    async def _let_in(self, key: str, connection: socket.socket, address: Any) -> None:
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if key in _PLAIN:
                plain = PlainStream(connection)
                plain.door = key
                self._handle(plain, address)
                return
            stream = await shake_hands(self._context, connection)
        except (OSError, asyncio.CancelledError) as error:
            connection.close()
            _log.debug("No handshake with %s: %s", address, error)
            return
        stream.address, stream.door = address_of(*address[:2]), key
        self._handle(stream, address)

    def _come_locally(self, connection: socket.socket, address: Any) -> None:
        self._handle(IOStream(connection, max_buffer_size=self._server.max_buffer_size), address)

    def _handle(self, stream: IOStream, address: Any) -> None:
        self._streams.add(stream)
        self._server.handle_stream(stream, address)


def caller_of(host: Host, request: HTTPServerRequest) -> Caller:
    """Return who has sent a request."""
    stream = getattr(request.connection, "stream", None)
    if isinstance(stream, TlsStream):
        return caller_by_tls(host, stream.address, stream.certificate, stream.door)
    if isinstance(stream, PlainStream) and stream.door != HTTP:
        return Caller("", "", "", trusted=False, door=stream.door)
    return ROOT


def comes_from_a_page(request: HTTPServerRequest) -> bool:
    """Tell whether a browser has sent a request for a web page of elsewhere, or may have.

    A page whose name was made to lead here says that name as the host: https://en.wikipedia.org/wiki/DNS_rebinding
    """
    stream, headers = getattr(request.connection, "stream", None), request.headers
    if not isinstance(stream, PlainStream):
        return False
    name = place_of(headers.get("Host", ""))[0]
    foreign = headers.get("Sec-Fetch-Site", "none") != "none" or "Origin" in headers
    return foreign or not (name.lower() == "localhost" or _is_loopback(name))


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def bound(name: str, port: int) -> list[socket.socket]:
    """Return sockets that listen at a name, all at the same port; at every address where the name is empty."""
    places = socket.getaddrinfo(name or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    with contextlib.ExitStack() as undone:
        for family, kind, protocol, _, place in dict.fromkeys(places):
            made = undone.enter_context(socket.socket(family, kind, protocol))
            if os.name != "nt":  # where it means that others may take the port over
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.setblocking(False)
            taken = sockets[0].getsockname()[1] if sockets else port
            made.bind((place[0], taken, *place[2:]))
            made.listen(_BACKLOG)
            sockets.append(made)
        undone.pop_all()
    return sockets


def closing(listener: socket.socket, leave: Callable[[], None]) -> Callable[[], None]:
    def close() -> None:
        leave()
        listener.close()

    return close
