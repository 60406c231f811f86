"""Volumes of a storage pool: those that people made, and those of instances and images."""
# What is private to a resource is its manager's too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any, ClassVar, Self, cast

from lxdnb import api, checks
from lxdnb.models._in_pool import asked_of_list, at_its_member, of_projects
from lxdnb.models._model import Manager, as_sent
from lxdnb.models._named import Part, there
from lxdnb.models._volume_copy import copied, moved
from lxdnb.models.storage_volume_backup import StorageVolumeBackupManager, imported
from lxdnb.models.storage_volume_snapshot import StorageVolumeSnapshot, StorageVolumeSnapshotManager

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.client import Client
    from lxdnb.models._source import Data
    from lxdnb.models._transfer import Heard, Place
    from lxdnb.models.storage_pool import StoragePool

__all__ = ["StorageVolume", "StorageVolumeManager", "StorageVolumeState"]


class StorageVolumeState:
    """What a volume takes at a moment: `usage` is a dict of `used` and `total`, in bytes.

    It is empty where the storage cannot tell; `total` is 0 for a volume without a size of its own.

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/storage/storage_pool_volume_type_state_get
    """

    usage: dict[str, int]

    def __init__(self, record: Mapping[str, Any]) -> None:
        told = record.get("usage")
        self.usage = {} if told is None else {"used": 0, "total": 0, **told}  # a count of 0 may be left out

    def __repr__(self) -> str:
        return f"<StorageVolumeState {self.usage}>"


