"""Snapshots of custom volumes, and those of instances as their volumes have them.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/storage_backup_volume/
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.contents import copied
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.urls import url
from lxdnb.sandbox.volume_migrations import give_volume
from lxdnb.sandbox.volumes import FIELDS, NEVER, Snapshot, Volume, check_type, check_volume_config, custom, find

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_FIELDS: dict[str, Shape] = {"name": "string", "description": "string", "expires_at": "string", "config": CONFIG}
_OFFER: dict[str, Shape] = {"migration": "bool", "target": FIELDS["target"]}
_EXPIRY = re.compile(r"(\d+)([MHdwmy])")
_SECONDS = {"M": 60, "H": 3600, "d": 86400, "w": 7 * 86400, "m": 30 * 86400, "y": 365 * 86400}


def _record(host: Host, volume: Volume, snapshot: Snapshot, *, listed: bool) -> dict[str, Any]:
    expires = None if snapshot.expires_at == NEVER else snapshot.expires_at
    return {
        "description": snapshot.description,
        # A list leaves out what one by itself is told: no time, which is the zero time.
        "expires_at": expires if listed else expires or NEVER,
        "name": f"{volume.name}/{snapshot.name}" if listed else snapshot.name,
        "config": dict(sorted(snapshot.config.items())),
        "content_type": "" if listed else volume.content_type,
        "created_at": timestamp(snapshot.created) if host.flavour.incus else NEVER,
    }


def _known(volume: Volume, name: str) -> Snapshot:
    if name not in volume.snapshots:
        raise Refused(404, "Storage pool volume not found")
    return volume.snapshots[name]


def _resources(host: Host, volume: Volume, snapshot: str, *, new: bool = False) -> dict[str, list[str]]:
    if host.flavour.incus:
        of_volume = {"storage_volumes": [volume.url(host)]} if new else {}
        return {"storage_volume_snapshots": [volume.url(host, "snapshots", snapshot)], **of_volume}
    kind = "storage_volumes" if new else "storage_volume_snapshots"
    return {kind: [url(host, kind, volume.name)]}


def _new_name(host: Host, volume: Volume) -> str:
    """Return a name by the volume's pattern: `%d` stands for the next number, as it does at the end of one without."""
    pattern = volume.config.get("snapshots.pattern") or "snap%d"
    today = datetime.fromtimestamp(host.clock(), UTC)
    pattern = re.sub(r"\{\{.*?\}\}", today.strftime("%Y-%m-%d_%H-%M-%S"), pattern)
    if "%d" not in pattern:
        if pattern not in volume.snapshots:
            return pattern
        pattern += "-%d"
    return next(
        name for number in range(len(volume.snapshots) + 1)
        if (name := pattern.replace("%d", str(number))) not in volume.snapshots
    )  # fmt: skip


def _expiry(host: Host, volume: Volume) -> str | None:
    """Return when a snapshot made now expires by the volume's own rule."""
    parts = _EXPIRY.findall(volume.config.get("snapshots.expiry", ""))
    if not parts:
        return None
    return timestamp(float(int(host.clock()) + sum(int(count) * _SECONDS[unit] for count, unit in parts)))


@route("GET", "/1.0/storage-pools/*/volumes/*/*/snapshots")
def every(host: Host, request: Request, pool: str, kind: str, volume: str) -> Reply:
    try:
        owner = find(host, pool, request.project, kind, volume)
    except Refused as refused:
        if refused.code == 404 and pool in host.pools and not host.flavour.incus:
            return Sync([])  # a volume that is not there has none
        raise
    if request.recursion:
        return Sync([_record(host, owner, each, listed=True) for each in owner.snapshots.values()])
    path = ("storage-pools", pool, "volumes", kind, volume, "snapshots")
    return Sync([url(host, *path, name) for name in owner.snapshots])


