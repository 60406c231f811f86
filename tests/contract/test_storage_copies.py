"""Volumes on their way to another server, in each mode, compared with what the command line makes of the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import lxdnb
from lxdnb.models import StorageVolume
from tests.beside import other_remote
from tests.daemons import Daemon
from tests.eventually import eventually
from tests.volumes import FileWithin, file_in

VOLUMES = "/1.0/storage-pools/default/volumes/custom"


@pytest.fixture
def volume(client, server) -> StorageVolume:
    """A volume with a snapshot: `old` was in its file then, and `newer` is now."""
    definition = {"name": "data", "description": "mine", "config": {"user.n": "1", "size": "1GiB"}}
    volume = client.storage_pools.get("default").volumes.create(definition)
    file(server, "data").write_text("old")
    volume.snapshots.create("before", expires_at="2031-01-31T12:00:00Z")
    file(server, "data").write_text("newer")
    return volume


@pytest.fixture
def beside(server, other_server) -> str:
    """What the other server is called by the command line of the first one."""
    return other_remote(server, other_server)


def file(server: Daemon, name: str, project: str = "default") -> Path | FileWithin:
    return file_in(server, name, project=project)


def told(server: Daemon, name: str) -> dict[str, Any]:
    """What a copy has of what the server says of a volume: all but its name and its time."""
    record = server.query(f"{VOLUMES}/{name}")
    return {key: value for key, value in record.items() if key not in ("name", "created_at")}


def snapshots(server: Daemon, name: str) -> list[tuple[str, str]]:
    every = server.query(f"{VOLUMES}/{name}/snapshots?recursion=1")
    return [(each["name"].rpartition("/")[2], each["expires_at"]) for each in every]


def idle(*servers: Daemon) -> bool:
    """Whether nothing is under way but what earlier tests left."""
    return all(server.rests() for server in servers)


BEFORE = ("before", "2031-01-31T12:00:00Z")


@pytest.mark.parametrize("mode", ["pull", "push", "relay"])
def test_a_volume_goes_to_another_server(client, server, other_client, other_server, volume, beside, mode):
    copy = volume.copy("copy", new_client=other_client, mode=mode)
    assert (copy.client, copy.name, copy.pool, copy.description) == (other_client, "copy", "default", "mine")
    server.cli("storage", "volume", "copy", "private:default/data", f"{beside}:default/theirs", "--mode", mode)
    assert told(other_server, "copy") == told(other_server, "theirs") == told(server, "data")
    assert snapshots(other_server, "copy") == snapshots(other_server, "theirs") == [BEFORE]
    assert file(other_server, "copy").read_text() == "newer"
    alone = volume.copy("alone", new_client=other_client, mode=mode, volume_only=True, wait=False)
    alone.operation.wait()
    assert alone.snapshots.all() == []
    assert file(other_server, "alone").read_text() == "newer"

    with pytest.raises(lxdnb.LXDAPIException, match="already exists"):
        volume.copy("copy", new_client=other_client, mode=mode)
    eventually(lambda: idle(server, other_server), 8)  # what was offered in vain is withdrawn: servers wait for 10 s
    # Of another size: of two changes within one second that is all that the servers' rsync sees.
    file(server, "data").write_text("newest of all")
    volume.config["user.n"] = "2"
    volume.save()
    volume.snapshots.create("later")
    volume.copy("copy", new_client=other_client, mode=mode, refresh=True)
    assert told(other_server, "copy") == told(other_server, "theirs")  # its configuration is its own, as after `lxc`
    assert [each for each, _ in snapshots(other_server, "copy")] == ["before", "later"]
    assert file(other_server, "copy").read_text() == "newest of all"

    assert volume.move(new_client=other_client, mode=mode) is volume
    assert (volume.client, volume.name, volume.config["user.n"]) == (other_client, "data", "2")
    assert server.query(VOLUMES) in ([], None)
    assert file(other_server, "data").read_text() == "newest of all"
    assert [each for each, _ in snapshots(other_server, "data")] == ["before", "later"]
    volume.description = "there"
    volume.save()
    assert told(other_server, "data")["description"] == "there"


def test_a_snapshot_becomes_a_volume_elsewhere(client, server, other_client, other_server, volume, beside):
    before = volume.snapshots.get("before")
    if server.flavour == "lxd":
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable):
            before.copy("copy", new_client=other_client)
        assert other_server.query(VOLUMES) in ([], None)
        return
    server.cli("storage", "volume", "copy", "private:default/data/before", f"{beside}:default/theirs")
    for mode in ("pull", "push", "relay"):
        copy = before.copy(mode, new_client=other_client, mode=mode)
        assert told(other_server, mode) == told(other_server, "theirs")
        assert (copy.snapshots.all(), file(other_server, mode).read_text()) == ([], "old")


def test_a_move_that_is_not_waited_for_deletes_nothing(client, server, other_client, other_server, volume):
    there = volume.move("there", new_client=other_client, wait=False)
    there.operation.wait()
    assert (there.client, volume.client) == (other_client, client)
    eventually(lambda: idle(server, other_server))
    assert file(server, "data").read_text() == file(other_server, "there").read_text() == "newer"


def test_where_a_client_is_says_where_a_volume_goes(client, server, other_client, asked, volume):
    lab = client.use_project(client.projects.create("lab").name)
    copy = volume.copy(new_client=lab)
    assert (copy.client, copy.project, copy.snapshots.all()) == (lab, "lab", ["before"])
    volume.snapshots.get("before").copy("old", new_client=lab)
    assert file(server, "old", "lab").read_text() == "old"
    with pytest.raises(lxdnb.Conflict, match="already exists"):
        volume.move(new_client=lab)
    assert volume.move("moved", new_client=lab) is volume
    assert (volume.client.project, file(server, "moved", "lab").read_text()) == ("lab", "newer")

    volume.move(new_client=client)
    server.cli("init", "busybox", "c1")
    server.cli("storage", "volume", "attach", "default", "moved", "c1", "disk", "/mnt")
    with pytest.raises(lxdnb.LXDAPIException, match=r"in use by /1\.0/instances/c1"):
        volume.move(new_client=other_client)
    assert not other_client.storage_pools.get("default").volumes.exists("custom", "moved")
    of_instance = client.storage_pools.get("default").volumes.get("container", "c1")
    asked.clear()
    for each, options, said in (
        (of_instance, {"name": "x"}, "copy that"),
        (volume, {"mode": "carry"}, "pull, push or relay"),
        (volume, {"refresh_exclude_older": True}, "refresh=True"),
        (volume, {"pool": ".."}, "no name"),
        (volume, {"new_client": "other"}, "a Client"),
    ):
        with pytest.raises((TypeError, ValueError), match=said):
            each.copy(**{"new_client": other_client, **options})
    assert asked == []


def test_a_refresh_leaves_older_snapshots_out(client, server, other_client, other_server, volume):
    if server.flavour == "lxd":
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable):
            volume.copy("copy", refresh=True, refresh_exclude_older=True)
        assert not client.storage_pools.get("default").volumes.exists("custom", "copy")
        return
    volume.snapshots.create("later")
    server.cli("storage", "volume", "copy", "default/data", "default/theirs")
    for where, name in ((client, "theirs"), (client, "copy"), (other_client, "copy")):
        copy = volume.copy(name, new_client=where, refresh=True)
        copy.snapshots.get("before").delete(wait=True)
        if name == "copy":
            volume.copy(name, new_client=where, refresh=True, refresh_exclude_older=True)
            assert copy.snapshots.all() == ["later"]
    refresh = ("--refresh", "--refresh-exclude-older")
    server.cli("storage", "volume", "copy", "default/data", "default/theirs", *refresh)
    assert snapshots(server, "theirs") == snapshots(server, "copy") == snapshots(other_server, "copy")
