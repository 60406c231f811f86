"""What is known by a fingerprint. A text that is none names nothing, and is not sent: servers take it as a pattern."""

from __future__ import annotations

from typing import Any

from lxdnb import checks
from lxdnb.exceptions import NotFound
from lxdnb.transport import refusal

__all__ = ["known_by"]


class _NoFingerprint(NotFound, ValueError):
    """Both, since programs written for pylxd catch NotFound for any text."""


def known_by(fingerprint: Any) -> str:
    """Return a fingerprint, or the beginning of one. Raises NotFound, also a ValueError, for a text that is none."""
    try:
        return checks.fingerprint(fingerprint)
    except ValueError as error:
        raise _NoFingerprint(refusal(404, f"not found: {error}")) from None
