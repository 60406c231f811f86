"""A connection for requests that may take long, and that another thread can hang up."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import requests


class Call:
    """A connection of its own: one of the session's pool cannot be taken from a server that says nothing.

    One thread requests, one request after another; any other may hang up.
    """

    def __init__(self, host: str, connect: Callable[[], socket.socket]) -> None:
        self._line = http.client.HTTPConnection(host)
        self._connect = connect
        self._hung_up = threading.Event()

    def request(self, method: str, path: str, params: Mapping[str, Any], seconds: float) -> requests.Response:
        """Send a request and return its answer; no silence of it may last longer than `seconds`.

        Raises OSError or HTTPException.
        """
        try:
            if self._line.sock is None:
                self._line.sock = self._connect()
            self._line.sock.settimeout(seconds)
            if self._hung_up.is_set():  # while it connected
                raise ConnectionResetError
            self._line.request(method, f"{path}?{urlencode(params)}" if params else path)
            answer = self._line.getresponse()
            response = requests.Response()
            response.status_code, response.reason = answer.status, answer.reason
            response.headers.update(answer.headers.items())
            response._content = answer.read()
            return response
        except BaseException:
            self._line.close()
            raise

    @property
    def hung_up(self) -> bool:
        """Whether it was ended from another thread."""
        return self._hung_up.is_set()

    def hang_up(self) -> None:
        """End a request under way, from any thread: it raises there."""
        self._hung_up.set()
        connection: socket.socket | None = self._line.sock
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was faster

    def close(self) -> None:
        """Close the connection, from the thread that requests."""
        self._line.close()
