"""Metrics as frames and as the use of instances: what the server's own text says, and what its states say."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families

import lxdnb
from lxdnb import frames
from lxdnb.frames._metrics import uses
from tests.bridges import a_bridge
from tests.eventually import eventually

SCHEMA = {
    "project": "string",
    "name": "string",
    "type": "category",
    "metric": "string",
    "device": "string",
    "cpu": "string",
    "mode": "string",
    "value": "Float64",
    "unit": "string",
}
T = TypeVar("T")


def told(client: lxdnb.Client, **params: str) -> list[tuple[str, dict[str, str], float]]:
    """What the server tells of instances, as Prometheus' own library reads it."""
    text = client.api.metrics.get(is_api=False, params=params).text
    return [
        (sample.name, {key: value for key, value in sample.labels.items() if value}, float(sample.value))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "name" in sample.labels
    ]


def of_one_reading(reading: Callable[[], T], other: Callable[[], Any]) -> tuple[T, Any]:
    """What two looks gave between which the server did not measure anew, as it does after 8 seconds."""
    for _ in range(3):
        before, found, after = reading(), other(), reading()
        if sorted(map(str, before)) == sorted(map(str, after)):
            return before, found
    raise AssertionError("it measured anew each time")


@pytest.fixture
def inside(server, lab):
    """A client of it; one instance runs there, and another does not."""
    server.cli("launch", "busybox", "m-run", "--project", lab, "-c", "limits.memory=64MiB")
    server.cli("init", "busybox", "m-idle", "--project", lab)
    client = lxdnb.Client(str(server.socket), project=lab)
    yield client
    client.close()


def test_each_metric_is_a_row(server, lab, inside):
    said, frame = of_one_reading(lambda: told(inside), lambda: frames.metrics(inside, [*SCHEMA, "kind", "location"]))
    frame = frame[frame["name"].notna()]
    assert {metric.split("_")[0] for metric in frame["metric"]} == {server.flavour}
    labels = ["project", "name", "type", "device", "cpu", "mode"]
    rows = [
        (row["metric"], {key: row[key] for key in labels if not pd.isna(row[key])}, row["value"])
        for row in frame.to_dict("records")
    ]
    expected = [(name, {key: by[key] for key in labels if key in by}, value) for name, by, value in said]
    assert len(rows) > 20
    assert sorted(map(str, rows)) == sorted(map(str, expected))
    assert {*frame["name"], *frame["project"], *frame["location"]} == {"m-run", lab, "none"}
    first = frame.groupby("metric")[["unit", "kind"]].first().rename(lambda name: name.partition("_")[2])
    assert first["unit"][["cpu_seconds_total", "network_receive_bytes_total", "memory_RSS_bytes"]].tolist() == [
        "seconds",
        "bytes",
        "bytes",
    ]
    assert pd.isna(first["unit"]["procs_total"])
    assert (first["kind"]["cpu_seconds_total"], first["kind"]["procs_total"]) == ("counter", "gauge")


def test_the_schema_is_the_same_when_nothing_runs(inside):
    full, empty = frames.metrics(inside), frames.metrics(inside, where="name eq m-idle")
    assert {name: str(dtype) for name, dtype in full.dtypes.items()} == SCHEMA
    assert len(empty) == 0
    assert full.dtypes.equals(empty.dtypes)
    assert list(full["type"].cat.categories) == ["container", "virtual-machine"]


def test_which_project(client, server, lab, inside, asked):
    server.cli("launch", "busybox", "m-here")
    assert "m-run" not in set(frames.metrics(client)["name"].dropna())
    assert set(frames.metrics(inside)["name"].dropna()) == {"m-run"}
    for each in (client, inside):
        everything = frames.metrics(each, ["project", "name"], where="metric eq .*_procs_total", all_projects=True)
        assert (lab, "m-run") in set(everything.itertuples(index=False, name=None))
    assert asked == ["/1.0/metrics"] * 2
    with pytest.raises(lxdnb.NotFound, match="nobody"):
        frames.metrics(lxdnb.Client(str(server.socket), project="nobody"))


