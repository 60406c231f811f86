"""A relay: the websockets of two servers, connected here, and what comes from each carried to the other, in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxdnb.transport import Channel

__all__ = ["Relay"]

LINGER = 10.0  # seconds that a server has to end a websocket of which the other end is gone


class Relay:
    """Pairs of channels, which are carried from `start` on until either side ends them, or `close` does."""

    def __init__(self) -> None:
        self._pairs: list[tuple[Channel, Channel]] = []
        self._channels: list[Channel] = []

    def pair(self, one: Callable[[], Channel], other: Callable[[], Channel]) -> None:
        """Open two channels that belong together."""
        ends: list[Channel] = []
        for opened in (one, other):
            ends.append(opened())
            self._channels.append(ends[-1])
        self._pairs.append((ends[0], ends[1]))

    def start(self) -> None:
        """Carry on from now on."""
        for one, other in self._pairs:
            ended = (threading.Event(), threading.Event())
            for source, sink, mine, theirs in ((one, other, *ended), (other, one, *reversed(ended))):
                threading.Thread(
                    target=_pump, args=(source, sink, mine, theirs), name="lxdnb relay", daemon=True
                ).start()

    def close(self) -> None:
        """End all of it, from any thread; what has ended by itself is fine."""
        for channel in self._channels:
            channel.close()


def _pump(source: Channel, sink: Channel, mine: threading.Event, theirs: threading.Event) -> None:
    try:
        while (message := source.receive()) is not None:
            if isinstance(message, bytes):
                sink.send(message)
            else:
                sink.send_text(message)
    except ConnectionError:
        pass  # the other side is gone: its operation says why
    finally:
        mine.set()
        # What the sink has been sent it still has to read, and to close a connection with something unread in it
        # would take that from it: the end is passed on as a message, and the sink closes. Or does not, if it is dead.
        sink.say_goodbye()
        theirs.wait(LINGER)
        sink.close()
        source.close()
