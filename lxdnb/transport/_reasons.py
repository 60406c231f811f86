"""Why no server answered, in words that tell a person what to do. Pure but for a look at the socket's group."""

from __future__ import annotations

import errno
import os
import queue
import ssl
from collections.abc import Iterator
from http.client import IncompleteRead

import requests

NO_SUCH_SOCKET = "there is no such socket"


def mismatch(wanted: str, found: str) -> str:
    return f"its certificate has fingerprint {found}, not {wanted}: another server, or a new certificate"


def reason(error: BaseException, socket_path: str | None, fingerprint: str | None) -> str:
    """Say why no server answered, in words that tell what to do."""
    import websocket  # here, so that `import lxdnb` does not pay for it

    hung_up = (ConnectionResetError, BrokenPipeError, IncompleteRead, websocket.WebSocketConnectionClosedException)
    chain = list(_causes(error))
    text = " ".join(str(cause) for cause in chain)
    if any(isinstance(cause, requests.Timeout | TimeoutError | websocket.WebSocketTimeoutException) for cause in chain):
        return "no answer in time"
    if "Fingerprints did not match" in text and fingerprint:
        found = text.partition('got "')[2].partition('"')[0]
        return mismatch(fingerprint, found)
    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message}); give fingerprint=… or verify=FILE"
        if isinstance(cause, ssl.SSLError):
            return str(cause.args[-1])
        if isinstance(cause, FileNotFoundError):
            return NO_SUCH_SOCKET
        if isinstance(cause, ConnectionRefusedError):
            return "the daemon is not running" if socket_path else "nothing listens there"
        if isinstance(cause, PermissionError):
            return _permission(socket_path)
        if isinstance(cause, OSError) and cause.errno in (errno.ENOTSOCK, errno.EPROTOTYPE):
            return "that is not a socket"
        if isinstance(cause, hung_up) or str(cause) == "Response ended prematurely":  # urllib3's, between two chunks
            return "the server hung up"
    last = chain[-1]
    return str(last) or type(last).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything that stands behind it: causes, contexts, and errors given as arguments."""
    seen: set[int] = set()
    waiting: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
    waiting.put(error)
    while not waiting.empty():
        current = waiting.get()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        for cause in inner:
            if isinstance(cause, BaseException):
                waiting.put(cause)


def _permission(socket_path: str | None) -> str:
    group = "incus-admin" if "incus" in (socket_path or "") else "lxd"
    try:
        import grp  # not on Windows, where there are no such sockets either

        group = grp.getgrgid(os.stat(socket_path or "").st_gid).gr_name
    except (ImportError, KeyError, OSError):
        pass  # the directory is closed to us as well, so the usual group it is
    if group == "root":
        return "permission denied: it is root's alone; run as root"
    return f"permission denied: join the group {group} (sudo usermod -aG {group} $USER, then log in again)"
