"""Projects: made, renamed and deleted; clients of one, and lists of all of them."""

from __future__ import annotations

import pickle

import pytest

import lxdnb
from lxdnb import frames
from tests.daemons import REMOTE

OWN = ("images", "profiles", "networks")
SHARED = {"features.images": False, "features.profiles": False}


def test_a_project_is_made_changed_renamed_and_deleted(client, server):
    created = client.projects.create("lab", "of the lab", {"limits.instances": 3, "features.images": False})
    assert client.projects.get("lab") == created
    record = server.query("/1.0/projects/lab")
    assert (record["description"], record["config"]["limits.instances"]) == ("of the lab", "3")
    assert record["config"]["features.images"] == "false"
    created.config["user.owner"] = "me"
    created.save()
    assert server.query("/1.0/projects/lab")["config"]["user.owner"] == "me"
    assert created.rename("lab2") is created
    assert (created.name, created.config["user.owner"]) == ("lab2", "me")
    assert server.query("/1.0/projects") == ["/1.0/projects/default", "/1.0/projects/lab2"]
    assert [each.name for each in client.projects.all()] == ["default", "lab2"]
    created.delete()
    assert not client.projects.exists("lab2")
    with pytest.raises(lxdnb.NotFound):
        client.projects.get("lab2")


def test_the_state_of_a_project_counts_what_is_in_it(client, server):
    client.projects.create("lab", config={"limits.instances": 3, "features.profiles": False})
    client.use_project("lab").containers.create({"name": "c1", "source": {"type": "none"}}, wait=True)
    state = client.projects.get("lab").state()
    assert (state["instances"]["Limit"], state["instances"]["Usage"]) == (3, 1)
    assert state == server.query("/1.0/projects/lab/state")["resources"]


def test_a_client_of_another_project_shares_the_connections_and_nothing_else(client, server, asked):
    client.projects.create("lab", config={"features.profiles": True})
    lab = client.use_project("lab")
    assert repr(lab).endswith(", project 'lab'>")
    lab.profiles.create("own", description="of the lab")
    assert [each.name for each in client.profiles.all()] == ["default"]
    assert [each.name for each in lab.profiles.all()] == ["default", "own"]
    assert lab._transport is client._transport
    assert lab.profiles.get("default") != client.profiles.get("default")
    assert client.use_project("default").profiles.get("default") == client.profiles.get("default")
    again = pickle.loads(pickle.dumps(lab))
    assert [each.name for each in again.profiles.all()] == ["default", "own"]
    again.close()
    with pytest.raises(ValueError, match="no name"):
        client.use_project("")


def test_profiles_of_all_projects_are_each_of_their_own(client, server):
    client.projects.create("lab")
    client.use_project("lab").profiles.create("own")
    if not client.has_api_extension("profiles_all_projects"):
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match="profiles_all_projects"):
            client.profiles.all(all_projects=True)
        return
    found = client.profiles.all(all_projects=True)
    assert {(each.client.project, each.name) for each in found} == {
        ("default", "default"),
        ("lab", "default"),
        ("lab", "own"),
    }
    (own,) = [each for each in found if each.name == "own"]
    own.description = "changed"
    own.save()
    assert server.query("/1.0/profiles/own?project=lab")["description"] == "changed"


def test_instances_of_all_projects_act_each_in_its_own(client, server):
    for project in ("lab", "other"):
        client.projects.create(project, config=SHARED)
        client.use_project(project).instances.create({"name": "same", "source": {"type": "none"}}, wait=True)
    client.use_project("lab").containers.launch("busybox", "box")
    assert client.instances.all() == []
    found = {(each.client.project, each.name): each for each in client.containers.all(all_projects=True)}
    assert sorted(found) == [("lab", "box"), ("lab", "same"), ("other", "same")]
    assert {each.project for each in client.instances.all(0, all_projects=True)} == {"lab", "other"}
    box, same = found["lab", "box"], found["other", "same"]
    assert box.execute(["hostname"]).stdout == "box\n"
    box.files.put("/tmp/note", "kept")
    assert box.files.get("/tmp/note") == b"kept"
    same.description = "changed"
    same.save(wait=True)
    same.snapshots.create("before", wait=True)
    assert [each.name for each in same.snapshots.all()] == ["before"]
    assert server.query("/1.0/instances/same?project=other")["description"] == "changed"
    assert server.query("/1.0/instances/same?project=lab")["description"] == ""
    assert server.query("/1.0/instances/same/snapshots?project=lab") == []
    same.rename("else", wait=True)
    with box.client.events(event_types="lifecycle") as events:
        same.delete(wait=True)
        box.stop(wait=True)
        seen = next(each for each in events if each["metadata"]["action"] == "instance-stopped")
    assert seen["project"] == "lab"
    assert server.query("/1.0/instances?project=other") == []


