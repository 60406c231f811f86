"""What became of each, where one call acts on many."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Outcome"]


class Outcome(NamedTuple):
    """What became of one of many: `name` is what it goes by, `error` None where it is done, else why it is not."""

    name: str
    error: Exception | None
