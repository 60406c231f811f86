"""Answers of a server, changed on their way: what a server of another day, or a broken one, might say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lxdnb import Client

__all__ = ["change_answers"]


def change_answers(client: Client, monkeypatch: pytest.MonkeyPatch, change: Callable[[str, Any], Any]) -> None:
    """Have `change` see the path and the metadata of each answer to a client: what it returns comes instead."""
    request = client._transport.request

    def changed(method: str, path: str, **options: Any) -> Any:
        response = request(method, path, **options)
        body = json.loads(response.content)
        if "metadata" in body:
            body["metadata"] = change(path, body["metadata"])
        response._content = json.dumps(body).encode()
        return response

    monkeypatch.setattr(client._transport, "request", changed)
