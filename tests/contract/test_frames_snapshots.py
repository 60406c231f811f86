"""Snapshots of instances as frames, and how many each instance has: what the command line and its queries say."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests.leaves import differing, leaves

SCHEMA = {
    "instance": "string",
    "name": "string",
    "created_at": "datetime64[ns, UTC]",
    "expires_at": "datetime64[ns, UTC]",
    "stateful": "boolean",
    "size": "Int64",
    "pool": "string",
}
EXPIRY = "2040-05-06T07:08:09Z"


@pytest.fixture
def taken(client, server):
    """An instance with two snapshots, one of which expires, one with a snapshot of the same name, and one without."""
    for name in ("s-two", "s-one", "s-none"):
        server.cli("init", "busybox", name, "-c", "user.who=<b>me</b>")
    two = client.instances.get("s-two")
    for name in ("first", "second"):
        two.snapshots.create(name, wait=True)
    client.instances.get("s-one").snapshots.create("first", wait=True)
    expiring = two.snapshots.get("second")
    expiring.expires_at = EXPIRY
    expiring.save(wait=True)


def told_by(server) -> dict[tuple[str, str], dict[str, object]]:
    return {
        (record["name"], snapshot["name"]): snapshot
        for record in json.loads(server.cli("list", "--format", "json"))
        for snapshot in record["snapshots"] or ()
    }


def test_values_are_those_of_the_command_line(client, server, taken):
    told = told_by(server)
    frame = frames.snapshots(client, list(frames.VIEWS["snapshots"].columns)).set_index(["instance", "name"])
    assert set(frame.index) == set(told) == {("s-two", "first"), ("s-two", "second"), ("s-one", "first")}
    assert len(frame) == 3
    for key, snapshot in told.items():
        row = frame.loc[key]
        for field in ("stateful", "ephemeral", "architecture"):
            assert row[field] == snapshot[field], field
        assert row["profiles"] == tuple(snapshot["profiles"])
        assert row["created_at"] == pd.Timestamp(snapshot["created_at"])
        assert pd.isna(row["last_used_at"])
        assert (row["type"], row["project"]) == ("container", "default")
        assert row["pool"] == snapshot["expanded_devices"]["root"]["pool"]
        assert pd.isna(row["size"]) if snapshot["size"] < 0 else row["size"] == snapshot["size"]
    assert frame.loc[("s-two", "second"), "expires_at"] == pd.Timestamp(EXPIRY)
    assert frame["expires_at"].notna().sum() == 1


def test_each_field_is_reached_by_its_path(client, server, taken):
    record = server.query("/1.0/instances/s-two/snapshots/second")
    told = leaves(record)
    assert {"config.user.who", "expanded_devices.root.pool", "stateful"} <= set(told)
    frame = frames.snapshots(client, list(told), where="name eq second")
    assert differing(frame, told, ["size"]) == {}


def test_how_many_are_told_by_the_command_line_too(client, server, taken):
    shown = dict(line.split(",") for line in server.cli("list", "--format", "csv", "-c", "nS").split())
    frame = frames.instances(client, ["name", "snapshots"])
    assert dict(zip(frame["name"], frame["snapshots"], strict=True)) == {"s-two": 2, "s-one": 1, "s-none": 0}
    assert {name: str(count) for name, count in zip(frame["name"], frame["snapshots"], strict=True)} == shown
    whole = frames.instances(client, ["name", "snapshots", "disk"])  # by one list with recursion=2
    assert list(whole["snapshots"]) == list(frame["snapshots"])


def test_the_schema_is_the_same_when_empty(client, taken):
    full, empty = frames.snapshots(client), frames.snapshots(client, where="name eq nothing")
    assert (len(full), len(empty)) == (3, 0)
    for frame in (full, empty):
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == SCHEMA


def test_no_instance_without_any_is_asked(client, taken, asked):
    volumes = ["/1.0/storage-pools", "/1.0/storage-pools/default/volumes"]
    frames.snapshots(client, ["instance", "name"])
    assert asked == volumes
    assert list(frames.explain(client, ["instance", "name"], view="snapshots")["request"]) == [
        "GET /1.0/storage-pools",
        "GET /1.0/storage-pools/{name}/volumes",
    ]
    del asked[:]
    frames.snapshots(client)
    assert sorted(asked[2:]) == ["/1.0/instances/s-one/snapshots", "/1.0/instances/s-two/snapshots"]
    last = frames.explain(client, view="snapshots").iloc[-1]
    assert last["request"] == "GET /1.0/instances/{instance}/snapshots?recursion=1"
    assert last["each"] == "instance that has some"
    del asked[:]
    found = frames.snapshots(client, where="instance eq s-one")
    assert asked == [*volumes, "/1.0/instances/s-one/snapshots"]
    assert list(found["name"]) == ["first"]
    del asked[:]
    frames.instances(client, ["name", "snapshots"])
    assert asked == ["/1.0/instances", *volumes]


def test_all_projects(client, server, taken):
    server.cli("project", "create", "s-else", "-c", "features.profiles=false", "-c", "features.images=false")
    inside = lxdnb.Client(str(server.socket), project="s-else")
    server.cli("init", "busybox", "s-two", "--project", "s-else")
    inside.instances.get("s-two").snapshots.create("theirs", wait=True)
    frame = frames.snapshots(client, all_projects=True)
    assert list(frame.columns) == ["project", *SCHEMA]
    assert sorted(zip(frame["project"], frame["instance"], frame["name"], strict=True)) == [
        ("default", "s-one", "first"),
        ("default", "s-two", "first"),
        ("default", "s-two", "second"),
        ("s-else", "s-two", "theirs"),
    ]
    assert frame["created_at"].notna().all()
    assert list(frames.snapshots(inside)["name"]) == ["theirs"]
    counts = frames.instances(client, ["project", "name", "snapshots"], all_projects=True)
    assert sorted(map(tuple, counts.values.tolist())) == [
        ("default", "s-none", 0),
        ("default", "s-one", 1),
        ("default", "s-two", 2),
        ("s-else", "s-two", 1),
    ]
    with pytest.raises(lxdnb.exceptions.NotFound):
        frames.snapshots(lxdnb.Client(str(server.socket), project="nowhere"))


def changing(client, monkeypatch, change):
    """Have `change` called with the path and what each answer carries, which it returns anew."""
    request = client._transport.request

    def changed(method, path, **options):
        response = request(method, path, **options)
        body = json.loads(response.content)
        body["metadata"] = change(path, body["metadata"])
        response._content = json.dumps(body).encode()
        return response

    monkeypatch.setattr(client._transport, "request", changed)


def test_what_goes_meanwhile_costs_its_rows(client, server, taken, monkeypatch):
    def change(path, told):
        if path.endswith("/volumes"):
            server.cli("delete", "s-one")
            server.cli("query", "-X", "DELETE", "--wait", "/1.0/instances/s-two/snapshots/first")
        return told

    changing(client, monkeypatch, change)
    frame = frames.snapshots(client)
    assert list(zip(frame["instance"], frame["name"], strict=True)) == [("s-two", "second")]


def test_a_pool_that_does_not_tell_is_named(client, taken, monkeypatch):
    request = client._transport.request

    def failing(method, path, **options):
        if path.endswith("/volumes"):
            return request("POST", path, json={"name": ".", "type": "nonsense"})  # which is an error
        return request(method, path, **options)

    monkeypatch.setattr(client._transport, "request", failing)
    frame = frames.snapshots(client)
    assert len(frame) == 0
    assert list(json.loads(frame.attrs["lxdnb"])["failed"]) == ["storage-pools/default/volumes"]
    counts = frames.instances(client, ["name", "snapshots"])
    assert counts["snapshots"].isna().all()


def test_a_wrong_type_costs_its_cell(client, taken, monkeypatch):
    def change(path, told):
        if path.endswith("s-two/snapshots"):
            return [{**each, "stateful": "no", "size": "big", "created_at": 5} for each in told]
        return [None] if path.endswith("s-one/snapshots") else told

    changing(client, monkeypatch, change)
    frame = frames.snapshots(client)
    assert list(frame["instance"]) == ["s-two", "s-two"]
    assert frame[["stateful", "size", "created_at"]].isna().all(axis=None)
    words = json.loads(frame.attrs["lxdnb"])["words"]
    assert [word.split(":")[0] for word in words] == ["created_at", "stateful", "size"]
    changing(client, monkeypatch, lambda path, told: 5 if path.endswith(("volumes", "snapshots")) else told)
    assert len(frames.snapshots(client)) == 0


def test_one_that_goes_when_no_column_of_times_ends(client, server):
    server.cli("init", "busybox", "c1")
    for name, time in (("soon", "2100-01-01T00:00:00Z"), ("late", "3026-01-01T00:00:00Z")):
        asked = json.dumps({"name": name, "expires_at": time})
        server.cli("query", "-X", "POST", "--wait", "-d", asked, "/1.0/instances/c1/snapshots")
    frame = frames.snapshots(client, ["name", "expires_at"]).set_index("name")
    assert frame["expires_at"]["soon"] == pd.Timestamp("2100-01-01", tz="UTC")
    assert frame["expires_at"].isna()["late"]
    assert "3026-01-01" in json.loads(frame.attrs["lxdnb"])["words"][0]
    assert frames.snapshots(client, ["name"], where="expires_at gt 2300-01-01")["name"].tolist() == ["late"]
