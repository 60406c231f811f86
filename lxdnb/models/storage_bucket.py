"""Buckets of a storage pool: what programs reach by S3, with keys of their own."""
# What is private to a resource is its manager's too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import api, checks
from lxdnb.models._import import sent
from lxdnb.models._in_pool import asked_of_list, at_its_member, of_projects
from lxdnb.models._model import as_sent
from lxdnb.models._named import Part, PartManager
from lxdnb.models.storage_bucket_backup import StorageBucketBackupManager
from lxdnb.models.storage_bucket_key import StorageBucketKey, StorageBucketKeyManager

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models._source import Data
    from lxdnb.models._transfer import Heard, Place
    from lxdnb.models.storage_pool import StoragePool

__all__ = ["StorageBucket", "StorageBucketManager"]

_INNER = frozenset({"ID", "PoolID", "PoolName"})  # of the server's database, and told by accident


class StorageBucket(Part):
    """A bucket of a storage pool, which programs reach at its `s3_url`.

    Pools of the drivers `dir`, `btrfs`, `lvm` and `zfs` have them where the server finds MinIO (`minio` and `mc`), at
    the address that its `core.storage_buckets_address` says; those of `cephobject` where Ceph has them. `config` has
    its `size`. In a cluster it is asked for at the member that is its `location`.

    `admin_key` is its first key, with its secret, where the server has told it of a bucket that this object created;
    else None: `keys.get("admin")` asks for it.

        bucket = pool.buckets.create("photos", config={"size": "10GiB"})
        print(bucket.s3_url, bucket.admin_key.access_key, bucket.admin_key.secret_key)
        reader = bucket.keys.create("reader", role="read-only")
        bucket.export_backup("photos.tar.gz")

    https://documentation.ubuntu.com/lxd/latest/howto/storage_buckets/
    """

    collection: ClassVar[str] = "buckets"
    within: ClassVar[str] = "storage_pool"
    extension: ClassVar[str | None] = "storage_buckets"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description"})

    config: dict[str, Any]
    description: str
    location: str
    name: str
    project: str
    s3_url: str

    def __init__(self, client: Client, **fields: Any) -> None:
        super().__init__(client, **fields)
        self._admin_key: StorageBucketKey | None = None

    def __getitem__(self, name: str) -> Any:
        """Return a field by its name, for `dict(bucket)`: see `StorageBucketKeyManager.__call__`."""
        return dict(iter(self))[name]

    @classmethod
    def get(cls, storage_pool: StoragePool, name: str) -> Self:
        """Return the bucket of that name. Raises NotFound."""
        return cls._get(storage_pool, name)

    @classmethod
    def exists(cls, storage_pool: StoragePool, name: str) -> bool:
        """Return whether there is a bucket of that name."""
        return cls._exists(storage_pool, name)

    @classmethod
    def all(cls, storage_pool: StoragePool, *, all_projects: bool = False, filter: str | None = None) -> list[Self]:
        """Return the buckets of a pool, by one request.

        With `all_projects` those of all projects, each with a client of its own project. `filter` is in the server's
        words, as in `name eq photos or config.user.owner eq me`. Raises LXDAPIExtensionNotAvailable where the server
        cannot.
        """
        client, node = storage_pool.client, cls._collection(storage_pool)
        extensions = {"all_projects": "storage_buckets_all_projects", "filter": "api_filtering_extended"}
        asked = asked_of_list(client, all_projects, filter, extensions)
        records: list[dict[str, Any]] = api.metadata(node.get(params=asked)) or []
        return [cls._of(storage_pool, own, record) for own, record in of_projects(client, records, all_projects)]

    @classmethod
    def create(
        cls,
        storage_pool: StoragePool,
        name: str,
        description: str | None = None,
        config: Mapping[str, Any] | None = None,
        *,
        target: str | None = None,
    ) -> Self:
        """Create a bucket and return it, with its `admin_key` where the server tells that.

        In a cluster `target` is the member whose pool it is to be in. Raises Conflict when there is one of that name,
        LXDAPIException where the pool can have none.
        """
        _ = cls._node(storage_pool, name)  # refuses what is no name, before anything is sent
        request = {
            "name": name,
            "description": "" if description is None else checks.text("description", description),
            "config": as_sent({} if config is None else config),
        }
        client = storage_pool.client if target is None else storage_pool.client.use_target(target)
        made = cls(client, name=name, storage_pool=storage_pool)
        answer = client.api["storage-pools"][made.pool].buckets.post(json=request)
        made._started(answer, wait=True)
        if client.server_clustered:  # which alone knows where it is
            made = cls._of(storage_pool, client, api.metadata(made.api.get()))
        made._admin_key = StorageBucketKey._told(made, answer.json())
        return made

    @property
    def api(self) -> api.APINode:
        """The node of this bucket in `client.api`."""
        if self.extension is not None:
            self.client.assert_has_api_extension(self.extension)
        return self.client.api["storage-pools"][self.pool].buckets[self._name]

    @property
    def admin_key(self) -> StorageBucketKey | None:
        """The key that its creation was answered with, None for a bucket that was there, or where none was told."""
        return self._admin_key

    @property
    def pool(self) -> str:
        """The name of its pool."""
        return self._owner.name

    @property
    def storage_pool(self) -> StoragePool:
        """Its pool."""
        return self._owner

    @property
    def backups(self) -> StorageBucketBackupManager:
        """Its backups, which can be fetched."""
        return StorageBucketBackupManager(self.client, self)

    @property
    def keys(self) -> StorageBucketKeyManager:
        """Its keys, each an access key with a secret key."""
        return StorageBucketKeyManager(self.client, self)

    def export_backup(
        self, to: Place | None = None, *, compression_algorithm: str | None = None, on_progress: Heard = None
    ) -> IO[bytes] | None:
        """Make a backup, fetch it, and delete it on the server, as `incus storage bucket export` does.

        See `StorageBucketBackup.export` and `StorageBucketBackup.create`.
        """
        return self.backups._exported(to, {}, compression_algorithm, on_progress)

    @classmethod
    def _of(cls, storage_pool: StoragePool, client: Client, record: dict[str, Any]) -> Self:
        kept = cls._kept(record)
        return cls._from_record(at_its_member(client, kept), kept, storage_pool=storage_pool)

    @classmethod
    def _get(cls, owner: Any, name: str) -> Self:
        return cls._of(owner, owner.client, api.metadata(cls._node(owner, name).get()))

    @classmethod
    def _kept(cls, record: dict[str, Any]) -> dict[str, Any]:
        return {field: value for field, value in record.items() if field not in _INNER}

    def _identity(self) -> tuple[str | None, ...]:
        client, project = self.client, self.client.project or "default"
        return (self.collection, client.api.netloc, project, client.target, self.pool, self._name)


