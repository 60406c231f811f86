"""Snapshots of a volume: what was in it, to go back to or to make another volume of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, overload

from lxdnb import checks
from lxdnb.api import metadata
from lxdnb.models._model import name_in
from lxdnb.models._named import Part, PartManager, there
from lxdnb.models._volume_copy import copied
from lxdnb.models.snapshot import instant

if TYPE_CHECKING:
    from lxdnb.api import APINode
    from lxdnb.client import Client
    from lxdnb.models.storage_volume import StorageVolume

__all__ = ["StorageVolumeSnapshot", "StorageVolumeSnapshotManager"]

NEVER = "0001-01-01T00:00:00Z"  # Go's zero time: servers write it where a list of theirs has null


class StorageVolumeSnapshot(Part):
    """A snapshot of a volume.

    `name` is its own, without the volume's. `created_at` and `expires_at` are ISO 8601 texts, None where the server
    has none. `expires_at` can be set, to a datetime or such a text, with a time zone, or to None for never; then `save`
    it.

    >>> volume = client.storage_pools.get("default").volumes.create({"name": "data"})
    >>> snapshot = volume.snapshots.create("before", expires_at="2031-01-31T12:00:00Z")
    >>> snapshot.expires_at
    '2031-01-31T12:00:00Z'
    >>> snapshot.restore(wait=True)
    >>> volume.delete(wait=True)

    https://documentation.ubuntu.com/lxd/stable-5.0/howto/storage_backup_volume/
    """

    collection: ClassVar[str] = "snapshots"
    within: ClassVar[str] = "volume"
    extension: ClassVar[str | None] = "storage_api_volume_snapshots"
    writable: ClassVar[frozenset[str]] = frozenset({"description", "expires_at"})

    config: dict[str, str]
    content_type: str
    created_at: str
    description: str
    expires_at: str
    name: str

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "expires_at":
            moment = NEVER if value is None else instant(value)
            if not self._loaded:
                self.sync()
            if value == self._theirs.get(name):  # as the server has it: that may be finer than a datetime
                self._ours.pop(name, None)
                return
            value = moment
        super().__setattr__(name, value)

    @classmethod
    def get(cls, volume: StorageVolume, name: str) -> Self:
        """Return the snapshot of that name. Raises NotFound."""
        return cls._get(volume, name)

    @classmethod
    def exists(cls, volume: StorageVolume, name: str) -> bool:
        """Return whether there is a snapshot of that name."""
        return cls._exists(volume, name)

    @overload
    @classmethod
    def all(cls, volume: StorageVolume, use_recursion: Literal[False] = False) -> list[str]: ...

    @overload
    @classmethod
    def all(cls, volume: StorageVolume, use_recursion: bool) -> list[Any]: ...

    @classmethod
    def all(cls, volume: StorageVolume, use_recursion: bool = False) -> list[Any]:
        """Return the names of all snapshots of a volume, or with `use_recursion` the snapshots, by one request.

        In a cluster of LXD it takes more, one for each among them, where the volume is not on the member that answers.
        """
        checks.flag("use_recursion", use_recursion)
        found = cls._all(volume)
        if volume.client.product == "lxd" and _is_elsewhere(volume.client):
            found = cls._all_elsewhere(volume) or [each for each in found if there(each.api)]
        if not use_recursion:
            return [each._name for each in found]  # the URLs that servers list are not quoted by all
        for each in found:  # lists leave it out, and it is the volume's
            each._theirs["content_type"] = each._theirs.get("content_type") or volume.content_type
        return found

    @classmethod
    def _all_elsewhere(cls, volume: StorageVolume) -> list[Self]:
        """Return those that LXD 5.0 has in its list of volumes: that of snapshots is of the member that answers."""
        within = f"{volume.name}/"
        listed = (
            metadata(volume.client.api["storage-pools"][volume.pool].volumes[volume.type].get(params={"recursion": 1}))
            or []
        )
        names = [record["name"] for record in listed if record["name"].startswith(within)]
        return [cls._get(volume, name.removeprefix(within)) for name in names]

    @classmethod
    def create(
        cls,
        volume: StorageVolume,
        name: str | None = None,
        expires_at: datetime | str | None = None,
        wait: bool = True,
    ) -> Self:
        """Take a snapshot and return it; with `wait`, when it is there.

        Without a name the server picks one, by the volume's `snapshots.pattern`, and it is waited for. The server
        deletes it at `expires_at`, a datetime or an ISO 8601 text, with a time zone. Raises Conflict when the name is
        taken.
        """
        node, request = cls._collection(volume), dict[str, Any]()
        if name is not None:
            _ = cls._node(volume, name)  # refuses what is no name, before anything is sent
            request["name"] = name
        if expires_at is not None:
            request["expires_at"] = instant(expires_at)
            volume.client.assert_has_api_extension("custom_volume_snapshot_expiry")
        before = set[str]() if name is not None else {*cls.all(volume)}
        created = cls(volume.client, name=name, volume=volume)
        created._started(node.post(json=request), wait or name is None)
        if name is None:
            operation = created.operation
            told = ((operation and operation.resources) or {}).get("storage_volume_snapshots") or []
            # The operations of LXD 5.0 tell the volume alone.
            found = name_in(told[0]) if told else [each for each in cls.all(volume) if each not in before][-1]
            created._theirs["name"] = found
        return created

    @property
    def volume(self) -> StorageVolume:
        """The volume that it is a snapshot of."""
        return self._owner

    def rename(self, new_name: str, wait: bool = True) -> None:
        """Give it another name. Raises OperationFailed when that is taken."""
        _ = self._node(self._owner, new_name)
        self._rename(new_name, wait)

    def restore(self, wait: bool = False) -> None:
        """Put its volume back to what it was then."""
        self.volume.restore_from(self._name, wait)
        self._operation = self.volume.operation

    def copy(
        self,
        name: str,
        pool: str | None = None,
        *,
        project: str | None = None,
        new_client: Client | None = None,
        target: str | None = None,
        mode: str = "pull",
        wait: bool = True,
    ) -> StorageVolume:
        """Make a volume of it, in another pool, project or server if that is said, and return that; see
        `StorageVolume.copy`. Raises LXDAPIExtensionNotAvailable for another server where this one cannot, as LXD 5.0.

        >>> volume = client.storage_pools.get("default").volumes.create({"name": "data"})
        >>> volume.snapshots.create("before").copy("as-it-was")
        <StorageVolume 'as-it-was'>
        """
        more: dict[str, Any] = {"project": project, "new_client": new_client, "target": target, "mode": mode}
        return copied(self.volume, self, checks.name(name), pool, flags={}, wait=wait, **more)

    @classmethod
    def _node(cls, owner: Any, name: str) -> APINode:
        if "/" in checks.name(name):
            raise ValueError(f"{checks.shown(name)} is no name of a snapshot: it has a / in it")
        return super()._node(owner, name)

    @classmethod
    def _kept(cls, record: dict[str, Any]) -> dict[str, Any]:
        return {
            **record,
            **_never(record),
            "name": record["name"].rpartition("/")[2],
        }  # lists put the volume's before it

    def _take(self, record: Mapping[str, Any], rollback: bool = False) -> None:
        super()._take(record, rollback)
        self._theirs |= _never(self._theirs)  # of what was sent


class StorageVolumeSnapshotManager(PartManager[StorageVolumeSnapshot]):
    """`volume.snapshots`."""

    model = StorageVolumeSnapshot

    @overload
    def all(self, use_recursion: Literal[False] = False) -> list[str]: ...

    @overload
    def all(self, use_recursion: bool) -> list[StorageVolumeSnapshot]: ...

    def all(self, use_recursion: bool = False) -> list[Any]:
        """Return the names of all its snapshots, or with `use_recursion` the snapshots, by one request."""
        return self.model.all(self._owner, use_recursion)

    def create(
        self, name: str | None = None, expires_at: datetime | str | None = None, wait: bool = True
    ) -> StorageVolumeSnapshot:
        """Take a snapshot and return it; see `StorageVolumeSnapshot.create`."""
        return self.model.create(self._owner, name, expires_at, wait)


def _is_elsewhere(client: Client) -> bool:
    """Return whether a client's target is another member of the cluster than the one that answers."""
    answers = (client.host_info.get("environment") or {}).get("server_name")
    return client.server_clustered and client.target is not None and client.target != answers


def _never(record: Mapping[str, Any]) -> dict[str, None]:
    """Return the times of a record that are none."""
    return {key: None for key in ("created_at", "expires_at") if record.get(key) == NEVER}
