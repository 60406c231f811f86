"""Answers written as JSON: at once, or a long list of records piece by piece, made as they are written.

So nobody waits behind a list of 100,000, and it is never in memory whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

__all__ = ["Records", "pieces", "written"]

T = TypeVar("T")
PIECE = 65_536  # bytes that a piece of a list has, at least
TOGETHER = 10  # records that are written by one call, which costs as much as half a record
_SURROGATE = re.compile("[\ud800-\udfff]")


class Records(Sequence[Any]):
    """Records of things, each made when it is asked for."""

    def __init__(self, things: Sequence[T], record: Callable[[T], Any]) -> None:
        self._things, self._record = things, record

    def __len__(self) -> int:
        return len(self._things)

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> list[Any]: ...
    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return [*map(self._record, self._things[at])]
        return self._record(self._things[at])

    def __eq__(self, other: object) -> bool:
        return [*self] == other


def _listed(records: Any) -> list[Any]:
    if isinstance(records, Records):
        return [*records]
    raise TypeError(f"{records!r} is nothing that JSON has")


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_listed).encode


def written(record: Any) -> bytes:
    """Write a record. Bytes that are no text, as in names of files, are told as Go tells them."""
    text = _encode(record)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text).encode()


def pieces(records: Records, before: bytes, after: bytes) -> Iterator[bytes]:
    """Write records as a list between two texts, piece by piece."""
    held = bytearray(before + b"[")
    for start in range(0, len(records), TOGETHER):
        if start:
            held += b","
        held += written(records[start : start + TOGETHER])[1:-1]
        if len(held) >= PIECE:
            yield bytes(held)
            held.clear()
    yield bytes(held + b"]" + after)