def test_what_a_server_measures_of_itself(inside, flavour):
    """Incus 6.0 does, but tells it only beside what it has measured before; LXD 5.0 does not."""
    first, again = frames.metrics(inside), frames.metrics(inside, [*SCHEMA, "kind", "labels"])
    assert first["name"].notna().all()
    own = again[again["name"].isna()].set_index("metric")
    if flavour == "lxd":
        assert len(own) == 0
        return
    assert {"incus_operations_total", "incus_uptime_seconds", "incus_warnings_total"} <= set(own.index)
    assert own[["project", "type", "device", "cpu", "mode"]].isna().all().all()
    assert set(own["labels"]) == {"{}"}
    assert own.loc["incus_uptime_seconds", "unit"] == "seconds"
    assert own.loc["incus_uptime_seconds", "value"] > 0


def test_the_requests_are_those_that_are_explained(inside, lab, asked, client):
    (told,) = frames.explain(inside, view="metrics").to_dict("records")
    assert told["request"] == f"GET /1.0/metrics?project={inside.project}"
    frames.metrics(client)
    assert asked == ["/1.0/metrics"]


def test_an_instances_use_is_that_of_its_state(server, lab, inside):
    bridge = a_bridge()
    server.cli("network", "create", bridge.name, *(f"{key}={value}" for key, value in bridge.config.items()))
    run = ("m-run", "--project", lab)
    server.cli("config", "device", "add", *run, "eth0", "nic", f"network={bridge.name}", "name=eth0")
    busy = "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; head -c 9000000 /dev/zero >/root/file"
    for command in (
        ["ip", "addr", "add", f"{bridge.at(9)}/24", "dev", "eth0"],
        ["ip", "link", "set", "eth0", "up"],
        ["ping", "-c", "1", bridge.at(1)],
        ["sh", "-c", busy],
    ):
        server.cli("exec", *run, "--", *command)

    def measured(use: dict[str, Any]) -> dict[str, float]:
        cards = {
            f"{card} {counter}": value
            for card, told in use["network"].items()
            for counter, value in told["counters"].items()
        }
        return {"memory": use["memory"]["usage"], "processes": use["processes"], **cards}

    def looks() -> tuple[dict[str, Any], dict[str, Any]]:
        return uses(inside, lab)[lab, "m-run"], server.query(f"/1.0/instances/m-run/state?project={lab}")

    def alike() -> bool:
        use, state = looks()
        seconds = [each["cpu"]["usage"] / 1e9 for each in (use, state)]
        # The kernel counts parts of a second by its ticks, on each core.
        same_time = seconds[0] == pytest.approx(seconds[1], rel=0.2, abs=0.05)
        return same_time and measured(use) == pytest.approx(measured(state), rel=0.01)

    # At the first look, or once it has measured anew: something may have come between.
    eventually(alike, 30, otherwise=lambda: str(looks()))
    assert measured(looks()[0])["memory"] > 1_000_000


def test_the_text_is_whole_or_an_error(client, monkeypatch):
    text = client.metrics_text()
    for cut in (len(text) // 2, len(text) - 3):

        def pieces(self, response, size, cut=cut):
            response.close()
            return iter([text[:cut].encode()])

        monkeypatch.setattr(lxdnb.api.APINode, "pieces", pieces)
        with pytest.raises(lxdnb.LXDAPIException, match="metrics"):
            frames.metrics(client)


def test_of_all_projects_none_is_told_twice(server, lab, inside):
    # The server measured another project within 8 seconds, and not this one.
    frames.metrics(inside)
    other = f"other-{uuid.uuid4().hex[:8]}"
    server.cli("project", "create", other, "-c", "features.profiles=false", "-c", "features.images=false")
    server.cli("launch", "busybox", "m-other", "--project", other)
    frame = frames.metrics(inside, ["name", "metric", "labels"], where=f"project eq {lab}", all_projects=True)
    assert set(frame["name"]) == {"m-run"}
    assert not frame.duplicated(["metric", "labels"]).any()


def test_the_use_of_all_projects_is_counted_once(server, lab, inside):
    other = f"other-{uuid.uuid4().hex[:8]}"
    server.cli("project", "create", other, "-c", "features.profiles=false", "-c", "features.images=false")
    server.cli("launch", "busybox", "m-other", "--project", other)
    alone = uses(inside, lab)[lab, "m-run"]
    all_of_them = uses(inside, None)
    assert (other, "m-other") in all_of_them
    assert all_of_them[lab, "m-run"]["memory"] == alone["memory"]
    assert all_of_them[lab, "m-run"]["cpu"] == alone["cpu"]
