"""How sides are compared: they take turns, there and back again, and each one's seconds are kept.

A figure says something only beside another that was taken in the same minute on the same machine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

__all__ = ["Wrong", "rounds", "say", "seconds"]


class Wrong(Exception):
    """A side failed or gave another answer than the others."""


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def rounds(
    what: str, count: int, sides: Mapping[str, Callable[[], float]], warm: bool = False
) -> dict[str, list[float]]:
    """Let the sides take turns `count` times, and once before that does not count, unless they are `warm` already;
    return each one's seconds."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    if not sys.stderr.isatty():
        say(f"{what}, {count} rounds …")
    for number in range(1 if warm else 0, count + 1):
        if sys.stderr.isatty():
            say(f"{what}, round {number} of {count} …", end="\r" if number < count else "\n")
        # There and back, so that no side always runs in the wake of the same other.
        for name in sides if number % 2 else reversed(sides):
            spent = sides[name]()
            if number:
                taken[name].append(spent)
    return taken


def say(what: str, end: str = "\n") -> None:
    print(what, end=end, file=sys.stderr, flush=True)
