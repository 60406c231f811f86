"""What an object of any resource is beside its saves: YAML, whole PUTs and PATCHes, and equality."""

from __future__ import annotations

import pytest
import yaml


@pytest.fixture
def c1(client, server):
    """A stopped container, as the server has it now."""
    server.cli("init", "busybox", "c1", "-c", "user.kept=1")
    return client.containers.get("c1")


ODD = ["true", "07", "yes", "~", "", "x: y", " lead", "é<b>", "a\nb", "tail\n", "a\tb", "word " * 50, "#c", "1e3", "[]"]


def test_yaml_is_what_the_command_line_shows(c1, client, server):
    for number, value in enumerate(ODD):
        c1.config[f"user.odd{number}"] = value
    c1.devices = {"eth10": {"type": "nic", "nictype": "p2p"}, "eth9": {"type": "nic", "nictype": "p2p"}}
    c1.description = "it's: mine"
    before = yaml.safe_load(c1.to_yaml())
    c1.save(wait=True)
    shown = server.cli("config", "show", "c1")
    assert c1.to_yaml().strip() == shown.strip()
    # What is changed here and not saved is in it.
    told = yaml.safe_load(shown)
    for record in (before, told):  # an empty value is none to servers, which make volatile notes of new devices
        items = record["config"].items()
        record["config"] = {key: value for key, value in items if value and not key.startswith("volatile.")}
    assert before == told


def test_yaml_of_the_others(c1, client, server):
    c1.snapshots.create("s1", wait=True)
    fingerprint = server.query("/1.0/images/aliases/busybox")["target"]
    trusted = server.query("/1.0/certificates")[0].rpartition("/")[2]
    for made, shown in (
        (c1.snapshots.get("s1"), ("config", "show", "c1/s1")),
        (client.profiles.get("default"), ("profile", "show", "default")),
        (client.images.get(fingerprint), ("image", "show", fingerprint)),
    ):
        assert made.to_yaml().strip() == server.cli(*shown).strip()
    certificate = yaml.safe_load(client.certificates.get(trusted).to_yaml())
    assert certificate == yaml.safe_load(server.cli("config", "trust", "show", trusted))


def test_update_is_the_manuals_name_of_save(client, server):
    server.cli("profile", "create", "my-profile")
    profile = client.profiles.get("my-profile")
    profile.config = profile.config.update({"security.nesting": "true"})
    profile.update()
    assert server.query("/1.0/profiles/my-profile")["config"] == {"security.nesting": "true"}
    image = client.images.get_by_alias("busybox")
    image.public = True
    image.update()
    assert server.query(f"/1.0/images/{image.fingerprint}")["public"] is True
    image.public = False
    image.update()


def test_put_and_patch_are_the_servers_own(client, server):
    server.cli("profile", "create", "p")
    profile = client.profiles.get("p")
    profile.config["user.mine"] = "1"
    assert profile.patch({"config": {"user.patched": "1"}}) is None
    assert profile.config == {"user.mine": "1", "user.patched": "1"}
    assert profile.dirty
    assert profile.put({"config": {"user.put": "1"}, "description": "x", "devices": {}}) is None
    assert (profile.config, profile.dirty) == ({"user.put": "1"}, False)
    told = server.query("/1.0/profiles/p")
    assert (told["config"], told["description"]) == ({"user.put": "1"}, "x")
    assert profile.raw_put({"config": {}, "description": "raw", "devices": {}}) is None
    assert profile.description == "x"
    assert profile.raw_patch({"description": "rawer"}) is None
    assert server.query("/1.0/profiles/p")["description"] == "rawer"
    assert profile.post({"name": "q"}) is None
    assert client.profiles.exists("q")


def test_equal_are_those_of_one_server_and_name(client, server, c1):
    assert c1 == client.instances.get("c1")
    assert hash(c1) == hash(client.instances.get("c1"))
    assert c1 != client.profiles.get("default")
    assert dict(c1)["name"] == "c1"
    assert c1.marshall()["config"]["user.kept"] == "1"
