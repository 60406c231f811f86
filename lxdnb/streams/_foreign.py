"""Websocket clients of a program's own, as pylxd hands them out: told where the events are, they open it themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lxdnb.streams._events import Events

__all__ = ["Message", "websocket_client"]

T = TypeVar("T")


class Message:
    """A text message as ws4py gives it to `received_message`: `data` is its bytes, `str(message)` the text."""

    is_text = True
    is_binary = False

    def __init__(self, text: str) -> None:
        self.data = text.encode()

    def __str__(self) -> str:
        return self.data.decode()

    def __len__(self) -> int:
        return len(self.data)


def websocket_client(made_by: Callable[..., T], url: str, ssl_options: Mapping[str, Any] | None, events: Events) -> T:
    """Return `made_by(url, ssl_options=…)`, its `resource` set to where the events are.

    Of `connect`, `run`, `close` and `received_message` it is given what it lacks, over a stream of ours: one that has
    `received_message` alone gets each event by that, and one that has nothing collects them in `messages`.
    """
    made: Any = made_by(url, ssl_options=None if ssl_options is None else dict(ssl_options))
    made.resource = events.resource

    def run() -> None:
        for event in events:
            made.received_message(Message(json.dumps(event)))

    def received_message(message: Message) -> None:
        events.messages.append(json.loads(message.data))

    if not hasattr(made, "received_message"):
        made.messages = events.messages
    given = {"connect": events.connect, "run": run, "close": events.close, "received_message": received_message}
    for name, method in given.items():
        if not hasattr(made, name):
            setattr(made, name, method)
    return made
