"""Use over time: counters that lie between what the server's own states say, rates that are their differences."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import Any

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from lxdnb.frames import _sample
from tests.answers import change_answers
from tests.eventually import eventually
from tests.interrupts import interrupted
from tests.on_sandbox import SANDBOXES

SCHEMA = {
    "time": "datetime64[ns, UTC]",
    "project": "string",
    "name": "string",
    "cpu": "Float64",
    "cpu_rate": "Float64",
    "memory": "Int64",
    "processes": "Int64",
    "received": "Int64",
    "received_rate": "Float64",
    "sent": "Int64",
    "sent_rate": "Float64",
}
OFTEN = 0.1  # seconds


@pytest.fixture
def work(server_kind) -> str:
    """What keeps a processor busy for some tenths of a second."""
    return f"i=0; while [ $i -lt {2_000 if server_kind in SANDBOXES else 300_000} ]; do i=$((i+1)); done"


@pytest.fixture
def inside(server, lab):
    """A client of it."""
    client = lxdnb.Client(str(server.socket), project=lab)
    yield client
    client.close()


def said(frame: pd.DataFrame) -> dict[str, Any]:
    return json.loads(frame.attrs["lxdnb"])


def sampling() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lxdnb sample")]


def of(s: frames.Sampling, name: str) -> pd.DataFrame:
    frame = s.frame()
    return frame[frame["name"] == name].reset_index(drop=True)


def has(s: frames.Sampling, name: str, count: int) -> None:
    """Wait until there are so many more readings of an instance than now, that have values."""
    before = int(of(s, name)["cpu"].count())
    eventually(lambda: of(s, name)["cpu"].count() >= before + count, 30, otherwise=lambda: str(s.frame()))


def differences_are_rates(frame: pd.DataFrame) -> None:
    """Each rate is what was counted since the row before, by the seconds between their times."""
    seconds = frame["time"].diff().dt.total_seconds()
    for counter in ("cpu", "received", "sent"):
        counted, by_rates = frame[counter].diff(), frame[f"{counter}_rate"] * seconds
        assert by_rates.iloc[1:].tolist() == pytest.approx(counted.iloc[1:].tolist(), rel=0.05, abs=1e-6)


def seconds_used(server, name: str) -> float:
    return server.query(f"/1.0/instances/{name}/state")["cpu"]["usage"] / 1e9


def test_what_is_read_is_what_states_say(client, server, work):
    server.cli("launch", "busybox", "s-busy")
    server.cli("launch", "busybox", "s-other")
    server.cli("init", "busybox", "s-idle")
    before = seconds_used(server, "s-busy")
    with frames.sample(client, every=OFTEN, source="state", where="name eq s-.*") as s:
        has(s, "s-busy", 2)
        server.cli("exec", "s-busy", "--", "sh", "-c", work)
        has(s, "s-busy", 2)
    after = seconds_used(server, "s-busy")
    frame = s.frame()
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == SCHEMA
    assert frame["time"].is_monotonic_increasing
    assert set(frame["name"]) == {"s-busy", "s-other"}
    assert said(frame)["failed"] == {}
    assert said(frame)["words"] == [] or "left out" in said(frame)["words"][0]
    busy = of(s, "s-busy")
    assert before <= busy["cpu"].min() < busy["cpu"].max() <= after
    assert pd.isna(busy["cpu_rate"][0])
    differences_are_rates(busy)
    assert busy["cpu_rate"].max() > 0
    state = server.query("/1.0/instances/s-other/state")
    assert of(s, "s-other")["processes"].iloc[-1] == state["processes"]
    assert of(s, "s-other")["memory"].iloc[-1] == pytest.approx(state["memory"]["usage"], rel=0.5)


def test_an_answer_that_is_repeated_is_no_reading(inside, server, lab, work):
    """Servers measure once in 8 seconds: what they tell meanwhile is no news."""
    server.cli("launch", "busybox", "s-run", "--project", lab)
    with frames.sample(inside, every=0.5) as s:
        has(s, "s-run", 1)
        server.cli("exec", "s-run", "--project", lab, "--", "sh", "-c", work)
        has(s, "s-run", 1)
    frame = of(s, "s-run")  # of two rows, or of more where the work took longer than a server keeps what it measured
    assert (frame["time"].diff().dropna().dt.total_seconds() >= 7.5).all()  # seconds of the server's, not of ours
    differences_are_rates(frame)
    assert frame["cpu"].iloc[-1] > frame["cpu"].iloc[0]
    assert any("measure once in 8 seconds" in word for word in said(s.frame())["words"])


def test_a_restart_has_no_rate(client, server, work):
    for name in ("s-again", "s-on"):
        server.cli("launch", "busybox", name)
    with frames.sample(client, every=OFTEN, source="state", where="name eq s-.*") as s:
        has(s, "s-again", 2)
        server.cli("exec", "s-again", "--", "sh", "-c", work)
        has(s, "s-again", 1)
        server.cli("restart", "-f", "s-again")
        has(s, "s-again", 2)
        server.cli("stop", "-f", "s-again")
        has(s, "s-on", 2)  # the second was asked for when it was stopped
        count = len(of(s, "s-again"))
        has(s, "s-on", 3)
        assert len(of(s, "s-again")) == count  # once, and not at each reading
        server.cli("start", "s-again")
        has(s, "s-again", 2)
    frame = of(s, "s-again")
    assert (frame["cpu_rate"].dropna() >= 0).all()
    lives = [0, *(frame.index[frame["cpu"].diff() < 0]), *(frame.index[frame["cpu"].isna()] + 1)]
    assert frame.loc[[row for row in lives if row in frame.index], "cpu_rate"].isna().all()
    ended = frame[frame["cpu"].isna()]
    assert ended[[name for name in SCHEMA if name not in ("time", "project", "name")]].isna().all().all()
    assert len(ended) in (1, 2)  # the restart may have been seen too
    assert (frame["cpu"].dropna() > 0).all()


def test_what_was_stopped_since_it_was_listed_has_ended(client, server, monkeypatch):
    """Lists have it as running for a moment more, and states tell 0 of whatever it used."""
    for name in ("s-late", "s-on"):
        server.cli("launch", "busybox", name)

    def still_runs(path: str, told: Any) -> Any:
        return [{**each, "status": "Running"} for each in told] if path.endswith("/instances") else told

    change_answers(client, monkeypatch, still_runs)
    with frames.sample(client, every=OFTEN, source="state", where="name eq s-.*") as s:
        has(s, "s-late", 1)
        server.cli("stop", "-f", "s-late")
        has(s, "s-on", 3)
    *lived, ended = of(s, "s-late")["cpu"]
    assert all(cpu > 0 for cpu in lived)
    assert pd.isna(ended)


def test_conditions_are_looked_at_each_time(client, server):
    for name in ("s-web", "s-db"):
        server.cli("launch", "busybox", name)
    with frames.sample(client, every=OFTEN, source="state", where="config.user.role eq web", columns=["name"]) as s:
        time.sleep(2 * OFTEN)
        assert len(s.frame()) == 0
        server.cli("config", "set", "s-web", "user.role=web")
        eventually(lambda: len(s.frame()) > 2, 30)
    assert list(s.frame().columns) == ["name"]
    assert set(s.frame()["name"]) == {"s-web"}
    for wrong, message in (
        ({"where": "nmae eq c1"}, "name"),
        ({"columns": ["cpu_rat"]}, "cpu_rate"),
        ({"every": 0}, "above 0"),
        ({"every": float("nan")}, "0 seconds or more"),
        ({"every": float("inf")}, "above 0"),
        ({"source": "metric"}, "metrics"),
        ({"keep": 0}, "1 or more"),
    ):
        with pytest.raises(ValueError, match=message):
            frames.sample(client, **wrong)


def test_metrics_with_conditions_and_projects(client, server, inside, lab):
    server.cli("launch", "busybox", "s-in", "--project", lab)
    server.cli("launch", "busybox", "s-not", "--project", lab)
    with frames.sample(inside, where="name ne s-not") as s:
        eventually(lambda: len(s.frame()) > 0, 30)
    assert s.frame()[["project", "name"]].values.tolist() == [[lab, "s-in"]]
    with frames.sample({"a": client, "b": inside}, source="state", all_projects=True, where=f"project eq {lab}") as s:
        eventually(lambda: len(s.frame()) == 4, 30)
    found = s.frame()
    assert list(found.columns) == ["server", *SCHEMA]
    assert sorted(map(tuple, found[["server", "name"]].values)) == [
        ("a", "s-in"),
        ("a", "s-not"),
        ("b", "s-in"),
        ("b", "s-not"),
    ]


def test_the_schema_is_the_same_when_nothing_runs(inside):
    with frames.sample(inside) as s:
        assert {name: str(dtype) for name, dtype in s.frame().dtypes.items()} == SCHEMA
        assert len(s.frame()) == 0
    assert said(s.frame())["view"] == "sample"


def test_the_first_rows_are_dropped(client, server):
    server.cli("launch", "busybox", "s-long")
    with frames.sample(client, every=OFTEN, source="state", where="name eq s-long", keep=3) as s:
        eventually(lambda: any("dropped" in word for word in said(s.frame())["words"]), 30)
        first = s.frame()
        eventually(lambda: s.frame()["time"].min() > first["time"].min(), 30)
    assert len(s.frame()) == len(first) == 3


def test_it_ends_at_once_however_the_block_is_left(client):
    s = frames.sample(client, every=3600)

    def wait_in_the_block() -> None:
        with s:
            assert len(sampling()) == 1
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGALRM)).start()  # see tests/interrupts.py
            threading.Event().wait()

    with interrupted(60), pytest.raises(KeyboardInterrupt):
        wait_in_the_block()
    assert sampling() == []
    s = frames.sample({"a": client, "b": client}, every=3600)

    def fail_in_the_block() -> None:
        with s:
            assert len(sampling()) == 2
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail_in_the_block()
    assert sampling() == []
    assert "stopped" in repr(s)
    with pytest.raises(RuntimeError, match="already"):
        s.start()
    dropped = frames.sample(client, every=3600).start()
    assert len(sampling()) == 1
    del dropped  # nobody has it any more
    eventually(lambda: sampling() == [])


def test_whatever_goes_wrong_is_told_and_the_next_reading_tried(inside, server, lab, monkeypatch, caplog):
    server.cli("launch", "busybox", "s-on", "--project", lab)
    works = _sample.uses

    def fails(*_):
        raise TypeError("a bug")

    monkeypatch.setattr(_sample, "uses", fails)
    with frames.sample(inside, every=OFTEN) as s:
        eventually(lambda: said(s.frame())["failed"] == {"the server": "TypeError: a bug"}, 30)
        monkeypatch.setattr(_sample, "uses", works)
        eventually(lambda: said(s.frame())["failed"] == {} and len(s.frame()) > 0, 30)
    assert any("told nothing from" in word and "a bug" in word for word in said(s.frame())["words"])
    assert [record.message for record in caplog.records if record.name == "lxdnb" and record.exc_info] == [
        "a reading failed"
    ]
