"""Pools, volumes and their snapshots as frames: what the command line says of them, on each server."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests import daemons
from tests.answers import change_answers
from tests.leaves import differing, leaves

POOLS = {
    "name": "string",
    "driver": "string",
    "status": "category",
    "used": "Int64",
    "total": "Int64",
    "share": "Float64",
    "source": "string",
    "used_by": "object",
    "description": "string",
}
VOLUMES = {
    "name": "string",
    "pool": "string",
    "type": "category",
    "content_type": "category",
    "size": "Int64",
    "used_by": "object",
    "created_at": "datetime64[ns, UTC]",
    "description": "string",
}
SNAPSHOTS = {"name": "string", "volume": "string"} | {name: VOLUMES[name] for name in VOLUMES if name != "size"}
OF_POOL = "/1.0/storage-pools/default/volumes"


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


@pytest.fixture
def filled(client, server):
    """A container, a block volume, and one with settings and a snapshot that expires, which the container has."""
    server.cli("init", "busybox", "s-one")
    volume = ("storage", "volume")
    server.cli(*volume, "create", "default", "s-block", "--type", "block", "size=64MiB")
    server.cli(*volume, "create", "default", "s-data", "size=1GB", "user.role=data", "snapshots.expiry=1d")
    create = () if server.flavour == "lxd" else ("create",)
    server.cli(*volume, "snapshot", *create, "default", "s-data", "snap0")
    server.cli(*volume, "attach", "default", "s-data", "s-one", "data", "/data")
    client.api["storage-pools"].default.volumes.custom["s-block"].patch(json={"description": "<b>x</b>"})


def test_pools_are_those_of_the_command_line(client, server, filled):
    (told,) = json.loads(server.cli("storage", "list", "--format", "json"))
    space = server.query("/1.0/storage-pools/default/resources")
    frame = frames.pools(client, list(frames.VIEWS["pools"].columns))
    (row,) = frame.to_dict("records")
    for name in ("name", "driver", "status", "description"):
        assert row[name] == told[name]
    assert row["source"] == told["config"]["source"]
    assert row["locations"] == tuple(told["locations"]) == ("none",)
    assert row["total"] == space["space"]["total"]
    assert row["inodes_total"] == space["inodes"]["total"]
    # Both are the machine's, and change between the two looks, by little.
    assert row["used"] == pytest.approx(space["space"]["used"], rel=0.5)
    assert row["inodes_used"] == pytest.approx(space["inodes"]["used"], rel=0.5)
    assert row["share"] == row["used"] / row["total"]
    assert {"instance s-one", "volume default/custom/s-data", "profile default"} <= set(row["used_by"])
    assert len(row["used_by"]) == len(told["used_by"])
    assert dtypes(frames.pools(client)) == dtypes(frames.pools(client, where="name eq nothing")) == POOLS


def test_requests_for_pools(client, asked):
    frames.pools(client, ["name"])
    frames.pools(client, ["name", "driver", "config.source"])
    assert asked == ["/1.0/storage-pools"] * 2
    del asked[:]
    frames.pools(client)
    assert asked == ["/1.0/storage-pools", "/1.0/storage-pools/default/resources"]
    frames.pools(client, where="driver eq none")
    assert asked[2:] == ["/1.0/storage-pools"]
    told = frames.explain(client, view="pools")
    assert told["request"].tolist() == ["GET /1.0/storage-pools?recursion=1", "GET /1.0/storage-pools/{name}/resources"]


def test_volumes_are_those_of_the_command_line(client, server, filled):
    listed = json.loads(server.cli("storage", "volume", "list", "default", "--format", "json"))
    told = {record["name"]: record for record in listed if "/" not in record["name"]}
    frame = frames.volumes(client, list(frames.VIEWS["volumes"].columns)).set_index("name")
    assert list(frame.index) == list(told)
    assert {"s-one", "s-block", "s-data"} == set(told)
    for name, record in told.items():
        row = frame.loc[name]
        for field in ("type", "content_type", "description", "location"):
            assert row[field] == record[field], field
        assert (row["pool"], row["project"]) == ("default", "default")
        if record["created_at"].startswith("0001"):
            assert pd.isna(row["created_at"])
        else:
            assert row["created_at"] == pd.Timestamp(record["created_at"])
    assert frame["size"].dropna().to_dict() == {"s-block": 64 * 2**20, "s-data": 10**9}
    assert frame["snapshots"].to_dict() == {"s-one": 0, "s-block": 0, "s-data": 1}
    assert frame.loc["s-data", "used_by"] == ("instance s-one",)
    assert frame["usage"].isna().all()  # of dir, where servers do not know
    assert json.loads(frames.volumes(client, ["usage"]).attrs["lxdnb"])["failed"] == {}
    assert list(frames.volumes(client)["pool"].unique()) == list(frames.pools(client)["name"])


def test_snapshots_of_volumes(client, server, filled):
    server.cli("snapshot", *(() if server.flavour == "lxd" else ("create",)), "s-one", "s0")
    frame = frames.volume_snapshots(client, list(frames.VIEWS["volume_snapshots"].columns)).set_index("volume")
    assert set(zip(frame.index, frame["name"], strict=True)) == {("s-data", "snap0"), ("s-one", "s0")}
    (told,) = server.query(f"{OF_POOL}/custom/s-data/snapshots?recursion=1")
    row = frame.loc["s-data"]
    assert (row["type"], row["content_type"], row["pool"], row["size"]) == ("custom", "filesystem", "default", 10**9)
    assert row["expires_at"] == pd.Timestamp(told["expires_at"])
    assert pd.isna(frame.loc["s-one", "expires_at"])
    assert "s0" not in set(frames.volumes(client)["name"])


def test_schemas_are_the_same_when_empty(client, server, filled):
    for view, schema in ((frames.volumes, VOLUMES), (frames.volume_snapshots, SNAPSHOTS)):
        full, empty = view(client), view(client, where="name eq nothing")
        assert len(full)
        assert len(empty) == 0
        assert dtypes(full) == dtypes(empty) == schema
        assert list(full["type"].cat.categories) == list(empty["type"].cat.categories)


def test_each_field_is_reached_by_its_path(client, server, filled):
    (pool,) = server.query("/1.0/storage-pools?recursion=1")
    assert differing(frames.pools(client, list(leaves(pool))), leaves(pool), {"used_by"}) == {}
    for record in server.query(f"{OF_POOL}?recursion=1"):
        name, _, snapshot = record["name"].partition("/")
        if snapshot:
            where, told = f"volume eq {name} and name eq {snapshot}", leaves(record | {"name": snapshot})
            frame = frames.volume_snapshots(client, list(told), where=where)
        else:
            told = leaves(record)
            frame = frames.volumes(client, list(told), where=f"name eq {name}")
        assert differing(frame, told, {"used_by"}) == {}


def test_requests_for_volumes(client, server, filled, asked):
    frames.volumes(client)
    assert asked == ["/1.0/storage-pools", OF_POOL]
    told = frames.explain(client, ["usage"], view="volumes")
    assert told["request"].tolist() == [
        "GET /1.0/storage-pools",
        "GET /1.0/storage-pools/{pool}/volumes?recursion=1",
        "GET /1.0/storage-pools/{pool}/volumes/{type}/{name}/state",
    ]
    del asked[:]
    frames.volumes(client, ["usage"], where="type eq custom")
    assert sorted(asked[2:]) == [f"{OF_POOL}/custom/s-block/state", f"{OF_POOL}/custom/s-data/state"]
    del asked[:]
    frames.volume_snapshots(client)
    frames.volume_snapshots(client, ["expires_at"])
    assert asked == [*["/1.0/storage-pools", OF_POOL] * 2, f"{OF_POOL}/custom/s-data/snapshots"]


def test_volumes_of_all_projects(client, server, filled):
    server.cli("project", "create", "s-own", "-c", "features.storage.volumes=true", "-c", "features.images=false")
    server.cli("project", "create", "s-same", "-c", "features.storage.volumes=false", "-c", "features.images=false")
    for project in ("s-own", "s-same"):
        server.cli("init", "busybox", "s-inst", "--project", project, "-s", "default")
    server.cli("storage", "volume", "create", "default", "s-data", "size=5MiB", "--project", "s-own")
    told = {
        (record["project"], record["type"], record["name"])
        for record in server.query(f"{OF_POOL}?recursion=1&all-projects=true")
        if "/" not in record["name"]
    }
    frame = frames.volumes(client, all_projects=True)
    assert frame.columns[0] == "project"
    assert set(zip(frame["project"], frame["type"], frame["name"], strict=True)) == told
    assert len(frame) == len(told) == 6
    same = lxdnb.Client(str(server.socket), project="s-same")
    assert set(frames.volumes(same)["name"]) == {"s-block", "s-data", "s-inst"}
    usage = frames.volumes(client, ["name", "usage"], all_projects=True)
    assert json.loads(usage.attrs["lxdnb"])["failed"] == {}
    with pytest.raises(lxdnb.NotFound, match="s-nowhere"):
        frames.volumes(lxdnb.Client(str(server.socket), project="s-nowhere"))


def test_of_a_server_that_lists_one_project_at_a_time(client, server, filled):
    server.cli("project", "create", "s-same", "-c", "features.storage.volumes=false", "-c", "features.images=false")
    server.cli("init", "busybox", "s-inst", "--project", "s-same", "-s", "default")
    at_once = frames.volumes(client, ["project", "name", "type"], all_projects=True)
    client.host_info["api_extensions"].remove("storage_volumes_all_projects")
    frame = frames.volumes(client, ["project", "name", "type"], all_projects=True)
    assert sorted(map(tuple, frame.to_numpy())) == sorted(map(tuple, at_once.to_numpy()))
    assert len(frame) == 4


def test_a_pool_that_fails_or_goes_costs_its_rows_alone(client, server, filled, monkeypatch):
    def also(path, metadata):
        return [*metadata, "/1.0/storage-pools/s-gone"] if path == "/1.0/storage-pools" else metadata

    change_answers(client, monkeypatch, also)
    frame = frames.volumes(client)
    assert set(frame["name"]) == {"s-one", "s-block", "s-data"}


def test_wrong_types_cost_their_cells(client, server, filled, monkeypatch):
    def wrong(path, metadata):
        if path == OF_POOL:
            for record in metadata:
                record |= {"config": {"size": 5}, "description": ["x"], "used_by": "s-one", "created_at": 5}
        if path.endswith("/resources"):
            return {"space": {"used": "much", "total": -5}}
        return metadata

    change_answers(client, monkeypatch, wrong)
    frame = frames.volumes(client)
    assert len(frame) == 3
    for name in ("description", "created_at"):
        assert frame[name].isna().all(), name
    assert set(frame["used_by"]) == {()}
    words = json.loads(frame.attrs["lxdnb"])["words"]
    assert {word.partition(":")[0] for word in words} >= {"description", "created_at", "used_by"}
    pools = frames.pools(client)
    assert pools["used"].isna().all()
    assert pools["share"].isna().all()
    assert any(word.startswith("used: 1 value") for word in json.loads(pools.attrs["lxdnb"])["words"])


@pytest.mark.parametrize("server_kind", daemons.FLAVOURS, indirect=True, scope="session")
def test_the_use_of_volumes_where_the_driver_knows_it(server_kind):
    if reason := daemons.missing(server_kind, "btrfs"):
        pytest.skip(reason)
    with daemons.daemon(server_kind, pool="btrfs") as server:
        client = lxdnb.Client(str(server.socket))
        server.cli("storage", "volume", "create", "default", "s-data", "size=50MiB")
        server.cli("launch", "busybox", "s-one")
        server.cli("exec", "s-one", "--", "sh", "-c", "head -c 3000000 /dev/urandom > /f; sync")
        frame = frames.volumes(client, ["name", "type", "usage", "state.usage.total"]).set_index("type")
        for kind, name in (("custom", "s-data"), ("container", "s-one")):
            told = server.query(f"{OF_POOL}/{kind}/{name}/state")["usage"]
            assert frame.loc[kind, "usage"] == told["used"]
            assert frame.loc[kind, "state.usage.total"] == told["total"]
        assert pd.isna(frame.loc["image", "usage"])
        assert json.loads(frames.volumes(client, ["usage"]).attrs["lxdnb"])["failed"] == {}
        client.close()


def test_volumes_of_several_servers(client, other_client, server, filled, other_server):
    other_server.cli("storage", "volume", "create", "default", "s-there", "size=1MiB")
    frame = frames.volumes({"here": client, "there": other_client}, ["name", "size"], where="type eq custom")
    assert list(map(tuple, frame[["server", "name"]].to_numpy())) == [
        ("here", "s-block"),
        ("here", "s-data"),
        ("there", "s-there"),
    ]
    assert frame["size"].tolist() == [64 * 2**20, 10**9, 2**20]


def test_names_alone_are_lists_of_names(client, server, filled, monkeypatch):
    whole = frames.volumes(client, list(frames.VIEWS["volumes"].columns), all_projects=True)
    params: list[dict[str, str]] = []
    request = client._transport.request

    def noted(method, path, **options):
        params.append(options.get("params") or {})
        return request(method, path, **options)

    monkeypatch.setattr(client._transport, "request", noted)
    cheap = ["project", "name", "pool", "type", "snapshots"]
    frame = frames.volumes(client, cheap, all_projects=True)
    assert not any("recursion" in each for each in params)
    key = ["project", "type", "name"]
    left, right = (each[cheap].sort_values(key, ignore_index=True) for each in (frame, whole))
    pd.testing.assert_frame_equal(left, right, check_categorical=False)
    snapshots = frames.volume_snapshots(client, ["volume", "name", "type"])
    assert snapshots.to_numpy().tolist() == [["s-data", "snap0", "custom"]]
    assert not any("recursion" in each for each in params)
    told = frames.explain(client, ["name"], view="volumes")
    assert told["request"].tolist() == ["GET /1.0/storage-pools", "GET /1.0/storage-pools/{pool}/volumes"]
