"""How much of a storage pool is in use."""
# What is private to a resource is its manager's too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import api
from lxdnb.models._model import Manager
from lxdnb.models._named import Part

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models.storage_pool import StoragePool

__all__ = ["StorageResources", "StorageResourcesManager"]


class StorageResources(Part):
    """How much of a pool is in use: `space` in bytes and `inodes`, each a dict of `used` and `total`.

    >>> resources = client.storage_pools.get("default").resources.get()
    >>> 0 < resources.space["used"] < resources.space["total"]
    True

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/storage/storage_pool_resources
    """

    collection: ClassVar[str] = "resources"
    key: ClassVar[str] = "space"  # it has no name of its own
    within: ClassVar[str] = "storage_pool"
    extension: ClassVar[str | None] = "resources"

    inodes: dict[str, int]
    space: dict[str, int]

    @classmethod
    def get(cls, storage_pool: StoragePool) -> Self:
        """Return what of a pool is in use now. In a cluster a client of `use_target` says of which member."""
        record = api.metadata(cls._collection(storage_pool).get())
        return cls._from_record(storage_pool.client, record, storage_pool=storage_pool)

    @property
    def api(self) -> api.APINode:
        """The node of the resources in `client.api`."""
        return self._collection(self._owner)

    @property
    def storage_pool(self) -> StoragePool:
        """The pool that it tells of."""
        return self._owner

    def __repr__(self) -> str:
        return f"<StorageResources of {self._owner!r}>"

    def _identity(self) -> tuple[str | None, ...]:
        return (*self._owner._identity(), self.collection)

    def _may_change(self, name: str) -> bool:
        return False


class StorageResourcesManager(Manager[StorageResources]):
    """`pool.resources`."""

    model = StorageResources

    def __init__(self, client: Client, storage_pool: StoragePool) -> None:
        super().__init__(client)
        self._owner: Any = storage_pool

    def get(self) -> StorageResources:
        """Return what of the pool is in use now; see `StorageResources.get`."""
        return self.model.get(self._owner)