class StorageVolume(Part):
    """A volume of a storage pool, known by its `type` and its `name`.

    `type` is `custom` for one that people made, else `container`, `virtual-machine` or `image`: those come and go with
    their instances and images. `content_type` is `filesystem`, `block` or `iso`. In a cluster it is asked for at the
    member that is its `location`.

    >>> pool = client.storage_pools.get("default")
    >>> volume = pool.volumes.create({"name": "data", "config": {"user.owner": "me"}})
    >>> volume
    <StorageVolume 'data'>
    >>> snapshot = volume.snapshots.create("before")
    >>> volume.restore_from("before", wait=True)
    <Response [200]>
    >>> volume.copy("other").name
    'other'
    >>> pool.volumes.get("custom", "other").delete(wait=True)
    >>> volume.delete(wait=True)

    https://documentation.ubuntu.com/lxd/stable-5.0/explanation/storage/#storage-volumes
    """

    collection: ClassVar[str] = "volumes"
    within: ClassVar[str] = "storage_pool"
    extension: ClassVar[str | None] = "storage"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description"})

    config: dict[str, Any]
    content_type: str
    created_at: str
    description: str
    location: str
    name: str
    project: str
    type: str
    used_by: list[str]

    @classmethod
    def get(cls, storage_pool: StoragePool, _type: str, name: str) -> Self:
        """Return the volume of that type and name. Raises NotFound."""
        record = api.metadata(cls._collection(storage_pool)[_type][name].get())
        return cls._of(storage_pool, storage_pool.client, record)

    @classmethod
    def exists(cls, storage_pool: StoragePool, _type: str, name: str) -> bool:
        """Return whether there is a volume of that type and name."""
        return there(cls._collection(storage_pool)[_type][name])

    @classmethod
    def all(
        cls,
        storage_pool: StoragePool,
        *,
        type: str | None = None,
        all_projects: bool = False,
        filter: str | None = None,
    ) -> list[Self]:
        """Return the volumes of a pool, of all types or of one, by one request. Their snapshots are not among them.

        With `all_projects` those of all projects, each with a client of its own project. `filter` is in the server's
        words, as in `name eq data or config.user.owner eq me`. Raises LXDAPIExtensionNotAvailable where the server
        cannot.
        """
        asked = cls._asked(storage_pool.client, type, all_projects, filter)
        node = cls._collection(storage_pool)
        records = api.metadata((node if type is None else node[type]).get(params=asked)) or []
        return cls._listed(storage_pool.client, records, lambda _: storage_pool, all_projects)

    @classmethod
    def create(
        cls,
        storage_pool: StoragePool,
        definition: Mapping[str, Any],
        wait: bool = True,
        *,
        target: str | None = None,
    ) -> Self:
        """Create a custom volume from a description as the REST API takes it, and return it.

        It has `name`, `config`, `description`, `content_type` (`filesystem`, unless it says `block`) and `type`, which
        is `custom`. In a cluster `target` is the member whose pool it is to be in. Raises Conflict when there is one
        of that name.
        """
        request: dict[str, Any] = {"type": "custom", **checks.mapping("definition", definition)}
        if "name" not in request:
            raise ValueError('definition needs a "name" for the volume')
        node = cls._collection(storage_pool)
        _ = node[request["type"]][request["name"]]  # refuses what is no name, before anything is sent
        request["config"] = as_sent({} if request.get("config") is None else request["config"])
        client = storage_pool.client if target is None else storage_pool.client.use_target(target)
        return cls._made(storage_pool, client, request, wait)

    @property
    def api(self) -> api.APINode:
        """The node of this volume in `client.api`."""
        if self.extension is not None:
            self.client.assert_has_api_extension(self.extension)
        return self.client.api["storage-pools"][self.pool].volumes[self._theirs["type"]][self._name]

    @property
    def pool(self) -> str:
        """The name of its pool."""
        return self._owner.name

    @property
    def storage_pool(self) -> StoragePool:
        """Its pool."""
        return self._owner

    @property
    def backups(self) -> StorageVolumeBackupManager:
        """Its backups, which can be fetched."""
        return StorageVolumeBackupManager(self.client, self)

    @property
    def snapshots(self) -> StorageVolumeSnapshotManager:
        """Its snapshots."""
        return StorageVolumeSnapshotManager(self.client, self)

    def export_backup(
        self,
        to: Place | None = None,
        *,
        volume_only: bool = False,
        optimized_storage: bool = False,
        compression_algorithm: str | None = None,
        on_progress: Heard = None,
    ) -> IO[bytes] | None:
        """Make a backup, fetch it, and delete it on the server, as `lxc storage volume export` does.

        See `StorageVolumeBackup.export` and `StorageVolumeBackup.create`.

        >>> volume = client.storage_pools.get("default").volumes.create({"name": "data"})
        >>> volume.export_backup("data.tar.gz")
        """
        flags = {"volume_only": volume_only, "optimized_storage": optimized_storage}
        return self.backups._exported(to, flags, compression_algorithm, on_progress)

    def rename(self, _input: Mapping[str, Any] | str, wait: bool = False) -> dict[str, Any] | None:
        """Give it another name, or with a `pool` or `project` in `_input` have it there.

        `_input` is the new name, or a dict as the REST API takes it, with a `name` at least. With `wait` it is this
        object that has moved; without, this one stays for where it was, and `operation` tells how a move ends. Returns
        None, or what the server says of the operation, as pylxd does. Raises Conflict when the name is taken.
        """
        request = {"name": _input} if isinstance(_input, str) else dict(checks.mapping("_input", _input))
        if "name" not in request:
            raise ValueError('_input needs a "name": the one that the volume is to have')
        self._check_place(request["name"], request.get("pool", self.pool), request.get("project"))
        if request.keys() <= {"name", "pool"} and request.get("pool", self.pool) == self.pool:
            self._rename(request["name"], wait)
            return None
        return self._move({"pool": self.pool, **request}, wait)

    def move(
        self,
        name: str | None = None,
        pool: str | None = None,
        *,
        project: str | None = None,
        new_client: Client | None = None,
        target: str | None = None,
        mode: str = "pull",
        wait: bool = True,
    ) -> Self:
        """Move it to another pool, project, cluster member or server, by that name or its own, and return it.

        Its snapshots go with it. Without `wait` this object stays for where it was, until its `operation` has ended.
        Raises Conflict when there is one of that name, LXDAPIException when it is in use.

        To another server, of which `new_client` is one, or another member, the `target`, it is copied, as by `copy` and
        in its modes, and deleted here once the copy stands. Without `wait` the copy is returned, on its way: once its
        `operation` has ended well, this one is yours to delete.
        """
        more: dict[str, Any] = {"project": project, "new_client": new_client, "target": target, "mode": mode}
        return cast(Self, moved(self, name, pool, wait=wait, **more))

    def copy(
        self,
        name: str | None = None,
        pool: str | None = None,
        *,
        project: str | None = None,
        new_client: Client | None = None,
        volume_only: bool = False,
        refresh: bool = False,
        refresh_exclude_older: bool = False,
        target: str | None = None,
        mode: str = "pull",
        wait: bool = True,
    ) -> Self:
        """Copy it, to another pool, project or server if that is said, by that name or its own, and return the copy.

        With `new_client` the copy is where that client is: on another server, or in another project. Its snapshots go
        with it, unless `volume_only`. With `refresh` a copy that is there already is brought up to date, but for its
        configuration; with `refresh_exclude_older` without those snapshots that are older than its newest one. In a
        cluster `target` is the member where the copy is to be.

        Between servers, by `mode`: `pull`, the other server connects to this one; `push`, this one connects to it;
        `relay`, neither reaches the other, and all goes through this process, which then has to live until the end.
        Servers take no word to stop: what is interrupted goes on without you, but for a relay.

        Raises Conflict when there is one of that name, OperationFailed where the copy fails, ValueError where a server
        listens on no address.
        """
        flags = {"volume_only": volume_only, "refresh": refresh, "refresh_exclude_older": refresh_exclude_older}
        more: dict[str, Any] = {"project": project, "new_client": new_client, "target": target, "mode": mode}
        return cast(Self, copied(self, None, name, pool, flags=flags, wait=wait, **more))

    def restore_from(self, snapshot_name: str, wait: bool = False) -> Response:
        """Put it back to what it was at a snapshot. Returns the server's answer, as pylxd does.

        Raises LXDAPIException when there is no such snapshot; ValueError for an instance's volume: there it is the
        instance that is restored.
        """
        _ = StorageVolumeSnapshot._node(self, snapshot_name)  # refuses what is no name, before anything is sent
        if self._theirs["type"] != "custom":
            # Servers say that it is done, and have done nothing but dropped the description.
            raise ValueError(
                f"{self._name} is the volume of a {self._theirs['type']}: restore the instance, as by "
                f'client.instances.get({self._name!r}).restore_snapshot("{snapshot_name}")'
            )
        answer = self.api.put(json={"restore": snapshot_name})
        self._started(answer, wait)
        return answer

    def state(self) -> StorageVolumeState:
        """Return how much of it is in use. Raises LXDAPIException where the server's storage cannot tell."""
        self.client.assert_has_api_extension("storage_volume_state")
        return StorageVolumeState(api.metadata(self.api.state.get()))

    @classmethod
    def _asked(cls, client: Client, type: str | None, all_projects: bool, filter: str | None) -> dict[str, Any]:
        """Return what a list is asked for with. Raises what is wrong with it, before anything is sent."""
        if type is not None:
            checks.segment(type)
        extensions = {"all_projects": "storage_volumes_all_projects", "filter": "storage_volume_api_filtering"}
        return asked_of_list(client, all_projects, filter, extensions)

    @classmethod
    def _listed(
        cls,
        client: Client,
        records: Iterable[Mapping[str, Any]],
        pool_of: Callable[[Mapping[str, Any]], StoragePool],
        all_projects: bool,
    ) -> list[Self]:
        """Return the volumes in a list of the server's, those of all projects each with a client of its own one."""
        found = of_projects(client, records, all_projects)
        # Servers list snapshots beside the volumes.
        return [cls._of(pool_of(each), own, each) for own, each in found if "/" not in each["name"]]

    @classmethod
    def _of(cls, storage_pool: StoragePool, client: Client, record: Mapping[str, Any]) -> Self:
        return cls._from_record(at_its_member(client, record), record, storage_pool=storage_pool)

    @classmethod
    def _made(cls, storage_pool: StoragePool, client: Client, request: Mapping[str, Any], wait: bool) -> Self:
        """Create one from a checked request, and return it."""
        kind, name = request["type"], request["name"]
        made = cls(client, name=name, type=kind, storage_pool=storage_pool)
        made._started(client.api["storage-pools"][made.pool].volumes[kind].post(json=request), wait)
        return made._at_its_member() if wait and client.server_clustered else made

    def _at_its_member(self) -> Self:
        """Return it as the server has it, which alone knows where in a cluster it is."""
        return self._of(self._owner, self.client, api.metadata(self.api.get()))

    def _check_place(self, name: str, pool: str, project: str | None) -> None:
        """Refuse what is no name of a volume, a pool or a project, before anything is sent."""
        _ = self.client.api["storage-pools"][pool].volumes[self._theirs["type"]][name]
        if project is not None:
            checks.name(project, "project")

    def _move(self, request: Mapping[str, Any], wait: bool) -> dict[str, Any] | None:
        answer = self.api.post(json=request)
        self._started(answer, wait)
        if self._operation is None or (wait and not request.get("migration")):
            if request["pool"] != self.pool:
                self._owner = type(self._owner)(self._owner.client, name=request["pool"])
            if request.get("project") is not None:
                self.client = self.client.use_project(request["project"])
            self._theirs["name"] = request["name"]
            if self._loaded:
                self.sync()
        return answer.json()["metadata"]

    def _identity(self) -> tuple[str | None, ...]:
        client, project = self.client, self.client.project or "default"
        return (self.collection, client.api.netloc, project, client.target, self.pool, self._theirs["type"], self._name)


