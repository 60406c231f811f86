"""One pooled HTTP session and any number of websockets to one server, over a unix socket or pinned TLS.

The only room that imports requests, requests_unixsocket or websocket. Paths arrive here already quoted, answers
leave unchecked; what fails below HTTP leaves as ClientConnectionFailed with the reason in a person's words.
The environment's proxies and CA bundles are ignored throughout: a client talks to the server it was given.
"""

from __future__ import annotations

import functools
import hashlib
import http.client
import json
import logging
import socket
import ssl
import time
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote, urlencode, urlsplit

import requests
import requests_unixsocket
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from lxdnb import checks, redact
from lxdnb.exceptions import ClientConnectionFailed, LXDAPIException
from lxdnb.transport import _given as given
from lxdnb.transport import _reasons as reasons
from lxdnb.transport._adapters import PinningAdapter, SocketAdapter
from lxdnb.transport._call import Call
from lxdnb.transport._given import Timeout
from lxdnb.transport._reasons import NO_SUCH_SOCKET

if TYPE_CHECKING:
    import websocket

    from lxdnb.transport._channel import Channel

__all__ = ["NO_SUCH_SOCKET", "Call", "Channel", "Timeout", "Transport", "fingerprint_of", "refusal"]

log = logging.getLogger("lxdnb")

CONNECT_SECONDS = 10.0
READ_SECONDS = 300.0  # the longest silence before an answer's headers; waits on operations bring their own
POOL_SIZE = 1000  # connections kept for one server: as many as threads ever asked at once, without a limit in practice


