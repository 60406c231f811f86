"""Time in the sandbox: read from a clock that is passed in, and things to be done when it has come so far.

Pure: nothing here waits. Whoever owns the host calls `run` when `due` says so.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

__all__ = ["Agenda", "moment", "timestamp"]


def timestamp(seconds: float) -> str:
    """Write a time, in seconds since 1970, as servers do: with nanoseconds, in UTC."""
    whole = int(seconds // 1)
    nanoseconds = int((seconds - whole) * 1_000_000_000)
    written = datetime.fromtimestamp(whole, UTC).isoformat()[:19]  # strftime takes several times as long
    fraction = f".{nanoseconds:09}".rstrip("0").rstrip(".")
    return f"{written}{fraction}Z"


def moment(text: str) -> float | None:
    """Return the time that a text of RFC 3339 tells, in seconds since 1970; None for what is no such text."""
    if not _WRITTEN.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


_WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")


class Agenda:
    """What is to be done, when, and by whom: by the one whose `turn` it was when it was planned."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.turn: Any = None
        self._entries: list[tuple[float, int, Callable[[], None], Any]] = []
        self._numbers = count()

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Have something done in so many seconds; what is due at once is done in the order in which it came."""
        heapq.heappush(self._entries, (self._clock() + seconds, next(self._numbers), do, self.turn))

    @property
    def due(self) -> float | None:
        """In how many seconds there is something to be done: 0 for now, None for nothing at all."""
        return max(0.0, self._entries[0][0] - self._clock()) if self._entries else None

    def run(self, patience: float = math.inf) -> None:
        """Do what is due by now, for so many seconds at most; the rest is still due.

        What that brings about has its turn at the next call, so that each has an end.
        """
        begun = self._clock()
        until = (begun, next(self._numbers))
        while self._entries and self._entries[0][:2] < until:
            _, _, do, self.turn = heapq.heappop(self._entries)
            do()
            if self._clock() > begun + patience:
                return
