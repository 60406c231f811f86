"""Copies: on the server, of a snapshot, to another server in each mode, and kept up to date; what it leaves out."""

from __future__ import annotations

import pytest

import lxdnb
from tests.eventually import eventually
from tests.instance_files import file_of


@pytest.fixture
def c1(client, server):
    server.cli("init", "busybox", "c1", "-c", "user.mine=x: y", "-c", "limits.memory=128MiB")
    server.cli("config", "device", "add", "c1", "eth0", "nic", "nictype=p2p", "mtu=1400")
    file_of(server, "c1").write_text("old\n")
    c1 = client.containers.get("c1")
    c1.description = "the first"
    c1.save(wait=True)
    c1.snapshots.create("before", wait=True)
    # Of another size: of two changes within one second that is all that the servers' rsync sees.
    file_of(server, "c1").write_text("newer\n")
    return c1


def pull(server, name: str) -> str:
    return file_of(server, name).read_text()


def kept(record: dict) -> dict:
    """What a copy has of a record: all but its own notes and times."""
    config = {key: value for key, value in record["config"].items() if not key.startswith("volatile.")}
    fields = ("architecture", "description", "profiles", "type")
    return {"config": config, "devices": record["devices"], **{field: record[field] for field in fields}}


def snapshots(server, name: str) -> list[str]:
    found = server.query(f"/1.0/instances/{name}/snapshots") or []
    return [url.rpartition("/")[2] for url in found]


def test_a_copy_is_as_the_program_makes_it(c1, server):
    server.cli("copy", "c1", "theirs")
    ours = c1.copy("ours", wait=True)
    assert (type(ours), ours.name, ours.status) == (type(c1), "ours", "Stopped")
    record, other = (server.query(f"/1.0/instances/{name}") for name in ("ours", "theirs"))
    assert kept(record) == kept(other)
    assert record["config"].keys() == other["config"].keys()
    mine = server.query("/1.0/instances/c1")["config"]
    own = ("volatile.uuid", "volatile.eth0.hwaddr", "volatile.cloud-init.instance-id")
    assert all(record["config"][key] != mine[key] for key in own)
    assert (record["ephemeral"], other["ephemeral"]) == (False, False)
    assert snapshots(server, "ours") == snapshots(server, "theirs") == ["before"]
    assert pull(server, "ours") == "newer\n"
    assert server.query("/1.0/instances/c1")["description"] == "the first"


def test_what_is_given_is_laid_on_the_copy(c1, client, server):
    server.cli("profile", "create", "p")
    copy = c1.copy(
        "c2",
        profiles=["default", "p"],
        config={"limits.memory": "64MiB", "user.twin": True},
        devices={"eth0": {"type": "nic", "nictype": "p2p", "mtu": 1300}},
        ephemeral=True,
        instance_only=True,
        wait=True,
    )
    record = server.query("/1.0/instances/c2")
    assert record["ephemeral"]
    assert record["profiles"] == ["default", "p"]
    assert (record["config"]["limits.memory"], record["config"]["user.mine"]) == ("64MiB", "x: y")
    assert record["config"]["user.twin"] == "true"
    assert record["devices"]["eth0"]["mtu"] == "1300"
    assert snapshots(server, "c2") == []
    assert copy.config["limits.memory"] == "64MiB"
    with pytest.raises(lxdnb.LXDAPIException):
        c1.copy("c2", wait=True)
    certificate = tuple(map(str, server.client_certificate))
    by_https = lxdnb.Client(server.address, cert=certificate, fingerprint=server.fingerprint)
    for same in (None, client, by_https):
        with pytest.raises(ValueError, match="a name of its own"):
            c1.copy(new_client=same, wait=True)
    by_https.close()


