"""TLS as real servers speak it: version 1.3, a client's certificate asked for, and taken whatever it is.

Whom to trust is for the host to say. Python's ssl breaks off a handshake with a certificate that it cannot verify, so
this is OpenSSL by way of pyOpenSSL, in the shape of a tornado stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

from lxdnb.sandbox.identity import Identity

__all__ = ["TlsStream", "context_of", "shake_hands"]

HANDSHAKE = 10.0  # seconds that one has
_RECORD = 2**14  # bytes
_LARGEST_WRITE = 2**20  # bytes: what OpenSSL is given at once


class TlsStream(IOStream):
    """A connection whose handshake is over. `certificate` is what was shown, as DER."""

    def __init__(self, connection: SSL.Connection, plain: socket.socket, certificate: bytes | None) -> None:
        self._tls = connection
        self.certificate = certificate
        self.address = self.door = ""
        """Where it comes from, and by which door."""
        super().__init__(plain)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        # Record by record: OpenSSL gives no more than one at once, and pyOpenSSL makes room for all that is asked for.
        got = 0
        try:
            with memoryview(buf) as room:
                while got < len(room):
                    got += self._tls.recv_into(room[got:], min(_RECORD, len(room) - got))
        except (SSL.WantReadError, SSL.WantWriteError):
            return got or None
        except SSL.ZeroReturnError:
            return got
        except SSL.Error as error:
            if got:
                return got  # it is met again
            raise _reset(error) from error
        return got

    def write_to_fd(self, data: memoryview) -> int:
        sent = 0
        try:
            while sent < len(data):
                sent += self._tls.send(data[sent : sent + _LARGEST_WRITE])
        except (SSL.WantReadError, SSL.WantWriteError):
            return sent
        except SSL.Error as error:
            raise _reset(error) from error
        return sent

    def close_fd(self) -> None:
        with contextlib.suppress(SSL.Error):
            self._tls.shutdown()
        super().close_fd()


def _reset(error: SSL.Error) -> OSError:
    """Return what a connection that is broken off is to tornado."""
    return OSError(errno.ECONNRESET, f"TLS was broken off: {error}")


def context_of(identity: Identity) -> SSL.Context:
    """Return what connections to a server with this identity have in common."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    key = serialization.load_pem_private_key(identity.key.encode(), None)
    context.use_certificate(x509.load_pem_x509_certificate(identity.certificate.encode()))
    context.use_privatekey(key)  # pyright: ignore[reportArgumentType]  # it is an EC key
    context.set_verify(SSL.VERIFY_PEER, _take_any)
    # A session taken up again would come without the certificate.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    return context


def _take_any(*_: Any) -> bool:
    return True


async def shake_hands(context: SSL.Context, plain: socket.socket) -> TlsStream:
    """Return the stream of a connection that has come. Raises OSError, TimeoutError where it takes too long."""
    connection = SSL.Connection(context, plain)
    connection.set_accept_state()
    async with asyncio.timeout(HANDSHAKE):
        while True:
            try:
                connection.do_handshake()
                break
            except SSL.WantReadError:
                await _ready(plain, IOLoop.READ)
            except SSL.WantWriteError:
                await _ready(plain, IOLoop.WRITE)
            except SSL.Error as error:
                raise _reset(error) from error
    try:
        shown = connection.get_peer_certificate(as_cryptography=True)
    except ValueError as error:  # OpenSSL reads more than cryptography does
        raise OSError(errno.EPROTO, f"the client's certificate cannot be read: {error}") from error
    return TlsStream(connection, plain, shown and shown.public_bytes(serialization.Encoding.DER))


async def _ready(plain: socket.socket, event: int) -> None:
    loop, ready = IOLoop.current(), asyncio.Event()
    loop.add_handler(plain, lambda *_: ready.set(), event)
    try:
        await ready.wait()
    finally:
        loop.remove_handler(plain)
