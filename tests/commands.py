"""What tests of commands share: a shell, and who runs here and there."""

from __future__ import annotations

import threading

import pytest

from lxdnb.models import Container
from lxdnb.streams import Exec
from tests.eventually import eventually

__all__ = ["SH", "late_at_last", "processes", "threads"]

SH = ["sh", "-c"]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lxdnb exec")]


def late_at_last(monkeypatch: pytest.MonkeyPatch, server) -> None:
    """Have the time of a command run out when it is in its last two words, as `sleep 60`, or has ended.

    A slow machine may not have come so far in that time.
    """
    join, waited = Exec.join, set[int]()

    def joined(running: Exec, timeout: float | None = None) -> bool:
        if timeout is not None and id(running) not in waited:
            waited.add(id(running))
            last = " ".join(" ".join(running.command).split()[-2:])

            def is_there() -> bool:
                told = server.output_of(running.instance, "--", "ps", "-o", "args")
                return last in map(str.strip, told.split("\n"))

            eventually(lambda: running.done or is_there(), 60)
        return join(running, timeout)

    monkeypatch.setattr(Exec, "join", joined)


def processes(server, container: Container) -> str:
    return server.output_of(container.name, "--", "ps", "-o", "args")
