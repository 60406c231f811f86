"""How what the sandbox refuses is answered, whoever handles the request: with a status, and the servers' envelope."""

from __future__ import annotations

from typing import Any

from tornado import web

from lxdnb.sandbox.refusals import Refused
from lxdnb.sandbox.writing import written

__all__ = ["refusal", "refuse"]


def refusal(refused: Refused) -> dict[str, Any]:
    """Return the record that a refusal is answered with."""
    error = {"error_code": refused.code, "error": refused.words, "metadata": None}
    return {"type": "error", "status": "", "status_code": 0, "operation": "", **error}


def refuse(handler: web.RequestHandler, refused: Refused) -> None:
    """Answer a request for a connection that is not to be had, and be done with it."""
    handler.set_status(refused.code)
    handler.set_header("Content-Type", "application/json")
    handler.finish(written(refusal(refused)) + b"\n")
