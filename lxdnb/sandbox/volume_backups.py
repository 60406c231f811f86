"""Backups of custom volumes: kept by the server until they expire, and handed out as files.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/storage_backup_volume/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Content, Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.urls import url
from lxdnb.sandbox.volume_archives import COMPRESSIONS, packed
from lxdnb.sandbox.volumes import NEVER, Backup, Volume, check_type, custom

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_FIELDS: dict[str, Shape] = {
    "name": "string",
    "expires_at": "string",
    "volume_only": "bool",
    "optimized_storage": "bool",
    "compression_algorithm": "string",
}


def _record(backup: Backup) -> dict[str, Any]:
    return {
        "name": backup.name,
        "created_at": timestamp(float(int(backup.created))),
        "expires_at": backup.expires_at,
        "volume_only": backup.volume_only,
        "optimized_storage": backup.optimized,
    }


def _known(volume: Volume, name: str) -> Backup:
    if name not in volume.backups:
        raise Refused(404, "Storage volume backup not found")
    return volume.backups[name]


def _resources(host: Host, volume: Volume, backup: str, *, new: bool = False) -> dict[str, list[str]]:
    if host.flavour.incus:
        return {"backups": [volume.url(host, "backups", backup)], "storage_volumes": [volume.url(host)]}
    if new:
        return {
            "backups": [url(host, "backups", backup)],
            "storage_volumes": [url(host, "storage_volumes", volume.name)],
        }
    return {"volume": [url(host, "volume", volume.name)]}


@route("GET", "/1.0/storage-pools/*/volumes/*/*/backups")
def every(host: Host, request: Request, pool: str, kind: str, volume: str) -> Reply:
    owner = _owner(host, request, pool, kind, volume)
    if request.recursion:
        return Sync([_record(each) for each in owner.backups.values()])
    path = ("storage-pools", pool, "volumes", kind, volume, "backups")
    return Sync([url(host, *path, name) for name in owner.backups])


def _owner(host: Host, request: Request, pool: str, kind: str, volume: str) -> Volume:
    check_type(kind)
    if kind != "custom":
        raise Refused(400, f'Invalid storage volume type "{kind}"')
    return custom(host, pool, request.project, volume)


@route("POST", "/1.0/storage-pools/*/volumes/*/*/backups")
def create(host: Host, request: Request, pool: str, kind: str, volume: str) -> Reply:
    owner = _owner(host, request, pool, kind, volume)
    asked = read(request.body, "StoragePoolVolumeBackupsPost", _FIELDS)
    name, method = asked.get("name", ""), asked.get("compression_algorithm") or "gzip"
    if method.split()[0] not in COMPRESSIONS:
        if host.flavour.incus:
            raise Refused(400, f'Compression algorithm "{method}" isn\'t currently supported')
        raise Refused(400, f'Invalid compression algorithm "{method}"')
    if not name:
        name = next(
            each for number in range(len(owner.backups) + 1) if (each := f"backup{number}") not in owner.backups
        )
    if "/" in name:
        raise Refused(400, "Backup names may not contain slashes")

    def work(operation: Operation) -> Work:
        yield 0.02
        if name in owner.backups:
            raise Refused(500, f'Create volume backup: Backup "{owner.name}/{name}" already exists')
        if owner.content_type == "iso":
            why = 'Volume of content type "iso" cannot be backed up'
            raise Refused(500, f"Create volume backup: Backup create: {why}")
        alone = asked.get("volume_only", False)
        made = Backup(name, host.clock(), packed(host, owner, method.split()[0], alone=alone), volume_only=alone)
        made.expires_at, made.optimized = asked.get("expires_at") or NEVER, asked.get("optimized_storage", False)
        owner.backups[name] = made
        host.tell("storage-volume-backup-created", f"{owner.path}/backups/{name}", owner.project, {"type": "custom"})

    resources = _resources(host, owner, name, new=True)
    return Async(host.operations.begin(request.project, "Creating custom volume backup", resources, work))


@route("GET", "/1.0/storage-pools/*/volumes/*/*/backups/*")
def one(host: Host, request: Request, pool: str, kind: str, volume: str, name: str) -> Reply:
    return Sync(_record(_known(_owner(host, request, pool, kind, volume), name)))


@route("POST", "/1.0/storage-pools/*/volumes/*/*/backups/*")
def rename(host: Host, request: Request, pool: str, kind: str, volume: str, name: str) -> Reply:
    owner = _owner(host, request, pool, kind, volume)
    wanted = read(request.body, "StoragePoolVolumeBackupPost", _FIELDS).get("name", "")
    if "/" in wanted:
        raise Refused(400, "Backup names may not contain slashes")
    found = _known(owner, name)

    def work(operation: Operation) -> Work:
        yield 0.0
        if wanted in owner.backups:
            columns = ", ".join(f"storage_volumes_backups.{each}" for each in ("storage_volume_id", "name"))
            raise Refused(500, f"UNIQUE constraint failed: {columns}")
        del owner.backups[name]
        found.name = wanted
        owner.backups[wanted] = found
        where = f"{owner.path}/backups/{wanted}"
        host.tell("storage-volume-backup-renamed", where, owner.project, {"old_name": f"{owner.name}/{name}"})

    # Incus puts the volume's name before the backup's.
    resources = _resources(host, owner, f"{owner.name}/{name}")
    return Async(host.operations.begin(request.project, "Renaming custom volume backup", resources, work))


@route("DELETE", "/1.0/storage-pools/*/volumes/*/*/backups/*")
def delete(host: Host, request: Request, pool: str, kind: str, volume: str, name: str) -> Reply:
    owner = _owner(host, request, pool, kind, volume)
    _known(owner, name)

    def work(operation: Operation) -> Work:
        yield 0.0
        owner.backups.pop(name, None)
        host.tell("storage-volume-backup-deleted", f"{owner.path}/backups/{name}", owner.project)

    resources = _resources(host, owner, name)
    return Async(host.operations.begin(request.project, "Deleting custom volume backup", resources, work))


@route("GET", "/1.0/storage-pools/*/volumes/*/*/backups/*/export")
def export(host: Host, request: Request, pool: str, kind: str, volume: str, name: str) -> Reply:
    owner = _owner(host, request, pool, kind, volume)
    found = _known(owner, name)
    host.tell("storage-volume-backup-retrieved", f"{owner.path}/backups/{name}", owner.project)
    return Content((found.data,), "", "application/octet-stream")