def test_a_copy_may_be_in_another_pool_and_project(c1, client, server):
    server.cli("storage", "create", "second", "dir")
    server.cli("project", "create", "lab", "-c", "features.profiles=false", "-c", "features.images=false")
    try:
        lab = client.use_project("lab")
        server.cli("profile", "create", "p")
        server.cli("profile", "device", "add", "p", "main", "disk", "path=/", "pool=default", "limits.read=10MB")
        server.cli("profile", "assign", "c1", "p")
        copy = c1.copy(new_client=lab, pool="second", profiles=[], wait=True)
        assert copy.client.project == "lab"
        record = server.query("/1.0/instances/c1?project=lab")
        root = {"type": "disk", "path": "/", "pool": "second", "limits.read": "10MB"}
        assert (record["profiles"], record["expanded_devices"]["main"]) == ([], root)
        assert "/1.0/instances/c1?project=lab" in server.query("/1.0/storage-pools/second")["used_by"]
        assert server.query("/1.0/instances/c1")["expanded_devices"]["main"]["pool"] == "default"
        copy.move("c9", pool="default", wait=True)
        assert (copy.name, copy.expanded_devices["main"]["pool"]) == ("c9", "default")
        copy.move(project="default", wait=True)
        assert copy.client.project == "default"
        assert server.query("/1.0/instances?project=lab") == []
        assert sorted(server.query("/1.0/instances")) == ["/1.0/instances/c1", "/1.0/instances/c9"]
        assert snapshots(server, "c9") == ["before"]
        assert pull(server, "c9") == "newer\n"
        c1.move("c8", wait=True)
        assert (c1.name, c1.description) == ("c8", "the first")
        with pytest.raises(ValueError, match="where to"):
            c1.move()
        with pytest.raises(lxdnb.LXDAPIException):
            c1.move(pool="nowhere", wait=True)
        assert pull(server, "c8") == "newer\n"
    finally:
        server.clear()
        server.cli("storage", "delete", "second")


def test_a_snapshot_becomes_an_instance(c1, server, other_client, other_server):
    copy = c1.snapshots.get("before").copy("c2", wait=True)
    assert (type(copy), copy.name) == (type(c1), "c2")
    assert (pull(server, "c2"), snapshots(server, "c2")) == ("old\n", [])
    server.cli("copy", "c1/before", "theirs")
    assert kept(server.query("/1.0/instances/c2")) == kept(server.query("/1.0/instances/theirs"))
    c1.snapshots.get("before").copy("c2", other_client, wait=True)
    assert pull(other_server, "c2") == "old\n"


def test_a_copy_is_brought_up_to_date(c1, server):
    for name in ("theirs", "ours"):
        server.cli("copy", "c1", name)
        server.cli("config", "set", name, "user.own", "gone")
    file_of(server, "c1").write_text("newest of all\n")
    server.cli("profile", "create", "p")
    server.cli("profile", "add", "c1", "p")
    c1.description = "newer"
    c1.save(wait=True)
    server.cli("config", "device", "set", "c1", "eth0", "mtu=1300")
    server.cli("config", "set", "c1", "user.mine", "z")
    c1.snapshots.create("later", wait=True)
    server.cli("copy", "c1", "theirs", "--refresh")
    ours = c1.copy("ours", refresh=True)
    assert pull(server, "ours") == pull(server, "theirs") == "newest of all\n"
    assert snapshots(server, "ours") == snapshots(server, "theirs") == ["before", "later"]
    assert kept(server.query("/1.0/instances/ours")) == kept(server.query("/1.0/instances/theirs"))
    assert (ours.config["user.mine"], ours.description, ours.profiles) == ("z", "newer", ["default", "p"])


@pytest.mark.parametrize("mode", ["pull", "push", "relay"])
def test_a_copy_goes_to_another_server(c1, client, server, other_client, other_server, mode):
    own = lxdnb.Client(
        other_server.address,
        cert=tuple(map(str, other_server.client_certificate)),
        fingerprint=other_server.fingerprint,
    )
    try:
        copy = c1.copy("c2", own, mode=mode, wait=True)
        assert (copy.client, copy.name, copy.status) == (own, "c2", "Stopped")
        mine, theirs = server.query("/1.0/instances/c1"), other_server.query("/1.0/instances/c2")
        assert kept(theirs)["config"] == kept(mine)["config"]
        assert theirs["devices"]["eth0"] == mine["devices"]["eth0"]
        assert theirs["description"] == "the first"
        assert theirs["config"]["volatile.base_image"] == mine["config"]["volatile.base_image"]
        assert snapshots(other_server, "c2") == ["before"]
        assert pull(other_server, "c2") == pull(server, "c1") == "newer\n"
        with pytest.raises(lxdnb.LXDAPIException):
            c1.copy("c2", other_client, mode=mode, wait=True)
        # What was offered in vain is not left to time out.
        eventually(server.rests, otherwise=server.under_way)
        with pytest.raises(ValueError, match="pull, push or relay"):
            c1.copy("c3", other_client, mode="carry")
        file_of(server, "c1").write_text("newest of all\n")
        c1.copy("c2", other_client, mode=mode, refresh=True, wait=True)
        assert pull(other_server, "c2") == "newest of all\n"
        moved = c1.migrate(other_client, mode=mode, wait=True)
        assert (moved.name, server.query("/1.0/instances")) == ("c1", [])
        assert pull(other_server, "c1") == "newest of all\n"
    finally:
        own.close()
