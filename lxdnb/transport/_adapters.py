"""What requests needs to be told of our servers: one pool for a socket, one certificate for an address."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import requests_unixsocket
from requests.adapters import HTTPAdapter
from requests_unixsocket.adapters import UnixAdapter, UnixHTTPConnection, UnixHTTPConnectionPool
from urllib3.connectionpool import HTTPConnectionPool


class _SocketConnection(UnixHTTPConnection):
    """A connection to a unix socket, closed again if there is none: requests_unixsocket forgets it then."""

    def connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self.timeout)
            connection.connect(unquote(urlsplit(self.unix_socket_url).netloc))
        except BaseException:
            connection.close()
            raise
        self.sock = connection


class _SocketPool(UnixHTTPConnectionPool):
    """Connections to one unix socket, kept for reuse by as many threads as POOL_SIZE."""

    def __init__(self, url: str, maxsize: int) -> None:
        HTTPConnectionPool.__init__(self, "localhost", maxsize=maxsize)
        self.socket_path = url

    def _new_conn(self) -> UnixHTTPConnection:
        return _SocketConnection(self.socket_path)


class SocketAdapter(UnixAdapter):
    """requests_unixsocket's adapter with one pool for each socket, not one for each URL.

    Its own keeps a pool for each distinct URL, so that a thousand paths open a thousand connections.
    """

    def __init__(self, pool_maxsize: int) -> None:
        super().__init__()
        self._maxsize = pool_maxsize
        self._lock = threading.Lock()

    def get_connection(self, url: str | bytes, proxies: Mapping[str, str] | None = None) -> HTTPConnectionPool:
        address = url.decode() if isinstance(url, bytes) else url
        key = urlsplit(address).netloc
        with self._lock:
            pool: HTTPConnectionPool | None = self.pools.get(key)
            if pool is None:
                pool = self.pools[key] = _SocketPool(f"{requests_unixsocket.DEFAULT_SCHEME}{key}", self._maxsize)
            return pool


class PinningAdapter(HTTPAdapter):
    """An adapter that holds the server to the SHA-256 fingerprint of its certificate."""

    def __init__(self, fingerprint: str, pool_maxsize: int) -> None:
        self._fingerprint = fingerprint
        super().__init__(pool_maxsize=pool_maxsize)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **options: Any
    ) -> None:  # called by HTTPAdapter.__init__
        options["assert_fingerprint"] = self._fingerprint
        super().init_poolmanager(connections, maxsize, block, **options)
