"""Rates by arithmetic: resets, restarts, repeats, gaps, clocks that are set; and rows kept in bounded memory."""

from __future__ import annotations

import gc
import itertools
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxdnb.frames._kept import Kept
from lxdnb.frames._rates import Reading, Row, Use, gap, is_repeated, next_tick, rows, use_in

C1, C2 = ("default", "c1"), ("lab", "c1")
NOON = 1_800_000_000.0
GIGA = 10**9


def reading(seconds: float, took: float = 0.0, wall: float | None = None, **uses: Use) -> Reading:
    """A reading so many seconds after noon, of instances c1 and c2."""
    keys = {"c1": C1, "c2": C2}
    at = NOON + (seconds if wall is None else wall)
    return Reading(at, seconds, seconds + took, {keys[name]: use for name, use in uses.items()})


def rates(before: Use, after: Use, seconds: float = 10) -> tuple:
    (row,) = rows(reading(0, c1=before), reading(seconds, c1=after))
    return row.cpu_rate, row.received_rate, row.sent_rate


def test_rates_are_what_was_added_in_a_second():
    first = Use(2 * GIGA, 100, 3, {"eth0": (1000, 50), "eth1": (5, 7)})
    then = Use(17 * GIGA, 90, 4, {"eth0": (3000, 60), "eth1": (25, 8)})
    (alone,) = rows(None, reading(0, c1=first))
    assert alone == Row(C1, 2.0, None, 100, 3, 1005, None, 57, None)
    (row,) = rows(reading(0, c1=first), reading(10, c1=then))
    assert row == Row(C1, 17.0, 1.5, 90, 4, 3025, 202.0, 68, 1.1)


def test_the_time_between_is_that_of_the_requests():
    assert rates(Use(0), Use(6 * GIGA), 12.5)[0] == pytest.approx(0.48)
    slow = reading(0, took=9, c1=Use(0))
    assert next(rows(slow, reading(10, took=3, c1=Use(5 * GIGA)))).cpu_rate == 0.5


def test_an_idle_one_has_rates_of_zero():
    use = Use(7, 1, 1, {"eth0": (5, 5)})
    assert rates(use, use) == (0, 0, 0)


def test_a_restart_has_no_rates():
    """It is known by its init, or by a counter that fell; a counter that did not fall says nothing then either."""
    none = (None, None, None)
    assert rates(Use(5, cards={"eth0": (9, 9)}, life=100), Use(8, cards={"eth0": (9, 9)}, life=101)) == none
    assert rates(Use(5, cards={"eth0": (9, 9)}), Use(4, cards={"eth0": (19, 9)})) == none
    assert rates(Use(5, cards={"eth0": (9, 9)}), Use(50, cards={"eth0": (8, 10)})) == none
    assert rates(Use(5, cards={"eth0": (9, 9)}), Use(50, cards={"eth0": (10, 8)})) == none
    after = [reading(10, c1=Use(4 * GIGA)), reading(20, c1=Use(9 * GIGA))]
    assert next(rows(*after)).cpu_rate == 0.5


def test_a_card_that_comes_or_goes_has_no_rates():
    before, after = Use(0, cards={"eth0": (9, 9)}), Use(GIGA, cards={"eth0": (19, 19), "eth1": (3, 3)})
    assert rates(before, after) == rates(Use(0, cards={"a": (0, 0)}), Use(GIGA, cards={"b": (0, 0)}))
    assert rates(before, after) == (0.1, None, None)
    assert rates(Use(0, cards=after.cards), Use(GIGA, cards={"eth0": (19, 20)})) == (0.1, None, None)
    # One that was taken away and put in again has begun anew, though the instance has not.
    assert rates(Use(0, cards={"eth0": (9, 9)}, life=7), Use(GIGA, cards={"eth0": (8, 9)}, life=7)) == (0.1, None, None)


def test_what_was_not_told_has_no_rate():
    assert rates(Use(), Use(GIGA, cards={"eth0": (1, 1)})) == (None, None, None)
    assert rates(Use(GIGA, cards={"eth0": (1, 1)}), Use()) == (None, None, None)
    (row,) = rows(None, reading(0, c1=Use()))
    assert row == Row(C1)


def test_an_instance_that_stopped_has_one_row_without_values():
    both = reading(0, c1=Use(1), c2=Use(1))
    left = reading(10, c2=Use(2))
    assert [row.key for row in rows(both, left)] == [C2, C1]
    assert list(rows(both, left))[1] == Row(C1)
    assert [row.key for row in rows(left, reading(20, c2=Use(3)))] == [C2]
    started = list(rows(left, reading(20, c1=Use(9), c2=Use(3))))
    assert [row.cpu_rate for row in started if row.key == C1] == [None]


def test_a_server_that_is_lost_leaves_a_row_for_each():
    assert list(gap(reading(0, c1=Use(1), c2=Use(2)))) == [Row(C1), Row(C2)]
    assert list(gap(None)) == []


def test_the_same_answer_again_is_no_reading():
    first = reading(0, took=1, c1=Use(5))
    assert is_repeated(first, reading(2, c1=Use(5)))
    assert is_repeated(first, reading(8.9, c1=Use(5)))
    assert not is_repeated(first, reading(9.1, c1=Use(5)))  # it measured anew: it was idle
    assert not is_repeated(first, reading(2, c1=Use(6)))
    assert not is_repeated(first, reading(2, c1=Use(5), c2=Use(1)))
    assert not is_repeated(None, first)