def test_operations_of_a_project_are_found_waited_for_and_cancelled(client, server):
    client.projects.create("lab", config=SHARED)
    lab = client.use_project("lab")
    created = lab.instances.create({"name": "c1", "source": {"type": "none"}})
    assert created.operation is not None
    found = client.operations.wait_for_operation(f"/1.0/operations/{created.operation.id}?project=lab", timeout=20)
    assert found.status == "Success"
    offered = lab.api.instances["c1"].post(json={"name": "c1", "migration": True}).json()["operation"]
    identity = client.operations.extract_operation_id(offered)
    assert identity in {each.id for each in lab.operations.all()}
    assert identity not in {each.id for each in client.operations.all()}
    if client.has_api_extension("operations_get_query_all_projects"):
        assert identity in {each.id for each in client.operations.all(all_projects=True)}
    else:
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match=r"operations_get.*use_project"):
            client.operations.all(all_projects=True)
    running = lab.operations.get(offered)
    running.cancel()
    with pytest.raises(lxdnb.OperationFailed):
        running.wait(timeout=20)


def test_a_project_that_is_not_there_is_told_by_name(client, server, asked):
    client.projects.create("lab")
    nowhere = client.use_project("nowhere")
    for ask in (nowhere.instances.all, lambda: nowhere.containers.all(0), lambda: frames.instances(nowhere)):
        with pytest.raises(lxdnb.NotFound, match=r"no project 'nowhere': it has default, lab"):
            ask()
    for ask in (
        lambda: nowhere.instances.create({"name": "c1", "source": {"type": "none"}}),
        nowhere.profiles.all,
        nowhere.images.all,
    ):
        with pytest.raises(lxdnb.NotFound, match=r"(?i)project"):
            ask()
    asked.clear()
    assert client.use_project("lab").instances.all() == []
    assert client.instances.all() == client.use_project("default").instances.all() == []
    assert asked == ["/1.0/instances", "/1.0/projects/lab", "/1.0/instances", "/1.0/instances"]


def test_a_limit_of_a_project_is_told_in_the_servers_words(client, server):
    client.projects.create("lab", config={**SHARED, "limits.containers": 1})
    lab = client.use_project("lab")
    with pytest.raises(lxdnb.LXDAPIException, match="forbidden"):
        lab.launch("busybox", "c0", config={"volatile.uuid": "ec6b22d1-6b4d-4a3f-8e0a-3b6a3c1b5f00"})
    with lab.launch("busybox", "c1", config={"user.x": "1"}) as job:
        assert job.execute(["hostname"]).stdout == "c1\n"
        assert server.query("/1.0/instances/c1?project=lab")["config"]["user.x"] == "1"
        with pytest.raises(lxdnb.LXDAPIException, match=r"[Rr]eached maximum number of instances .*in project"):
            lab.launch("busybox", "c2")
        assert server.query("/1.0/instances?project=lab") == ["/1.0/instances/c1?project=lab"]
    assert server.query("/1.0/instances?project=lab") == []


def test_a_project_is_deleted_with_all_that_is_in_it_where_a_server_can(client, server):
    project = client.projects.create("lab", config={"features.profiles": False})
    client.use_project("lab").containers.create({"name": "c1", "source": {"type": "none"}}, wait=True)
    with pytest.raises(lxdnb.LXDAPIException, match=r"[Oo]nly empty projects"):
        project.delete()
    if client.has_api_extension("projects_force_delete"):
        project.delete(force=True)
        assert server.query("/1.0/projects") == ["/1.0/projects/default"]
    else:
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match="projects_force_delete"):
            project.delete(force=True)
        assert server.query("/1.0/instances?project=lab") == ["/1.0/instances/c1?project=lab"]


