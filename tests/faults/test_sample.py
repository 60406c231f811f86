"""Use over time, while servers go and come back: a gap, a word, and readings again, without anybody's doing."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from lxdnb import frames
from tests.eventually import eventually
from tests.faults.background import SECONDS, begun
from tests.faults.conftest import BOX
from tests.faults.proxy import ANSWER

OFTEN = 0.1  # seconds


def said(s: frames.Sampling) -> dict[str, Any]:
    return json.loads(s.frame().attrs["lxdnb"])


def readings(s: frames.Sampling) -> int:
    return int(s.frame()["cpu"].count())


def more(s: frames.Sampling, count: int = 2) -> None:
    before = readings(s)
    eventually(lambda: readings(s) >= before + count, SECONDS, otherwise=lambda: f"{s.frame()} {said(s)}")


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_daemon_that_dies_and_comes_back(client, server, end: str):
    with frames.sample({"lab": client}, every=OFTEN, source="state", where=f"name eq {BOX}") as s:
        more(s)
        getattr(server, end)()
        eventually(lambda: "lab" in said(s)["failed"], SECONDS)
        before = readings(s)
        server.restart()
        eventually(lambda: said(s)["failed"] == {}, SECONDS, otherwise=lambda: str(said(s)))
        more(s)
    frame = s.frame()
    (gap,) = frame.index[frame["cpu"].isna()]  # one row, however long it was
    assert gap == before
    assert frame["cpu_rate"].isna().tolist() == [row in (0, gap, gap + 1) for row in range(len(frame))]
    assert (frame["cpu_rate"].dropna() >= 0).all()
    assert frame["cpu"].dropna().is_monotonic_increasing  # the container lived on
    (word,) = [word for word in said(s)["words"] if "told nothing" in word]
    assert word.startswith("lab: it told nothing from")


def test_metrics_of_a_daemon_that_dies_and_comes_back(client, server):
    with frames.sample(client, every=OFTEN) as s:
        eventually(lambda: readings(s) > 0, SECONDS)
        server.kill()
        eventually(lambda: "the server" in said(s)["failed"], SECONDS)
        assert pd.isna(s.frame()["cpu"].iloc[-1])
        server.restart()
        eventually(lambda: said(s)["failed"] == {}, SECONDS, otherwise=lambda: str(said(s)))
    assert any("told nothing from" in word for word in said(s)["words"])


def test_another_server_is_read_on_meanwhile(client, server, proxy):
    other = type(client)(str(server.socket))
    with frames.sample({"gone": client, "here": other}, every=OFTEN, source="state", where=f"name eq {BOX}") as s:
        more(s)
        proxy.refuse()
        proxy.sever("")
        eventually(lambda: "gone" in said(s)["failed"], SECONDS)
        more(s)
        assert said(s)["failed"].keys() == {"gone"}
        proxy.accept()
        eventually(lambda: said(s)["failed"] == {}, SECONDS)
    other.close()


def test_leaving_while_a_request_is_under_way(client, proxy):
    s = frames.sample(client, every=OFTEN)
    fault = proxy.stall("/metrics", ANSWER)
    s.start()
    fault.await_strike()
    begun(s.stop).result(SECONDS)
    assert len(s.frame()) == 0
    proxy.sever("/metrics")
