"""What changed between two frames, as the command line changed it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from lxdnb import frames
from lxdnb.frames._views import VIEWS
from tests.eventually import eventually

COLUMNS = ["name", "project", "status", "profiles", "description", "config.user.role", "memory", "created_at"]
PASSING = {"metrics", "networks", "operations"}  # no two looks need find the same rows: other tests make bridges


def kept(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The frame as it comes back on another day."""
    frames.to_parquet(frame, path)
    return frames.read_parquet(path)


def told(server) -> dict[str, dict]:
    """The same columns of each instance by the command line, as text."""
    return {
        record["name"]: {
            "status": record["status"],
            "profiles": json.dumps(record["profiles"]),
            "description": record["description"],
            "config.user.role": record["config"].get("user.role"),
        }
        for record in json.loads(server.cli("list", "--format", "json"))
    }


def cells(found: pd.DataFrame) -> list[tuple]:
    told = found[["name", "change", "column", "before", "after"]].astype(object)
    return [tuple(row) for row in told.where(told.notna(), None).itertuples(index=False)]


def test_what_changed_since_the_last_look(client, server, tmp_path):
    server.cli("profile", "create", "web")
    for name in ("d-gone", "d-role", "d-same"):
        server.cli("init", "busybox", name, "-c", "user.role=db")
    server.cli("launch", "busybox", "d-stop")
    before = kept(frames.instances(client, COLUMNS), tmp_path / "friday.parquet")
    first = told(server)
    assert len(frames.diff(before, frames.instances(client, COLUMNS))) == 0
    server.cli("stop", "-f", "d-stop")
    server.cli("delete", "d-gone")
    server.cli("init", "busybox", "d-new")
    server.cli("config", "set", "d-role", "user.role", "web")
    server.cli("profile", "add", "d-role", "web")
    server.cli("query", "-X", "PATCH", "-d", '{"description": "<b>"}', "/1.0/instances/d-role")
    found = kept(frames.diff(before, frames.instances(client, COLUMNS)), tmp_path / "changes.parquet")
    assert cells(found) == [
        ("d-gone", "removed", None, None, None),
        ("d-new", "added", None, None, None),
        ("d-role", "changed", "profiles", '["default"]', '["default", "web"]'),
        ("d-role", "changed", "description", "", "<b>"),
        ("d-role", "changed", "config.user.role", "db", "web"),
        ("d-stop", "changed", "status", "Running", "Stopped"),
    ]
    second = told(server)
    for name, change, column, old, new in cells(found):
        if change == "changed":
            assert (old, new) == (first[name][column], second[name][column])
    used = before.set_index("name").loc["d-stop", "memory"]
    measured = frames.diff(before, frames.instances(client, COLUMNS), ["memory"])
    assert cells(measured)[2:] == [("d-stop", "changed", "memory", str(used), None)]


def test_the_default_columns_and_all_projects(client, server):
    server.cli("project", "create", "lab", "-c", "features.profiles=false", "-c", "features.images=false")
    server.cli("init", "busybox", "d-1")
    before = frames.instances(client)
    server.cli("config", "set", "d-1", "user.role", "web")  # no column by default
    assert len(frames.diff(before, frames.instances(client))) == 0
    every = frames.instances(client, COLUMNS, all_projects=True)
    server.cli("init", "busybox", "d-1", "--project", "lab")
    found = frames.diff(every, frames.instances(client, COLUMNS, all_projects=True))
    assert list(found[["project", "name", "change"]].itertuples(index=False, name=None)) == [("lab", "d-1", "added")]


def test_two_looks_at_a_quiet_server_are_the_same(client, server):
    server.cli("launch", "busybox", "d-run")
    server.cli("profile", "create", "web")
    server.cli("storage", "volume", "create", "default", "data")
    client.instances.get("d-run").snapshots.create("before", wait=True)
    eventually(server.rests)
    found: dict[str, list] = {}
    for name in VIEWS.keys() - PASSING:
        view, look = VIEWS[name], getattr(frames, name)
        columns = list(view.columns)
        before = look(client, columns)
        found[name] = list(frames.diff(before, look(client, columns)).itertuples(index=False, name=None))
        if any(view.columns[key].shown for key in view.keys):  # else what to ask for is told
            default = look(client)
            assert len(frames.diff(default, look(client))) == 0, name
        every = [column for column in columns if column not in view.keys]
        assert len(frames.diff(before, before, every)) == 0, name  # all columns can be compared
    assert found == {name: [] for name in VIEWS.keys() - PASSING}


def test_rows_whose_keys_stand_in_fields_of_their_own(client, server):
    server.cli("launch", "busybox", "d-run")
    before = frames.metrics(client)
    found = frames.diff(before[before["name"].isna()], before)
    assert set(found["change"]) == {"added"}
    assert set(found["name"]) == {"d-run"}
    assert set(found["metric"]) == set(before.loc[before["name"] == "d-run", "metric"])


def test_pools(client, server):
    before = frames.pools(client)
    server.cli("query", "-X", "PATCH", "-d", '{"description": "fast"}', "/1.0/storage-pools/default")
    try:
        assert cells(frames.diff(before, frames.pools(client))) == [("default", "changed", "description", "", "fast")]
    finally:
        server.cli("query", "-X", "PATCH", "-d", '{"description": ""}', "/1.0/storage-pools/default")


def test_a_server_that_is_down_has_lost_nothing(client, server, other_client, other_server):
    other_server.cli("init", "busybox", "d-there")
    servers = {"here": client, "there": other_client}
    before = frames.instances(servers, COLUMNS)
    server.cli("init", "busybox", "d-here")
    other_server.kill()
    try:
        found = frames.diff(before, frames.instances(servers, COLUMNS))
    finally:
        other_server.restart()
    assert list(found[["server", "name", "change"]].itertuples(index=False, name=None)) == [("here", "d-here", "added")]
    said = json.loads(found.attrs["lxdnb"])
    assert list(said["failed"]) == ["after: there"]
    assert said["words"][0].startswith("there: not compared, for it could not be asked after: ")


def test_what_a_pool_does_not_tell_is_not_gone(client, server, monkeypatch):
    server.cli("init", "busybox", "d-1")
    client.instances.get("d-1").snapshots.create("before", wait=True)
    server.cli("storage", "volume", "create", "default", "data")
    looks = (frames.snapshots, frames.volumes)
    before = [look(client) for look in looks]
    assert all(map(len, before))
    request = client._transport.request

    def failing(method, path, **options):
        if path.endswith("/volumes"):
            return request("POST", path, json={"name": ".", "type": "nonsense"})  # which is an error
        return request(method, path, **options)

    monkeypatch.setattr(client._transport, "request", failing)
    for look, first in zip(looks, before, strict=True):
        found = frames.diff(first, look(client))
        assert len(found) == 0
        assert "left out: the other may lack them for what failed" in json.loads(found.attrs["lxdnb"])["words"][-1]
        assert list(json.loads(found.attrs["lxdnb"])["failed"]) == ["after: storage-pools/default/volumes"]
