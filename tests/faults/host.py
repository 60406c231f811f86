"""Processes as the host sees them: what runs in a container runs there too, whatever became of the daemon."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["await_none", "await_some", "await_that", "chatter", "end", "running"]

SECONDS = 15.0


def chatter(mark: str, fd: str = "1") -> list[str]:
    """A command that goes on talking, whoever listens no more."""
    return ["sh", "-c", f"trap '' PIPE; while :; do echo word >&{fd}; sleep 0.02; done", mark]


def running(mark: str) -> list[int]:
    """Return the processes with the mark among the words of their command."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended meanwhile
        # What runs in a container, and not the daemon's own helper that started it there.
        if mark.encode() in words and b"forkexec" not in words:
            found.append(int(folder.name))
    return found


def await_some(mark: str) -> None:
    """Wait until there is such a process."""
    await_that(lambda: bool(running(mark)), f"{mark} never ran")


def await_none(mark: str) -> None:
    """Wait until there is no such process."""
    await_that(lambda: not running(mark), f"{mark} still runs")


def end(mark: str) -> None:
    """Kill what a test has left behind on purpose."""
    for process in running(mark):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    await_none(mark)


def await_that(condition: Callable[[], bool], otherwise: str = "it never came to that") -> None:
    """Wait until something is so."""
    ends = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < ends, otherwise
        time.sleep(0.02)
