"""Chapter 11: storage pools. 13.9 calls them read-only; pylxd 2.4 saves and deletes them, and so do we."""

from __future__ import annotations

import pytest

import lxdnb
from lxdnb.models import StoragePool


@pytest.fixture
def name(server):
    """A pool that the command line made, and deletes if it is still there."""
    server.cli("storage", "create", "manual", "dir", "volume.size=1GiB")
    yield "manual"
    if "/1.0/storage-pools/manual" in server.query("/1.0/storage-pools"):
        server.cli("storage", "delete", "manual")


def test_11_1_manager_methods(client, server, name):
    pools = client.storage_pools.all()
    assert {each.name for each in pools} == {"default", name}
    assert client.storage_pools.get(name) in pools
    assert client.storage_pools.get(name).name == name
    assert client.storage_pools.exists(name) is True
    assert client.storage_pools.exists("nobody") is False
    with pytest.raises(lxdnb.NotFound):
        client.storage_pools.get("nobody")
    # "the 'config' key in the API docs would actually be config.config as passed to this method"
    config = {"config": {"user.owner": "me"}, "driver": "dir", "name": "made"}
    made = client.storage_pools.create(config)
    record = server.query("/1.0/storage-pools/made")
    assert (record["driver"], record["config"]["user.owner"]) == ("dir", "me")
    made.delete()


def test_11_2_storage_pool_attributes(client, server, name):
    server.cli("init", "busybox", "c1", "--storage", name)
    pool = client.storage_pools.get(name)
    record = server.query(f"/1.0/storage-pools/{name}")
    for field in ("name", "driver", "used_by", "config"):
        assert getattr(pool, field) == record[field], field
    assert (pool.driver, pool.config["volume.size"]) == ("dir", "1GiB")
    assert "/1.0/instances/c1" in pool.used_by
    client.instances.get("c1").delete(wait=True)
    for url in client.storage_pools.get(name).used_by:
        assert "/images/" in url
        client.images.get(url.rpartition("/")[2])


def test_13_9_storage_pool(client, server, name):
    pool = StoragePool.get(client, name)
    assert pool in StoragePool.all(client)
    assert StoragePool.exists(client, name)
    pool.description = "saved"
    pool.save(wait=False)
    assert server.query(f"/1.0/storage-pools/{name}")["description"] == "saved"
    pool.delete()
    assert not client.storage_pools.exists(name)
