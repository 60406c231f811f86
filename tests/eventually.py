"""What comes true by and by."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["eventually"]


def eventually(true: Callable[[], object], seconds: float = 30, *, otherwise: Callable[[], object] = str) -> None:
    """Wait until `true()` is; where it never is, what `otherwise()` returns says why."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, otherwise()
        time.sleep(0.01)
