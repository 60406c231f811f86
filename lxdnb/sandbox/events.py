"""Events: what happens on the host, told to those who listen.

https://documentation.ubuntu.com/lxd/stable-5.0/events/
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lxdnb.sandbox.clock import timestamp

__all__ = ["TYPES", "Events", "Listener", "tells_requestor"]

TYPES = ("logging", "operation", "lifecycle")

_QUIET = frozenset(f"instance-{what}" for what in ("console-reset", "file-deleted", "file-pushed", "file-retrieved",
                                                   "updated"))  # fmt: skip
_QUIET_ON_LXD = frozenset(f"instance-{what}" for what in ("created", "deleted", "exec", "renamed", "restored",
                                                          "snapshot-created", "snapshot-deleted",
                                                          "snapshot-renamed"))  # fmt: skip


def tells_requestor(flavour: str, action: str) -> bool:
    """Return whether that server tells, with an action, who asked for it."""
    return action not in _QUIET and not (flavour == "lxd" and action in _QUIET_ON_LXD)


@dataclass(frozen=True, eq=False)
class Listener:
    """Who wants which events, of one project or of all, and how they are handed over: as the text of a message."""

    types: frozenset[str]
    project: str | None
    hand_over: Callable[[str], None]
    may_hear: Callable[[str], bool] = lambda _: True
    """Whether events of a project are for it."""

    def wants(self, kind: str, project: str) -> bool:
        return kind in self.types and (not project or (self.project in (None, project) and self.may_hear(project)))


class Events:
    """All who listen."""

    def __init__(self, clock: Callable[[], float], where: Callable[[], str] = lambda: "none") -> None:
        self._clock, self._where = clock, where
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hand events over from now on, until what is returned is called."""
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave

    def forget(self) -> None:
        """Know nobody who listens any more."""
        self._listeners.clear()

    def emit(self, kind: str, metadata: Any, project: str) -> None:
        """Tell of an event of a kind; `project` is empty where it is of none."""
        wanting = [each for each in self._listeners if each.wants(kind, project)]
        if not wanting:
            return
        event = {"type": kind, "timestamp": timestamp(self._clock()), "metadata": metadata}
        event |= {"location": self._where(), **({"project": project} if project else {})}
        text = json.dumps(event, separators=(",", ":"))
        for listener in wanting:
            listener.hand_over(text)
