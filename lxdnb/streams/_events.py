"""The server's events: one dict each, and an honest word about the time when nobody listened."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from lxdnb import api
from lxdnb.exceptions import LXDError
from lxdnb.transport import Channel

SILENCE = 35.0  # seconds: servers ping every 10, so that one from which nothing comes is lost


class EventType(Enum):
    """The kinds of events that a server sends."""

    All = "all"
    Operation = "operation"
    Logging = "logging"
    Lifecycle = "lifecycle"


class Events(Iterator[dict[str, Any]]):
    """The server's events, one dict each, for as long as it is open.

    An event is as the server sent it: `type`, `timestamp`, `metadata`, mostly `project` and `location`. When the
    server is lost the stream says so and subscribes again, in two events of its own: `{"type": "connection",
    "timestamp": …, "metadata": {"action": "lost"}}`, and `"action": "resumed"` with `seconds`, how long it was
    deaf. What happened meanwhile is not told again: list afresh what you keep.

    >>> with client.events(event_types=["lifecycle"]) as events:
    ...     client.instances.get("c2").start()
    ...     print(next(events)["metadata"]["action"])
    instance-started

    https://documentation.ubuntu.com/lxd/stable-5.0/events/
    """

    def __init__(self, root: api.APINode, event_types: Iterable[EventType | str] | str | None = None) -> None:
        if event_types is None:
            event_types = [EventType.All]
        elif isinstance(event_types, str):
            event_types = [event_types]
        names = {EventType(name).value for name in event_types}
        if not names:
            raise ValueError("no event types: leave event_types out for all of them")
        if "all" in names:
            names = {kind.value for kind in EventType} - {"all"}
        # Always named: a server in debug mode else logs whole answers into the stream.
        self._params = {"type": ",".join(sorted(names))}
        self._root = root
        self._channel: Channel | None = None
        self._lost_at: float | None = None
        self._closed = threading.Event()

    def connect(self) -> None:
        """Subscribe now, so that nothing from here on is missed; iterating does it at its start.

        Raises ClientConnectionFailed or LXDAPIException.
        """
        if self._channel is None:
            self._channel = self._root.events.open_websocket(self._params, SILENCE)
            if self._closed.is_set():  # meanwhile, by another thread
                self._channel.close()

    def close(self) -> None:
        """End the stream, from any thread: iteration stops."""
        self._closed.set()
        channel = self._channel  # once: the thread that iterates may set it to None
        if channel is not None:
            channel.close()

    def __enter__(self) -> Events:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> dict[str, Any]:
        if self._lost_at is not None:
            return self._resume()
        if not self._closed.is_set():
            self.connect()
        while not self._closed.is_set() and self._channel is not None:
            message = self._channel.receive()
            if message:
                return json.loads(message)
            if message is None and not self._closed.is_set():
                self._channel.close()
                self._channel, self._lost_at = None, time.monotonic()
                return _notice("lost")
        raise StopIteration

    def _resume(self) -> dict[str, Any]:
        pause = 0.1
        while not self._closed.is_set():
            try:
                self.connect()
            except LXDError:
                self._closed.wait(pause)
                pause = min(pause * 2, 5.0)
                continue
            seconds = time.monotonic() - (self._lost_at or 0)
            self._lost_at = None
            return _notice("resumed", seconds=round(seconds, 3))
        raise StopIteration


def _notice(action: str, **details: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"type": "connection", "timestamp": now, "metadata": {"action": action, **details}}
