"""Backups of instances: kept by the server until they expire, and handed out as files.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/instances_backup/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.backup_files import packed
from lxdnb.sandbox.bodies import Shape, read, read_map
from lxdnb.sandbox.clock import moment, timestamp
from lxdnb.sandbox.instances import Instance, known, resources_of
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.packing import ALGORITHMS
from lxdnb.sandbox.replies import Async, Content, Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.urls import url

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Backup", "drop", "told_of"]

NEVER = "0001-01-01T00:00:00Z"
_FIELDS: dict[str, Shape] = {
    "name": "string",
    "expires_at": "string",
    "instance_only": "bool",
    "container_only": "bool",
    "optimized_storage": "bool",
    "compression_algorithm": "string",
}


@dataclass
class Backup:
    """An instance and its snapshots, written to a file."""

    name: str
    created: float
    data: bytes
    expires_at: str = NEVER
    alone: bool = False
    """Whether it is without the snapshots."""


def _record(host: Host, backup: Backup) -> dict[str, Any]:
    alone = {"instance_only": backup.alone}
    return {
        "name": backup.name,
        "created_at": timestamp(float(int(backup.created))),
        "expires_at": backup.expires_at,
        **(alone if host.flavour.incus else {**alone, "container_only": backup.alone}),
        "optimized_storage": False,  # as no pool here has a format of its own
    }


def _owner(host: Host, request: Request, name: str) -> Instance:
    """Return the instance of a backup, without which Incus finds no backup."""
    if host.flavour.incus and name not in host.instances(request.project):
        raise Refused(404, "Instance backup not found")
    return known(host, request.project, name)


def _known(host: Host, instance: Instance, name: str) -> Backup:
    found = (instance.backups or {}).get(name)
    if found is None:
        raise Refused(404, f"{'' if host.flavour.incus else 'Load backup from database: '}Instance backup not found")
    return found


def _tell(host: Host, what: str, instance: Instance, name: str, context: dict[str, Any] | None = None) -> None:
    host.tell(f"instance-backup-{what}", f"{instance.url}/backups/{name}", instance.project, context, bare=True)


def told_of(host: Host, instance: Instance) -> list[dict[str, Any]] | None:
    """What the record of an instance tells of its backups."""
    return [_record(host, each) for _, each in sorted((instance.backups or {}).items())] or None


@route("GET", "/1.0/instances/*/backups")
def every(host: Host, request: Request, name: str) -> Reply:
    instance = known(host, request.project, name)
    backups = dict(sorted((instance.backups or {}).items()))
    if request.recursion:
        return Sync([_record(host, each) for each in backups.values()])
    return Sync([f"{instance.url}/backups/{each}" for each in backups])


@route("POST", "/1.0/instances/*/backups")
def create(host: Host, request: Request, name: str) -> Reply:
    instance = known(host, request.project, name)
    try:
        read_map(host, request)
    except Refused as refused:
        raise Refused(500, refused.words) from None
    asked = read(request.body, "InstanceBackupsPost", _FIELDS)
    expires, method = asked.get("expires_at", ""), asked.get("compression_algorithm") or "gzip"
    if expires and moment(expires) is None:
        raise Refused(400, _no_time(host, expires))
    if method.split()[0] not in ALGORITHMS:
        incus = f'Compression algorithm "{method}" isn\'t currently supported'
        raise Refused(400, incus if host.flavour.incus else f'Invalid compression algorithm "{method}"')
    there = instance.backups or {}
    wanted = asked.get("name") or next(f"backup{n}" for n in range(len(there) + 1) if f"backup{n}" not in there)
    if "/" in wanted:
        raise Refused(400, "Backup names may not contain slashes")
    alone = asked.get("instance_only", False) or (not host.flavour.incus and asked.get("container_only", False))

    def work(operation: Operation) -> Work:
        yield 0.02
        if wanted in (instance.backups or {}):
            raise Refused(500, f'Create backup: Backup "{name}/{wanted}" already exists')
        made = Backup(wanted, host.clock(), packed(host, instance, method.split()[0], alone=alone), alone=alone)
        made.expires_at = expires or NEVER
        instance.backups = {**(instance.backups or {}), wanted: made}
        _tell(host, "created", instance, wanted)

    told = url(host, "instances", name, "backups", wanted) if host.flavour.incus else f"/1.0/backups/{wanted}"
    resources = {"backups": [told], **resources_of(host, name, both=True)}
    return Async(host.operations.begin(instance.project, "Backing up instance", resources, work))


def _no_time(host: Host, text: str) -> str:
    quoted, layout = f'"{text}"', '"2006-01-02T15:04:05Z07:00"'
    if host.flavour.incus:
        return f'parsing time {quoted} as {layout}: cannot parse {quoted} as "2006"'
    inner = f'"\\"{text}\\""'
    return f'parsing time {inner} as "\\"2006-01-02T15:04:05Z07:00\\"": cannot parse "{text}\\"" as "2006"'


def drop(host: Host, instance: Instance, backup: Backup) -> None:
    """Have it no more."""
    instance.backups = {name: each for name, each in (instance.backups or {}).items() if each is not backup}
    _tell(host, "deleted", instance, backup.name)


@route("GET", "/1.0/instances/*/backups/*")
def one(host: Host, request: Request, name: str, backup: str) -> Reply:
    return Sync(_record(host, _known(host, _owner(host, request, name), backup)))


@route("POST", "/1.0/instances/*/backups/*")
def rename(host: Host, request: Request, name: str, backup: str) -> Reply:
    if not host.flavour.incus:
        known(host, request.project, name)
    wanted = read(request.body, "InstanceBackupPost", _FIELDS).get("name", "")
    instance = _owner(host, request, name)
    if "/" in wanted:
        raise Refused(400, "Backup names may not contain slashes")
    found = _known(host, instance, backup)

    def work(operation: Operation) -> Work:
        yield 0.0
        if not wanted:
            folder = f"backups/instances/{name}"
            raise Refused(404, f"rename {folder}/{found.name} {folder}: no such file or directory")
        if wanted in (instance.backups or {}):
            columns = ", ".join(f"instances_backups.{each}" for each in ("instance_id", "name"))
            raise Refused(500, f"UNIQUE constraint failed: {columns}")
        kept = {each.name: each for each in (instance.backups or {}).values() if each is not found}
        old, found.name = found.name, wanted
        instance.backups = {**kept, wanted: found}
        _tell(host, "renamed", instance, wanted, {"old_name": f"{name}/{old}"})

    resources = resources_of(host, name, both=True)
    return Async(host.operations.begin(instance.project, "Renaming instance backup", resources, work))


@route("DELETE", "/1.0/instances/*/backups/*")
def delete(host: Host, request: Request, name: str, backup: str) -> Reply:
    instance = _owner(host, request, name)
    found = _known(host, instance, backup)

    def work(operation: Operation) -> Work:
        yield 0.0
        drop(host, instance, found)

    resources = resources_of(host, name) if host.flavour.incus else {"container": [f"/1.0/container/{name}"]}
    return Async(host.operations.begin(instance.project, "Removing instance backup", resources, work))


@route("GET", "/1.0/instances/*/backups/*/export")
def export(host: Host, request: Request, name: str, backup: str) -> Reply:
    instance = _owner(host, request, name)
    found = _known(host, instance, backup)
    _tell(host, "retrieved", instance, found.name)
    return Content((found.data,), "", "application/octet-stream")
