"""Tokens, by which others come to be trusted: operations that last until somebody has come with their secret.

A token as people are given it is its operation's metadata, in JSON, in base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.refusals import Refused
from lxdnb.sandbox.server_settings import TOKEN_EXPIRY
from lxdnb.sandbox.spans import after

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["issued", "spend"]

_HOUR = 3600.0  # seconds


def issued(host: Host, asked: Mapping[str, Any]) -> Operation:
    """Begin an operation that is a token for what is asked for. Raises Refused."""
    if asked.get("certificate"):
        raise Refused(400, "Can't use certificate if token is requested")
    if asked.get("type") != "client":
        raise Refused(400, "Tokens can only be issued for client certificates")
    if not host.addresses:
        raise Refused(400, "Can't issue token when server isn't listening on network")

    def work(operation: Operation) -> Work:
        while True:
            yield _HOUR

    told: dict[str, Any] = {
        "name": asked.get("name", ""),
        "type": "client",
        "restricted": asked.get("restricted", False),
        "projects": asked.get("projects", []),
        "certificate": "",
    }
    told |= {"description": asked.get("description", ""), "trust_token": ""} if host.flavour.incus else {"password": ""}
    operation = host.operations.begin("", "Executing operation", {}, work, kind="token", may_cancel=True)
    ends = after(host.clock(), host.config.get(TOKEN_EXPIRY, ""))
    operation.progress(
        addresses=host.addresses,
        **({} if ends is None else {"expiresAt": timestamp(ends)}),
        fingerprint=host.identity.fingerprint,
        request={**told, "token": True},
        secret=host.new_secret(),
    )
    operation.expires = ends
    return operation


def _secret(token: str) -> str | None:
    """Return the secret that a token has; None for what is no token."""
    try:
        told: Any = json.loads(base64.b64decode(token, validate=True))
        whole = all(told[part] for part in ("addresses", "fingerprint", "secret"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return str(told["secret"]) if whole else None


def spend(host: Host, token: str) -> dict[str, Any] | None:
    """Return what a token lets ask for, which it does no more then; None for what is no token. Raises Refused."""
    secret = _secret(token)
    if secret is None:
        return None
    for operation in host.operations.all(None):
        told = operation.metadata or {}
        if operation.kind != "token" or operation.final or "request" not in told or told["secret"] != secret:
            continue
        host.operations.cancel(operation)
        if operation.expires is not None and operation.expires < host.clock():
            raise Refused(500, "Failed during search for certificate add token operation: Token has expired")
        return told["request"]
    raise Refused(403, "No matching certificate add operation found")
