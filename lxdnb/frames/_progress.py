"""How far many things have come, in one line that is written again and again: in a terminal and under a cell.

Where nobody looks, as in a file, nothing is written; nor for what is over in a moment.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TextIO

__all__ = ["Told", "teller"]

Told = Callable[[int, int], object]

SOON = 0.5  # seconds after which it is worth a line
OFTEN = 0.25  # seconds between two lines: a notebook drops messages that come too fast


def teller(progress: Any, what: str) -> AbstractContextManager[Told]:
    """Return a function to be told, in a `with` block, how many have ended, of how many: `progress` itself, a line, or
    one that does nothing.

    Raises TypeError for what is neither True, False nor a function.
    """
    if callable(progress):
        return nullcontext(progress)
    if not isinstance(progress, bool):
        raise TypeError(f"progress is True, False, or a function of two numbers, not {progress!r}")
    # In a notebook what stands in stderr has the colour of an error.
    to = sys.stdout if _is_a_kernels(sys.stdout) else sys.stderr
    if progress and _is_watched(to):
        return Line(to, what, time.monotonic)
    return nullcontext(lambda done, total: None)


class Line:
    """A line of progress, of the time that `clock` tells in seconds."""

    def __init__(self, to: TextIO, what: str, clock: Callable[[], float]) -> None:
        self._to, self._what, self._clock = to, what, clock
        self._begun = clock()
        self._next = self._begun + SOON
        self._open = False

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:  # what comes next has a line of its own
            self._to.write("\n")
            self._to.flush()

    def __call__(self, done: int, total: int) -> None:
        now = self._clock()
        over = done == total
        if not (self._open if over else now >= self._next):
            return
        self._next = now + OFTEN
        text = f"{self._what}: {done:,} of {total:,}" + (f", {now - self._begun:.1f} s" if over else "")
        self._open = not over
        self._to.write(f"\r{text}" + ("\n" if over else ""))  # never shorter than the one before
        self._to.flush()


def _is_watched(stream: Any) -> bool:
    """Return whether somebody sees what is written, and sees a line that is written again as one line."""
    if stream is None:
        return False
    # A kernel's streams say that they are no terminal; the page that shows them knows what \r means.
    return _is_a_kernels(stream) or bool(getattr(stream, "isatty", lambda: False)())


def _is_a_kernels(stream: Any) -> bool:
    return type(stream).__module__.startswith("ipykernel.")
