"""Instances, which are containers and virtual machines: making them, their states, and running commands in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar
from urllib.parse import unquote, urlsplit

from lxdnb import api
from lxdnb.display import fields_html
from lxdnb.exceptions import LXDError, NotFound
from lxdnb.models._exec import ExecResult, Output
from lxdnb.models._model import Manager, Model, as_sent
from lxdnb.models.image import Image
from lxdnb.streams import Exec

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models.operation import Operation

__all__ = [
    "Container",
    "ExecResult",
    "Instance",
    "InstanceManager",
    "InstanceState",
    "VirtualMachine",
]


class InstanceState:
    """What an instance is doing at a moment.

    Each field is as the server sends it: `cpu["usage"]` in nanoseconds, memory and disk in bytes; those that it left
    out are None.

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_state_get
    """

    status: str
    status_code: int
    pid: int
    processes: int
    cpu: dict[str, Any] | None
    memory: dict[str, Any] | None
    network: dict[str, Any] | None
    disk: dict[str, Any] | None

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.__dict__.update(dict.fromkeys(type(self).__annotations__), **record)

    def __repr__(self) -> str:
        return f"<InstanceState {self.status}, {self.processes} processes>"


class Instance(Model):
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
    instance_type: ClassVar[str | None] = None
    """The `type` that instances of this class have; None is any."""

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
            return [cls(client, name=name) for name in map(_name_in, answer)]
        if recursion == 0:
            return cls.all(client)
        return [
            cls._from_record(client, record)
            for record in answer
            if cls.instance_type in (None, record.get("type", "container"))
        ]

    @classmethod
    def create(cls, client: Client, config: Mapping[str, Any], wait: bool = False, target: str | None = None) -> Self:
        """Create an instance from a description as the REST API takes it, and return it.

        >>> client.containers.create({"name": "c1", "source": {"type": "image", "alias": "alpine"}}, wait=True)
        <Container 'c1': Stopped>

        With `wait`, return when it is there, else at once with its `operation`. Without a name the server makes one
        up. `target` is a cluster member. Raises LXDAPIException when the server refuses, OperationFailed when it fails.
        """
        request = dict(config)
        if cls.instance_type is not None:
            request.setdefault("type", cls.instance_type)
        for field in ("config", "devices"):
            if request.get(field):
                request[field] = as_sent(dict(request[field]))
        if request.get("name") is not None:
            _ = client.api.instances[request["name"]]  # refuses what is no name, before anything is sent
        response = client.api.instances.post(json=request, target=target)
        created = cls(client, name=request.get("name") or _new_name(response.json()["metadata"]))
        created._started(response, wait)
        if wait:
            created.sync()
        return created

    @classmethod
    def launch(
        cls,
        client: Client,
        image: str | Image | Mapping[str, Any],
        name: str | None = None,
        *,
        profiles: Sequence[str] | None = None,
        config: Mapping[str, Any] | None = None,
        devices: Mapping[str, Mapping[str, Any]] | None = None,
        ephemeral: bool = False,
        target: str | None = None,
    ) -> Self:
        """Create an instance and start it, and return it running.

        `image` is an alias or fingerprint on this server, an Image, or a `source` as the REST API takes it. If it
        cannot be started it is deleted again. Raises NotFound for an image that is not there, OperationFailed.

        >>> client.containers.launch("alpine", "c1", config={"limits.memory": "512MiB"})
        <Container 'c1': Running>
        """
        if isinstance(image, str):
            image = client.images.find(image)
        if isinstance(image, Image):
            image = {"type": "image", "fingerprint": image.fingerprint}
        description: dict[str, Any] = {
            "source": dict(image),
            "ephemeral": ephemeral,
            "config": dict(config or {}),
            "devices": dict(devices or {}),
        }
        if name is not None:
            description["name"] = name
        if profiles is not None:
            description["profiles"] = list(profiles)
        created = cls.create(client, description, target=target)
        creation = created.operation
        try:
            if creation is not None:
                creation.wait()
            created.start(wait=True)
        except BaseException:
            created._undo_launch(creation)
            raise
        return created

    def rename(self, name: str, wait: bool = False) -> None:
        """Give it another name; it must be stopped. Raises Conflict or OperationFailed."""
        _ = self.client.api.instances[name]
        self._started(self.api.post(json={"name": name}), wait)
        self._take({"name": name}, keep_changes=True)

    def state(self) -> InstanceState:
        """Return what it is doing now: processes, memory, network, disk."""
        return InstanceState(api.metadata(self.api.state.get()))

    def start(self, timeout: int = 30, force: bool = True, wait: bool = False) -> None:
        """Start it. `timeout` is what the server gives it, in seconds; with `wait`, return when it runs."""
        self._set_state("start", timeout, force, wait)

    def stop(self, timeout: int = 30, force: bool = True, wait: bool = False) -> None:
        """Stop it: at once, or with `force=False` by asking its init and waiting `timeout` seconds."""
        self._set_state("stop", timeout, force, wait)

    def restart(self, timeout: int = 30, force: bool = True, wait: bool = False) -> None:
        """Stop and start it."""
        self._set_state("restart", timeout, force, wait)

    def freeze(self, timeout: int = 30, force: bool = True, wait: bool = False) -> None:
        """Suspend all its processes."""
        self._set_state("freeze", timeout, force, wait)

    def unfreeze(self, timeout: int = 30, force: bool = True, wait: bool = False) -> None:
        """Let its processes go on."""
        self._set_state("unfreeze", timeout, force, wait)

    def execute(
        self,
        commands: Sequence[str],
        environment: Mapping[str, str] | None = None,
        encoding: str | None = None,
        decode: bool = True,
        stdin_payload: str | bytes | Iterable[bytes] | None = None,
        stdin_encoding: str = "utf-8",
        stdout_handler: Callable[[Any], object] | None = None,
        stderr_handler: Callable[[Any], object] | None = None,
        user: int | None = None,
        group: int | None = None,
        cwd: str | None = None,
    ) -> ExecResult:
        """Run a command, wait for its end and return its exit code and output.

        `commands` is one command as a list of words; no shell is involved. Output is decoded as `encoding` (UTF-8),
        or bytes with `decode=False`. A handler is called with each piece of output as it comes; that output is then
        not kept, and its part of the result is empty. Interrupted, it sends the command a SIGINT.

        >>> client.instances.get("c1").execute(["sh", "-c", "echo $WHO; exit 3"], environment={"WHO": "me"})
        ExecResult(exit_code=3, stdout='me\\n', stderr='')

        Raises LXDAPIException when the instance is not running, OperationFailed when there is no such command.
        """
        payload = stdin_payload.encode(stdin_encoding) if isinstance(stdin_payload, str) else stdin_payload
        stdout = Output(stdout_handler, encoding or "utf-8", decode)
        stderr = Output(stderr_handler, encoding or "utf-8", decode)
        running = self.start_command(
            commands,
            environment=environment,
            stdin=payload,
            on_stdout=stdout.take,
            on_stderr=stderr.take,
            user=user,
            group=group,
            cwd=cwd,
        )
        try:
            exit_code = running.wait()
        except KeyboardInterrupt:
            running.signal(2)
            raise
        return ExecResult(exit_code, stdout.end(), stderr.end())

    def start_command(self, command: Sequence[str], **options: Any) -> Exec:
        """Run a command and return at once with the running `Exec`, which takes the same `options`."""
        return Exec(self.client.api, self._name, command, **options)

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
        rows = {name: self._ours[name] for name in shown if self._ours.get(name) not in (None, "", [], "none")}
        return fields_html(f"{type(self).__name__} {self._name}", rows)

    def _undo_launch(self, creation: Operation | None) -> None:
        """Delete what launch() has made, if it was made; the error that is under way says what went wrong."""
        try:
            if creation is not None:
                # It may be still under way after an interrupt, or have failed because the name is somebody else's:
                # only what came to be by this very operation is ours to delete.
                try:
                    creation.cancel()
                except LXDError:
                    pass  # over already, or not of the kind that can be cancelled
                creation.wait(timeout=10)
        except LXDError:
            return
        for end in (self.stop, self.delete):
            try:
                end(wait=True)
            except LXDError:
                pass  # not running, or an ephemeral one that is gone with its stop

    def _set_state(self, action: str, timeout: int, force: bool, wait: bool) -> None:
        request = {"action": action, "timeout": timeout, "force": force}
        self._started(self.api.state.put(json=request), wait)
        if wait:
            try:
                self.sync()
            except NotFound:
                # An ephemeral instance is gone once it is stopped.
                if action != "stop":
                    raise
                self._take({"status": "Stopped", "status_code": 102}, keep_changes=True)


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


def _name_in(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _new_name(operation: Mapping[str, Any]) -> str:
    resources = operation["resources"]
    return _name_in((resources.get("instances") or resources["containers"])[0])
