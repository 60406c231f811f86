"""Profiles and projects as frames: what the command line says of them, on each server."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests.answers import change_answers
from tests.contract.test_certificates import fingerprint, keypair
from tests.leaves import differing, leaves

PROFILES = {"name": "string", "description": "string", "devices": "object", "used_by": "object"}
PROJECTS = {
    "name": "string",
    "description": "string",
    "features": "object",
    "restricted": "boolean",
    "used_by": "object",
}
LIMITS = {"limits.memory": "1GiB", "limits.cpu": "4", "limits.containers": "5", "restricted": "true"}


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


@pytest.fixture
def lab(client, server):
    """A profile with settings and devices, and a project with limits, profiles of its own and a container."""
    server.cli("profile", "create", "p-web")
    server.cli("profile", "set", "p-web", "limits.memory", "512MiB")
    server.cli("profile", "set", "p-web", "user.role", "<b>web</b>")
    server.cli("profile", "device", "add", "p-web", "logs", "disk", "source=/tmp", "path=/logs")
    server.cli("init", "busybox", "p-one", "-p", "default", "-p", "p-web")
    server.cli("project", "create", "p-lab", "-c", "features.images=false", "-c", "features.profiles=true")
    server.cli("profile", "create", "p-own", "--project", "p-lab")
    limits = ("-c", "limits.memory=100MiB", "-c", "limits.cpu=1")
    server.cli("init", "busybox", "p-two", "--project", "p-lab", "-s", "default", *limits)
    for key, value in LIMITS.items():
        server.cli("project", "set", "p-lab", key, value)
    server.cli("project", "create", "p-same", "-c", "features.profiles=false", "-c", "features.images=false")


def test_profiles_are_those_of_the_command_line(client, server, lab):
    told = {record["name"]: record for record in json.loads(server.cli("profile", "list", "--format", "json"))}
    frame = frames.profiles(client, list(frames.VIEWS["profiles"].columns)).set_index("name")
    assert set(frame.index) == set(told) == {"default", "p-web"}
    for name, record in told.items():
        assert frame.loc[name, "description"] == record["description"]
        assert frame.loc[name, "devices"] == tuple(record["devices"])
    assert frame.loc["p-web", "used_by"] == ("instance p-one",)
    assert frame.loc["p-web", "project"] == "default"
    assert frame.loc["p-web", "devices"] == ("logs",)


def test_what_a_project_has_of_the_default_one_is_that_ones(client, server, lab, server_kind):
    same, own = client.use_project("p-same"), client.use_project("p-lab")
    for view, lists in ((frames.profiles, "profile"), (frames.images, "image")):
        key = frames.VIEWS[view.__name__].keys[-1]
        for here, project, owner in ((same, "p-same", "default"), (client, "default", "default")):
            told = json.loads(server.cli(lists, "list", "--format", "json", "--project", project))
            frame = view(here, [key, "project"])
            assert list(frame[key]) == [record[key] for record in told]
            assert set(frame["project"]) == {owner}
    assert set(frames.profiles(own, ["name", "project"])["project"]) == {"p-lab"}
    assert list(frames.profiles(same, ["name"], where="project eq p-same")["name"]) == []
    told = frames.explain(same, ["name", "project"], view="profiles")
    assert list(told["request"]) == [
        "GET /1.0/profiles?recursion=1&project=p-same",
        "GET /1.0/projects/p-same?project=p-same",
    ]


def test_profiles_of_all_projects(client, server, lab):
    frame = frames.profiles(client, all_projects=True)
    told = {
        (project, record["name"])
        for project in ("default", "p-lab")
        for record in server.query(f"/1.0/profiles?recursion=1&project={project}")
    }
    assert frame.columns[0] == "project"
    assert set(zip(frame["project"], frame["name"], strict=True)) == told
    assert len(frame) == len(told) == 4
    same, own = (lxdnb.Client(str(server.socket), project=project) for project in ("p-same", "p-lab"))
    assert set(frames.profiles(same)["name"]) == {"default", "p-web"}
    assert set(frames.profiles(own)["name"]) == {"default", "p-own"}


def test_projects_are_those_of_the_command_line(client, server, lab):
    told = {record["name"]: record for record in json.loads(server.cli("project", "list", "--format", "json"))}
    frame = frames.projects(client, list(frames.VIEWS["projects"].columns)).set_index("name")
    assert set(frame.index) == set(told) == {"default", "p-lab", "p-same"}
    for name, record in told.items():
        row = frame.loc[name]
        assert row["description"] == record["description"]
        features = [f"features.{feature}" for feature in row["features"]]
        assert set(features) == {
            key for key in record["config"] if key[:9] == "features." and record["config"][key] == "true"
        }
        assert len(row["used_by"]) == len(record["used_by"])
        state = server.query(f"/1.0/projects/{name}/state")["resources"]
        for resource, numbers in state.items():
            column = resource.replace("-", "_")
            assert row[column] == numbers["Usage"], column
            limit = row[f"{column}_limit"]
            assert (None if pd.isna(limit) else limit) == (None if numbers["Limit"] == -1 else numbers["Limit"]), column
    row = frame.loc["p-lab"]
    assert (row["memory"], row["memory_limit"], row["cpu_limit"]) == (100 * 2**20, 2**30, 4)
    assert (row["containers"], row["containers_limit"]) == (1, 5)
    assert frame["restricted"].to_dict() == {"default": False, "p-lab": True, "p-same": False}
    assert "instance p-lab/p-two" in row["used_by"]


def test_schemas_are_the_same_when_empty(client, lab):
    for view, schema in ((frames.profiles, PROFILES), (frames.projects, PROJECTS)):
        full, empty = view(client), view(client, where="name eq nothing")
        assert len(full)
        assert len(empty) == 0
        assert dtypes(full) == dtypes(empty) == schema


def test_each_field_is_reached_by_its_path(client, server, lab):
    for path, view, name in (("profiles", frames.profiles, "p-web"), ("projects", frames.projects, "p-lab")):
        (record,) = (each for each in server.query(f"/1.0/{path}?recursion=1") if each["name"] == name)
        told = leaves(record)
        assert len([field for field in told if field.startswith("config.")]) > 1
        assert differing(view(client, list(told), where=f"name eq {name}"), told, {"used_by"}) == {}
    state = leaves({"state": server.query("/1.0/projects/p-lab/state")})
    assert differing(frames.projects(client, list(state), where="name eq p-lab"), state) == {}


def test_the_requests_are_those_that_explain_tells(client, server, lab, asked):
    frames.profiles(client, ["name", "devices", "config.limits.memory"])
    frames.projects(client)
    frames.projects(client, ["name"])
    assert asked == ["/1.0/profiles", "/1.0/projects", "/1.0/projects"]
    assert frames.explain(client, view="profiles")["request"].tolist() == ["GET /1.0/profiles?recursion=1"]
    assert frames.explain(client, ["name"], view="projects")["request"].tolist() == ["GET /1.0/projects"]
    del asked[:]
    frames.projects(client, ["name", "memory"], where="config.limits.memory eq 1GiB")
    assert asked == ["/1.0/projects", "/1.0/projects/p-lab/state"]
    told = frames.explain(client, ["name", "memory"], view="projects")
    assert told["request"].tolist() == ["GET /1.0/projects?recursion=1", "GET /1.0/projects/{name}/state"]


def test_wrong_types_cost_their_cells(client, lab, monkeypatch):
    def wrong(path, metadata):
        if path.endswith("/state"):
            return {"resources": {"memory": {"Limit": "much", "Usage": True}, "cpu": 5}}
        for record in metadata:
            record |= {"description": 5, "devices": "root", "config": None, "used_by": {}}
        return metadata

    change_answers(client, monkeypatch, wrong)
    profiles = frames.profiles(client)
    assert len(profiles) == 2
    assert profiles["description"].isna().all()
    assert set(profiles["devices"]) == set(profiles["used_by"]) == {()}
    words = json.loads(profiles.attrs["lxdnb"])["words"]
    assert {word.partition(":")[0] for word in words} == {"description", "devices", "used_by"}
    projects = frames.projects(client, ["name", "features", "memory", "memory_limit", "cpu"])
    assert projects[["memory", "memory_limit", "cpu"]].isna().all(axis=None)
    assert set(projects["features"]) == {()}


def test_a_client_of_one_project_sees_what_that_project_sees(client, server, lab, tmp_path):
    pair = keypair(tmp_path, "guest")
    pem = (tmp_path / "guest.crt").read_text()
    client.certificates.create("", pem, name="p-guest", restricted=True, projects=["p-same"])
    try:
        guest = lxdnb.Client(server.address, cert=pair, verify=str(server.server_certificate), project="p-same")
        frame = frames.profiles(guest, all_projects=True)
        told = {("default", "default"), ("default", "p-web")}
        if server.flavour == "incus":  # which shows whom it trusts those of all projects, whatever he may use
            told |= {("p-lab", "default"), ("p-lab", "p-own")}
        assert set(zip(frame["project"], frame["name"], strict=True)) == told
        assert frames.projects(guest, ["name"])["name"].tolist() == ["p-same"]
        if server.flavour == "incus":  # which keeps from such a client the list of pools, and no pool
            volumes = frames.volumes(guest, all_projects=True)
            assert "is restricted" in json.loads(volumes.attrs["lxdnb"])["failed"]["storage-pools"]
            assert "p-two" not in set(volumes["name"])
        else:
            with pytest.raises(lxdnb.LXDAPIException, match="not authorized"):
                frames.volumes(guest, all_projects=True)
        guest.close()
    finally:
        client.certificates.get(fingerprint(pair)).delete()


def test_a_client_that_may_not_look_is_told_where_it_may(client, server, lab, tmp_path):
    pair = keypair(tmp_path, "guest")
    pem = (tmp_path / "guest.crt").read_text()
    client.certificates.create("", pem, name="p-guest", restricted=True, projects=["p-lab", "p-same"])
    try:
        guest = lxdnb.Client(server.address, cert=pair, verify=str(server.server_certificate))
        said = r"(not authorized|\"default\"): this client may use p-lab, p-same, as by use_project\('p-lab'\)$"
        with pytest.raises(lxdnb.LXDAPIException, match=said):
            frames.instances(guest)
        both = frames.instances({"all": client, "guest": guest}, ["name"])
        assert re.search(said, json.loads(both.attrs["lxdnb"])["failed"]["guest"])
        lab_alone = frames.instances(guest.use_project("p-lab"), ["name"])
        assert lab_alone["name"].tolist() == ["p-two"]
        with pytest.raises(lxdnb.exceptions.Forbidden, match=r"(not authorized|is restricted)$"):
            frames.warnings(guest)  # which no project would help with
        guest.close()
    finally:
        client.certificates.get(fingerprint(pair)).delete()


def test_a_client_of_one_project_is_told_what_lies_on_pools(client, server, lab, tmp_path):
    server.cli("init", "busybox", "p-kept", "--project", "p-same")
    snapshot = ("snapshot", "create") if server.flavour == "incus" else ("snapshot",)
    server.cli(*snapshot, "p-kept", "before", "--project", "p-same")
    server.cli("storage", "volume", "create", "default", "p-data", "--project", "p-same")
    pair = keypair(tmp_path, "guest")
    pem = (tmp_path / "guest.crt").read_text()
    client.certificates.create("", pem, name="p-guest", restricted=True, projects=["p-same"])
    try:
        guest = lxdnb.Client(server.address, cert=pair, verify=str(server.server_certificate), project="p-same")
        assert frames.instances(guest, ["name", "snapshots"]).to_numpy().tolist() == [["p-kept", 1]]
        snapshots = frames.snapshots(guest)
        assert snapshots[["instance", "name", "pool"]].to_numpy().tolist() == [["p-kept", "before", "default"]]
        assert json.loads(snapshots.attrs["lxdnb"])["failed"] == {}
        volumes = frames.volumes(guest, where="type ne image")
        assert set(zip(volumes["type"], volumes["name"], strict=True)) == {
            ("container", "p-kept"),
            ("custom", "p-data"),
        }
        users = frames.used_by(guest, where="type eq volume and name eq p-kept")
        assert users["user_name"].tolist() == ["p-kept"]
        if server.flavour == "incus":  # which lists no pools for such a client, and may have others
            for frame in (volumes, users):
                assert "is restricted" in json.loads(frame.attrs["lxdnb"])["failed"]["storage-pools"]
        guest.close()
    finally:
        client.certificates.get(fingerprint(pair)).delete()


def test_uses_of_what_a_project_sees_of_the_default_one_are_of_the_default_one(client, server):
    server.cli("project", "create", "p-sees", "-c", "features.images=false", "-c", "features.profiles=false")
    server.cli("init", "busybox", "p-user", "--project", "p-sees")
    used = frames.used_by(client.use_project("p-sees"), ["project"], where="type eq profile and user_name eq p-user")
    assert used["project"].tolist() == ["default"]
    server.cli("project", "create", "p-has", "-c", "features.images=false", "-c", "features.profiles=true")
    server.cli("init", "busybox", "p-owner", "-s", "default", "--project", "p-has")
    used = frames.used_by(client.use_project("p-has"), ["project"], where="type eq profile and user_name eq p-owner")
    assert used["project"].tolist() == ["p-has"]
