"""Instances by what their server measured: the values of their states, by one request for all that run."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests.eventually import eventually
from tests.on_sandbox import SANDBOXES

USE = ["name", "memory", "processes", "cpu"]
METRICS = "/1.0/metrics"


@pytest.fixture
def client(server, lab):
    client = lxdnb.Client(str(server.socket), project=lab)
    yield client
    client.close()


@pytest.fixture
def three(server, lab):
    for name in ("u-one", "u-two"):
        server.cli("launch", "busybox", name, "-c", "limits.memory=256MiB", "--project", lab)
    server.cli("init", "busybox", "u-idle", "--project", lab)
    eventually(lambda: all(state["processes"] >= 2 for state in states(server, lab).values()))  # its init has begun


def states(server, lab) -> dict[str, dict]:
    told = json.loads(server.cli("list", "--format", "json", "--project", lab))
    return {record["name"]: record["state"] for record in told if record["status"] == "Running"}


def test_the_values_are_those_of_the_states(client, server, server_kind, lab, three, asked):
    frame = frames.instances(client, USE, source="metrics").set_index("name")
    assert asked == ["/1.0/instances", METRICS]
    assert set(frame.index) == {"u-one", "u-two", "u-idle"}
    for name, state in states(server, lab).items():
        assert 0 < frame.loc[name, "memory"] <= 2**28
        assert frame.loc[name, "processes"] >= 1
        assert 0 <= frame.loc[name, "cpu"] <= state["cpu"]["usage"] / 1e9 + 0.5
        if server_kind not in SANDBOXES:  # whose containers are never at rest
            assert frame.loc[name, "memory"] == pytest.approx(state["memory"]["usage"], rel=0.5)
            assert frame.loc[name, "processes"] == state["processes"]
    assert frame.loc["u-idle"].isna().all()


def test_the_counters_of_cards_and_shares_are_measured_too(client, server, lab, three, asked):
    path = "state.network.lo.counters.bytes_received"
    frame = frames.instances(client, ["name", "memory", "memory_share", path], source="metrics").set_index("name")
    assert asked == ["/1.0/instances", METRICS]
    assert frame.loc["u-one", "memory_share"] == frame.loc["u-one", "memory"] / 2**28  # of 256 MiB
    state = states(server, lab)["u-one"]
    assert frame.loc["u-one", path] == state["network"]["lo"]["counters"]["bytes_received"]


def test_by_default_there_is_nothing_that_takes_states(client, three, asked):
    frame = frames.instances(client, source="metrics")
    assert asked == ["/1.0/instances", METRICS]
    exact = frames.instances(client)
    assert set(exact.columns) - set(frame.columns) == {"ipv4", "ipv6"}
    assert dict(frame.dtypes) == {name: dtype for name, dtype in exact.dtypes.items() if name in frame.columns}


def test_who_wants_addresses_too_has_the_states_asked_and_no_metrics(client, three, asked):
    frames.instances(client, ["name", "ipv4", "memory"], source="metrics")
    assert METRICS not in asked
    assert "/1.0/instances/u-one/state" in asked


def test_explained(client):
    told = frames.explain(client, USE, source="metrics")
    assert list(told["request"]) == [
        f"GET /1.0/instances?project={client.project}",
        f"GET /1.0/metrics?project={client.project}",
    ]
    assert "8 seconds" in told["why"][1]
    with pytest.raises(ValueError, match="'state' or 'metrics', not 'guess'"):
        frames.instances(client, source="guess")


def test_conditions_on_what_is_measured(client, three):
    busy = frames.instances(client, ["name"], where="processes ge 1", source="metrics")
    assert sorted(busy["name"]) == ["u-one", "u-two"]
    assert isinstance(busy, pd.DataFrame)