class Transport:
    """The way to one server.

    `endpoint` is the path of a unix socket, or `https://host:port`. For https `cert` is the client's
    certificate: a path, or a pair of paths (certificate, key). The server is checked by `fingerprint` (SHA-256 of its
    certificate, hex) where one is given, whatever its address; else by `verify`: True for the public
    authorities, the path of a PEM file to trust, or False, which takes the certificate that the server shows now,
    warns once and holds the server to it from then on. Raises ValueError for an endpoint that is neither.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        cert: str | tuple[str, str] | None = None,
        verify: bool | str = True,
        fingerprint: str | None = None,
        timeout: Timeout = None,
        session: requests.Session | None = None,
    ) -> None:
        if session is not None and not isinstance(session, requests.Session):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"session is a requests.Session, not {checks.shown(session)}")
        given.check_tls(cert, verify)
        self.endpoint = endpoint
        self.connect_seconds, self.read_seconds = given.seconds(timeout, (CONNECT_SECONDS, READ_SECONDS))
        if session is not None:  # what it was given holds for websockets too
            cert = cert or session.cert
            verify = session.verify if verify is True and session.verify is not None else verify
        self.cert, self.verify = cert, verify
        self.fingerprint = given.plain_fingerprint(fingerprint) if fingerprint not in (None, "") else None
        self.socket_path = _socket_path(endpoint)
        if self.socket_path is not None:
            if not hasattr(socket, "AF_UNIX"):  # Windows
                reason = "this system has no unix sockets; give the https:// address of a server"
                raise ClientConnectionFailed(f"no local LXD or Incus: {reason}", {endpoint: reason})
            self.base = f"http+unix://{quote(self.socket_path, safe='')}"
        else:
            url = urlsplit(endpoint)
            if url.scheme not in ("http", "https") or not url.hostname:
                raise ValueError(
                    f"{checks.shown(endpoint)} is no endpoint: give the path of a unix socket, or https://host:8443"
                )
            if url.scheme == "http" and (fingerprint or cert):
                raise ValueError(f"{endpoint!r} would send everything in the clear: write https:// for a certificate")
            self.base = f"{url.scheme}://{url.netloc}"
            if url.scheme == "https" and verify is False and self.fingerprint is None:
                self.fingerprint = self._first_fingerprint()
        self.session = self._prepared(session or requests.Session())

    def request(
        self,
        method: str,
        path: str,
        *,
        timeout: Timeout = None,
        call: Call | None = None,
        **options: Any,
    ) -> requests.Response:
        """Send one request and return its answer, whatever it says. `options` are those of `requests`.

        Redirects are not followed: what was sent is for the server that was given, and nobody else. By a `call`, on
        its connection, not on one of the pool, only `params` are sent.
        """
        connect, read = given.seconds(timeout, (self.connect_seconds, self.read_seconds))
        options = {"allow_redirects": False, **options}
        shown = _shown(path, options.get("params"))
        # Not every OSError of the session's: reading a file that is to be sent may fail too.
        lost = requests.RequestException if call is None else (OSError, http.client.HTTPException)
        started = time.perf_counter()
        try:
            if call is not None:
                response = call.request(method, path, options.get("params") or {}, read)
            else:
                response = self.session.request(method, self.base + path, timeout=(connect, read), **options)
        except ClientConnectionFailed:
            raise
        except lost as error:
            if isinstance(error, ValueError | requests.exceptions.InvalidJSONError):
                raise ValueError(f"it cannot be sent: {error}") from None  # nothing has been
            elapsed = (time.perf_counter() - started) * 1000
            log.debug("%s %s: no answer, %.1f ms", method, shown, elapsed)
            # From None, here and below: four tracebacks of the libraries' insides would bury the reason, which is
            # told in words; for a debugger they stay in __context__.
            raise self.failed(error) from None
        if _is_torn(method, response):
            response.close()
            raise self.failed(ConnectionResetError())
        if log.isEnabledFor(logging.DEBUG):
            size = response.headers.get("Content-Length", "?") if options.get("stream") else len(response.content)
            elapsed = (time.perf_counter() - started) * 1000
            log.debug("%s %s: %d, %.1f ms, %s bytes", method, shown, response.status_code, elapsed, size)
        return response

    def websocket(self, path: str, params: Mapping[str, str] | None = None, silence: float | None = None) -> Channel:
        """Open a websocket at `path`. Where nothing, not even a ping, comes for `silence` seconds, it has ended.

        Raises ClientConnectionFailed where nothing answers, LXDAPIException where the server refuses.
        """
        import websocket  # here, so that `import lxdnb` does not pay for it

        from lxdnb.transport._channel import Channel

        connection = self._connect()
        host = urlsplit(self.base).netloc if self.socket_path is None else "lxd"
        url = f"ws://{host}{path}" + (f"?{urlencode(params)}" if params else "")
        shown = _shown(path, params)
        try:
            # ws:// also over TLS: the socket is connected, and its TLS done, before websocket-client sees it.
            # No Origin header: servers answer 403 to one that they do not expect.
            stream = websocket.create_connection(
                url,
                socket=connection,
                suppress_origin=True,
                skip_utf8_validation=True,
                timeout=self.connect_seconds,
                redirect_limit=0,  # it would take the secret of a stream elsewhere
            )
            if stream.getstatus() != 101:  # older websocket-clients take a redirect for a yes
                raise websocket.WebSocketException("it redirects to another address, which is not followed")
        except websocket.WebSocketBadStatusException as error:
            connection.close()
            log.debug("websocket %s: refused with %d", shown, error.status_code)
            raise LXDAPIException(_refusal(error)) from None
        except (websocket.WebSocketException, OSError) as error:
            connection.close()
            log.debug("websocket %s: no answer", shown)
            raise self.failed(error) from None
        stream.settimeout(silence)
        log.debug("websocket %s: open", shown)
        return Channel(stream, shown)

    @property
    def websocket_url(self) -> str:
        """Where a websocket client of somebody's own connects to: ws+unix:///path, wss://host:port."""
        if self.socket_path is not None:
            return f"ws+unix://{self.socket_path}"
        url = urlsplit(self.base)
        return f"{'wss' if url.scheme == 'https' else 'ws'}://{url.netloc}"

    def ssl_options(self) -> dict[str, Any] | None:
        """Return the arguments of `ssl.wrap_socket` by which such a client shows its certificate, and checks the
        server's; None without TLS. A fingerprint cannot be told by them."""
        if not self.base.startswith("https:"):
            return None
        options: dict[str, Any] = {}
        if self.cert:
            certificate, key = (self.cert, self.cert) if isinstance(self.cert, str) else self.cert
            options |= {"certfile": certificate, "keyfile": key}
        if not self.fingerprint and self.verify is not False:
            trusted = self.verify if isinstance(self.verify, str) else DEFAULT_CA_BUNDLE_PATH
            options |= {"ca_certs": trusted, "cert_reqs": ssl.CERT_REQUIRED}
        return options

    def upgrade(self, path: str, protocol: str, params: Mapping[str, str] | None = None) -> socket.socket:
        """Ask for another protocol than HTTP at `path` and return the connected socket, which speaks it from now on.

        A read or a write on it ends in TimeoutError after the client's read timeout. Raises ClientConnectionFailed
        where nothing answers, LXDAPIException where the server refuses.
        """
        connection = self._connect()
        host = urlsplit(self.base).netloc if self.socket_path is None else "lxd"
        target = path + (f"?{urlencode(params)}" if params else "")
        lines = (f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", f"Upgrade: {protocol}", "", "")
        try:
            connection.settimeout(self.read_seconds)
            connection.sendall("\r\n".join(lines).encode("ascii"))
            answer = http.client.HTTPResponse(connection, method="GET")
            try:
                answer.begin()
                if answer.status != 101:
                    raise LXDAPIException(_answer(answer.status, answer.read(64 * 1024)))
            finally:
                answer.close()  # its file of the socket alone; whoever speaks the new protocol waits to be spoken to
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError | http.client.HTTPException):
                raise self.failed(error) from None
            raise
        log.debug("upgrade to %s %s: open", protocol, path)
        return connection

    def call(self) -> Call:
        """Return a connection of its own, for requests that another thread may have to end; not yet connected."""
        host = "lxd" if self.socket_path is not None else urlsplit(self.base).netloc
        return Call(host, self._connect)

    def close(self) -> None:
        """Close the idle connections. The transport stays usable."""
        for adapter in self.session.adapters.values():
            # urllib3 leaves it to the garbage collector, which an error that somebody has kept holds up.
            pools: Any = getattr(adapter, "poolmanager", None) and adapter.poolmanager.pools  # pyright: ignore
            for key in pools.keys() if pools else ():
                if (pool := pools.get(key)) is not None:
                    pool.close()
        self.session.close()

    def _prepared(self, session: requests.Session) -> requests.Session:
        # Else REQUESTS_CA_BUNDLE overrides a pinned certificate, and proxies catch requests for the socket.
        session.trust_env = False
        if self.socket_path is not None:
            session.mount(requests_unixsocket.DEFAULT_SCHEME, SocketAdapter(pool_maxsize=POOL_SIZE))
        elif self.fingerprint:
            session.mount(self.base, PinningAdapter(self.fingerprint, pool_maxsize=POOL_SIZE))
        elif session.get_adapter(self.base).__class__ is HTTPAdapter:
            session.mount(self.base, HTTPAdapter(pool_maxsize=POOL_SIZE))
        session.cert = self.cert
        session.verify = False if self.fingerprint else self.verify
        return session

    def _connect(self) -> socket.socket:
        """Return a connected socket, its TLS done and the server's identity checked."""
        connection = None
        try:
            if self.socket_path is not None:
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connection.settimeout(self.connect_seconds)
                connection.connect(self.socket_path)
                return connection
            url = urlsplit(self.base)
            address = (url.hostname or "", url.port or (443 if url.scheme == "https" else 80))
            connection = socket.create_connection(address, self.connect_seconds)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if url.scheme == "https":
                connection = self._tls.wrap_socket(connection, server_hostname=url.hostname)
                found = _peer_fingerprint(connection)
                if self.fingerprint and found != self.fingerprint:
                    raise ssl.SSLError(reasons.mismatch(self.fingerprint, found))
            return connection
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, OSError):
                raise self.failed(error) from None
            raise

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        # Kept: reading the authorities' or one's own certificates takes longer than a connection.
        if self.fingerprint or self.verify is False:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            trusted = self.verify if isinstance(self.verify, str) else DEFAULT_CA_BUNDLE_PATH
            context = ssl.create_default_context(cafile=trusted)
        if self.cert:
            context.load_cert_chain(*((self.cert,) if isinstance(self.cert, str) else self.cert))
        return context

    def peer_certificate(self) -> str:
        """Return the certificate that the server shows, as PEM. Only for https."""
        with self._connect() as connection:
            shown = cast(ssl.SSLSocket, connection).getpeercert(binary_form=True)
            return ssl.DER_cert_to_PEM_cert(shown or b"")

    def peer_fingerprint(self) -> str:
        """Return the SHA-256 fingerprint of the certificate that the server shows. Only for https."""
        with self._connect() as connection:
            return _peer_fingerprint(cast(ssl.SSLSocket, connection))

    def _first_fingerprint(self) -> str:
        fingerprint = self.peer_fingerprint()
        warnings.warn(
            f"{self.endpoint} is not verified: anybody could answer there. To be sure of it from now on, give "
            f"fingerprint={fingerprint!r} in place of verify=False, once you know that it is right",
            stacklevel=4,
        )
        return fingerprint

    def failed(self, error: Exception) -> ClientConnectionFailed:
        """Return the error of a connection that failed, with the reason in a person's words."""
        place = self.socket_path or self.endpoint
        reason = redact.text(reasons.reason(error, self.socket_path, self.fingerprint))
        return ClientConnectionFailed(f"no LXD or Incus answered at {place}: {reason}", {place: reason})


