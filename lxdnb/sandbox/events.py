"""Events: what happens on the host, told to those who listen.

https://documentation.ubuntu.com/lxd/stable-5.0/events/
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lxdnb.sandbox.clock import timestamp

__all__ = ["TYPES", "Events", "Listener"]

TYPES = ("logging", "operation", "lifecycle")


@dataclass(frozen=True, eq=False)
class Listener:
    """Who wants which events, of one project or of all, and how they are handed over: as the text of a message."""

    types: frozenset[str]
    project: str | None
    hand_over: Callable[[str], None]


class Events:
    """All who listen."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hand events over from now on, until what is returned is called."""
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave

    def emit(self, kind: str, metadata: Any, project: str) -> None:
        """Tell of an event of a kind."""
        wanting = [
            each for each in self._listeners if kind in each.types and (each.project is None or each.project == project)
        ]
        if not wanting:
            return
        event = {"type": kind, "timestamp": timestamp(self._clock()), "metadata": metadata}
        text = json.dumps({**event, "location": "none", "project": project}, separators=(",", ":"))
        for listener in wanting:
            listener.hand_over(text)
