"""Instances: what they are, and how they come, change and go. What they do while they run is beside this file.

https://documentation.ubuntu.com/lxd/stable-5.0/explanation/instances/
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, DEVICES, Shape, read, read_patch
from lxdnb.sandbox.card_notes import host_names, with_cards
from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.console import GREETING
from lxdnb.sandbox.devices import check_devices, check_sources, set_devices
from lxdnb.sandbox.mounts import note_owners
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.project_limits import check_changed_instance
from lxdnb.sandbox.replies import Async, Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.rootfs import copied
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.settings import Config, Devices, check_config, expanded, given, is_true

if TYPE_CHECKING:
    from lxdnb.sandbox.backups import Backup
    from lxdnb.sandbox.filesystem import Tree
    from lxdnb.sandbox.images import Image
    from lxdnb.sandbox.machines import Machine
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.metadata import Described
    from lxdnb.sandbox.snapshots import Snapshot
    from lxdnb.sandbox.state import Host

__all__ = [
    "FIELDS",
    "IDMAP",
    "STATUS_CODES",
    "Instance",
    "check_name",
    "check_name_part",
    "fetched",
    "halt",
    "is_root",
    "known",
    "remove",
    "resources_of",
    "start",
    "stop",
]

STATUS_CODES = {"Stopped": 102, "Running": 103, "Frozen": 110}
_FIRST = 1_000_000  # host ids that are not mapped
IDMAP = (
    f'[{{"Isuid":true,"Isgid":false,"Hostid":{_FIRST},"Nsid":0,"Maprange":1000000000}},'
    f'{{"Isuid":false,"Isgid":true,"Hostid":{_FIRST},"Nsid":0,"Maprange":1000000000}}]'
)
_NEVER = "1970-01-01T00:00:00Z"
FIELDS: dict[str, Shape] = {
    "name": "string",
    "architecture": "string",
    "config": CONFIG,
    "description": "string",
    "devices": DEVICES,
    "ephemeral": "bool",
    "profiles": ["string"],
    "stateful": "bool",
    "restore": "string",
}


class Instance:
    """One of them. Settings are replaced, never changed in place, so that many may share them."""

    __slots__ = (
        "architecture",
        "backups",
        "config",
        "console",
        "created",
        "described",
        "description",
        "devices",
        "ephemeral",
        "files",
        "kind",
        "last_used",
        "logs",
        "machine",
        "member",
        "name",
        "profiles",
        "project",
        "seed",
        "snapshots",
        "started",
        "stateful",
        "status",
    )

    def __init__(self, name: str, project: str, kind: str, created: float, seed: int) -> None:
        self.name, self.project, self.kind, self.created, self.seed = name, project, kind, created, seed
        self.architecture = "x86_64"
        self.description = ""
        self.config: Config = {}
        self.devices: Devices = {}
        self.profiles: tuple[str, ...] = ("default",)
        self.ephemeral = self.stateful = False
        self.status = "Stopped"
        self.started: float | None = None
        self.last_used: float | None = None
        self.snapshots: dict[str, Snapshot] | None = None
        self.backups: dict[str, Backup] | None = None
        self.described: Described | None = None
        self.files: Tree | Image | None = None  # its image, until they are first asked for
        self.console: bytes | bytearray | None = None  # all that it has said
        self.logs: dict[str, bytearray] | None = None  # by their names
        self.machine: Machine | None = None  # once something runs in it
        self.member: Member | None = None  # of the cluster; the first one, where none is said

    @property
    def url(self) -> str:
        return f"/1.0/instances/{self.name}"

    def location(self, host: Host) -> str:
        """The name of the member of the cluster where it is."""
        return (self.member or host.cluster.first).name

    def is_on(self, host: Host) -> bool:
        """Tell whether it is on the member of the cluster whose turn it is."""
        return (self.member or host.cluster.first) is host.here

    def expanded(self, host: Host) -> tuple[Config, Devices]:
        profiles = host.profiles(self.project)
        shared = [(profiles[name].config, profiles[name].devices) for name in self.profiles if name in profiles]
        return expanded(shared, self.config, self.devices)

    def pool(self, host: Host) -> str | None:
        """The name of the pool that it lies in."""
        profiles, devices = host.profiles(self.project), Devices()
        for name in self.profiles:
            if name in profiles:
                devices |= profiles[name].devices
        devices |= self.devices
        return next((each["pool"] for each in devices.values() if is_root(each) and "pool" in each), None)

    def record(self, host: Host) -> dict[str, Any]:
        """What the server tells of it."""
        config, devices = self.expanded(host)
        return {
            "architecture": self.architecture,
            "config": dict(sorted(self.config.items())),
            "devices": self.devices,
            "ephemeral": self.ephemeral,
            "profiles": [*self.profiles],
            "stateful": self.stateful,
            "description": self.description,
            "created_at": timestamp(self.created),
            "expanded_config": dict(sorted(config.items())),
            "expanded_devices": devices,
            "name": self.name,
            "status": self.status,
            "status_code": STATUS_CODES[self.status],
            "last_used_at": _NEVER if self.last_used is None else timestamp(self.last_used),
            "location": self.location(host),
            "type": self.kind,
            "project": self.project,
        }

    def copied(self, name: str, project: str) -> Instance:
        """Return another one with the same settings, that does not run and has no snapshots."""
        made = Instance(name, project, self.kind, self.created, self.seed)
        made.take_settings(self)
        made.last_used, made.described = self.last_used, copy.deepcopy(self.described)
        return made

    def take_settings(self, other: Instance) -> None:
        self.architecture, self.description, self.ephemeral = other.architecture, other.description, other.ephemeral
        self.config, self.devices, self.profiles = other.config, other.devices, other.profiles
        self.files = copied(other.files)

    @property
    def etag(self) -> str:
        return etag_of(self.architecture, self.config, self.devices, self.ephemeral, self.profiles, self.description)


def is_root(device: dict[str, str]) -> bool:
    return device.get("type") == "disk" and device.get("path") == "/"


def known(host: Host, project: str, name: str, failed: str | None = None) -> Instance:
    """Return an instance. Raises Refused with 404, on Incus with the words `failed` before those that both have."""
    if "/" in name:
        raise Refused(400, "Invalid instance name")  # it is a snapshot's
    found = host.projects[project].instances.get(name) if project in host.projects else None
    if found is None:
        if failed is None:
            failed = f'Failed to fetch instance "{name}" in project "{project}": '
        raise Refused(404, f"{failed if host.flavour.incus else ''}Instance not found")
    return found


def fetched(host: Host, project: str, name: str) -> Instance:
    """Return an instance where both servers have the same words for one that is not there. Raises Refused with 404."""
    if project not in host.projects:
        raise Refused(404, "Project not found")
    if name not in host.instances(project):
        raise Refused(404, f'Failed to fetch instance "{name}" in project "{project}": Instance not found')
    return known(host, project, name)


def resources_of(host: Host, instance: str, *, both: bool = False) -> dict[str, list[str]]:
    """What an operation tells that it is about; LXD names it as a container too, in some."""
    told = {"instances": [f"/1.0/instances/{instance}"]}
    return told if host.flavour.incus or not both else {"containers": [f"/1.0/containers/{instance}"], **told}


def check_name(host: Host, name: str) -> None:
    if not name:
        raise Refused(400, "Invalid instance name: Name must be 1-63 characters long")
    if len(name) > 63:
        raise Refused(400, "Invalid instance name: Name must be 1-63 characters long")
    if not re.fullmatch("[A-Za-z0-9-]+", name):
        raise Refused(400, "Invalid instance name: Name can only contain alphanumeric and hyphen characters")
    if host.flavour.incus:
        if name.isdecimal():
            raise Refused(400, "Invalid instance name: Name cannot be a number")
    elif name[0].isdecimal():
        raise Refused(400, "Invalid instance name: Name must not start with a number")
    if name[0] == "-" or name[-1] == "-":
        raise Refused(
            400, f'Invalid instance name: Name cannot {"start" if name[0] == "-" else "end"} with "-" character'
        )


def check_name_part(name: str) -> None:
    """Refuse what servers refuse at once as the name of a snapshot."""
    for character in "/?&+":
        if character in name:
            raise Refused(400, f'Invalid snapshot name: Cannot contain "{character}"')


def start(host: Host, instance: Instance, told: str = "instance-started", *, bare: bool = False) -> None:
    """Have it run, from now on; `told` is the event of that, `bare` of who asked for it."""
    instance.status, instance.started = "Running", host.clock()
    instance.last_used = host.clock()
    kept = {key: value for key, value in instance.config.items() if key != "volatile.apply_template"}
    noted = {"volatile.last_state.power": "RUNNING", "volatile.idmap.current": IDMAP}
    instance.config = kept | noted | host_names(instance.seed, instance.expanded(host)[1])
    note_owners(host, instance, IDMAP)
    host.tell(told, instance.url, instance.project, bare=bare)


def stop(host: Host, instance: Instance, *, force: bool = True, bare: bool = False) -> None:
    """Have it stand still; an ephemeral one is gone with that. `bare` tells of it without who asked for it."""
    halt(instance)
    host.tell("instance-stopped" if force else "instance-shutdown", instance.url, instance.project, bare=bare)
    if instance.ephemeral:
        remove(host, instance, bare=bare)


def halt(instance: Instance) -> None:
    """Have it stand still, and tell nobody."""
    instance.status, instance.started = "Stopped", None
    if instance.machine is not None:
        instance.machine.halt()
    if instance.machine is None or not instance.machine.spoke:
        instance.console = (instance.console or b"") + GREETING
    instance.machine = None
    kept = {key: value for key, value in instance.config.items() if not key.endswith(".host_name")}
    instance.config = kept | {"volatile.last_state.power": "STOPPED"}


def remove(host: Host, instance: Instance, *, bare: bool = False) -> None:
    del host.instances(instance.project)[instance.name]
    for snapshot in instance.snapshots or {}:
        host.tell("instance-snapshot-deleted", f"{instance.url}/snapshots/{snapshot}", instance.project, bare=bare)
    host.tell("instance-deleted", instance.url, instance.project, bare=bare)


def _change(host: Host, instance: Instance, asked: dict[str, Any], *, keep: bool) -> None:
    config, devices = asked.get("config", {}), asked.get("devices", {})
    if keep:
        config, devices = instance.config | config, instance.devices | devices
    profiles = asked.get("profiles", instance.profiles if keep else [])
    for name in profiles:
        if name not in host.profiles(instance.project):
            raise Refused(404, "Profile not found")
    if len(set(profiles)) < len(profiles):
        raise Refused(500, "Duplicate profile found in request")
    try:
        check_config(host.flavour, config, of_profile=False)
    except Refused as refused:
        raise Refused(500, f"Invalid config: {refused.words}") from None
    project = instance.project
    check_devices(host, project, devices, "Invalid devices: Device validation failed")
    shared = [(host.profiles(project)[name].config, host.profiles(project)[name].devices) for name in profiles]
    all_devices = expanded(shared, config, devices)[1]
    _check_root(host, all_devices)
    new = {name: device for name, device in devices.items() if instance.devices.get(name) != device}
    check_sources(host, project, new, "")
    before = instance.expanded(host)[1]
    instance.config = with_cards(host.flavour.name, host.random, instance.kind, given(config), all_devices, before)
    instance.devices, instance.profiles = set_devices(devices), tuple(profiles)
    if instance.started is not None:
        note_owners(host, instance, IDMAP)
    instance.description = asked.get("description", "")  # which servers take from a PATCH as well, whatever it says
    if "ephemeral" in asked or not keep:
        instance.ephemeral = asked.get("ephemeral", False)
    host.tell("instance-updated", instance.url, instance.project)


def _check_root(host: Host, devices: Devices) -> None:
    """Refuse devices without a disk for the root; LXD lets go an instance that has none at all."""
    if any(map(is_root, devices.values())):
        return
    if devices:
        why = "Failed detecting root disk device: No root device could be found"
        raise Refused(500, f"Invalid expanded devices: {why}")
    if host.flavour.incus:
        raise Refused(500, "Invalid root disk device: No root device could be found")


# --- requests


@route("PUT", "/1.0/instances/*")
def replace(host: Host, request: Request, name: str) -> Reply:
    found = known(host, request.project, name)
    request.check_match(found.etag)
    asked = read(request.body, "InstancePut", FIELDS)
    if asked.get("restore"):
        return _restored(host, found, asked["restore"])
    for profile in asked.get("profiles", []):
        if profile not in host.profiles(found.project):
            raise Refused(404, "Profile not found")
    check_changed_instance(host, found, asked, keep=False)

    def work(operation: Operation) -> Work:
        yield 0.0
        _change(host, found, asked, keep=False)

    return Async(host.operations.begin(found.project, "Updating instance", resources_of(host, name, both=True), work))


def _restored(host: Host, instance: Instance, snapshot: str) -> Reply:
    def work(operation: Operation) -> Work:
        yield 0.02
        name = snapshot.removeprefix(f"{instance.name}/")  # as `lxc` names it
        found = (instance.snapshots or {}).get(name)
        if found is None:
            raise Refused(500, f"Snapshot {instance.name}/{name} does not exist")
        ran = instance.started is not None
        unasked = not host.flavour.incus
        if ran:
            halt(instance)  # an ephemeral one as well stays, for it goes on at once
            host.tell("instance-stopped", instance.url, instance.project, bare=unasked)
        instance.take_settings(found.then)
        if ran:
            start(host, instance, bare=unasked)
        host.tell("instance-restored", instance.url, instance.project, {"snapshot": f"{instance.name}/{snapshot}"})

    resources = resources_of(host, instance.name, both=True)
    return Async(host.operations.begin(instance.project, "Restoring snapshot", resources, work))


@route("PATCH", "/1.0/instances/*")
def patch(host: Host, request: Request, name: str) -> Reply:
    found = known(host, request.project, name)
    request.check_match(found.etag)
    asked = read_patch(host, request, "InstancePut", FIELDS)
    check_changed_instance(host, found, asked, keep=True)
    _change(host, found, asked, keep=True)
    return Sync({})


@route("DELETE", "/1.0/instances/*")
def delete(host: Host, request: Request, name: str) -> Reply:
    found = known(host, request.project, name)
    if found.status != "Stopped":
        raise Refused(400, "Instance is running")

    def work(operation: Operation) -> Work:
        yield 0.0
        if is_true(found.expanded(host)[0].get("security.protection.delete", "")):
            what = "Container" if found.kind == "container" and not host.flavour.incus else "Instance"
            raise Refused(500, f"{what} is protected")
        remove(host, found)

    return Async(host.operations.begin(found.project, "Deleting instance", resources_of(host, name, both=True), work))