def _is_torn(method: str, response: requests.Response) -> bool:
    """Return whether the connection ended within the head of this answer.

    http.client takes such an end for that of the head, and what then has no length for an empty body. Servers always
    send one of these headers: https://www.rfc-editor.org/rfc/rfc9112#section-6.3
    """
    headers = response.headers
    bounded = "Content-Length" in headers or "Transfer-Encoding" in headers or "close" in headers.get("Connection", "")
    return not bounded and method != "HEAD"


def _socket_path(endpoint: str) -> str | None:
    """Return the path if the endpoint is a unix socket's, else None."""
    for scheme in ("http+unix://", "unix://"):
        if endpoint.startswith(scheme):
            return unquote(endpoint.removeprefix(scheme))
    return None if "://" in endpoint or not endpoint else endpoint


def _shown(path: str, params: Mapping[str, Any] | None) -> str:
    """Return a request's path and query as the log may have them."""
    query = urlencode({key: value for key, value in (params or {}).items() if value is not None})
    return redact.text(f"{path}?{query}") if query else path


def fingerprint_of(path: str) -> str:
    """Return the SHA-256 fingerprint of the certificate in a PEM file. Raises ValueError where there is none."""
    with open(path, encoding="ascii", errors="replace") as file:
        text = file.read()
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()
    except ValueError:
        raise ValueError(f"{path} is no certificate in PEM form") from None


def _peer_fingerprint(connection: ssl.SSLSocket) -> str:
    certificate = connection.getpeercert(binary_form=True)
    return hashlib.sha256(certificate or b"").hexdigest()


def __getattr__(name: str) -> Any:
    if name == "Channel":  # loaded with the first websocket, or whoever names it
        from lxdnb.transport._channel import Channel

        return Channel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def refusal(status_code: int, message: str) -> requests.Response:
    """Return the answer of a server that refuses in another protocol than HTTP, as HTTP would have said it."""
    body = {"type": "error", "error": message, "error_code": status_code, "metadata": None}
    return _answer(status_code, json.dumps(body).encode())


def _refusal(error: websocket.WebSocketBadStatusException) -> requests.Response:
    body: bytes | str | None = error.resp_body
    return _answer(error.status_code, body.encode() if isinstance(body, str) else (body or b""))


def _answer(status_code: int, body: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code = status_code
    response._content = body
    return response
