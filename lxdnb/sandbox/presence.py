"""When a sandbox is there: it goes as a real server does that is stopped or killed, and comes back.

What it has stays, and what runs runs on; but connections drop, and operations and whoever listened are forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from lxdnb.sandbox.doors import SocketDoors
from lxdnb.sandbox.lines import ServerLines
from lxdnb.sandbox.server import Driver

__all__ = ["Presence"]


class Presence:
    """That of one host, by all its doors, in the event loop that runs."""

    def __init__(self, driver: Driver, doors: Sequence[SocketDoors], lines: ServerLines) -> None:
        self._host, self._doors, self._lines = driver.host, doors, lines
        self._return: asyncio.TimerHandle | None = None
        driver.restart = self.restart

    def leave(self, *, kill: bool = False) -> None:
        """Answer nobody any more; sockets stay behind where it was killed."""
        self.stay()
        self._host.forget()
        for each in self._doors:
            each.leave(kill=kill)
        self._lines.cut()

    def come_back(self) -> None:
        """Answer again. Raises OSError where it cannot listen."""
        self.stay()
        for each in self._doors:
            each.reopen()

    def restart(self, seconds: float) -> None:
        """Leave, and come back in so many seconds."""
        self.leave()
        self._return = asyncio.get_running_loop().call_later(seconds, self.come_back)

    def stay(self) -> None:
        """Be as it is, and not come back by itself."""
        if self._return is not None:
            self._return.cancel()
            self._return = None
