"""The sockets of a sandbox besides its unix socket: what listens there, and who comes in once hands are shaken."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import socket
from collections.abc import Callable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.netutil import add_accept_handler

from lxdnb.sandbox.callers import ROOT, Caller, caller_by_tls
from lxdnb.sandbox.identity import Identity
from lxdnb.sandbox.listening import address_of
from lxdnb.sandbox.state import Host
from lxdnb.sandbox.tls import TlsStream, context_of, shake_hands

__all__ = ["TlsDoors", "caller_of"]

_BACKLOG = 128
_log = logging.getLogger("lxdnb.sandbox")


class TlsDoors:
    """Doors that a server with an identity opens, in the event loop that runs."""

    def __init__(self, server: HTTPServer, identity: Identity) -> None:
        self._server, self._context = server, context_of(identity)
        self._open: dict[str, list[Callable[[], None]]] = {}
        self._coming: set[asyncio.Task[None]] = set()

    def resolves(self, name: str) -> bool:
        try:
            return bool(socket.getaddrinfo(name, None))
        except (OSError, UnicodeError):
            return False

    def open(self, key: str, name: str, port: int) -> int:
        sockets = bound(name, port)
        self._open[key] = [closing(each, add_accept_handler(each, self._come)) for each in sockets]
        return sockets[0].getsockname()[1]

    def close(self, key: str) -> None:
        for close in self._open.pop(key, []):
            close()

    def own_addresses(self) -> list[str]:
        try:
            found = {str(each[4][0]) for each in socket.getaddrinfo(socket.gethostname(), None)}
        except OSError:
            return []
        kept = [each for each in map(ipaddress.ip_address, found) if not each.is_loopback and not each.is_link_local]
        return [str(each) for each in sorted(kept, key=lambda each: (each.version, int(each)))]

    async def shut(self) -> None:
        """Close all of them, and send away who is only about to come in."""
        for key in [*self._open]:
            self.close(key)
        coming = [*self._coming]
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)

    def _come(self, connection: socket.socket, address: Any) -> None:
        task = asyncio.ensure_future(self._let_in(connection, address))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    async def _let_in(self, connection: socket.socket, address: Any) -> None:
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = await shake_hands(self._context, connection, address_of(*address[:2]))
        except (OSError, asyncio.CancelledError) as error:
            connection.close()
            _log.debug("No handshake with %s: %s", address, error)
            return
        self._server.handle_stream(stream, address)


def caller_of(host: Host, request: HTTPServerRequest) -> Caller:
    """Return who has sent a request."""
    stream = getattr(request.connection, "stream", None)
    if isinstance(stream, TlsStream):
        return caller_by_tls(host, stream.address, stream.certificate)
    return ROOT


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
