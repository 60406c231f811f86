"""Instances, which are containers and virtual machines: making them, their states, and running commands in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from lxdnb import api
from lxdnb.display import fields_html
from lxdnb.exceptions import NotFound
from lxdnb.models._create import Creates
from lxdnb.models._execute import ExecResult
from lxdnb.models._migrate import Migrates
from lxdnb.models._model import Manager, name_in
from lxdnb.models._publish import Publishes
from lxdnb.models._state import InstanceState
from lxdnb.models.image import Image
from lxdnb.models.snapshot import SnapshotManager

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = [
    "Container",
    "ExecResult",
    "Instance",
    "InstanceManager",
    "InstanceState",
    "VirtualMachine",
]


class Instance(Creates, Migrates, Publishes):
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
            raise NotFound(response, f"{name} is a {found.type}, not a {cls.instance_type}")
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
    def all(cls, client: Client, recursion: int = 1) -> list[Self]:
        """Return all instances, by one request.

        With `recursion=0` the server sends names alone, and each object loads its fields when they are asked for;
        of all instances then, since names say nothing of the type.
        """
        answer = api.metadata(client.api.instances.get(params={"recursion": recursion}))
        if recursion == 0 and cls.instance_type is None:
            return [cls(client, name=name) for name in map(name_in, answer)]
        if recursion == 0:
            return cls.all(client)
        return [
            cls._from_record(client, record)
            for record in answer
            if cls.instance_type in (None, record.get("type", "container"))
        ]

    def rename(self, name: str, wait: bool = False) -> None:
        """Give it another name; it must be stopped. Raises Conflict or OperationFailed."""
        _ = self.client.api.instances[name]
        self._started(self.api.post(json={"name": name}), wait)
        self._theirs["name"] = name

    @property
    def snapshots(self) -> SnapshotManager:
        """Its snapshots: get, all, create."""
        return SnapshotManager(self.client, self)

    def restore_snapshot(self, snapshot_name: str, wait: bool = False, stateful: bool = False) -> None:
        """Put it back to what it was at a snapshot, with its memory if `stateful`. Raises NotFound."""
        _ = self.api.snapshots[snapshot_name]
        self.raw_put({"restore": snapshot_name, "stateful": stateful}, wait)
        if wait:
            self.sync()

    def _source(self) -> dict[str, str]:
        return {"type": "instance", "name": self._name}

    def _shown(self) -> tuple[str, ...]:
        return ("architecture", "config", "devices", "ephemeral", "profiles", "stateful", "description")

    def _repr_html_(self) -> str:
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


class Container(Instance):
    """An instance that is a container."""

    instance_type: ClassVar[str | None] = "container"


class VirtualMachine(Instance):
    """An instance that is a virtual machine."""

    instance_type: ClassVar[str | None] = "virtual-machine"


I = TypeVar("I", bound=Instance)  # noqa: E741


class InstanceManager(Manager[I], Generic[I]):
    """`client.instances`, and with one type of them `client.containers` and `client.virtual_machines`."""

    def __init__(self, client: Client, model: type[I]) -> None:
        super().__init__(client)
        self.model = model

    def get(self, name: str) -> I:
        """Return the one of that name. Raises NotFound."""
        return self.model.get(self.client, name)

    def exists(self, name: str) -> bool:
        """Return whether there is one of that name."""
        return self.model.exists(self.client, name)

    def all(self, recursion: int = 1) -> list[I]:
        """Return all of them, by one request; see `Instance.all`."""
        return self.model.all(self.client, recursion)

    def create(self, config: Mapping[str, Any], wait: bool = False, target: str | None = None) -> I:
        """Create one from a description as the REST API takes it; see `Instance.create`."""
        return self.model.create(self.client, config, wait, target)

    def launch(self, image: str | Image | Mapping[str, Any], name: str | None = None, **options: Any) -> I:
        """Create one and start it, and return it running; see `Instance.launch`."""
        return self.model.launch(self.client, image, name, **options)
