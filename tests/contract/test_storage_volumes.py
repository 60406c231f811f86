"""Volumes and their snapshots, compared with what the command line tells of them and with what is in them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

import lxdnb
from lxdnb.models import StoragePool, StorageVolume
from tests import daemons
from tests.volumes import file_in

VOLUMES = "/1.0/storage-pools/default/volumes"


@pytest.fixture
def pool(client) -> StoragePool:
    return client.storage_pools.get("default")


@pytest.fixture
def other_pool(client) -> Iterator[StoragePool]:
    """Another pool, gone with all in it after the test."""
    pool = client.storage_pools.create({"name": f"p-{uuid.uuid4().hex[:8]}", "driver": "dir"})
    yield pool
    for volume in pool.volumes.all(type="custom", all_projects=True):
        volume.delete(wait=True)
    pool.delete()


def test_a_volume_is_made_changed_renamed_and_deleted(client, server, pool):
    data = pool.volumes.create({"name": "data %41", "description": "mine", "config": {"user.n": 1}})
    disk = pool.volumes.create({"name": "disk", "content_type": "block", "config": {"size": "8MiB"}})
    record = server.query(f"{VOLUMES}/custom/data%20%2541")
    assert (record["description"], record["config"]["user.n"]) == ("mine", "1")
    for field in ("name", "type", "content_type", "description", "config", "location", "project", "used_by"):
        assert getattr(data, field) == record[field], field
    assert (disk.content_type, disk.config["size"]) == ("block", "8MiB")
    assert (data.content_type, data.pool, data.storage_pool) == ("filesystem", "default", pool)
    assert data.to_yaml() == server.cli("storage", "volume", "show", "default", "data %41")
    with pytest.raises(lxdnb.Conflict, match="already exists"):
        pool.volumes.create({"name": "disk"})

    server.cli("storage", "volume", "set", "default", "data %41", "user.theirs=1")
    data.config["user.n"] = 2
    data.description = "ours"
    assert data.dirty
    data.save(wait=True)
    record = server.query(f"{VOLUMES}/custom/data%20%2541")
    assert (record["config"]["user.theirs"], record["config"]["user.n"], record["description"]) == ("1", "2", "ours")

    assert data.rename({"name": "mine", "pool": "default"}, wait=True) is None
    assert data.rename("data") is None
    assert (data.name, pool.volumes.exists("custom", "mine")) == ("data", False)
    assert pool.volumes.get("custom", "data") == data == StorageVolume.get(pool, "custom", "data")
    with pytest.raises(lxdnb.Conflict, match="already exists"):
        data.rename("disk")
    assert data.name == "data"
    for volume in (data, disk):
        volume.delete(wait=True)
    assert not pool.volumes.exists("custom", "data")
    with pytest.raises(lxdnb.NotFound):
        pool.volumes.get("custom", "data")


def test_lists_are_one_request_each(client, server, pool, asked):
    image = server.query("/1.0/images/aliases/busybox")["target"]
    server.cli("init", "busybox", "c1")
    lab = client.projects.create("lab")
    theirs = client.use_project("lab").storage_pools.get("default").volumes.create({"name": "data"})
    for name in ("data", "more"):
        pool.volumes.create({"name": name, "config": {"user.owner": name}}).snapshots.create("s1")

    asked.clear()
    every = pool.volumes.all()
    assert asked == [VOLUMES]
    told = {(each["type"], each["name"]) for each in server.query(f"{VOLUMES}?recursion=1") if "/" not in each["name"]}
    assert {(each.type, each.name) for each in every} == told >= {("container", "c1"), ("custom", "data")}
    assert {each.name for each in every if each.type == "image"} <= {image}
    assert [(each.type, each.name) for each in pool.volumes.all(type="custom")] == [
        ("custom", "data"),
        ("custom", "more"),
    ]
    assert [each.name for each in pool.volumes.all(filter="config.user.owner eq more and type eq custom")] == ["more"]

    both = [each for each in pool.volumes.all(type="custom", all_projects=True) if each.name == "data"]
    assert sorted(each.client.project for each in both) == ["default", "lab"]
    assert theirs in both
    for each in both:
        each.description = f"in {each.client.project}"
        each.save()
    assert server.query(f"{VOLUMES}/custom/data?project=lab")["description"] == "in lab"
    theirs.delete(wait=True)
    lab.delete()


@pytest.mark.parametrize("whole", [False, True])
def test_volumes_of_all_pools_are_listed(client, server, pool, other_pool, asked, monkeypatch, whole):
    client.projects.create("lab")
    for each in (pool, other_pool):
        each.volumes.create({"name": "data", "config": {"user.pool": each.name}}).snapshots.create("s1")
    client.use_project("lab").storage_pools.get("default").volumes.create({"name": "theirs"})
    server.cli("init", "busybox", "c1")
    if whole:
        # As newer servers have it: one list, and in each record its pool.
        # https://documentation.ubuntu.com/lxd/latest/api-extensions/#storage-volumes-all
        monkeypatch.setitem(
            client.host_info, "api_extensions", [*client.host_info["api_extensions"], "storage_volumes_all"]
        )
        of_one_pool = client._transport.request

        def of_all(method, path, **options):
            if not path.startswith("/1.0/storage-volumes"):
                return of_one_pool(method, path, **options)
            asked.append(path)
            rest, records = path.removeprefix("/1.0/storage-volumes"), []
            for name in ("default", other_pool.name):
                answer = of_one_pool(method, f"/1.0/storage-pools/{name}/volumes{rest}", **options)
                records += [{**record, "pool": name} for record in answer.json()["metadata"]]
            answer._content = json.dumps({**answer.json(), "metadata": records}).encode()
            return answer

        monkeypatch.setattr(client._transport, "request", of_all)

    def told(query: str) -> set[tuple[str, str, str, str]]:
        return {
            (name, each["project"], each["type"], each["name"])
            for name in ("default", other_pool.name)
            for each in server.query(f"/1.0/storage-pools/{name}/volumes{query}")
            if "/" not in each["name"]
        }

    def found(**options) -> set[tuple[str, str, str, str]]:
        every = client.storage_volumes.all(**options)
        assert {each.client.project or "default" for each in every} == {each.project for each in every}
        return {(each.pool, each.project, each.type, each.name) for each in every}

    asked.clear()
    assert found() == told("?recursion=1") > {("default", "default", "container", "c1")}
    assert asked[0] == ("/1.0/storage-volumes" if whole else "/1.0/storage-pools")
    assert sorted(asked[1:]) == sorted(f"/1.0/storage-pools/{each}/volumes" for each in ("default", other_pool.name))
    assert found(type="custom") == told("/custom?recursion=1")
    assert found(type="custom", all_projects=True) == told("/custom?recursion=1&all-projects=true")
    assert len(found(type="custom", all_projects=True)) == 3
    (one,) = client.storage_volumes.all(filter=f"config.user.pool eq {other_pool.name}")
    assert one == other_pool.volumes.get("custom", "data")
    assert one.snapshots.all() == ["s1"]
    asked.clear()
    for wrong in ({"type": ".."}, {"filter": 5}):
        with pytest.raises((TypeError, ValueError)):
            client.storage_volumes.all(**wrong)
    assert asked == []


def test_a_volume_of_an_instance_is_looked_at(client, server, pool):
    server.cli("init", "busybox", "c1")
    instance = client.instances.get("c1")
    instance.snapshots.create("before", wait=True)
    volume = pool.volumes.get("container", "c1")
    assert volume.used_by == server.query(f"{VOLUMES}/container/c1")["used_by"] == ["/1.0/instances/c1"]
    assert volume.snapshots.all() == ["before"]
    volume.description = "kept"
    volume.save()
    # Servers would say that it is restored, and drop the description.
    with pytest.raises(ValueError, match="restore the instance"):
        volume.restore_from("before")
    with pytest.raises(ValueError, match="restore the instance"):
        volume.snapshots.get("before").restore()
    assert server.query(f"{VOLUMES}/container/c1")["description"] == "kept"
    with pytest.raises(lxdnb.LXDAPIException, match="container"):
        volume.delete()
    with pytest.raises(lxdnb.LXDAPIException, match="container"):
        pool.volumes.create({"name": "c2", "type": "container"})


def test_snapshots_bring_back_what_was_there(client, server, pool):
    volume = pool.volumes.create({"name": "data"})
    content = file_in(server, "data")
    content.write_text("old")
    snapshot = volume.snapshots.create("x%41", datetime(2031, 1, 31, 12, tzinfo=UTC))
    content.write_text("new")
    other = volume.snapshots.create("xA", expires_at=None, wait=False)
    other.operation.wait()

    at = f"{VOLUMES}/custom/data/snapshots"
    record = server.query(f"{at}/x%2541")
    assert (record["name"], record["expires_at"]) == ("x%41", "2031-01-31T12:00:00Z")
    for each in (snapshot, volume.snapshots.get("x%41"), *volume.snapshots.all(use_recursion=True)[:1]):
        assert each == snapshot
        for field in ("name", "expires_at", "description", "config", "content_type"):
            assert getattr(each, field) == record[field], field
    assert volume.snapshots.all() == ["x%41", "xA"] == [each.name for each in volume.snapshots.all(True)]
    assert volume.snapshots.get("xA").expires_at is None
    assert (volume.snapshots.exists("x%41"), volume.snapshots.exists("x%2541")) == (True, False)
    with pytest.raises(lxdnb.Conflict, match="already in use"):
        volume.snapshots.create("xA")

    volume.restore_from("x%41", wait=True)
    assert content.read_text() == "old"
    other.restore(wait=True)
    assert content.read_text() == "new"
    with pytest.raises(lxdnb.LXDAPIException, match="not found"):
        volume.restore_from("nobody")
    with pytest.raises(ValueError, match="has a /"):
        volume.restore_from("../other")

    snapshot.description = "kept"
    snapshot.expires_at = datetime(2032, 1, 31, 13, tzinfo=timezone(timedelta(hours=1)))
    snapshot.save(wait=True)
    record = server.query(f"{at}/x%2541")
    assert (record["description"], record["expires_at"]) == ("kept", "2032-01-31T12:00:00Z")
    snapshot.expires_at = record["expires_at"]
    assert not snapshot.dirty
    with pytest.raises(ValueError, match="time zone"):
        snapshot.expires_at = datetime(2033, 1, 1)
    snapshot.expires_at = None
    snapshot.save()
    assert (snapshot.expires_at, snapshot.dirty) == (None, False)
    assert server.query(f"{at}/x%2541")["expires_at"] == "0001-01-01T00:00:00Z"
    snapshot.expires_at = None
    assert not snapshot.dirty
    other.description = "no end"
    other.save()
    assert server.query(f"{at}/xA")["expires_at"] == "0001-01-01T00:00:00Z"
    assert snapshot.rename("first") is None
    assert snapshot.name == "first"
    with pytest.raises(lxdnb.OperationFailed, match="exists"):
        snapshot.rename("xA")
    assert snapshot.name == "first"
    snapshot.delete(wait=True)
    assert volume.snapshots.all() == ["xA"]

    # A name that the server picks, and tells if it is Incus: then others may come between.
    server.cli("storage", "volume", "set", "default", "data", "snapshots.pattern=nightly-%d")
    picked = [volume.snapshots.create(wait=False).name for _ in range(2)]
    assert sorted(each["name"] for each in server.query(f"{at}?recursion=1")) == sorted(
        f"data/{each}" for each in ("xA", *picked)
    )


def test_a_name_that_the_server_tells_is_not_guessed(client, server, pool, monkeypatch):
    volume = pool.volumes.create({"name": "data"})
    if server.flavour == "lxd":  # it does not tell: the newest is taken for it
        assert volume.snapshots.create().name == "snap0"
        return
    request = client._transport.request

    def with_another(method, path, **options):
        answer = request(method, path, **options)
        if path.endswith("/snapshots") and method == "POST":
            client.operations.wait_for_operation(answer.json()["operation"])
            server.cli("storage", "volume", "snapshot", "create", "default", "data", "x%41")
        return answer

    monkeypatch.setattr(client._transport, "request", with_another)
    assert volume.snapshots.create().name == "snap0"
    assert volume.snapshots.all() == ["snap0", "x%41"]


def test_a_volume_is_copied_and_moved(client, server, pool, other_pool):
    volume = pool.volumes.create({"name": "data", "description": "mine", "config": {"user.n": "1"}})
    content = file_in(server, "data")
    content.write_text("old")
    before = volume.snapshots.create("before")
    content.write_text("new")
    client.projects.create("lab")

    def text(pool: StoragePool, name: str, project: str = "default") -> str:
        return file_in(server, name, pool.name, project).read_text()

    copy = volume.copy("copy")
    server.cli("storage", "volume", "copy", "default/data", "default/theirs")
    theirs = server.query(f"{VOLUMES}/custom/theirs")
    assert (copy.config, copy.description, copy.snapshots.all()) == (
        theirs["config"],
        theirs["description"],
        ["before"],
    )
    assert (copy.name, text(pool, "copy")) == ("copy", "new")
    assert volume.copy("alone", volume_only=True).snapshots.all() == []
    with pytest.raises(lxdnb.Conflict, match="already exists"):
        volume.copy()
    content.write_text("newer")
    with pytest.raises(lxdnb.Conflict, match="already exists"):
        volume.copy("copy")
    volume.copy("copy", refresh=True)
    assert text(pool, "copy") == "newer"
    elsewhere = volume.copy(pool=other_pool.name, project="lab")
    assert (elsewhere.storage_pool, elsewhere.client.project, elsewhere.name) == (other_pool, "lab", "data")
    assert text(other_pool, "data", "lab") == "newer"
    assert before.copy("old", other_pool.name).pool == other_pool.name
    assert text(other_pool, "old") == "old"

    assert volume.move("moved", other_pool.name) is volume
    assert (volume.pool, volume.name, volume.snapshots.all()) == (other_pool.name, "moved", ["before"])
    assert not pool.volumes.exists("custom", "data")
    volume.description = "of the moved one"
    volume.save()
    assert (
        server.query(f"/1.0/storage-pools/{other_pool.name}/volumes/custom/moved")["description"] == volume.description
    )
    volume.move(project="lab")
    assert text(other_pool, "moved", "lab") == "newer"
    assert volume.project == "lab" == volume.client.project
    told = volume.rename({"name": "back", "pool": "default", "project": "default"}, wait=True)
    assert told["description"] == "Moving storage volume"
    assert (volume.pool, volume.project, text(pool, "back")) == ("default", "default", "newer")
    with pytest.raises(lxdnb.NotFound, match="pool not found"):
        volume.move(pool="nobody")
    with pytest.raises(lxdnb.Conflict, match="already exists"):
        volume.move("copy", "default")
    assert (volume.pool, volume.name) == ("default", "back")
    copy.move(pool=other_pool.name, wait=False)
    copy.operation.wait()
    assert (copy.pool, other_pool.volumes.exists("custom", "copy")) == ("default", True)


@pytest.fixture
def btrfs(client, server) -> Iterator[StoragePool]:
    """A btrfs pool in a file, gone with all in it after the test."""
    if daemons.missing(server.flavour, "btrfs"):
        pytest.skip(daemons.missing(server.flavour, "btrfs"))
    pool = client.storage_pools.create(
        {"name": f"b-{uuid.uuid4().hex[:8]}", "driver": "btrfs", "config": {"size": "512MiB"}}
    )
    yield pool
    for volume in pool.volumes.all(type="custom"):
        volume.delete(wait=True)
    pool.delete()


def test_volumes_in_btrfs(client, server, pool, btrfs):
    assert btrfs.driver == server.query(f"/1.0/storage-pools/{btrfs.name}")["driver"] == "btrfs"
    assert btrfs.resources.get().space["total"] == 512 * 2**20
    volume = btrfs.volumes.create({"name": "data", "config": {"size": "64MiB"}})
    assert 0 <= volume.state().usage["used"] < 64 * 2**20
    volume.snapshots.create("before")
    volume.copy("copy")
    volume.restore_from("before", wait=True)
    volume.move(pool="default")
    assert server.query(f"{VOLUMES}/custom/data")["config"]["size"] == "64MiB"
    assert volume.snapshots.all() == ["before"]
    volume.move("back", btrfs.name)
    told = server.query(f"/1.0/storage-pools/{btrfs.name}/volumes/custom?recursion=1")
    assert sorted(each["name"] for each in told) == ["back", "back/before", "copy", "copy/before"]
    assert sorted(each.name for each in btrfs.volumes.all(type="custom")) == ["back", "copy"]


def test_how_much_a_volume_takes(client, pool):
    volume = pool.volumes.create({"name": "data"})
    if client.product == "incus":
        assert volume.state().usage == {}
    else:
        with pytest.raises(lxdnb.LXDAPIException, match="Not supported"):
            volume.state()
