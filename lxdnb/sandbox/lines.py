"""The sandbox's connections with other servers: websockets that they open here, those opened there, and requests.

A connection to another server is pinned to the certificate that a request names: no other is taken, and its name is
nobody's concern.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tornado import httpclient, iostream, websocket
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.routing import Matcher
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from lxdnb.sandbox.calling import Errand
from lxdnb.sandbox.crossings import Channel, Crossing
from lxdnb.sandbox.refusals import Refused
from lxdnb.sandbox.refusing import refuse

if TYPE_CHECKING:
    from lxdnb.sandbox.server import Driver

__all__ = ["AwaitsServer", "ChannelHandler", "ServerLines"]

LARGEST = 16 * 2**30  # bytes of an answer, at most
_CONNECT = 10.0  # seconds to reach a server
_WHOLE = 24 * 3600.0  # seconds for a request and its answer
_PING = 10  # seconds between two signs of life
_PATH = re.compile(r"/1\.0/operations/([^/]+)/websocket")


def _crossing(driver: Driver, request: HTTPServerRequest) -> Crossing | None:
    """Return what goes over by the operation to which a request wants a websocket."""
    path = _PATH.fullmatch(request.path)
    operation = driver.host.operations.find(path[1]) if path else None
    return operation.crossing if operation else None


class AwaitsServer(Matcher):
    """Matches requests for a websocket of an operation that waits for another server."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return {} if _crossing(self._driver, request) else None


class ChannelHandler(websocket.WebSocketHandler):
    """A websocket that another server opens, or whoever carries what goes from one to the other."""

    driver: Driver
    _channel: Channel | None = None

    def initialize(self, driver: Driver) -> None:
        self.driver = driver

    def check_origin(self, origin: str) -> bool:
        return False  # no web page has business here

    async def get(self, *args: str, **kwargs: str) -> None:
        crossing = _crossing(self.driver, self.request)
        secret = dict(parse_qsl(self.request.query)).get("secret", "")
        found = crossing.connection(secret) if crossing else None
        if found is None:
            self._refuse(crossing.side if crossing else "source", secret)
            return
        self._channel = found
        await super().get(*args, **kwargs)

    def _refuse(self, side: str, secret: str) -> None:
        missing = not secret
        if self.driver.host.flavour.incus:
            code = 400 if missing else 403
            words = f"{'Missing' if missing else 'Invalid'} migration {side} secret"
        else:
            code, words = 500, "missing secret" if missing else "permission denied"
        refuse(self, Refused(code, words))

    def open(self, *args: str, **kwargs: str) -> None:
        if self._channel is not None:
            self.set_nodelay(True)
            self._channel.connect()
            self._task = asyncio.ensure_future(_carry_out(self.driver, self._channel, self))
            _soon(self.driver)

    async def on_message(self, message: str | bytes) -> None:
        if self._channel is not None and isinstance(message, bytes):
            await _carry_in(self.driver, self._channel, message)

    def on_close(self) -> None:
        if self._channel is not None:
            self._channel.lose()
            _soon(self.driver)


def _soon(driver: Driver) -> None:
    asyncio.get_running_loop().call_soon(driver.turn)


async def _carry_in(driver: Driver, channel: Channel, message: bytes) -> None:
    channel.put(message)
    _soon(driver)
    while channel.full and not channel.lost and not channel.closing:
        await _opened(channel.room)


async def _carry_out(
    driver: Driver, channel: Channel, connection: websocket.WebSocketHandler | websocket.WebSocketClientConnection
) -> None:
    """Send what a channel has, as fast as it is read; then close."""
    with contextlib.suppress(websocket.WebSocketClosedError, iostream.StreamClosedError):
        while not channel.lost:
            message = channel.take()
            if message is not None:
                _soon(driver)
                await connection.write_message(message, binary=True)
            elif channel.closing:
                break
            else:
                await _opened(channel.leaving)
    connection.close()


async def _opened(gate: Any) -> None:
    event = asyncio.Event()
    gate.wait(event.set)
    await event.wait()


class ServerLines:
    """Lines to other servers, in the event loop that runs."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._tasks: set[asyncio.Task[None]] = set()

    def connect(self, url: str, certificate: str, channel: Channel) -> None:
        self._begin(self._connect(url, certificate, channel))

    def send(self, errand: Errand) -> None:
        self._begin(self._send(errand))

    def cut(self) -> None:
        """End all that is under way."""
        for task in [*self._tasks]:
            task.cancel()

    def _begin(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, url: str, certificate: str, channel: Channel) -> None:
        try:
            request = _request(re.sub("^http", "ws", url), certificate)
            async with asyncio.timeout(_CONNECT):
                connection = await websocket.websocket_connect(request, ping_interval=_PING)
        except Exception as error:
            channel.fail(self._words(error, url))
            self._driver.turn()
            return
        channel.connect()
        leaving = asyncio.ensure_future(_carry_out(self._driver, channel, connection))
        try:
            self._driver.turn()
            while (message := await connection.read_message()) is not None:
                if isinstance(message, bytes):
                    await _carry_in(self._driver, channel, message)
        finally:
            channel.lose()
            connection.close()
            await asyncio.gather(leaving, return_exceptions=True)
            _soon(self._driver)

    async def _send(self, errand: Errand) -> None:
        client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=LARGEST, max_buffer_size=LARGEST)
        try:
            request = _request(errand.url, errand.certificate)
            request.method, request.headers = errand.method, HTTPHeaders(errand.headers)
            if errand.body is not None:
                request.body = errand.body
            answer = await client.fetch(request, raise_error=False)
            if isinstance(answer.error, (OSError, httpclient.HTTPError)) and answer.code == 599:
                raise answer.error
            errand.status, errand.answered = answer.code, answer.body
            errand.content_type = answer.headers.get("Content-Type", "")
        except Exception as error:
            errand.failure = self._words(error, errand.url)
        finally:
            client.close()
            errand.end()
            _soon(self._driver)

    def _words(self, error: BaseException, url: str) -> str:
        """Return what the real servers say of what has gone wrong."""
        seen = error
        while seen.__cause__ is not None or seen.__context__ is not None:
            seen = seen.__cause__ or seen.__context__ or seen
        for each in (error, seen, getattr(error, "real_error", None)):
            if isinstance(each, ssl.SSLCertVerificationError):
                began = "tls: failed to verify certificate: " if self._driver.host.flavour.incus else ""
                return f"{began}x509: certificate signed by unknown authority"
        place = urlsplit(url).netloc
        if isinstance(error, httpclient.HTTPError) and error.code not in (599,):
            return "websocket: bad handshake"
        if not urlsplit(url).scheme:
            return 'unsupported protocol scheme ""'
        if isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
            return f"Unable to connect to: {place} ([dial tcp {place}: connect: connection refused])"
        words = os.strerror(error.errno).lower() if isinstance(error, OSError) and error.errno else str(error)
        return f"Unable to connect to: {place} ([dial tcp {place}: {words or type(error).__name__}])"


def _request(url: str, certificate: str) -> httpclient.HTTPRequest:
    """Return a request that only the server with a certificate will get."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if certificate:
        context.load_verify_locations(cadata=certificate)
    return httpclient.HTTPRequest(
        url, ssl_options=context, connect_timeout=_CONNECT, request_timeout=_WHOLE, follow_redirects=False
    )
