"""Backups of a volume: files to keep elsewhere, and to make a volume of again."""
# What is private to a resource is its manager's too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import re
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import checks
from lxdnb.models._named import Part, PartManager
from lxdnb.models._source import Data, opened
from lxdnb.models._transfer import PIECE, Heard, Meter, Place, fetch, heard, length, outgoing
from lxdnb.models.snapshot import instant

if TYPE_CHECKING:
    from lxdnb.models.storage_pool import StoragePool
    from lxdnb.models.storage_volume import StorageVolume

__all__ = ["StorageVolumeBackup", "StorageVolumeBackupManager", "imported"]


class StorageVolumeBackup(Part):
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

    collection: ClassVar[str] = "backups"
    within: ClassVar[str] = "volume"
    extension: ClassVar[str | None] = "custom_volume_backup"

    created_at: str
    expires_at: str
    name: str
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
        name: str,
        *,
        expires_at: datetime | str | None = None,
        volume_only: bool = False,
        optimized_storage: bool = False,
        compression_algorithm: str | None = None,
        wait: bool = True,
    ) -> Self:
        """Make a backup and return it; with `wait`, when it is there.

        `compression_algorithm` is `gzip`, `zstd`, `none` …, and the server's own choice if it is not said. Raises
        OperationFailed when it cannot be made, or there is one of that name.
        """
        _ = cls._node(volume, name)  # refuses what is no name, before anything is sent
        request: dict[str, Any] = {
            "name": name,
            "volume_only": checks.flag("volume_only", volume_only),
            "optimized_storage": checks.flag("optimized_storage", optimized_storage),
        }
        if expires_at is not None:
            request["expires_at"] = instant(expires_at)
        if compression_algorithm is not None:
            request["compression_algorithm"] = checks.text("compression_algorithm", compression_algorithm)
        created = cls(volume.client, name=name, volume=volume)
        created._started(cls._collection(volume).post(json=request), wait)
        return created

    @property
    def volume(self) -> StorageVolume:
        """The volume that it is a backup of."""
        return self._owner

    def rename(self, new_name: str, wait: bool = True) -> None:
        """Give it another name. Raises OperationFailed when that is taken."""
        _ = self._node(self._owner, new_name)
        self._rename(new_name, wait)

    def export(self, to: Place | None = None, *, on_progress: Heard = None) -> IO[bytes] | None:
        """Fetch it to `to`: the path of a file, a file that is open for bytes, or None for a temporary one.

        A file at a path has its new content only once that is all there, and is as it was after any failure. The
        temporary one is returned open at its start. `on_progress` is called with a `Progress` now and then.
        """
        return fetch(self.api.export, to, stage="export", on_progress=on_progress)

    @classmethod
    def _kept(cls, record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "name": record["name"].rpartition("/")[2]}

    @classmethod
    def _node(cls, owner: Any, name: str) -> Any:
        if "/" in checks.name(name):
            raise ValueError(f"{checks.shown(name)} is no name of a backup: it has a / in it")
        return super()._node(owner, name)


class StorageVolumeBackupManager(PartManager[StorageVolumeBackup]):
    """`volume.backups`."""

    model = StorageVolumeBackup

    def create(
        self,
        name: str,
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


def imported(storage_pool: StoragePool, data: Data, name: str, on_progress: Heard, wait: bool) -> StorageVolume:
    """Make a volume of a backup, and return it."""
    from lxdnb.models.storage_volume import StorageVolume

    client = storage_pool.client
    client.assert_has_api_extension("custom_volume_backup")
    node = client.api["storage-pools"][storage_pool.name].volumes.custom
    _ = node[name]
    if name != name.strip() or re.search("[\x00-\x1f\x7f]", name):  # which no field of a head could say
        raise ValueError(f"{checks.shown(name)} is no name of a volume: it has white space or a control character")
    prefix = "X-Incus-" if client.product == "incus" else "X-LXD-"
    headers = {"Content-Type": "application/octet-stream", f"{prefix}name": name.encode()}
    heard(on_progress)
    made = StorageVolume(client, name=name, type="custom", storage_pool=storage_pool)
    with opened(data, PIECE) as pieces:
        answer = outgoing(node, pieces, Meter("import", on_progress, length(data)), headers=headers)
    made._started(answer, wait)
    return StorageVolume.get(storage_pool, "custom", name) if wait and client.server_clustered else made
