"""Readings of instances' use, made into rows with rates; pure: the times are given with the readings.

A rate is of two readings that follow one another, and of nothing that may have begun anew between them: where an
instance was started again, or a counter fell, it is NA, and so it is after a gap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lxdnb.frames._columns import mapping

__all__ = ["Key", "Reading", "Row", "Use", "gap", "is_repeated", "next_tick", "rows", "use_in"]

KEPT = 8.0
"""Seconds for which servers tell what they measured again."""
_STEP = 1.0  # seconds by which two clocks may part between two readings: by more, one was set or the machine slept
_LARGEST = 2**63

Key = tuple[str, str]
"""The project and the name of an instance."""


class Use(NamedTuple):
    """What an instance had used when it was looked at; None for what was not told."""

    cpu: int | None = None
    """Nanoseconds."""
    memory: int | None = None
    processes: int | None = None
    cards: Mapping[str, tuple[int, int]] | None = None
    """The bytes received and sent by each interface but loopback."""
    life: int | None = None
    """Another after each start, where it is told."""


class Reading(NamedTuple):
    """What a server told at once."""

    at: float
    """When it was asked, in seconds since 1970."""
    asked: float
    """The same by a clock that nobody sets, and …"""
    answered: float
    """… when it had answered."""
    uses: Mapping[Key, Use]


class Row(NamedTuple):
    """What a reading says of an instance; rates are a second's."""

    key: Key
    cpu: float | None = None
    cpu_rate: float | None = None
    memory: int | None = None
    processes: int | None = None
    received: int | None = None
    received_rate: float | None = None
    sent: int | None = None
    sent_rate: float | None = None


def use_in(state: Any) -> Use:
    """Return what a state says of the use of an instance; what is none of the type that it should have is missing."""
    state = mapping(state)
    cards: dict[str, tuple[int, int]] | None = None
    if isinstance(state.get("network"), dict):
        cards = {}
        for name, card in state["network"].items():
            counters = mapping(mapping(card).get("counters"))
            received, sent = _count(counters.get("bytes_received")), _count(counters.get("bytes_sent"))
            if mapping(card).get("type") != "loopback" and received is not None and sent is not None:
                cards[name] = (received, sent)
    return Use(
        _count(mapping(state.get("cpu")).get("usage")),
        _count(mapping(state.get("memory")).get("usage")),
        _count(state.get("processes")),
        cards,
        _count(state.get("pid")),
    )


def is_repeated(before: Reading | None, now: Reading) -> bool:
    """Return whether a server that keeps what it measured may have told the same once more.

    What comes later than it is kept was measured anew, though nothing may have changed.
    """
    return before is not None and now.asked <= before.answered + KEPT and now.uses == before.uses


def rows(before: Reading | None, now: Reading) -> Iterator[Row]:
    """Yield what a reading says, with rates since the one before it; of what is there no more, a row without values."""
    seconds = 0.0
    if before is not None:
        seconds = now.asked - before.asked
        if abs((now.at - before.at) - seconds) > _STEP:
            seconds = 0.0
    for key, use in now.uses.items():
        first = before.uses.get(key) if before is not None and seconds > 0 else None
        received, sent = _total(use, 0), _total(use, 1)
        seen = (None if use.cpu is None else use.cpu / 1e9, use.memory, use.processes, received, sent)
        yield _row(key, seen, (None, None, None) if first is None else _rates(first, use, seconds))
    yield from gap(before, now.uses)


def gap(before: Reading | None, still: Mapping[Key, Use] | None = None) -> Iterator[Row]:
    """Yield a row without values for each instance of a reading that is not in the next: a line ends there."""
    for key in before.uses if before is not None else ():
        if still is None or key not in still:
            yield Row(key)


def next_tick(started: float, every: float, now: float) -> float:
    """Return when it is time again: the next of those that lie evenly from the start on, past ones left out.

    >>> next_tick(100.0, 10, now=100.2), next_tick(100.0, 10, now=131.5)
    (110.0, 140.0)
    """
    return started + every * (math.floor((now - started) / every) + 1)


def _row(key: Key, seen: tuple[Any, ...], rates: tuple[Any, ...]) -> Row:
    cpu, memory, processes, received, sent = seen
    return Row(key, cpu, rates[0], memory, processes, received, rates[1], sent, rates[2])


def _rates(first: Use, then: Use, seconds: float) -> tuple[float | None, float | None, float | None]:
    """Return the cores in use, and the bytes received and sent in a second."""
    if _is_another_life(first, then):
        return None, None, None
    cpu = None if first.cpu is None or then.cpu is None else (then.cpu - first.cpu) / 1e9 / seconds
    if first.cards is None or then.cards is None or first.cards.keys() != then.cards.keys() or _fell(first, then):
        return cpu, None, None  # of a card that came or went nobody knows since when
    received, sent = ((_total(then, way) or 0) - (_total(first, way) or 0) for way in (0, 1))
    return cpu, received / seconds, sent / seconds


def _is_another_life(first: Use, then: Use) -> bool:
    if first.cpu is not None and then.cpu is not None and then.cpu < first.cpu:
        return True
    if first.life is not None and then.life is not None:
        return first.life != then.life
    return _fell(first, then)


def _fell(first: Use, then: Use) -> bool:
    """Return whether a counter of an interface is less than it was."""
    cards = first.cards or {}
    return any(
        told < before
        for name, card in (then.cards or {}).items()
        if name in cards
        for told, before in zip(card, cards[name], strict=True)
    )


def _total(use: Use, way: int) -> int | None:
    return None if use.cards is None else sum(card[way] for card in use.cards.values())


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < _LARGEST else None
