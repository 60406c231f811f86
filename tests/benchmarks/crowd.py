"""Threads that share one client and all ask at once. The same for both sides: imports the standard library alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

THREADS = 20


def crowd(ask: Callable[[str], object], names: Sequence[str]) -> None:
    """Ask for each name, in 20 threads that begin together."""
    together = threading.Barrier(THREADS)

    def some(number: int) -> None:
        together.wait(60)
        for name in names[number::THREADS]:
            ask(name)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(some, range(THREADS)))
