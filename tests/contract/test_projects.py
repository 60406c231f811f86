"""Projects: made, renamed and deleted; clients of one, and lists of all of them."""

from __future__ import annotations

import pickle

import pytest

import lxdnb


def test_a_project_is_made_changed_renamed_and_deleted(client, server):
    created = client.projects.create("lab", "of the lab", {"limits.instances": 3, "features.images": False})
    assert client.projects.get("lab") == created
    record = server.query("/1.0/projects/lab")
    assert (record["description"], record["config"]["limits.instances"]) == ("of the lab", "3")
    assert record["config"]["features.images"] == "false"
    created.config["user.owner"] = "me"
    created.save()
    assert server.query("/1.0/projects/lab")["config"]["user.owner"] == "me"
    created.rename("lab2")
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
