"""Bounds for regular expressions of strangers: what an engine may take for one, in pieces and in time.

Python's engines write `{1000}` out a thousand times, and nested ones fill the memory of the machine.
"""

from __future__ import annotations

import re

__all__ = ["MOST", "SECONDS", "pieces"]

SECONDS = 0.1  # that one may take for a line
MOST = 1_000_000  # pieces


def pieces(pattern: str) -> int:
    """Return how many pieces a pattern may be written out to, at most."""
    total = len(pattern)
    for counts in re.findall(r"\{([0-9, ]*)\}", pattern):
        total *= max([1, *(int(count[:20]) for count in re.findall("[0-9]+", counts))])
    return total
