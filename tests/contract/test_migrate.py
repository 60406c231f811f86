"""Moving to another server: all that an instance is goes with it, and nothing is deleted before it stands there."""

from __future__ import annotations

import pytest

import lxdnb


@pytest.fixture
def c1(client, server):
    server.cli("init", "busybox", "c1", "-c", "user.mine=x: y", "-c", "limits.memory=128MiB")
    return client.containers.get("c1")


def names(server) -> list[str]:
    return [each["name"] for each in server.query("/1.0/instances?recursion=1") or []]


def pull(server, name: str) -> str:
    return server.cli("file", "pull", f"{name}/root/mark", "-")


def test_all_that_it_is_goes_along(client, server, other_client, other_server):
    for one in (server, other_server):
        one.cli("profile", "create", "p")
    server.cli("init", "busybox", "c1", "--ephemeral", "-p", "default", "-p", "p", "-c", "user.mine=x: y")
    server.cli("config", "device", "add", "c1", "eth0", "nic", "nictype=p2p", "mtu=1400")
    server.cli("file", "push", "-", "c1/root/mark", input=b"old\n")
    c1 = client.containers.get("c1")
    c1.snapshots.create("first", wait=True)
    # Of another size: of two changes within one second that is all that the servers' rsync sees.
    server.cli("file", "push", "-", "c1/root/mark", input=b"newer\n")
    c1.snapshots.create("second", wait=True)
    c1.sync()
    c1.description = "to be moved"
    c1.save(wait=True)
    before = server.query("/1.0/instances/c1")

    moved = c1.migrate(other_client, wait=True)

    assert (type(moved), moved.client, moved.name) == (type(c1), other_client, "c1")
    told = other_server.query("/1.0/instances/c1")
    for field in ("architecture", "description", "ephemeral", "profiles", "type"):
        assert told[field] == before[field], field
    assert told["devices"]["eth0"] == before["devices"]["eth0"]  # Incus adds the root disk that it had by a profile
    assert told["devices"].keys() <= {"eth0", "root"}
    assert told["ephemeral"]
    assert told["profiles"] == ["default", "p"]
    kept = ("user.", "image.", "limits.")
    assert {key: value for key, value in told["config"].items() if key.startswith(kept)} == {
        key: value for key, value in before["config"].items() if key.startswith(kept)
    }
    snapshots = other_server.query("/1.0/instances/c1/snapshots?recursion=1")
    assert [each["name"] for each in snapshots] == ["first", "second"]
    assert pull(other_server, "c1") == "newer\n"
    assert names(server) == []
    with pytest.raises(lxdnb.NotFound):
        c1.sync()
    moved.snapshots.get("first").restore(wait=True)
    assert pull(other_server, "c1") == "old\n"
    moved.start(wait=True)
    assert other_server.query("/1.0/instances/c1")["status"] == "Running"


def test_without_wait_nothing_is_deleted(c1, server, other_client, other_server):
    moving = c1.migrate(other_client)
    assert moving.operation.wait().status == "Success"
    assert names(server) == names(other_server) == ["c1"]
    moving.sync()
    assert moving.config["user.mine"] == "x: y"
    c1.delete(wait=True)


@pytest.mark.parametrize("reason", ["the name is taken", "a profile is not there"])
def test_a_failure_leaves_the_source(c1, server, other_client, other_server, reason):
    if reason == "the name is taken":
        other_server.cli("init", "busybox", "c1", "-c", "user.mine=theirs")
    else:
        server.cli("profile", "create", "only-here")
        server.cli("profile", "add", "c1", "only-here")
    before = server.query("/1.0/instances/c1")
    there = names(other_server)
    with pytest.raises(lxdnb.LXDAPIException):
        c1.migrate(other_client, wait=True)
    under_way = server.query("/1.0/operations?recursion=1").get("running") or []
    assert [each for each in under_way if each["description"] == "Migrating instance"] == []  # the offer is withdrawn
    assert names(server) == ["c1"]
    assert server.query("/1.0/instances/c1") == before
    assert names(other_server) == there
    if there:
        assert other_server.query("/1.0/instances/c1")["config"]["user.mine"] == "theirs"
    c1.start(wait=True)  # it is as free as before
    assert c1.status == "Running"


def test_a_running_one_is_refused(c1, server, other_client, other_server):
    server.cli("start", "c1")
    with pytest.raises(lxdnb.LXDAPIException, match="c1 runs: stop it first"):
        c1.migrate(other_client, wait=True)
    with pytest.raises(TypeError, match="new_client is a Client"):
        c1.migrate("other")
    assert server.query("/1.0/instances/c1")["status"] == "Running"
    assert names(other_server) == []


def test_the_data_are_what_create_of_another_client_takes(c1, server, other_client, other_server):
    server.cli("config", "set", "c1", "user.mine", "z")
    data = c1.generate_migration_data()
    assert data["config"]["user.mine"] == "z"
    assert data["source"]["base-image"] == server.query("/1.0/images")[0].rpartition("/")[2]
    assert (data["name"], data["source"]["type"], data["source"]["mode"]) == ("c1", "migration", "pull")
    assert data["source"]["operation"].startswith(f"{server.address}/1.0/operations/")
    assert data["source"]["certificate"] == server.server_certificate.read_text()
    made = other_client.containers.create(data | {"name": "copy"}, wait=True)
    assert other_server.query("/1.0/instances/copy")["config"]["limits.memory"] == "128MiB"
    assert made.name == "copy"
    assert names(server) == ["c1"]


def test_a_server_that_nobody_can_reach_says_so_before_anything_is_sent(other_server, other_client, client, asked):
    other_server.cli("init", "busybox", "c9")
    other_server.cli("config", "unset", "core.https_address")
    deaf = lxdnb.Client(str(other_server.socket))
    try:
        with pytest.raises(ValueError, match=r"core\.https_address"):
            deaf.instances.get("c9").migrate(client, wait=True)
        with pytest.raises(ValueError, match=r"core\.https_address"):
            deaf.instances.get("c9").generate_migration_data()
        assert asked == []
    finally:
        other_server.cli("config", "set", "core.https_address", other_server.address.removeprefix("https://"))
        deaf.close()
    assert names(other_server) == ["c9"]