class StorageVolumeManager(Manager[StorageVolume]):
    """`pool.volumes`."""

    model = StorageVolume

    def __init__(self, client: Client, storage_pool: StoragePool) -> None:
        super().__init__(client)
        self._owner = storage_pool

    def __repr__(self) -> str:
        return f"<StorageVolumeManager of {self._owner!r}>"

    def get(self, _type: str, name: str) -> StorageVolume:
        """Return the volume of that type and name. Raises NotFound."""
        return self.model.get(self._owner, _type, name)

    def exists(self, _type: str, name: str) -> bool:
        """Return whether there is a volume of that type and name."""
        return self.model.exists(self._owner, _type, name)

    def all(
        self, *, type: str | None = None, all_projects: bool = False, filter: str | None = None
    ) -> list[StorageVolume]:
        """Return the volumes of the pool, by one request; see `StorageVolume.all`."""
        return self.model.all(self._owner, type=type, all_projects=all_projects, filter=filter)

    def create(self, definition: Mapping[str, Any], wait: bool = True, *, target: str | None = None) -> StorageVolume:
        """Create a custom volume and return it; see `StorageVolume.create`."""
        return self.model.create(self._owner, definition, wait, target=target)

    def import_backup(self, data: Data, name: str, *, on_progress: Heard = None, wait: bool = True) -> StorageVolume:
        """Make a volume of a backup that was exported, and return it; as `lxc storage volume import` does.

        `data` are bytes, the path of a file here as a `pathlib.Path`, an open file or an iterable of bytes, streamed in
        constant memory. Raises Conflict or OperationFailed when there is one of that name, or what comes is no backup.
        """
        return imported(self._owner, data, name, on_progress, wait)

    def import_iso(self, data: Data, name: str, *, on_progress: Heard = None, wait: bool = True) -> StorageVolume:
        """Make a volume of an ISO image, of the content type `iso`, as `incus storage volume import --type=iso` does.

        `data` are as for `import_backup`. Raises LXDAPIExtensionNotAvailable where the server cannot, as LXD 5.0,
        Conflict or OperationFailed when there is one of that name.
        """
        return imported(self._owner, data, name, on_progress, wait, iso=True)
