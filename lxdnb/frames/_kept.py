"""Rows of many readings in little memory: as dense as numbers are, the oldest dropped for the newest.

They are made into records a few at a time, when a frame is built of them.
"""

from __future__ import annotations

import threading
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import overload

from lxdnb.frames._columns import Record
from lxdnb.frames._rates import Key, Row

__all__ = ["Batch", "Kept", "Records"]

_VALUES = {
    "cpu": "d",
    "cpu_rate": "d",
    "memory": "q",
    "processes": "q",
    "received": "q",
    "received_rate": "d",
    "sent": "q",
    "sent_rate": "d",
}
_NONE = -1
"""In the place of a value that is missing; no counter is less than 0."""


class Batch:
    """The rows of one reading, as dense as numbers are."""

    def __init__(self, server: str, at: float, several: Sequence[Row], names: dict[Key, Key]) -> None:
        self.server, self.at = server, at
        self.keys = [names.setdefault(row.key, row.key) for row in several]
        self.columns = [
            array(kind, [_NONE if value is None else value for value in values])
            for kind, values in zip(_VALUES.values(), list(zip(*several, strict=True))[1:], strict=True)
        ]

    def records(self, start: int, stop: int) -> Iterator[Record]:
        when = datetime.fromtimestamp(self.at, UTC).isoformat()
        for place in range(start, stop):
            project, name = self.keys[place]
            record: Record = {"server": self.server, "time": when, "project": project, "name": name}
            for field, column in zip(_VALUES, self.columns, strict=True):
                value = column[place]
                record[field] = None if value == _NONE else value
            yield record


class Records(Sequence[Record]):
    """Records of batches, made when they are looked at: all at once would be many times what is kept."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches
        self._count = sum(len(batch.keys) for batch in batches)
        self._batch, self._first = 0, 0

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> list[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | list[Record]:
        if isinstance(place, int):
            return self[place : place + 1][0]
        start, stop, _ = place.indices(self._count)
        found: list[Record] = []
        if start < self._first:
            self._batch = self._first = 0
        while start < stop:
            batch = self._batches[self._batch]
            end = self._first + len(batch.keys)
            if start < end:
                last = min(stop, end)
                found += batch.records(start - self._first, last - self._first)
                start = last
            if start >= end:
                self._batch, self._first = self._batch + 1, end
        return found


class Kept:
    """The readings of all servers: the last that fit."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.dropped = 0
        self._batches: deque[Batch] = deque()
        self._count = 0
        self._names: dict[Key, Key] = {}
        self._turn = threading.Lock()

    def put(self, server: str, at: float, several: Sequence[Row]) -> None:
        """Keep a reading, and drop the oldest ones for it."""
        if not several:
            return
        with self._turn:
            if len(self._names) > self.most:
                self._names = {}
            self._batches.append(Batch(server, at, several, self._names))
            self._count += len(several)
            while self._count > self.most and len(self._batches) > 1:
                gone = len(self._batches.popleft().keys)
                self._count -= gone
                self.dropped += gone

    def records(self) -> tuple[Records, int]:
        """Return what is kept, in order of time, and how many rows were dropped."""
        with self._turn:
            return Records(sorted(self._batches, key=lambda batch: batch.at)), self.dropped

    def __len__(self) -> int:
        return self._count
