"""Several requests under way together, whose answers come in order; what waits for them can be interrupted.

Not a ThreadPoolExecutor: Python waits for its threads at the end of a program, and so, after Ctrl-C, for a server that
does not answer.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import TypeVar

__all__ = ["at_once"]

T = TypeVar("T")
R = TypeVar("R")


def at_once(call: Callable[[T], R], things: Iterable[T], count: int) -> list[R]:
    """Return what `call` gives for each, at most `count` at a time, in order.

    What one raises is raised at once. After that, as after an interrupt, no more are begun, and nobody waits for those
    under way.
    """
    several = list(things)
    if len(several) < 2:
        return [call(each) for each in several]
    waiting = deque(enumerate(several))
    ended: SimpleQueue[tuple[int, R] | BaseException] = SimpleQueue()

    def work() -> None:
        try:
            while True:
                try:
                    place, each = waiting.popleft()
                except IndexError:
                    return
                ended.put((place, call(each)))
        except BaseException as error:  # raised again in the calling thread
            ended.put(error)

    try:
        for _ in range(min(count, len(several))):
            threading.Thread(target=work, name="lxdnb at once", daemon=True).start()
        found: dict[int, R] = {}
        while len(found) < len(several):
            came = ended.get()
            if isinstance(came, BaseException):
                raise came
            found[came[0]] = came[1]
    finally:
        waiting.clear()
    return [found[place] for place in range(len(several))]
