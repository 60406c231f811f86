"""Backups of a volume: files to keep elsewhere, and to make a volume of again."""
# What is private to a resource is its manager's too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

from lxdnb.models._backup import BaseBackup, BaseBackupManager
from lxdnb.models._import import sent
from lxdnb.models._source import Data
from lxdnb.models._transfer import Heard

if TYPE_CHECKING:
    from lxdnb.models.storage_pool import StoragePool
    from lxdnb.models.storage_volume import StorageVolume

__all__ = ["StorageVolumeBackup", "StorageVolumeBackupManager", "imported"]


class StorageVolumeBackup(BaseBackup):
    """A backup of a custom volume, which the server keeps until it is deleted or expires.

    `volume_only` says whether it is without the snapshots, `optimized_storage` whether only a pool of the same driver
    can take it; `created_at` and `expires_at` are ISO 8601 texts.

    >>> pool = client.storage_pools.get("default")
    >>> volume = pool.volumes.create({"name": "data"})
    >>> backup = volume.backups.create("monday")
    >>> backup.export("data.tar.gz")
    >>> backup.delete(wait=True)
    >>> pool.volumes.import_backup(pathlib.Path("data.tar.gz"), "again")
    <StorageVolume 'again'>

    https://documentation.ubuntu.com/lxd/stable-5.0/howto/storage_backup_volume/
    """

    within: ClassVar[str] = "volume"
    extension: ClassVar[str | None] = "custom_volume_backup"

    created_at: str
    optimized_storage: bool
    volume_only: bool

    @classmethod
    def get(cls, volume: StorageVolume, name: str) -> Self:
        """Return the backup of that name. Raises NotFound."""
        return cls._get(volume, name)

    @classmethod
    def exists(cls, volume: StorageVolume, name: str) -> bool:
        """Return whether there is a backup of that name."""
        return cls._exists(volume, name)

    @classmethod
    def all(cls, volume: StorageVolume) -> list[Self]:
        """Return all backups of a volume, by one request."""
        return cls._all(volume)

    @classmethod
    def create(
        cls,
        volume: StorageVolume,
        name: str | None = None,
        *,
        expires_at: datetime | str | None = None,
        volume_only: bool = False,
        optimized_storage: bool = False,
        compression_algorithm: str | None = None,
        wait: bool = True,
    ) -> Self:
        """Make a backup and return it; with `wait`, when it is there. Without a `name` it gets one.

        `compression_algorithm` is `gzip`, `zstd`, `none` …, and the server's own choice if it is not said. Raises
        OperationFailed when it cannot be made, or there is one of that name.
        """
        flags = {"volume_only": volume_only, "optimized_storage": optimized_storage}
        return cls._made(volume, name, expires_at, flags, compression_algorithm, wait)

    @property
    def volume(self) -> StorageVolume:
        """The volume that it is a backup of."""
        return self._owner


class StorageVolumeBackupManager(BaseBackupManager[StorageVolumeBackup]):
    """`volume.backups`."""

    model = StorageVolumeBackup

    def create(
        self,
        name: str | None = None,
        *,
        expires_at: datetime | str | None = None,
        volume_only: bool = False,
        optimized_storage: bool = False,
        compression_algorithm: str | None = None,
        wait: bool = True,
    ) -> StorageVolumeBackup:
        """Make a backup and return it; see `StorageVolumeBackup.create`."""
        return self.model.create(
            self._owner,
            name,
            expires_at=expires_at,
            volume_only=volume_only,
            optimized_storage=optimized_storage,
            compression_algorithm=compression_algorithm,
            wait=wait,
        )


def imported(
    storage_pool: StoragePool, data: Data, name: str, on_progress: Heard, wait: bool, *, iso: bool = False
) -> StorageVolume:
    """Make a volume of a backup, or of an ISO image, and return it."""
    from lxdnb.models.storage_volume import StorageVolume

    client = storage_pool.client
    client.assert_has_api_extension("custom_volume_iso" if iso else "custom_volume_backup")
    node = client.api["storage-pools"][storage_pool.name].volumes.custom
    _ = node[name]
    answer = sent(client, node, data, on_progress, name=name, type="iso" if iso else None)
    made = StorageVolume(client, name=name, type="custom", storage_pool=storage_pool)
    made._started(answer, wait)
    return made._at_its_member() if wait and client.server_clustered else made
