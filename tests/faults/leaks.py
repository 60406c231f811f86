"""What a process holds: threads, file descriptors, and files in folders; and whether it holds more than before.

What ends by itself is given a moment to do so. Nothing is collected by force: a socket that only the garbage
collector would close is one that was left open.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Left", "none_left"]

GRACE = 5.0  # seconds for threads to see their end and for sockets to be closed by them


class Left(AssertionError):
    """More is held than before."""


@contextmanager
def none_left(folders: Iterable[Path] = ()) -> Iterator[None]:
    """Raise Left if after the block there are threads, descriptors, or files in `folders`, that were not before it."""
    folders = list(folders)
    before = _held(folders)
    yield
    ends = time.monotonic() + GRACE
    while more := _held(folders) - before:
        if time.monotonic() > ends:
            raise Left("left behind: " + ", ".join(f"{what} ({count})" for what, count in sorted(more.items())))
        time.sleep(0.01)


def _held(folders: Iterable[Path]) -> Counter[str]:
    held = Counter(f"thread {thread.name}" for thread in threading.enumerate())
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            held[f"descriptor of {os.readlink(f'/proc/self/fd/{descriptor}')}"] += 1
        except FileNotFoundError:
            pass  # the one that listed them
    for folder in folders:
        held.update(f"file {path}" for path in folder.rglob("*"))
    return held