def test_a_project_has_its_own_or_shares_what_its_features_say(client, server):
    client.projects.create("own", config=dict.fromkeys((f"features.{kind}" for kind in OWN), True))
    client.projects.create("shared", config=SHARED)
    own, shared = client.use_project("own"), client.use_project("shared")
    assert own.images.all() == []
    assert [each.fingerprint for each in shared.images.all()] == [each.fingerprint for each in client.images.all()]
    with pytest.raises(lxdnb.NotFound, match="busybox"):
        own.launch("busybox", "c1")
    own.profiles.get("default").put({"config": {"user.own": "1"}, "devices": {}, "description": ""})
    assert "user.own" not in client.profiles.get("default").config
    shared.profiles.create("both")
    assert client.profiles.exists("both")
    assert not own.profiles.exists("both")
    assert own.networks.all() == []
    assert {each.name for each in shared.networks.all()} == {each.name for each in client.networks.all()} >= {"lo"}


def test_a_client_is_of_the_project_that_it_or_its_remote_names(client, server, monkeypatch):
    for project in ("lab", "other"):
        client.projects.create(project, config=SHARED)
        client.use_project(project).instances.create({"name": f"in-{project}", "source": {"type": "none"}}, wait=True)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    server.cli("project", "switch", f"{REMOTE}:lab")
    try:
        found = {
            "of the remote": lxdnb.connect(f"{REMOTE}:"),
            "another": lxdnb.connect(f"{REMOTE}:", project="other"),
            "of a socket": lxdnb.Client(str(server.socket), project="lab"),
        }
    finally:
        server.cli("project", "switch", f"{REMOTE}:default")
    assert {said: [each.name for each in one.instances.all()] for said, one in found.items()} == {
        "of the remote": ["in-lab"],
        "another": ["in-other"],
        "of a socket": ["in-lab"],
    }
    for each in found.values():
        each.close()


def test_limits_hold_for_copies_and_changes_too(client, server):
    features = [f"features.{each}=false" for each in ("images", "profiles")]
    settings = [*features, "limits.memory=100MiB", "limits.instances=2"]
    server.cli("project", "create", "limited", *(word for each in settings for word in ("-c", each)))
    limited = lxdnb.Client(str(server.socket), project="limited")
    try:
        first = limited.instances.create(
            {"name": "first", "source": {"type": "none"}, "config": {"limits.memory": "40MiB"}}, wait=True
        )
        copy = {"name": "second", "source": {"type": "copy", "source": "first"}, "profiles": ["default"]}
        for words, config in (
            ('Instance "second" in project "limited" has no "limits.memory" config', {}),
            ('Reached maximum aggregate value "100MiB" for "limits.memory"', {"limits.memory": "80MiB"}),
        ):
            with pytest.raises(lxdnb.LXDAPIException, match=words):
                limited.instances.create({**copy, "config": config}, wait=True)
        limited.instances.create({**copy, "config": {"limits.memory": "50MiB"}}, wait=True)
        with pytest.raises(lxdnb.LXDAPIException, match='maximum number of instances in project "limited"'):
            limited.instances.create({**copy, "name": "third", "config": {"limits.memory": "1MiB"}}, wait=True)
        first.config["limits.memory"] = "60MiB"
        with pytest.raises(lxdnb.LXDAPIException, match="Failed checking if instance update allowed: Reached maximum"):
            first.save(wait=True)
        first.sync()
        first.config["limits.memory"] = "50MiB"
        first.save(wait=True)
        assert server.query("/1.0/instances/first?project=limited")["config"]["limits.memory"] == "50MiB"
    finally:
        limited.close()


def test_operations_tell_of_instances_by_their_project(client, server):
    server.cli("project", "create", "lab", "-c", "features.images=false", "-c", "features.profiles=false")
    lab = lxdnb.Client(str(server.socket), project="lab")
    try:
        made = lab.instances.create({"name": "c1", "source": {"type": "none"}}, wait=True)
        told = made.api.snapshots.post(json={"name": "s1"}).json()["metadata"]
        ending = "?project=lab" if server.flavour == "incus" else ""
        assert told["resources"]["instances"] == [f"/1.0/instances/c1{ending}"]
        lab.operations.from_record(told).wait()
    finally:
        lab.close()