def test_clocks_that_part_are_a_gap():
    """The machine slept, or its clock was set: how long it was nobody can say."""
    before = reading(0, c1=Use(0))
    for wall in (10.9, 9.1):
        assert next(rows(before, reading(10, wall=wall, c1=Use(GIGA)))).cpu_rate == 0.1
    for wall in (3600, -3600):
        assert next(rows(before, reading(10, wall=wall, c1=Use(GIGA)))).cpu_rate is None
    assert next(rows(before, reading(0, c1=Use(GIGA)))).cpu_rate is None


@given(st.lists(st.tuples(st.floats(0.1, 1000), st.integers(0, 10**15)), min_size=2, max_size=20))
def test_rates_add_up_to_the_counter(steps):
    """Over readings at any times, as many seconds at each rate are what was counted between the first and the last."""
    at = list(itertools.accumulate(step for step, _ in steps))
    counted = list(itertools.accumulate(count for _, count in steps))
    found = [
        (after.asked - before.asked, next(rows(before, after)))
        for before, after in itertools.pairwise(
            reading(seconds, c1=Use(count, cards={"eth0": (count, 0)}))
            for seconds, count in zip(at, counted, strict=True)
        )
    ]
    assert sum(seconds * row.received_rate for seconds, row in found) == pytest.approx(counted[-1] - counted[0])
    assert sum(seconds * row.cpu_rate for seconds, row in found) == pytest.approx((counted[-1] - counted[0]) / 1e9)
    assert all(row.cpu_rate >= 0 for _, row in found)


@given(st.floats(0.001, 1000), st.floats(0, 10**6), st.floats(0, 10**6))
def test_ticks_lie_evenly_from_the_start_on(every: float, started: float, later: float):
    now = started + later
    due = next_tick(started, every, now)
    assert now - 1e-6 <= due <= now + every * (1 + 1e-6)
    steps = (due - started) / every
    assert steps == pytest.approx(round(steps), abs=1e-3, rel=1e-9)


STATE = {
    "cpu": {"usage": 5},
    "memory": {"usage": 6},
    "processes": 7,
    "pid": 8,
    "network": {
        "lo": {"type": "loopback", "counters": {"bytes_received": 1, "bytes_sent": 1}},
        "eth0": {"type": "broadcast", "counters": {"bytes_received": 2, "bytes_sent": 3}},
    },
}


def test_the_use_that_a_state_tells():
    assert use_in(STATE) == Use(5, 6, 7, {"eth0": (2, 3)}, 8)
    assert use_in(STATE | {"network": None, "processes": -1, "cpu": {"usage": "5"}}) == Use(None, 6, None, None, 8)
    assert use_in(STATE | {"network": {"eth0": {"counters": {"bytes_sent": 2**63}}, "eth1": 7}}).cards == {}
    assert use_in(None) == use_in([]) == Use()


def test_what_is_kept_comes_back():
    kept = Kept(100)
    several = [Row(C1, 1.5, None, 0, None, 2**62, 0.0, 3, None), Row(C2)]
    kept.put("lab", NOON, several)
    kept.put("lab", NOON - 1, [Row(C1, 0.0)])
    records, dropped = kept.records()
    assert dropped == 0
    earlier, one, other = records[0:3]
    assert earlier["time"] == "2027-01-15T07:59:59+00:00"
    assert one == {"server": "lab", "time": "2027-01-15T08:00:00+00:00", "project": "default", "name": "c1"} | {
        "cpu": 1.5,
        "cpu_rate": None,
        "memory": 0,
        "processes": None,
        "received": 2**62,
        "received_rate": 0.0,
        "sent": 3,
        "sent_rate": None,
    }
    assert {key: value for key, value in other.items() if value is not None} == {
        "server": "lab",
        "time": "2027-01-15T08:00:00+00:00",
        "project": "lab",
        "name": "c1",
    }


@given(st.lists(st.integers(0, 7), max_size=30), st.integers(1, 20), st.integers(1, 9))
def test_the_last_rows_are_kept(sizes: list[int], most: int, step: int):
    """Whole readings; the last one though it alone is more."""
    kept = Kept(most)
    put = list[tuple[float, str]]()
    for number, size in enumerate(sizes):
        several = [Row(("default", f"c{place}"), float(number)) for place in range(size)]
        kept.put("", NOON + number, several)
        put += [(float(number), row.key[1]) for row in several]
    records, dropped = kept.records()
    found = [
        (row["cpu"], row["name"]) for start in range(0, len(records), step) for row in records[start : start + step]
    ]
    assert len(kept) == len(records) == len(found)
    assert found == put[dropped:]
    last = max([size for size in sizes if size][-1:], default=0)
    assert len(found) <= max(most, last)
    assert len(found) >= last
    assert dropped == 0 or len(put) > most
    assert [records[place]["name"] for place in range(len(records))] == [name for _, name in found]


@pytest.mark.parametrize("wall", [7.5, 12.5, 10 + 3600, 10 - 3600])
def test_no_rate_where_a_clock_was_set_between(wall):
    first, then = reading(0, c1=Use(0)), reading(10, wall=wall, c1=Use(5 * GIGA))
    assert next(rows(first, then)).cpu_rate is None
    assert next(rows(first, reading(10, wall=10.5, c1=Use(5 * GIGA)))).cpu_rate == 0.5


def test_names_that_come_and_go_do_not_fill_the_memory():
    kept = Kept(20)
    kept_names: list[weakref.ref[Name]] = []
    for number in range(200):
        name = Name(f"job-{number}")
        kept_names.append(weakref.ref(name))
        kept.put("", NOON + number, [Row(("default", name))])
        del name
    gc.collect()
    assert len(kept) == 20
    assert sum(name() is not None for name in kept_names) <= 60


class Name(str):
    """A text that tells whether anybody still has it."""

    __slots__ = ("__weakref__",)
