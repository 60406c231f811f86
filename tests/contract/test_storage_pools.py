"""Storage pools: made, changed and deleted, and compared with what the command line tells of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

import lxdnb
from lxdnb.models import StoragePool, StorageResources


@pytest.fixture
def name(server) -> Iterator[str]:
    """The name of a pool that is deleted after the test."""
    name = f"p-{uuid.uuid4().hex[:8]}"
    yield name
    if name in [each["name"] for each in server.query("/1.0/storage-pools?recursion=1")]:
        server.cli("storage", "delete", name)


def test_a_pool_is_made_changed_and_deleted(client, server, name):
    definition = {"name": name, "driver": "dir", "description": "scratch", "config": {"user.n": 1}}
    pool = client.storage_pools.create(definition)
    record = server.query(f"/1.0/storage-pools/{name}")
    assert (record["description"], record["driver"], record["config"]["user.n"]) == ("scratch", "dir", "1")
    for field in ("name", "driver", "description", "config", "status", "locations", "used_by"):
        assert getattr(pool, field) == (record[field] or []), field
    assert (pool.status, pool.used_by) == ("Created", [])
    assert pool.to_yaml() == server.cli("storage", "show", name)
    with pytest.raises(lxdnb.LXDAPIException, match="already exists"):
        client.storage_pools.create(definition)

    server.cli("storage", "set", name, "user.theirs=1")
    pool.description = "ours"
    pool.config["user.n"] = 2
    pool.save(wait=True)
    config = server.query(f"/1.0/storage-pools/{name}")["config"]
    assert (config["user.theirs"], config["user.n"]) == ("1", "2")
    pool.patch({"config": {"user.n": "3"}})
    assert server.query(f"/1.0/storage-pools/{name}")["config"]["user.n"] == "3" == pool.config["user.n"]
    pool.put({"description": "put", "config": {"source": pool.config["source"]}})
    assert (pool.description, "user.n" in pool.config) == ("put", False)

    server.cli("storage", "volume", "create", name, "data")
    assert client.storage_pools.get(name).used_by == [f"/1.0/storage-pools/{name}/volumes/custom/data"]
    with pytest.raises(lxdnb.LXDAPIException, match="in use"):
        pool.delete()
    pool.volumes.get("custom", "data").delete(wait=True)
    assert {each.name for each in client.storage_pools.all()} == {"default", name}
    assert client.storage_pools.get(name) == pool == StoragePool.get(client, name)
    pool.delete(wait=True)
    assert not client.storage_pools.exists(name)
    with pytest.raises(lxdnb.NotFound):
        client.storage_pools.get(name)


def test_resources_are_what_the_command_line_tells(client, server):
    pool = client.storage_pools.get("default")
    resources = pool.resources.get()
    told = server.query("/1.0/storage-pools/default/resources")
    assert (resources.space["total"], resources.inodes["total"]) == (told["space"]["total"], told["inodes"]["total"])
    assert 0 < resources.space["used"] < resources.space["total"]
    assert {*dict(resources)} == {"inodes", "space"}
    resources.sync()
    assert resources == StorageResources.get(pool)
    assert resources.storage_pool is pool


def test_what_is_no_pool_is_told_before_anything_is_sent(client, asked):
    for wrong in ({}, {"driver": "dir"}, {"name": ".."}, {"name": "x", "config": "size=1GiB"}, "x", None):
        with pytest.raises((TypeError, ValueError), match=r"name|config|definition"):
            client.storage_pools.create(wrong)
    assert asked == []
    with pytest.raises(lxdnb.LXDAPIException, match="nknown driver"):
        client.storage_pools.create({"name": "x", "driver": "nosuchdriver"})
    assert not client.storage_pools.exists("x")
