"""The server itself: its configuration, its metrics, and what it tells of the keys that it knows."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import lxdnb
from tests import daemons
from tests.contract.test_certificates import keypair

INTERVAL = "images.auto_update_interval"
DEBUG = "core.debug_address"


def told(server) -> dict:
    return server.query("/1.0")["config"]


def assert_note(error: BaseException, key: str) -> None:
    (note,) = error.__notes__
    assert key in note
    assert "put back" in note


@pytest.fixture
def server(server: daemons.Daemon) -> Iterator[daemons.Daemon]:
    """A daemon whose configuration is as before when the test is over."""
    before = told(server)
    yield server
    for key in told(server).keys() - before.keys():
        server.cli("config", "unset", key)
    for key in before.keys() - told(server).keys():
        server.cli("config", "set", key, before[key])


def test_configuration_is_changed_saved_and_shown(client, server):
    before = told(server)
    mine = client.server
    assert mine is client.server
    assert mine.config == before
    assert dict(mine).keys() == server.query("/1.0").keys()
    sibling = client.use_project("default")
    mine.config[INTERVAL] = 12
    mine.config["user.mine"] = "true"
    assert mine.changes() == {f"config.{INTERVAL}": (None, "12"), "config.user.mine": (None, "true")}
    server.cli("config", "set", "user.theirs", "x")
    mine.save()
    after = before | {INTERVAL: "12", "user.mine": "true", "user.theirs": "x"}
    assert told(server) == after == mine.config == client.host_info["config"] == sibling.host_info["config"]
    assert not mine.dirty
    assert mine.to_yaml().strip() == server.cli("config", "show").strip()

    server.cli("config", "set", INTERVAL, "3")
    mine.config[INTERVAL] = "4"
    with pytest.raises(lxdnb.SaveConflict, match=INTERVAL):
        mine.save()
    mine.rollback()
    assert mine.config[INTERVAL] == "3"
    for key in (INTERVAL, "user.mine", "user.theirs"):
        del mine.config[key]
    mine.save()
    assert told(server) == before == client.host_info["config"]
    mine.config["user.mine"] = "1"
    mine.save()
    del mine.config["user.mine"]
    server.cli("config", "unset", "user.mine")
    mine.save()  # gone is gone, whoever took it
    assert told(server) == before
    mine.raw_put({"config": before | {INTERVAL: "5"}})
    assert told(server)[INTERVAL] == "5" == client.host_info["config"][INTERVAL]
    mine.raw_put({"config": before})
    assert (mine, client.use_target("n1").server) == (sibling.server, client.use_target("n1").server)
    assert client.use_target("n1").server != client.use_target("n2").server
    mine.sync()
    mine.patch({"config": {"user.mine": "again"}})
    assert mine.config["user.mine"] == "again" == client.host_info["config"]["user.mine"] == told(server)["user.mine"]


@pytest.mark.parametrize("server_kind", ["lxd", "sandbox"], scope="session")
def test_a_secret_is_set_kept_and_never_told(client, server, tmp_path):
    mine = client.server
    mine.config["core.trust_password"] = "hunter2"
    mine.save()
    assert mine.config["core.trust_password"] is True
    assert "hunter2" not in repr(vars(mine)) + repr(client.host_info)
    assert mine.to_yaml().strip() == server.cli("config", "show").strip()
    mine.config["user.mine"] = "1"
    assert mine.changes().keys() == {"config.user.mine"}
    mine.save()
    assert told(server)["core.trust_password"] is True
    stranger = lxdnb.Client(server.address, cert=keypair(tmp_path), fingerprint=server.fingerprint)
    assert stranger.server.config == {}
    with pytest.raises(lxdnb.Forbidden):
        stranger.server.patch({"config": {"user.mine": "theirs"}})
    before = {*server.query("/1.0/certificates")}
    stranger.authenticate("hunter2", use_token_auth=False)
    assert stranger.trusted
    stranger.close()
    (url,) = {*server.query("/1.0/certificates")} - before
    server.cli("config", "trust", "remove", url.rpartition("/")[2])


def test_what_a_refusal_costs_is_put_back(client, server):
    server.cli("config", "set", DEBUG, daemons.free_address().removeprefix("https://"))
    before = told(server)
    assert {"core.https_address", DEBUG} <= before.keys()
    mine = client.server
    del mine.config[DEBUG]
    mine.config[INTERVAL] = "often"
    with pytest.raises(lxdnb.LXDAPIException, match="often") as refused:
        mine.save()
    assert told(server) == before
    if server.flavour == "lxd":  # Incus puts this back itself
        assert_note(refused.value, DEBUG)
    assert mine.changes().keys() == {f"config.{INTERVAL}", f"config.{DEBUG}"}
    mine.rollback()

    moved = daemons.free_address().removeprefix("https://")
    for change in (mine.raw_patch, mine.patch):
        for config in ({"no.such": "1"}, {DEBUG: moved, "no.such": "1"}):
            with pytest.raises(lxdnb.LXDAPIException, match="unknown key") as refused:
                change({"config": config})
            assert told(server) == before
            if server.flavour == "incus":
                assert_note(refused.value, "core.https_address")
    with pytest.raises(lxdnb.LXDAPIException, match="bind"):
        mine.raw_patch({"config": {DEBUG: "192.0.2.1:4711", "user.mine": "new"}})
    assert told(server) == before
    with pytest.raises(lxdnb.LXDAPIException, match="unknown key"):
        mine.put({"config": {"no.such": "1"}})
    assert told(server) == before == mine.config
    mine.config["no.such"] = "1"
    with pytest.raises(lxdnb.LXDAPIException, match="unknown key") as refused:
        mine.save()
    assert not hasattr(refused.value, "__notes__")  # nothing was lost


def test_metrics_are_those_that_the_server_tells(client, server):
    client.projects.create("lab", config={"features.profiles": False, "features.images": False})
    lab = client.use_project("lab")
    lab.containers.launch("busybox", "m2")
    whose = {each.labels["name"]: each.labels["project"] for each in client.metrics() if "name" in each.labels}
    assert whose.pop("m2") == "lab"
    assert "lab" not in whose.values()  # of other projects it may tell again what ran a moment ago
    assert "m2" not in {each.labels.get("name") for each in client.use_project("default").metrics()}
    prefix = server.flavour
    text = lab.metrics_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) > 20
    assert all(line.startswith(f"{prefix}_") for line in lines)
    mine = lab.metrics()
    assert {each.labels.get("name", "m2") for each in mine} == {"m2"}
    assert [each.name for each in mine if each.labels] == [line.partition("{")[0] for line in lines if "{" in line]
    (total,) = [each for each in mine if each.name == f"{prefix}_memory_MemTotal_bytes"]
    labels = {"name": "m2", "project": "lab", "type": "container"}
    (said,) = [line for line in lines if line.startswith(f"{prefix}_memory_MemTotal_bytes")]
    assert {key: total.labels[key] for key in labels} == labels
    assert total.value == float(said.rpartition(" ")[2]) > 0
    for _ in range(2):  # Incus tells of itself the second time
        with pytest.raises(lxdnb.NotFound, match="nobody"):
            client.use_project("nobody").metrics()


def test_what_keys_there_are(client, server, asked):
    if client.has_api_extension("metadata_configuration"):
        known = client.metadata_configuration()
        assert known == json.loads(server.cli("query", "/1.0/metadata/configuration"))
        assert "limits.memory" in str(known["configs"]["instance"])
    else:
        before = len(asked)
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable):
            client.metadata_configuration()
        assert len(asked) == before


def test_a_profile_tells_its_instances(client, server, asked):
    profile = client.profiles.create("small")
    assert profile.instances() == []
    client.projects.create("lab", config={"features.profiles": False, "features.images": False})
    client.projects.create("own", config={"features.images": False})
    (pool,) = (url.rpartition("/")[2] for url in server.query("/1.0/storage-pools"))
    bare = {"source": {"type": "none"}, "devices": {"root": {"type": "disk", "path": "/", "pool": pool}}}
    own = client.use_project("own").profiles.create("small")
    for client_of, name, used in (
        (client, "c1", ["small"]),
        (client, "c2", []),
        (client.use_project("own"), "c3", ["small"]),
    ):
        client_of.instances.create({"name": name, "profiles": used, **bare}, wait=True)
    asked.clear()
    assert [each.name for each in profile.instances()] == ["c1"]
    assert asked == ["/1.0/profiles/small", "/1.0/instances"]
    lab = client.use_project("lab").instances
    for name, used in (("c1", ["small"]), ("c2", ["small"]), ("c3", [])):
        lab.create({"name": name, "profiles": used, **bare}, wait=True)
    asked.clear()
    found = profile.instances()
    assert asked == ["/1.0/profiles/small", "/1.0/instances"]
    urls = server.query("/1.0/profiles/small")["used_by"]
    assert sorted((each.client.project, each.name) for each in found) == [
        ("default", "c1"),
        ("lab", "c1"),
        ("lab", "c2"),
    ]
    assert len(urls) == 3
    assert [(each.client.project, each.name) for each in own.instances()] == [("own", "c3")]
    for each in profile.instances():
        each.delete(wait=True)
    assert profile.instances() == []