@route("POST", "/1.0/storage-pools/*/volumes/*/*/snapshots")
def create(host: Host, request: Request, pool: str, kind: str, volume: str) -> Reply:
    check_type(kind)
    if kind != "custom":
        raise Refused(400, f'Invalid storage volume type "{kind}"')
    owner = custom(host, pool, request.project, volume)
    asked = read(request.body, "StorageVolumeSnapshotsPost", _FIELDS)
    name = asked.get("name") or _new_name(host, owner)
    if "/" in name:
        raise Refused(400, 'Storage name cannot contain "/"')
    if name in owner.snapshots:
        raise Refused(409, f'Snapshot "{name}" already in use')

    def work(operation: Operation) -> Work:
        yield 0.0
        if owner.content_type == "iso":
            raise Refused(500, 'Volume of content type "iso" does not support snapshots')
        if name in owner.snapshots:
            raise Refused(409, f'Snapshot "{name}" already in use')
        made = Snapshot(name, host.clock(), dict(owner.config), owner.description, content=copied(owner.content))
        made.expires_at = asked.get("expires_at") or _expiry(host, owner)
        owner.snapshots[name] = made
        where = f"{owner.stored}/snapshots/{name}"
        host.tell("storage-volume-snapshot-created", where, owner.project, {"type": owner.kind})

    resources = _resources(host, owner, name, new=True)
    return Async(host.operations.begin(request.project, "Creating storage volume snapshot", resources, work))


@route("GET", "/1.0/storage-pools/*/volumes/*/*/snapshots/*")
def one(host: Host, request: Request, pool: str, kind: str, volume: str, name: str) -> Reply:
    owner = find(host, pool, request.project, kind, volume)
    found = _known(owner, name)
    return Sync(_record(host, owner, found, listed=False), etag_of(found.expires_at, found.description))


@route_changes("/1.0/storage-pools/*/volumes/*/*/snapshots/*")
def change(host: Host, request: Request, pool: str, kind: str, volume: str, name: str, *, keep: bool) -> Reply:
    owner = find(host, pool, request.project, kind, volume)
    found = _known(owner, name)
    request.check_match(etag_of(found.expires_at, found.description))
    asked = read(request.body, "StorageVolumeSnapshotPut", _FIELDS)
    check_volume_config(asked.get("config", {}), owner.name)
    if "description" in asked or not keep:
        found.description = asked.get("description", "")
    if "expires_at" in asked or not keep:
        found.expires_at = asked.get("expires_at") or NEVER
    host.tell("storage-volume-snapshot-updated", f"{owner.path}/snapshots/{name}", owner.project)
    return Sync({})


@route("POST", "/1.0/storage-pools/*/volumes/*/*/snapshots/*")
def rename(host: Host, request: Request, pool: str, kind: str, volume: str, name: str) -> Reply:
    check_type(kind)
    owner = custom(host, pool, request.project, volume)
    found = _known(owner, name)
    asked = read(request.body, "StorageVolumeSnapshotPost", {**_FIELDS, **_OFFER})
    wanted = asked.get("name", "")
    if not wanted:
        raise Refused(400, "No name provided")
    if "/" in wanted:
        raise Refused(400, "Storage volume names may not contain slashes")
    if asked.get("migration") and "storage_api_remote_volume_snapshot_copy" in host.flavour.api_extensions:
        return give_volume(host, owner, found, asked)

    def work(operation: Operation) -> Work:
        yield 0.0
        if wanted in owner.snapshots:
            folder = f"/simulated/storage-pools/{pool}/custom-snapshots/{owner.project}_{owner.name}"
            both = f'"{folder}/{name}" to "{folder}/{wanted}"'
            raise Refused(500, f"Failed to rename {both}: rename {folder}/{name} {folder}/{wanted}: file exists")
        del owner.snapshots[name]
        found.name = wanted
        owner.snapshots[wanted] = found
        where = f"{owner.stored}/snapshots/{name}"  # as it was called before
        host.tell("storage-volume-snapshot-renamed", where, owner.project, {"old_name": name})

    resources = _resources(host, owner, name)
    return Async(host.operations.begin(request.project, "Renaming storage volume snapshot", resources, work))


@route("DELETE", "/1.0/storage-pools/*/volumes/*/*/snapshots/*")
def delete(host: Host, request: Request, pool: str, kind: str, volume: str, name: str) -> Reply:
    check_type(kind)
    if kind != "custom":
        raise Refused(400, f'Invalid storage volume type "{kind}"')
    owner = custom(host, pool, request.project, volume)
    _known(owner, name)

    def work(operation: Operation) -> Work:
        yield 0.0
        owner.snapshots.pop(name, None)
        host.tell("storage-volume-snapshot-deleted", f"{owner.stored}/snapshots/{name}", owner.project)

    resources = _resources(host, owner, name)
    return Async(host.operations.begin(request.project, "Deleting storage volume snapshot", resources, work))
