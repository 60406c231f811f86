"""Many things done at once, of which none that fails stops another; an interrupt begins no more and stops the rest.

Each is done in a thread of its own, some at a time on each server, so that one server that hangs holds up no other. The
calling thread only waits: it is the one that Ctrl-C and a notebook's Stop reach.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Protocol

from lxdnb.frames._columns import Record

__all__ = ["Task", "Turn", "together"]

TICK = 0.2  # seconds between two looks at what takes too long, and at most between two words on progress
SETTLE = 0.5  # seconds that what was stopped has for saying what came of it


class Task(Protocol):
    """One thing to do."""

    server: str

    def work(self) -> Record:
        """Do it, and return what came of it; what fails in it is part of that."""
        ...

    def stop(self) -> None:
        """Have `work` end soon, from another thread; this may wait."""
        ...


class Turn:
    """What became of a task: its `record`, or None where it did not end.

    `begun` is when, as of time.monotonic(), None for never; `given_up` when it was not waited for any more.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.begun: float | None = None
        self.given_up: float | None = None
        self.record: Record | None = None


def together(
    tasks: Sequence[Task],
    parallel: int,
    *,
    patience: float | None = None,
    told: Callable[[int, int], object] = lambda done, total: None,
) -> tuple[list[Turn], bool]:
    """Do all of them, at most `parallel` at a time on each server; return what became of each, in order, and whether
    it was interrupted.

    One that takes longer than `patience` is not waited for any more. `told` is called by this thread, with how many
    have ended and how many there are, at the beginning, at the end, and now and then; what it raises stops all of them
    and is raised, and so is what a task raises.
    """
    crowd = _Crowd(tasks, parallel)
    try:
        crowd.run(patience, told)
    except KeyboardInterrupt:
        crowd.stop()
        return crowd.turns, True
    except BaseException:
        crowd.stop()
        raise
    return crowd.turns, False


class _Crowd:
    def __init__(self, tasks: Sequence[Task], parallel: int) -> None:
        self.turns = [Turn(task) for task in tasks]
        self._parallel = parallel
        self._waiting: dict[str, deque[Turn]] = {}
        for turn in self.turns:
            self._waiting.setdefault(turn.task.server, deque()).append(turn)
        self._under_way: dict[str, set[Turn]] = {server: set() for server in self._waiting}
        self._ended: SimpleQueue[tuple[Turn, Record | BaseException]] = SimpleQueue()

    def run(self, patience: float | None, told: Callable[[int, int], object]) -> None:
        left = total = len(self.turns)
        told(0, total)
        while left:
            self._begin()
            left -= self._take(TICK)
            left -= self._give_up(patience)
            told(total - left, total)

    def stop(self) -> None:
        """Stop what is under way, all of it at once, and take what comes of it, if that is soon."""
        stopping = [_stopping(turn) for turn in self._all_under_way()]
        ends: float | None = None
        while self._all_under_way() and (ends is None or time.monotonic() < ends):
            if ends is None and not any(thread.is_alive() for thread in stopping):
                ends = time.monotonic() + SETTLE  # what does not even answer is not waited for
            try:
                self._take(SETTLE / 10)
            except Exception:
                pass  # the first one counts

    def _begin(self) -> None:
        for server, waiting in self._waiting.items():
            under_way = self._under_way[server]
            while waiting and len(under_way) < self._parallel:
                turn = waiting.popleft()
                under_way.add(turn)
                turn.begun = time.monotonic()
                threading.Thread(target=self._work, args=(turn,), name="lxdnb frames", daemon=True).start()

    def _work(self, turn: Turn) -> None:
        try:
            self._ended.put((turn, turn.task.work()))
        except BaseException as error:  # raised again in the calling thread
            self._ended.put((turn, error))

    def _take(self, seconds: float) -> int:
        """Wait for one to end and take all that have; return how many."""
        count = 0
        try:
            came = self._ended.get(timeout=seconds)
            while True:
                turn, result = came
                under_way = self._under_way[turn.task.server]
                if turn in under_way:  # and not given up before
                    under_way.remove(turn)
                    count += 1
                    if isinstance(result, BaseException):
                        raise result
                    turn.record = result
                came = self._ended.get_nowait()
        except Empty:
            return count

    def _give_up(self, patience: float | None) -> int:
        if patience is None:
            return 0
        now = time.monotonic()
        late = [turn for turn in self._all_under_way() if turn.begun is not None and now - turn.begun > patience]
        for turn in late:
            turn.given_up = now
            self._under_way[turn.task.server].remove(turn)
            _stopping(turn)
        return len(late)

    def _all_under_way(self) -> list[Turn]:
        return [turn for under_way in self._under_way.values() for turn in under_way]


def _stopping(turn: Turn) -> threading.Thread:
    thread = threading.Thread(target=turn.task.stop, name="lxdnb frames stop", daemon=True)
    thread.start()
    return thread
