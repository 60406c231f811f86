"""Storage pools: what instances, images and volumes lie in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import checks
from lxdnb.models._model import as_sent
from lxdnb.models._named import OfServer, OfServerManager
from lxdnb.models.storage_bucket import StorageBucketManager
from lxdnb.models.storage_resources import StorageResources, StorageResourcesManager
from lxdnb.models.storage_volume import StorageVolume, StorageVolumeManager
from lxdnb.models.storage_volume_snapshot import StorageVolumeSnapshot

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["StoragePool", "StoragePoolManager", "StorageResources", "StorageVolume", "StorageVolumeSnapshot"]


class StoragePool(OfServer):
    """A storage pool, of a `driver` as `dir`, `btrfs`, `lvm` or `zfs`.

    `config` has its `source`, its `size`, and what volumes in it get by default, as `volume.size`. `used_by` are the
    URLs of what lies in it, and of the profiles with a disk in it; `locations` the members of a cluster that have it;
    `managed` is None, as no server tells it.

    >>> pool = client.storage_pools.create({"name": "fast", "driver": "dir"})
    >>> pool.description = "scratch"
    >>> pool.save()
    >>> pool.resources.get().space["total"] > 0
    True
    >>> pool.delete()

    https://documentation.ubuntu.com/lxd/stable-5.0/storage/
    """

    collection: ClassVar[str] = "storage-pools"
    extension: ClassVar[str | None] = "storage"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description"})

    config: dict[str, Any]
    description: str
    driver: str
    locations: list[str]
    managed: bool
    name: str
    status: str
    used_by: list[str]

    @classmethod
    def create(
        cls, client: Client, definition: Mapping[str, Any], wait: bool = True, *, target: str | None = None
    ) -> Self:
        """Create a pool from a description as the REST API takes it, and return it.

        It has `name`, `driver`, `config` and `description`. In a cluster create it once for each member by its name as
        `target`, with what of `config` is that member's own, then once without, with the rest. Raises Conflict when
        there is one of that name, LXDAPIException where the server lacks the driver.
        """
        request = dict(checks.mapping("definition", definition))
        if "name" not in request:
            raise ValueError('definition needs a "name" for the pool')
        node = cls._collection(client)
        _ = node[request["name"]]  # refuses what is no name, before anything is sent
        request["config"] = as_sent({} if request.get("config") is None else request["config"])
        created = cls(client, name=request["name"])
        created._started(node.post(json=request, target=target), wait)
        return created

    @property
    def resources(self) -> StorageResourcesManager:
        """How much of it is in use: `pool.resources.get()`."""
        return StorageResourcesManager(self.client, self)

    @property
    def buckets(self) -> StorageBucketManager:
        """Its buckets, which programs reach by S3."""
        return StorageBucketManager(self.client, self)

    @property
    def volumes(self) -> StorageVolumeManager:
        """Its volumes: those that people made, and those of instances and images."""
        return StorageVolumeManager(self.client, self)


class StoragePoolManager(OfServerManager[StoragePool]):
    """`client.storage_pools`."""

    model = StoragePool

    def create(self, definition: Mapping[str, Any], wait: bool = True, *, target: str | None = None) -> StoragePool:
        """Create a pool and return it; see `StoragePool.create`."""
        return self.model.create(self.client, definition, wait, target=target)
