"""The volumes of all storage pools: by one request where the server can, else by one for each pool."""
# What is private to a volume is its lists' too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxdnb import api
from lxdnb.models._model import Manager
from lxdnb.models.storage_pool import StoragePool
from lxdnb.models.storage_volume import StorageVolume

__all__ = ["AllStorageVolumesManager"]


class AllStorageVolumesManager(Manager[StorageVolume]):
    """`client.storage_volumes`."""

    model = StorageVolume

    def all(
        self, *, type: str | None = None, all_projects: bool = False, filter: str | None = None
    ) -> list[StorageVolume]:
        """Return the volumes of all pools, of all types or of one, as `pool.volumes.all` does those of one pool.

        It is one request, or for servers without the API extension `storage_volumes_all` one more for each pool.

        >>> client.storage_pools.get("default").volumes.create({"name": "data"})
        <StorageVolume 'data'>
        >>> [(volume.pool, volume.name) for volume in client.storage_volumes.all(type="custom")]
        [('default', 'data')]
        """
        client = self.client
        asked = self.model._asked(client, type, all_projects, filter)
        if not client.has_api_extension("storage_volumes_all"):
            pools = StoragePool.all(client)
            return [
                each
                for pool in pools
                for each in self.model.all(pool, type=type, all_projects=all_projects, filter=filter)
            ]
        node, made = client.api["storage-volumes"], dict[str, StoragePool]()
        records = api.metadata((node if type is None else node[type]).get(params=asked)) or []

        def pool_of(record: Mapping[str, Any]) -> StoragePool:
            return made.setdefault(record["pool"], StoragePool(client, name=record["pool"]))

        return self.model._listed(client, records, pool_of, all_projects)
