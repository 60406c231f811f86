"""Custom volumes that come as files: backups that are brought back, and images of discs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Refused, Reply, Request
from lxdnb.sandbox.urls import url
from lxdnb.sandbox.volume_archives import unpacked
from lxdnb.sandbox.volumes import Volume, check_name, new_volume

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["imported"]


def imported(host: Host, request: Request, pool: str, project: str) -> Reply:
    """Answer a request whose body is a file."""
    host.pool(pool)
    name = request.headers.get("x-incus-name" if host.flavour.incus else "x-lxd-name", "")
    if host.flavour.incus and request.headers.get("x-incus-type") == "iso":
        check_name(name)
        made = Volume(name, "", "", 0.0, content_type="iso")
        made.content, made.config = request.body, {"size": str(len(request.body))}
        return _bring(host, made, pool, project, "Creating storage volume")
    made = unpacked(request.body)
    made.name = name or made.name
    return _bring(host, made, pool, project, "Restoring custom volume backup")


def _bring(host: Host, made: Volume, pool: str, project: str, description: str) -> Reply:
    made.pool, made.project = pool, project

    def work(operation: Operation) -> Work:
        yield 0.02
        made.created = host.clock()
        for snapshot in made.snapshots.values():
            snapshot.created = host.clock()
        try:
            new_volume(host, made)
        except Refused:
            raise Refused(500, _taken(host, made)) from None

    told = made.url(host) if host.flavour.incus else url(host, "storage_volumes", made.name)
    return Async(host.operations.begin(project, description, {"storage_volumes": [told]}, work))


def _taken(host: Host, volume: Volume) -> str:
    if volume.content_type == "iso":
        return "Failed creating custom volume from ISO: Cannot create volume, already exists on target storage"
    return f"Create custom volume from backup: {_taken_by_backup(host, volume)}"


def _taken_by_backup(host: Host, volume: Volume) -> str:
    if host.flavour.incus:
        return f'Volume "{volume.name}" already exists in pool "{volume.pool}"'
    columns = ("storage_pool_id", "node_id", "project_id", "name", "type")
    why = f"UNIQUE constraint failed: {', '.join(f'storage_volumes.{each}' for each in columns)}"
    where = f'for project "{volume.project}" in pool "{volume.pool}" of type "custom"'
    return f'Error inserting volume "{volume.name}" {where} into database "{why}"'
