"""Frames of a cluster of three: its members, and what each of them has of pools, volumes, networks and hardware."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests import clusters
from tests.leaves import differing, leaves

NAMES = list(clusters.NAMES)


@pytest.fixture
def first(cluster: clusters.Cluster) -> Iterator[lxdnb.Client]:
    """A client of the first member."""
    client = lxdnb.Client(str(cluster.first.socket))
    yield client
    client.close()


def test_members_are_those_of_the_command_line(cluster, first):
    told = {
        record["server_name"]: record for record in json.loads(cluster.first.cli("cluster", "list", "--format", "json"))
    }
    frame = frames.members(first, ["name", "url", "roles", "groups", "status", "message", "database", "architecture"])
    assert frame["name"].tolist() == list(told)
    assert sorted(told) == NAMES
    for row in frame.to_dict("records"):
        record = told[row["name"]]
        for field in ("url", "status", "database", "architecture"):
            assert row[field] == record[field], field
        assert (row["roles"], row["groups"]) == (tuple(record["roles"]), tuple(record["groups"]))
    (record,) = (
        each for each in cluster.first.query("/1.0/cluster/members?recursion=1") if each["server_name"] == "n2"
    )
    fields = leaves(record)
    assert differing(frames.members(first, list(fields), where="name eq n2"), fields, {"message"}) == {}


def test_the_requests_to_members_are_explained(first):
    members = "GET /1.0/cluster/members?recursion=1"
    for view, own in (("members", ()), ("resources", ("/1.0/resources",)), ("metrics", ("/1.0/metrics",))):
        told = frames.explain(first, view=view)["request"].tolist()
        assert told == [members, *(f"GET {path}" for path in own)], view
    one = first.use_target("n2")
    assert frames.explain(one, view="resources")["request"].tolist() == ["GET /1.0/resources?target=n2"]
    told = frames.explain(first, ["name", "memory"], source="metrics")["request"].tolist()
    assert told == ["GET /1.0/instances", members, "GET /1.0/metrics"]


def test_what_members_hosts_have_where_servers_tell(cluster, first):
    frame = frames.members(first, ["name", "memory", "processes"]).set_index("name")
    words = json.loads(frames.members(first, ["memory"]).attrs["lxdnb"])["words"]
    if cluster.flavour == "lxd":
        assert frame.isna().all(axis=None)
        assert len(words) == 1
        assert "no state of members" in words[0]
    else:
        for name in NAMES:
            told = cluster.first.query(f"/1.0/cluster/members/{name}/state")["sysinfo"]
            assert frame.loc[name, "memory"] == told["total_ram"]
            assert frame.loc[name, "processes"] > 0
        assert words == []


def test_a_pool_is_that_of_all_members_together(cluster, first):
    parts = [cluster.first.query(f"/1.0/storage-pools/default/resources?target={name}") for name in NAMES]
    frame = frames.pools(first, ["name", "used", "total", "share", "inodes_total", "locations"])
    (row,) = frame.to_dict("records")
    assert sorted(row["locations"]) == NAMES
    assert row["total"] == sum(part["space"]["total"] for part in parts)
    assert row["inodes_total"] == sum(part["inodes"]["total"] for part in parts)
    assert row["used"] == pytest.approx(sum(part["space"]["used"] for part in parts), rel=0.5)
    assert row["share"] == row["used"] / row["total"]
    alone = frames.pools(first.use_target("n2"), ["total"])
    assert alone["total"].tolist() == [parts[1]["space"]["total"]]


@pytest.fixture
def twins(cluster):
    """Two volumes of one name, on two members."""
    for name in ("n1", "n3"):
        cluster.first.cli("storage", "volume", "create", "default", "k-data", "size=5MiB", "--target", name)
    yield
    for name in ("n1", "n3"):
        cluster.first.cli("storage", "volume", "delete", "default", "k-data", "--target", name, check=False)


def test_a_member_that_fails_to_tell_is_named(first, monkeypatch):
    request = first._transport.request

    def failing(method, path, **options):
        lost = path.endswith("/resources") and (options.get("params") or {}).get("target") == "n2"
        return request(method, "/1.0/nothing" if lost else path, **options)

    monkeypatch.setattr(first._transport, "request", failing)
    frame = frames.pools(first, ["name", "total"])
    assert frame["total"].isna().tolist() == [True]  # that of the others would be none of the pool
    assert list(json.loads(frame.attrs["lxdnb"])["failed"]) == ["storage-pools/default/resources"]
    hardware = frames.resources(first, ["location"])
    assert set(hardware["location"]) == {"n1", "n3"}
    assert list(json.loads(hardware.attrs["lxdnb"])["failed"]) == ["resources of n2"]


def test_networks_say_which_members_have_them(cluster, first):
    create = ("network", "create", "k-mac", "--type", "macvlan")
    for name in NAMES:
        cluster.first.cli(*create, "parent=eth0", "--target", name)
    cluster.first.cli(*create)
    frame = frames.networks(first, ["name", "type", "locations", "mtu"]).set_index("name")
    assert sorted(frame.loc["k-mac", "locations"]) == NAMES
    assert frame.loc["k-mac", "type"] == "macvlan"
    assert frame.loc["lo", "locations"] == ()


def test_volumes_say_where_they_lie(cluster, first, twins):
    cluster.first.cli("init", "busybox", "k-one", "--target", "n2")
    told = {
        (each["name"], each["location"])
        for each in cluster.first.query("/1.0/storage-pools/default/volumes?recursion=1")
    }
    frame = frames.volumes(first, ["name", "location", "usage"])
    assert set(zip(frame["name"], frame["location"], strict=True)) == told
    assert told == {("k-data", "n1"), ("k-data", "n3"), ("k-one", "n2")}
    words = json.loads(frame.attrs["lxdnb"])["words"]
    assert len(words) == 1
    assert words[0].startswith("the use of 2 volumes is NA: only n2, n3 would tell")
    uses = frames.used_by(first, ["user_name", "user_location"], where="type eq pool and user_type eq volume")
    assert set(map(tuple, uses.to_numpy())) == {("k-data", "n1"), ("k-data", "n3")}
    members = frames.members(first, ["name"])
    assert set(frame["location"]) <= set(members["name"])


def test_snapshots_of_volumes_of_one_name(first, twins):
    node = first.use_target("n3").api["storage-pools"].default.volumes.custom["k-data"].snapshots
    answer = node.post(json={"name": "s0", "expires_at": "2040-05-06T07:08:09Z"})
    first.operations.wait_for_operation(answer.json()["operation"])
    frame = frames.volume_snapshots(first, ["volume", "name", "location", "expires_at"])
    assert frame.to_dict("records") == [
        {"volume": "k-data", "name": "s0", "location": "n3", "expires_at": pd.Timestamp("2040-05-06T07:08:09Z")}
    ]
    counts = frames.volumes(first, ["location", "snapshots"]).set_index("location")["snapshots"]
    assert counts.to_dict() == {"n1": 0, "n3": 1}


def test_hardware_of_each_member(cluster, first):
    frame = frames.resources(first, ["kind", "location", "size"], where="kind eq memory")
    assert sorted(frame["location"]) == NAMES
    for name in NAMES:
        told = cluster.first.query(f"/1.0/resources?target={name}")["memory"]["total"]
        assert frame.set_index("location").loc[name, "size"] == told
    alone = frames.resources(first.use_target("n2"), ["location"])
    assert set(alone["location"]) == {"n2"}


def test_warnings_and_operations_say_whose_they_are(cluster, first):
    told = {each["uuid"]: each["location"] for each in cluster.first.query("/1.0/warnings?recursion=1")}
    frame = frames.warnings(first, ["uuid", "location"])
    assert dict(zip(frame["uuid"], frame["location"], strict=True)) == told
    assert set(told.values()) <= set(NAMES)
    tokens = frames.operations(first, ["class", "metadata", "location"], where="class eq token")
    told_tokens = [
        each
        for several in cluster.first.query("/1.0/operations?recursion=1").values()
        for each in several
        if each["class"] == "token"
    ]
    for token in told_tokens:
        assert not any(token["metadata"]["secret"] in text for text in tokens["metadata"])


@pytest.mark.usefixtures("twins")
def test_of_volumes_of_one_name_that_one_is_deleted_which_the_row_is_of(cluster, first):
    every = frames.volumes(first, ["name", "pool", "type", "location"], where="name eq k-data")
    vague = frames.apply(every.drop(columns="location"), "delete")
    assert (vague["did"].isna().tolist(), vague["error"].notna().tolist()) == ([True], [True])
    done = frames.apply(every[every["location"] == "n3"], "delete")
    assert (done["before"].tolist(), done["error"].isna().tolist()) == (["present"], [True])
    assert done["after"].isna().tolist() == [True]
    left = cluster.first.query("/1.0/storage-pools/default/volumes/custom?recursion=1")
    assert [each["location"] for each in left if each["name"] == "k-data"] == ["n1"]


def test_commands_and_verbs_reach_instances_on_all_members(cluster, first):
    for member in NAMES:
        cluster.first.cli("launch", "busybox", f"k-{member}", "--target", member)
    ran = frames.run(first, ["hostname"], where="name eq k-n.")
    assert sorted(ran["stdout"]) == [f"k-{member}\n" for member in NAMES]
    done = frames.apply(ran, "stop")
    assert (set(done["did"]), set(done["after"])) == ({"stop"}, {"Stopped"})
    told = json.loads(cluster.first.cli("list", "k-n", "--format", "json"))
    assert [each["status"] for each in told] == ["Stopped"] * 3
    late = frames.run(done, ["hostname"], timeout=60)
    assert late["error"].tolist() == ["Instance is not running"] * 3
