"""Profiles: what instances have in common."""

from __future__ import annotations

from urllib.parse import quote

import pytest

import lxdnb
from lxdnb.models import Profile


def told(server, name: str) -> dict:
    return server.query(f"/1.0/profiles/{quote(name, safe='')}")


def names(server) -> list[str]:
    return sorted(each["name"] for each in server.query("/1.0/profiles?recursion=1"))


def test_create_with_devices(client, server):
    profile = client.profiles.create(
        "small",
        config={"limits.cpu": 1, "security.nesting": True, "user.none": None},
        devices={"eth0": {"type": "nic", "nictype": "p2p", "mtu": 1400}},
        description="by us",
    )
    record = told(server, "small")
    assert record["config"] == {"limits.cpu": "1", "security.nesting": "true"} == profile.config
    assert record["devices"] == {"eth0": {"type": "nic", "nictype": "p2p", "mtu": "1400"}} == profile.devices
    assert record["description"] == "by us" == profile.description
    assert profile.used_by == []  # null on some servers
    assert not profile.dirty
    with pytest.raises(lxdnb.LXDAPIException, match="already"):
        client.profiles.create("small")
    assert client.profiles.create("plain", wait=True).config == {}


def test_all_is_one_request(client, server, asked):
    server.cli("profile", "create", "other")
    assert [(each.name, each.description) for each in client.profiles.all()] == [
        (name, told(server, name)["description"]) for name in ("default", "other")
    ]
    assert asked == ["/1.0/profiles"]


def test_exists_get_and_delete(client, server):
    assert client.profiles.exists("default")
    assert not client.profiles.exists("nobody")
    with pytest.raises(lxdnb.NotFound):
        client.profiles.get("nobody")
    profile = client.profiles.create("mine")
    assert profile == client.profiles.get("mine")
    assert profile.delete() is None
    assert names(server) == ["default"]
    with pytest.raises(lxdnb.NotFound):
        profile.delete()


def test_rename_gives_a_profile(client, server):
    profile = client.profiles.create("before", description="x")
    renamed = profile.rename("after")
    assert (renamed.name, renamed.description) == ("after", "x")
    assert names(server) == ["after", "default"]
    client.profiles.create("taken")
    with pytest.raises(lxdnb.LXDAPIException, match="already"):
        renamed.rename("taken")
    assert renamed.name == "after"


def test_one_in_use_says_so(client, server):
    profile = client.profiles.create("used", config={"user.x": "1"})
    server.cli("init", "busybox", "c1", "-p", "default", "-p", "used")
    profile.sync()
    assert profile.used_by == ["/1.0/instances/c1"]
    with pytest.raises(lxdnb.LXDAPIException, match="in use"):
        profile.delete()
    profile.config["user.x"] = "2"
    profile.save()
    assert client.instances.get("c1").expanded_config["user.x"] == "2"


def test_saved_on_top_of_what_others_changed(client, server):
    profile = client.profiles.create("p", devices={"eth0": {"type": "nic", "nictype": "p2p"}})
    profile.devices["eth0"]["mtu"] = 1400
    server.cli("profile", "device", "set", "p", "eth0", "host_name", "veth-x")
    server.cli("profile", "set", "p", "user.theirs", "1")
    assert profile.save() is None
    assert told(server, "p")["devices"]["eth0"] == {
        "type": "nic",
        "nictype": "p2p",
        "mtu": "1400",
        "host_name": "veth-x",
    }
    assert told(server, "p")["config"] == {"user.theirs": "1"}


@pytest.mark.parametrize("name", ["a b", "é", "a?b#c", "a%2Fb", "<b>x", "a\nb", "..x"])
def test_odd_names(client, server, name):
    profile = client.profiles.create(name, config={"user.x": "1"})
    assert names(server) == sorted(["default", name])
    assert told(server, name)["config"] == {"user.x": "1"}
    profile.description = "odd"
    profile.save()
    assert told(server, name)["description"] == "odd"
    assert profile.rename("plain").rename(name).name == name
    profile.delete()
    assert names(server) == ["default"]


def test_wrong_arguments_are_told_before_anything_is_sent(client, asked):
    for name in ("", ".", ".."):
        with pytest.raises(ValueError, match="no name"):
            client.profiles.create(name)
        with pytest.raises(ValueError, match="no name"):
            client.profiles.get(name)
    for arguments in ((7,), ("p", "x"), ("p", {"user.x": []}), ("p", None, {"root": "x"})):
        with pytest.raises(TypeError):
            client.profiles.create(*arguments)
    assert asked == []


def test_an_absent_list_is_empty_and_other_absent_fields_are_none(client):
    # LXD sends null for some empty lists, and an older server leaves fields out.
    profile = Profile._from_record(client, {"name": "p", "used_by": None})
    assert (profile.used_by, profile.config, profile.description, profile.dirty) == ([], {}, None, False)
