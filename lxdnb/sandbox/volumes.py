"""Volumes of storage pools: custom ones, and those that instances lie in.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/storage_dir/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.contents import Content, copied, size_of
from lxdnb.sandbox.instances import Instance
from lxdnb.sandbox.lists import known_project, listed, owners
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.settings import check_value
from lxdnb.sandbox.spread import named
from lxdnb.sandbox.urls import at_member, of_project, url

if TYPE_CHECKING:
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.profiles import Profile
    from lxdnb.sandbox.state import Host

__all__ = [
    "FIELDS",
    "NEVER",
    "Backup",
    "Snapshot",
    "Volume",
    "check_name",
    "check_type",
    "check_volume_config",
    "custom",
    "find",
    "new_volume",
    "redirect",
    "users",
    "volume_of",
]

NEVER = "0001-01-01T00:00:00Z"
TYPES = ("container", "custom", "image", "virtual-machine")
_KINDS = {
    "size": "size",
    "security.shifted": "bool",
    "security.unmapped": "bool",
    "security.shared": "bool",
    "snapshots.expiry": "string",
    "snapshots.pattern": "string",
    "snapshots.schedule": "string",
    "volatile.idmap.last": "string",
    "volatile.idmap.next": "string",
}
FIELDS: dict[str, Shape] = {
    "name": "string",
    "type": "string",
    "content_type": "string",
    "description": "string",
    "config": CONFIG,
    "restore": "string",
    "pool": "string",
    "project": "string",
    "migration": "bool",
    "volume_only": "bool",
    "source": {
        "type": "string",
        "name": "string",
        "pool": "string",
        "project": "string",
        "location": "string",
        "volume_only": "bool",
        "refresh": "bool",
        "refresh_exclude_older": "bool",
        "mode": "string",
        "operation": "string",
        "certificate": "string",
        "secrets": CONFIG,
    },
    "target": {"operation": "string", "certificate": "string", "secrets": CONFIG},
}


@dataclass
class Snapshot:
    """A volume as it was."""

    name: str
    created: float
    config: dict[str, str]
    description: str = ""
    expires_at: str | None = None
    content: Content = b""


@dataclass
class Backup:
    """A volume and its snapshots, written to a file."""

    name: str
    created: float
    data: bytes
    expires_at: str = NEVER
    volume_only: bool = False
    optimized: bool = False


@dataclass
class Volume:
    """One of them."""

    name: str
    pool: str
    project: str
    created: float
    kind: str = "custom"
    content_type: str = "filesystem"
    description: str = ""
    config: dict[str, str] = field(default_factory=dict[str, str])
    snapshots: dict[str, Snapshot] = field(default_factory=dict[str, Snapshot])
    backups: dict[str, Backup] = field(default_factory=dict[str, Backup])
    content: Content = b""
    member: Member | None = None
    """The one of the cluster that has it; the first one, where none is said."""

    @property
    def path(self) -> str:
        """Its URL, for events of its parts: none of its parts escaped."""
        return f"/1.0/storage-pools/{self.pool}/volumes/{self.kind}/{self.name}"

    @property
    def stored(self) -> str:
        """Its URL, for events of itself, where the servers name it as on the disk."""
        prefix = f"{self.project}_" if self.kind == "custom" else ""
        return f"/1.0/storage-pools/{self.pool}/volumes/{self.kind}/{prefix}{self.name}"

    def url(self, host: Host, *more: str) -> str:
        """The URL of it, or of a part of it."""
        return url(host, "storage-pools", self.pool, "volumes", self.kind, self.name, *more, project=self.project)

    def place(self, host: Host, *more: str) -> str:
        """The URL of it, or of a part of it, and where that is."""
        return at_member(host, self.url(host, *more), self.member)

    def record(self, host: Host, snapshot: Snapshot | None = None) -> dict[str, Any]:
        """What the server tells of it, or of a snapshot of it where that stands among volumes."""
        told = snapshot or self
        return {
            "config": dict(sorted(told.config.items())),
            "description": told.description,
            "name": f"{self.name}/{snapshot.name}" if snapshot else self.name,
            "type": self.kind,
            # An instance uses its volume; its snapshots are used by nobody on Incus.
            "used_by": [] if snapshot and host.flavour.incus and self.kind != "custom" else [*self.used_by(host)],
            "location": self.location(host),
            "content_type": self.content_type,
            "project": self.project,
            "created_at": timestamp(told.created) if host.flavour.incus else NEVER,
        }

    def location(self, host: Host) -> str:
        """The name of the member that has it."""
        return (self.member or host.cluster.first).name

    def used_by(self, host: Host) -> Iterator[str]:
        """The URLs of the instances and the profiles that have it."""
        if self.kind != "custom":
            yield of_project(f"/1.0/instances/{self.name}", self.project)
            return
        for project, user in users(host, self):
            yield of_project(user.url, project)

    @property
    def etag(self) -> str:
        return etag_of(self.name, self.kind, self.config)


def users(host: Host, volume: Volume) -> Iterator[tuple[str, Instance | Profile]]:
    """Yield who has a custom volume as a disk, each with its project."""
    for project in host.projects.values():
        if host.keeper(project.name, "storage.volumes").name != volume.project:
            continue
        for user in (*project.instances.values(), *project.profiles.values()):
            if any(_is(device, volume) for device in user.devices.values()):
                yield project.name, user


def _is(device: dict[str, str], volume: Volume) -> bool:
    return device.get("type") == "disk" and (device.get("pool"), device.get("source")) == (volume.pool, volume.name)


def redirect(host: Host, volume: Volume, name: str, pool: str) -> None:
    """Have those who use a volume use it under another name, in another pool."""
    for _, user in [*users(host, volume)]:
        user.devices = {
            key: device | {"source": name, "pool": pool} if _is(device, volume) else device
            for key, device in user.devices.items()
        }


def custom(host: Host, pool: str, project: str, name: str) -> Volume:
    """Return a custom volume that a project has or shares. Raises Refused with 404."""
    owner = host.keeper(known_project(host, project), "storage.volumes").name
    found = host.pool(pool).volumes.get((owner, name))
    if found is None:
        raise Refused(404, "Storage pool volume not found")
    return found


def volume_of(host: Host, pool: str, instance: Instance) -> Volume:
    """Return the volume that an instance lies in."""
    noted = host.pool(pool).notes.get(instance.config.get("volatile.uuid", ""), {})
    is_container = instance.kind == "container"
    made = Volume(instance.name, pool, instance.project, instance.created, instance.kind)
    made.content_type = "filesystem" if is_container else "block"
    made.member = instance.member
    made.description, made.config = noted.get("description", ""), noted.get("config", {})
    for each in (instance.snapshots or {}).values():
        made.snapshots[each.name] = Snapshot(each.name, each.created, {}, expires_at=each.expires_at)
    return made


def check_type(kind: str) -> None:
    if kind not in TYPES:
        raise Refused(400, "Invalid storage volume type name")


def find(host: Host, pool: str, project: str, kind: str, name: str) -> Volume:
    """Return a volume of any kind. Raises Refused."""
    check_type(kind)
    if kind == "custom":
        return custom(host, pool, project, name)
    host.pool(pool)
    instance = host.instances(known_project(host, project)).get(name)
    if instance is None or instance.kind != kind or instance.pool(host) != pool:
        raise Refused(404, "Storage pool volume not found")
    return volume_of(host, pool, instance)


def check_name(name: str) -> None:
    if not name:
        raise Refused(400, "No name provided")
    if "/" in name:
        raise Refused(400, "Storage volume names may not contain slashes")


def check_volume_config(config: dict[str, str], words: str) -> None:
    """Refuse what no volume may be set to; `words` name the volume."""
    for key, value in config.items():
        if key.startswith("user."):
            continue
        if key not in _KINDS:
            raise Refused(500, f'Invalid option for volume "{words}" option "{key}"')
        if value:
            try:
                check_value(_KINDS[key], value)
            except Refused as refused:
                raise Refused(500, f'Invalid value for volume "{words}" option "{key}": {refused.words}') from None


def new_volume(host: Host, made: Volume) -> None:
    """Keep a volume. Raises Refused with 409 where its name is taken."""
    volumes = host.pool(made.pool).volumes
    if (made.project, made.name) in volumes:
        raise Refused(409, "Volume by that name already exists")
    made.member = host.here
    volumes[made.project, made.name] = made
    host.tell("storage-volume-created", made.stored, made.project, {"type": made.kind})


# --- requests


def _listed(host: Host, request: Request, pool: str, kind: str | None) -> Reply:
    """List volumes, and their snapshots among them as if they were some too."""
    if kind is not None:
        check_type(kind)
    kept = host.pool(pool)
    if not request.of_all_projects and request.project not in host.projects:
        raise Refused(404, "Project not found")
    keepers = owners(host, request, "storage.volumes")
    found: list[Volume | Instance] = [each for each in kept.every_volume() if each.project in keepers]
    projects = [*filter(request.caller.may_use, host.projects)] if request.of_all_projects else [request.project]
    for project in projects if kind != "custom" else ():
        found += [each for each in host.instances(project).values() if each.pool(host) == pool]
    if named(host, request):
        found = [each for each in found if (each.member or host.cluster.first) is host.here]
    both: list[tuple[Volume | Instance, str | None]] = []
    for each in sorted(found, key=lambda each: (each.kind, each.name, each.project, each.location(host))):
        if kind in (None, each.kind):
            both.append((each, None))
            both += [(each, snapshot) for snapshot in each.snapshots or ()]

    def volume(each: Volume | Instance) -> Volume:
        return each if isinstance(each, Volume) else volume_of(host, pool, each)  # made as it is told, of very many

    return listed(
        host,
        request,
        both,
        lambda pair: volume(pair[0]).place(host, *(("snapshots", pair[1]) if pair[1] is not None else ())),
        lambda pair: _told(host, volume(pair[0]), pair[1]),
        filters=True,
    )


def _told(host: Host, volume: Volume, snapshot: str | None) -> dict[str, Any]:
    return volume.record(host, volume.snapshots.get(snapshot) if snapshot is not None else None)


@route("GET", "/1.0/storage-pools/*/volumes")
def every(host: Host, request: Request, pool: str) -> Reply:
    return _listed(host, request, pool, None)


@route("GET", "/1.0/storage-pools/*/volumes/*")
def every_of_type(host: Host, request: Request, pool: str, kind: str) -> Reply:
    return _listed(host, request, pool, kind)


@route("GET", "/1.0/storage-pools/*/volumes/*/*")
def one(host: Host, request: Request, pool: str, kind: str, name: str) -> Reply:
    owner, _, part = name.partition("/")
    found = find(host, pool, request.project, kind, owner)
    if part and part not in found.snapshots:
        raise Refused(404, "Storage pool volume not found")
    return Sync(found.record(host, found.snapshots[part] if part else None), found.etag)


@route("GET", "/1.0/storage-pools/*/volumes/*/*/state")
def state(host: Host, request: Request, pool: str, kind: str, name: str) -> Reply:
    check_type(kind)
    try:
        found = find(host, pool, request.project, kind, name)
    except Refused as refused:
        if pool in host.pools and refused.code == 404:
            which = f'Storage volume "{name}" in project "{request.project}" of type "{kind}"'
            why = f'{which} does not exist on pool "{pool}": Storage volume not found'
            raise Refused(404, why) from None
        raise
    if host.pool(pool).driver == "dir":  # it counts nothing
        if host.flavour.incus:
            return Sync({"usage": None})
        raise Refused(500, "Not supported")
    return Sync({"usage": {"used": 2**14 + size_of(found.content)}})


@route_changes("/1.0/storage-pools/*/volumes/*/*")
def change(host: Host, request: Request, pool: str, kind: str, name: str, *, keep: bool) -> Reply:
    found = find(host, pool, request.project, kind, name)
    request.check_match(found.etag)
    asked = read(request.body, "StorageVolumePut", FIELDS)
    if asked.get("restore"):
        _restore(host, found, asked["restore"])
        return Sync({})
    config = asked.get("config", {})
    if keep:
        config = found.config | config
    check_volume_config(config, f"{found.project}_{name}")
    found.config = {key: value for key, value in config.items() if value}
    found.description = asked.get("description", "")
    if kind != "custom":
        instance = host.instances(found.project)[name]
        note = {"description": found.description, "config": found.config}
        host.pool(pool).notes[instance.config.get("volatile.uuid", "")] = note
    host.tell("storage-volume-updated", found.stored, found.project)
    return Sync({})


def _restore(host: Host, volume: Volume, snapshot: str) -> None:
    if snapshot not in volume.snapshots:
        raise Refused(500, "Snapshot not found")
    if any(isinstance(user, Instance) and user.started is not None for _, user in users(host, volume)):
        raise Refused(500, "Cannot restore custom volume used by running instances")
    volume.content = copied(volume.snapshots[snapshot].content)
    host.tell("storage-volume-restored", volume.stored, volume.project, {"snapshot": snapshot})


@route("DELETE", "/1.0/storage-pools/*/volumes/*/*")
def delete(host: Host, request: Request, pool: str, kind: str, name: str) -> Reply:
    check_type(kind)
    if kind in ("container", "virtual-machine"):
        raise Refused(400, f'Storage volumes of type "{kind}" cannot be deleted with the storage API')
    found = find(host, pool, request.project, kind, name)
    if any(users(host, found)):
        raise Refused(400, "The storage volume is still in use")
    del host.pool(pool).volumes[found.project, name]
    for snapshot in found.snapshots:
        host.tell("storage-volume-snapshot-deleted", f"{found.stored}/snapshots/{snapshot}", found.project)
    host.tell("storage-volume-deleted", found.stored, found.project)
    return Sync({})
