"""Many things at once: how many, in which order told, and what becomes of those that fail, hang or are interrupted."""

from __future__ import annotations

import threading

import pytest

from lxdnb.frames._together import together
from tests.eventually import eventually


class Job:
    def __init__(self, server: str = "", does=lambda: {"done": True}) -> None:
        self.server, self.does = server, does
        self.stopped = threading.Event()

    def work(self):
        return self.does()

    def stop(self) -> None:
        self.stopped.set()


class Hanging(Job):
    """One that ends when it is stopped, or never."""

    def __init__(self, server: str = "", ends: bool = True) -> None:
        super().__init__(server)
        self.runs, self.let = threading.Event(), threading.Event()
        self.ends = ends

    def work(self):
        self.runs.set()
        self.let.wait(60)
        return {"stopped": self.stopped.is_set()}

    def stop(self) -> None:
        super().stop()
        if self.ends:
            self.let.set()


def test_no_more_at_a_time_than_asked_for_on_each_server():
    turn, at_once, most = threading.Lock(), {"a": 0, "b": 0}, {"a": 0, "b": 0}
    full = threading.Barrier(5)  # two of one server and three of the other cannot all run: only two and two

    def work(server: str):
        with turn:
            at_once[server] += 1
            most[server] = max(most[server], at_once[server])
        try:
            full.wait(0.05)
        except threading.BrokenBarrierError:
            pass
        with turn:
            at_once[server] -= 1
        return {"server": server}

    jobs = [Job(server, lambda server=server: work(server)) for server in "ababbbaa"]
    told: list[tuple[int, int]] = []
    turns, interrupted = together(jobs, 2, told=lambda done, total: told.append((done, total)))
    assert [turn.record for turn in turns] == [{"server": server} for server in "ababbbaa"]
    assert most == {"a": 2, "b": 2}
    assert (told[0], told[-1], interrupted) == ((0, 8), (8, 8), False)
    assert told == sorted(told)


def test_none_at_all():
    told: list[tuple[int, int]] = []
    assert together([], 2, told=lambda *numbers: told.append(numbers)) == ([], False)
    assert told == [(0, 0)]


def test_a_server_that_hangs_holds_up_no_other():
    hanging = [Hanging("a", ends=False) for _ in range(3)]
    others = [Job("b") for _ in range(20)]
    turns, _ = together([*hanging, *others], 2, patience=0.05)
    assert [turn.record for turn in turns[3:]] == [{"done": True}] * 20
    assert [(turn.record, turn.given_up is None) for turn in turns[:3]] == [(None, False)] * 3
    assert all(job.stopped.wait(5) for job in hanging)
    for job in hanging:
        job.let.set()  # what comes of it now is nobody's any more
    eventually(lambda: not any(thread.name == "lxdnb frames" for thread in threading.enumerate()))
    assert turns[0].record is None


def test_a_fault_stops_all_and_is_raised():
    hanging = Hanging()

    def fails():
        hanging.runs.wait(5)
        raise LookupError("a fault")

    never = Job()
    with pytest.raises(LookupError, match="a fault"):
        together([hanging, Job(does=fails), never], 2)
    assert hanging.stopped.is_set()
    assert not never.stopped.is_set()


def test_an_interrupt_takes_what_comes_soon_and_waits_for_nothing_that_hangs():
    ends, never_ends, not_begun = Hanging(), Hanging(ends=False), Job()
    ended = Job(does=lambda: {"both run": ends.runs.wait(5) and never_ends.runs.wait(5)})

    def interrupts(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    turns, interrupted = together([ended, ends, never_ends, not_begun], 3, told=interrupts)
    never_ends.let.set()
    assert interrupted
    assert turns[0].record == {"both run": True}
    assert turns[1].record == {"stopped": True}
    assert (turns[2].record, turns[2].begun is None) == (None, False)
    assert (turns[3].record, turns[3].begun) == (None, None)
    assert not not_begun.stopped.is_set()
