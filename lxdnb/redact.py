"""What nobody is to read in an error, a log or a pickle: passwords, tokens, and the secrets of streams and migrations.

Works on copies of what the server sent, or on answers that are kept for an error; whoever asked for a secret still
gets it from the answer itself. Pure, and knows no library.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["MARK", "answer", "record", "text"]

MARK = "…"  # stands where a secret stood

# A text under one of these names is a secret; the last three are those of a migration, in the record of its operation.
_TEXTS = frozenset({"password", "trust_token", "core.trust_password", "secret", "secret-key", "control", "fs", "criu"})
# What went wrong, in the server's words.
_ERRORS = frozenset({"err", "error"})
# Dicts of nothing but secrets: of a command's streams, and of a migration. They go whole.
_MAPS = frozenset({"fds", "secrets"})
_IN_URL = re.compile(r"(?<=[?&]secret=)[^&\s'\"]+")
# Of a program that failed servers tell the whole command, as of radosgw-admin, to which they give a bucket's keys.
_IN_COMMAND = re.compile(r"(--secret(?:-key)?[ =])\S+")


def text(said: str) -> str:
    """Return a text without the secrets in its URLs and commands.

    >>> text("/1.0/operations/1b3c/websocket?secret=5f1d&project=default")
    '/1.0/operations/1b3c/websocket?secret=…&project=default'
    """
    return _IN_COMMAND.sub(rf"\1{MARK}", _IN_URL.sub(MARK, said))


def record(value: Any) -> Any:
    """Return a copy of something that came as JSON, without its secrets.

    >>> record({"id": "1b3c", "metadata": {"fds": {"0": "5f1d"}, "secret": "9a2e", "interactive": False}})
    {'id': '1b3c', 'metadata': {'secret': '…', 'interactive': False}}
    """
    if isinstance(value, Mapping):
        kept = {key: inner for key, inner in value.items() if not (key in _MAPS and isinstance(inner, Mapping))}
        return {key: _field(key, inner) for key, inner in kept.items()}
    if isinstance(value, list):
        return [record(inner) for inner in value]
    return value


def answer(response: Any) -> Any:
    """Take the secrets out of a `requests.Response` that goes into an error, and return it.

    What was sent goes whole, since a body holds whatever a person gave; of the address and the answer's own JSON go
    the secrets alone.
    """
    request = getattr(response, "request", None)
    if request is not None:
        kept = response.request = copy.copy(request)
        kept.body = None
        kept.url = text(kept.url or "")
    if isinstance(getattr(response, "url", None), str):
        response.url = text(response.url)
    try:
        said: Any = response.json()
    except (AttributeError, ValueError, RuntimeError):  # no JSON, or a streamed body that is consumed already
        return response
    shown = record(said)
    if shown != said:
        response._content = json.dumps(shown).encode()
        response.encoding = "utf-8"
    return response


def _field(key: Any, value: Any) -> Any:
    if isinstance(value, str) and value and key in _TEXTS:
        return MARK
    return text(value) if isinstance(value, str) and key in _ERRORS else record(value)
