"""What a person gives to reach a server by, checked before anybody is asked."""

from __future__ import annotations

import threading
from typing import Any

from lxdnb import checks

__all__ = ["Timeout", "check_tls", "plain_fingerprint", "seconds"]

Timeout = float | tuple[float | None, float | None] | None
"""Seconds, for connecting and for reading; or a pair of them. None is the default of each."""


def seconds(timeout: Timeout, default: tuple[float, float]) -> tuple[float, float]:
    """Return the times for connecting and for reading."""
    if isinstance(timeout, tuple) and len(timeout) != 2:
        raise ValueError(f"a timeout is a number of seconds, or a pair of them, not {checks.shown(timeout)}")
    pair = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    for one in pair:
        if one is not None and not 0 < checks.seconds("timeout", one) <= threading.TIMEOUT_MAX:
            raise ValueError(f"timeout is more than 0 seconds, and None is the usual time, not {one}")
    connect, read = pair
    return (default[0] if connect is None else connect, default[1] if read is None else read)


def check_tls(cert: Any, verify: Any) -> None:
    """Refuse what is no certificate of a client, and no way to know the server's."""
    paths = cert if isinstance(cert, tuple) else (cert,)
    if cert is not None and (len(paths) > 2 or not all(isinstance(path, str) for path in paths)):
        raise TypeError(f"cert is a path, or a pair of paths (certificate, key), not {checks.shown(cert)}")
    if not isinstance(verify, bool):
        checks.text("verify, where it is not True or False,", verify)


def plain_fingerprint(fingerprint: str) -> str:
    """Return a fingerprint as 64 small hexadecimal digits."""
    plain = checks.text("fingerprint", fingerprint).replace(":", "").strip().lower()
    if len(plain) != 64 or set(plain) - set("0123456789abcdef"):
        raise ValueError(
            f"{checks.shown(fingerprint)} is no SHA-256 fingerprint (64 hexadecimal digits): "
            "`lxc info` and `incus info` show the server's as certificate_fingerprint"
        )
    return plain
