"""Instances, which are containers and virtual machines: making them, their states, and running commands in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from lxdnb import api, checks
from lxdnb.exceptions import NotFound
from lxdnb.models._copy import Copies
from lxdnb.models._create import Creates
from lxdnb.models._execute import ExecResult
from lxdnb.models._import import Imports
from lxdnb.models._logs import Logs
from lxdnb.models._metadata import Described
from lxdnb.models._migrate import Migrates
from lxdnb.models._model import name_in
from lxdnb.models._move import Moves
from lxdnb.models._named import listed
from lxdnb.models._publish import Publishes
from lxdnb.models._state import InstanceState
from lxdnb.models._together import ActsOnMany
from lxdnb.models._transfer import Heard, Place
from lxdnb.models.backup import Backup, BackupManager
from lxdnb.models.files import FilesManager
from lxdnb.models.image import Image
from lxdnb.models.project import assert_project
from lxdnb.models.snapshot import Snapshot, SnapshotManager, node_of

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.client import Client

__all__ = ["Backup", "ExecResult", "Instance", "InstanceManager", "InstanceState", "Instances", "Snapshot"]


class Instance(Creates, Copies, Moves, Migrates, Publishes, Logs, Described):
    """A container or virtual machine.

    >>> instance = client.instances.get("c1")
    >>> instance.status
    'Running'
    >>> instance.execute(["uname", "-s"]).stdout
    'Linux\\n'
    >>> instance.config["limits.memory"] = "1GiB"
    >>> instance.save(wait=True)

    https://documentation.ubuntu.com/lxd/stable-5.0/explanation/instances/
    """

    FilesManager = FilesManager
    collection: ClassVar[str] = "instances"
    writable: ClassVar[frozenset[str]] = frozenset(
        {"architecture", "config", "description", "devices", "ephemeral", "profiles"}
    )
    architecture: str
    config: dict[str, Any]
    created_at: str
    description: str
    devices: dict[str, dict[str, Any]]
    ephemeral: bool
    expanded_config: dict[str, str]
    expanded_devices: dict[str, dict[str, str]]
    last_used_at: str
    location: str
    name: str
    profiles: list[str]
    project: str
    stateful: bool
    status: str
    status_code: int
    type: str

    @classmethod
    def get(cls, client: Client, name: str) -> Self:
        """Return the instance of that name. Raises NotFound."""
        response = client.api.instances[name].get()
        found = cls._from_record(client, api.metadata(response))
        if cls.instance_type is not None and found.type != cls.instance_type:
            raise NotFound(response, message=f"{name} is a {found.type}, not a {cls.instance_type}")
        return found

    @classmethod
    def exists(cls, client: Client, name: str) -> bool:
        """Return whether there is an instance of that name."""
        try:
            cls.get(client, name)
        except NotFound:
            return False
        return True

    @classmethod
    def all(
        cls,
        client: Client,
        recursion: int = 1,
        fields: Sequence[str] | None = None,
        *,
        all_projects: bool = False,
        filter: str | None = None,
    ) -> list[Self]:
        """Return all instances, by one request; with `all_projects` those of all projects, each with a client of its
        own project. Of a cluster those of all members, whose names they have as their `location`.

        With `recursion=0` the server sends names alone, and each object loads its fields when they are asked for;
        of all instances then, since names say nothing of the type, nor of the project. With `recursion=2` the state of
        each comes too, which takes a server long: those from LXD 6.7 on then leave out all of it but `fields`, as in
        `["state.disk"]`. Raises NotFound for a client of a project that is not there.

        `filter` is the server's to evaluate, as in `"status eq Running and config.image.os eq busybox"`. Mind that
        LXD takes a field that there is not, and parentheses, for what fits nothing, and says no word of it.

        https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#filtering
        """
        asked = str(checks.whole_number("recursion", recursion, 0))
        fields = None if fields is None else checks.texts("fields", fields)
        if fields is not None and asked == "2" and client.has_api_extension("instances_state_selective_recursion"):
            asked += f";fields={','.join(fields)}"
        if filter is not None:
            client.assert_has_api_extension("api_filtering")
        said = {} if filter is None else {"filter": checks.text("filter", filter)}
        if recursion == 0 and cls.instance_type is None and not all_projects:
            names = map(name_in, api.metadata(client.api.instances.get(params={"recursion": asked, **said})))
            found = [cls(client, name=name) for name in names]
        else:
            node, params = client.api.instances, {"recursion": 1 if recursion == 0 else asked, **said}
            extension = "instance_all_projects"
            found = listed(cls, client, node, params, all_projects=all_projects, extension=extension)
        if not found and not all_projects:
            assert_project(client)
        if cls.instance_type is None:
            return found
        return [each for each in found if (each.type or "container") == cls.instance_type]

    def rename(self, name: str, wait: bool = False) -> None:
        """Give it another name; it must be stopped. Raises Conflict or OperationFailed.

        Without `wait` this object goes by the new name at once; if the server refuses after all, which
        `operation.wait()` tells, by the old one again from its next use on.
        """
        _ = self.client.api.instances[name]
        self._rename(name, wait)

    @property
    def files(self) -> FilesManager:
        """Its files: put, get, list, delete and their like."""
        return FilesManager(self)

    @property
    def snapshots(self) -> SnapshotManager:
        """Its snapshots: get, all, create."""
        return SnapshotManager(self.client, self)

    @property
    def backups(self) -> BackupManager:
        """Its backups on the server: get, all, create, each with its export."""
        return BackupManager(self.client, self)

    def export_backup(
        self,
        to: Place | None = None,
        *,
        instance_only: bool = False,
        optimized_storage: bool = False,
        compression_algorithm: str | None = None,
        on_progress: Heard = None,
    ) -> IO[bytes] | None:
        """Make a backup, fetch it, and delete it on the server; see `Backup.export` and `BackupManager.create`.

        >>> client.instances.get("c2").export_backup("c2.tar.gz")
        """
        flags = {"instance_only": instance_only, "optimized_storage": optimized_storage}
        return self.backups._exported(to, flags, compression_algorithm, on_progress)  # pyright: ignore[reportPrivateUsage]

    def restore_snapshot(self, snapshot_name: str, wait: bool = False, stateful: bool = False) -> Response:
        """Put it back to what it was at a snapshot, with its memory if `stateful`.

        Returns the server's answer, as pylxd does. Raises NotFound or OperationFailed when there is no such snapshot.
        """
        _ = node_of(self, snapshot_name)
        answer = self.api.put(json={"restore": snapshot_name, "stateful": checks.flag("stateful", stateful)})
        self._started(answer, wait)
        if wait:
            self.sync()
        return answer

    def access(self) -> list[dict[str, str]]:
        """Return who may act on it: dicts of `identifier`, `role` and `provider`, as `tls` for a certificate.

        Raises LXDAPIExtensionNotAvailable where the server cannot tell, as LXD.
        """
        self.client.assert_has_api_extension("instance_access")
        return api.metadata(self.api.access.get()) or []

    def _source(self) -> dict[str, str]:
        return {"type": "instance", "name": self._name}

    def _shown(self) -> tuple[str, ...]:
        return ("architecture", "config", "devices", "ephemeral", "profiles", "stateful", "description")

    def _repr_html_(self) -> str:
        from lxdnb.display import fields_html  # here, so that `import lxdnb` does not pay for it

        shown = (
            "status",
            "type",
            "description",
            "architecture",
            "created_at",
            "profiles",
            "project",
            "location",
        )
        rows = {name: self._theirs[name] for name in shown if self._theirs.get(name) not in (None, "", [], "none")}
        return fields_html(f"{type(self).__name__} {self._name}", rows)


I = TypeVar("I", bound=Instance)  # noqa: E741


class Instances(ActsOnMany[I], Imports[I], Generic[I]):
    """What `client.instances`, `client.containers` and `client.virtual_machines` have in common."""

    model: type[I]

    def get(self, name: str) -> I:
        """Return the one of that name. Raises NotFound."""
        return self.model.get(self.client, name)

    def exists(self, name: str) -> bool:
        """Return whether there is one of that name."""
        return self.model.exists(self.client, name)

    def all(
        self,
        recursion: int = 1,
        fields: Sequence[str] | None = None,
        *,
        all_projects: bool = False,
        filter: str | None = None,
    ) -> list[I]:
        """Return all of them, by one request; see `Instance.all`."""
        return self.model.all(self.client, recursion, fields, all_projects=all_projects, filter=filter)

    def create(self, config: Mapping[str, Any], wait: bool = False, target: str | None = None) -> I:
        """Create one from a description as the REST API takes it; see `Instance.create`."""
        return self.model.create(self.client, config, wait, target)

    def launch(
        self,
        image: str | Image | Mapping[str, Any],
        name: str | None = None,
        *,
        profiles: Sequence[str] | None = None,
        config: Mapping[str, Any] | None = None,
        devices: Mapping[str, Mapping[str, Any]] | None = None,
        ephemeral: bool = False,
        target: str | None = None,
    ) -> I:
        """Create one from an image and start it, and return it running; see `Instance.launch`."""
        return self.model.launch(
            self.client,
            image,
            name,
            profiles=profiles,
            config=config,
            devices=devices,
            ephemeral=ephemeral,
            target=target,
        )


class InstanceManager(Instances[Instance]):
    """`client.instances`."""

    model = Instance
