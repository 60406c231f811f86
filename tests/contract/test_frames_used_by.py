"""What uses what as a frame: each URL of each `used_by` that the server tells, on each server."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests.answers import change_answers

SCHEMA = {
    "type": "category",
    "name": "string",
    "project": "string",
    "pool": "string",
    "user_type": "category",
    "user_name": "string",
    "user_project": "string",
    "user_pool": "string",
}
LISTS = {
    "pool": "storage-pools",
    "network": "networks",
    "network-acl": "network-acls",
    "profile": "profiles",
    "project": "projects",
    "volume": "storage-pools/default/volumes",
}


@pytest.fixture
def web(client, server):
    """Things that use each other: containers, profiles, a volume with a snapshot, and a project with its own."""
    server.cli("storage", "volume", "create", "default", "u-data")
    server.cli("storage", "volume", "snapshot", *(() if server.flavour == "lxd" else ("create",)), "default", "u-data")
    server.cli("profile", "create", "u-web")
    server.cli("profile", "device", "add", "u-web", "data", "disk", "source=u-data", "pool=default", "path=/data")
    server.cli("init", "busybox", "u-one", "-p", "default", "-p", "u-web")
    server.cli("snapshot", *(() if server.flavour == "lxd" else ("create",)), "u-one", "s0")
    server.cli("project", "create", "u-lab", "-c", "features.images=false", "-c", "features.storage.volumes=true")
    server.cli("init", "busybox", "u-two", "--project", "u-lab", "-s", "default")
    server.cli("storage", "volume", "create", "default", "u-own", "--project", "u-lab")
    yield
    server.cli("delete", "-f", "u-one")
    server.cli("profile", "delete", "u-web")  # the volume is in its use


def test_there_is_a_row_for_each_use(client, server, web):
    frame = frames.used_by(client, list(frames.VIEWS["used_by"].columns))
    for kind, path in LISTS.items():
        things = {record["name"]: record for record in server.query(f"/1.0/{path}?recursion=1") or ()}
        for name, record in things.items():
            if "/" in name:
                continue
            rows = frame[(frame["type"] == kind) & (frame["name"] == name)]
            assert len(rows) == len(record["used_by"] or ()), (kind, name)
    uses = {tuple(row) for row in frame[["type", "name", "user_type", "user_name", "user_project"]].to_numpy().tolist()}
    assert {
        ("pool", "default", "instance", "u-one", "default"),
        ("pool", "default", "instance", "u-two", "u-lab"),
        ("pool", "default", "profile", "u-web", "default"),
        ("pool", "default", "volume", "u-own", "u-lab"),
        ("profile", "u-web", "instance", "u-one", "default"),
        ("volume", "u-data", "profile", "u-web", "default"),
        ("project", "u-lab", "instance", "u-two", "u-lab"),
        ("project", "default", "profile", "u-web", "default"),
    } <= uses
    volumes = frame[(frame["user_type"] == "volume") & (frame["user_name"] == "u-own")]
    assert set(volumes["user_pool"]) == {"default"}
    assert set(volumes["user_volume_type"]) == {"custom"}
    of_volume = frame[(frame["type"] == "volume") & (frame["name"] == "u-data")]
    assert set(of_volume["pool"]) == {"default"}
    assert set(of_volume["volume_type"]) == {"custom"}


def test_it_joins_with_what_it_names(client, server, web):
    uses = frames.used_by(client, where="type eq profile and user_type eq instance")
    joined = uses.merge(frames.instances(client, ["name", "status"]), left_on="user_name", right_on="name")
    assert set(zip(joined["name_x"], joined["name_y"], strict=True)) == {("default", "u-one"), ("u-web", "u-one")}


def test_all_projects(client, server, web):
    server.cli("profile", "create", "u-own", "--project", "u-lab")
    server.cli("profile", "add", "u-two", "u-own", "--project", "u-lab")
    here = frames.used_by(client)
    frame = frames.used_by(client, all_projects=True)
    own = frame[(frame["type"] == "profile") & (frame["name"] == "u-own")]
    assert own[["project", "user_name", "user_project"]].to_numpy().tolist() == [["u-lab", "u-two", "u-lab"]]
    assert "u-own" not in set(here.loc[here["type"] == "profile", "name"])
    of_volumes = frame[(frame["type"] == "volume") & (frame["user_name"] == "u-two")]
    assert of_volumes["project"].tolist() == ["u-lab"]
    inside = frames.used_by(lxdnb.Client(str(server.socket), project="u-lab"))
    assert set(inside.loc[inside["type"] == "profile", "name"]) == {"default", "u-own"}


def test_the_schema_is_the_same_when_empty(client, web):
    full, empty = frames.used_by(client), frames.used_by(client, where="name eq nothing")
    assert len(empty) == 0
    for frame in (full, empty):
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == SCHEMA


def test_the_requests_are_those_that_explain_tells(client, web, asked):
    frames.used_by(client)
    assert sorted(asked) == sorted(["/1.0/storage-pools", *(f"/1.0/{path}" for path in LISTS.values())])
    told = frames.explain(client, view="used_by")["request"].tolist()
    assert sorted(told) == sorted(
        [
            "GET /1.0/storage-pools",
            "GET /1.0/storage-pools/{pool}/volumes?recursion=1",
            *(f"GET /1.0/{path}?recursion=1" for path in LISTS.values() if "volumes" not in path),
        ]
    )


def test_what_is_no_reference_has_no_row(client, web, monkeypatch):
    def wrong(path, metadata):
        for record in metadata if path != "/1.0/storage-pools" or isinstance(metadata[0], dict) else ():
            record["used_by"] = "c1" if path == "/1.0/profiles" else [5, "nonsense", "/1.0/instances/c1", None]
        return metadata

    change_answers(client, monkeypatch, wrong)
    frame = frames.used_by(client)
    assert set(frame["user_name"]) == {"c1"}
    assert "profile" not in set(frame["type"].dropna())
    assert json.loads(frame.attrs["lxdnb"])["failed"] == {}
    assert pd.isna(frame.loc[frame["type"] == "pool", "project"]).all()