class StorageBucketManager(PartManager[StorageBucket]):
    """`pool.buckets`."""

    model = StorageBucket

    def all(self, *, all_projects: bool = False, filter: str | None = None) -> list[StorageBucket]:
        """Return the buckets of the pool, by one request; see `StorageBucket.all`."""
        return self.model.all(self._owner, all_projects=all_projects, filter=filter)

    def create(
        self,
        name: str,
        description: str | None = None,
        config: Mapping[str, Any] | None = None,
        *,
        target: str | None = None,
    ) -> StorageBucket:
        """Create a bucket and return it; see `StorageBucket.create`."""
        return self.model.create(self._owner, name, description, config, target=target)

    def import_backup(self, data: Data, name: str, *, on_progress: Heard = None, wait: bool = True) -> StorageBucket:
        """Make a bucket of a backup that was exported, with its keys, and return it; as `incus storage bucket import`.

        `data` are bytes, the path of a file here as a `pathlib.Path`, an open file or an iterable of bytes, streamed in
        constant memory. Raises Conflict or OperationFailed when there is one of that name, or what comes is no backup;
        on Ceph also while the bucket that it was made of is there, since an access key is nobody else's.
        """
        pool, client = self._owner, self.client
        client.assert_has_api_extension("storage_bucket_backup")
        node = self.model._collection(pool)
        _ = node[name]
        made = self.model(client, name=name, storage_pool=pool)
        made._started(sent(client, node, data, on_progress, name=name), wait)
        return self.get(name) if wait and client.server_clustered else made
