"""Custom volumes that come to be, empty or as copies of others, and that go elsewhere.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/storage_move_volume/
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import read
from lxdnb.sandbox.contents import copied, empty
from lxdnb.sandbox.instances import Instance
from lxdnb.sandbox.lists import known_project
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.spread import named
from lxdnb.sandbox.urls import url
from lxdnb.sandbox.volume_imports import imported
from lxdnb.sandbox.volume_migrations import TAKEN, brought_up_to_date, give_volume, take_volume
from lxdnb.sandbox.volumes import (
    FIELDS,
    Volume,
    check_name,
    check_volume_config,
    custom,
    new_volume,
    redirect,
    users,
)

if TYPE_CHECKING:
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.state import Host

__all__: list[str] = []


@route("POST", "/1.0/storage-pools/*/volumes")
def create_of_some_type(host: Host, request: Request, pool: str) -> Reply:
    asked = read(request.body, "StorageVolumesPost", FIELDS)
    kind = asked.get("type", "")
    check_name(asked.get("name", ""))
    if not kind and not host.flavour.incus:
        raise Refused(400, "You must provide a storage volume type of the storage volume")
    return create(host, request, pool, kind)


@route("POST", "/1.0/storage-pools/*/volumes/*")
def create(host: Host, request: Request, pool: str, kind: str) -> Reply:
    project = host.keeper(known_project(host, request.project), "storage.volumes").name
    if request.headers.get("content-type") == "application/octet-stream":
        return imported(host, request, pool, project)
    asked = read(request.body, "StorageVolumesPost", FIELDS)
    name, source = asked.get("name", ""), asked.get("source", {})
    check_name(name)
    if kind != "custom":
        raise Refused(400, f'Currently not allowed to create storage volumes of type "{kind}"')
    content = asked.get("content_type") or "filesystem"
    if content not in ("filesystem", "block", *(["iso"] if host.flavour.incus else [])):
        raise Refused(400, "Invalid volume content type name")
    if host.pool(pool).spread.pending:
        raise Refused(500, "Specified pool is not fully created")
    volumes = host.pool(pool).volumes
    if source.get("type") == "migration":
        return take_volume(host, pool, project, asked, source)
    copies = source.get("type") == "copy" and source.get("name")
    if (project, name) in volumes and not (copies and source.get("refresh")):
        raise Refused(409, TAKEN)
    if source.get("type", "") not in ("", "copy"):
        raise Refused(400, f'Unknown source type "{source["type"]}"')
    if copies:
        return _copy(host, request, pool, project, asked, source)
    if content == "iso":
        raise Refused(500, "Size cannot be zero")
    config = {key: value for key, value in asked.get("config", {}).items() if value}
    check_volume_config(config, name if host.flavour.incus else f"{project}_{name}")
    made = Volume(name, pool, project, host.clock(), content_type=content)
    made.content = empty(content, host.clock())
    made.config, made.description = config, asked.get("description", "")
    new_volume(host, made)
    return Sync({})


def _copy(
    host: Host, request: Request, pool: str, project: str, asked: dict[str, Any], source: dict[str, Any]
) -> Reply:
    """Copy a volume with its snapshots, or one of them, from any pool and project; or bring a copy up to date."""
    if source.get("project") and host.flavour.incus:
        known_project(host, source["project"])
    name = asked["name"]
    # LXD looks nowhere but where the copy is to be, and Incus only where that is named.
    elsewhere = host.flavour.incus and named(host, request) is not None
    member = (host.cluster.find(source.get("location", "")) if elsewhere else None) or host.here

    def work(operation: Operation) -> Work:
        yield 0.02
        original, _, snapshot = source["name"].partition("/")
        owner = _source(host, source.get("project") or project, source.get("pool", ""), original, member)
        like = owner.snapshots.get(snapshot) if snapshot else owner
        if like is None:
            raise _missing(source["name"], owner.project, owner.pool)
        made = host.pool(pool).volumes.get((project, name))
        if made is None:
            made = Volume(name, pool, project, host.clock(), content_type=owner.content_type)
            made.config = asked.get("config") or dict(like.config)
            made.description = asked.get("description") or like.description
            new_volume(host, made)
        elif not source.get("refresh"):
            raise Refused(409, TAKEN)
        made.content = copied(like.content)
        if not snapshot and not source.get("volume_only"):
            given = [
                replace(each, config=dict(each.config), content=copied(each.content))
                for each in owner.snapshots.values()
            ]
            made.snapshots = brought_up_to_date(made, given, bool(source.get("refresh_exclude_older")))

    new = url(host, "storage-pools", pool, "volumes", "custom", name, project=project)
    resources = {} if member is host.here else {"storage_volumes": [new]}
    return Async(host.operations.begin(project, "Copying storage volume", resources, work))


def _source(host: Host, project: str, pool: str, name: str, member: Member) -> Volume:
    kept = host.pool(pool)
    owner = host.keeper(project, "storage.volumes").name if project in host.projects else project
    if (owner, name) not in kept.on(member):
        raise _missing(name, owner, pool)
    return kept.on(member)[owner, name]


def _missing(name: str, project: str, pool: str) -> Refused:
    where = f'Storage volume "{name}" in project "{project}" of type "custom" does not exist on pool "{pool}"'
    return Refused(404, f"Failed generating volume copy config: {where}: Storage volume not found")


@route("POST", "/1.0/storage-pools/*/volumes/*/*")
def move(host: Host, request: Request, pool: str, kind: str, name: str) -> Reply:
    """Rename a volume, or move it to another pool or project."""
    asked = read(request.body, "StorageVolumePost", FIELDS)
    wanted = asked.get("name", "")
    check_name(wanted)
    host.pool(pool)
    if kind != "custom":
        raise Refused(400, f'Renaming storage volumes of type "{kind}" is not allowed')
    found = custom(host, pool, request.project, name)
    if asked.get("migration"):
        return give_volume(host, found, None, asked)
    to_pool, to_project = asked.get("pool", ""), found.project
    if asked.get("project"):
        if host.flavour.incus:
            known_project(host, asked["project"])
        elif asked["project"] not in host.projects:
            raise Refused(404, "Project not found")
        to_project = host.keeper(asked["project"], "storage.volumes").name
    if to_pool or asked.get("project"):
        host.pool(to_pool)
    to_pool = to_pool or pool
    if (to_project, wanted) in host.pool(to_pool).volumes:
        raise Refused(409, TAKEN)
    if any(isinstance(user, Instance) and user.started is not None for _, user in users(host, found)):
        raise Refused(500, "Volume is still in use by running instances")
    if (to_pool, to_project) == (pool, found.project):
        _put(host, found, wanted, to_pool, to_project)
        host.tell("storage-volume-renamed", found.stored, found.project, {"old_name": name})
        return Sync(created=found.url(host))

    def work(operation: Operation) -> Work:
        yield 0.02
        if (to_project, wanted) in host.pool(to_pool).volumes:
            raise Refused(409, TAKEN)
        _put(host, found, wanted, to_pool, to_project)

    return Async(host.operations.begin(request.project, "Moving storage volume", {}, work))


def _put(host: Host, volume: Volume, name: str, pool: str, project: str) -> None:
    """Have a volume under another name, in another pool or project, and those who use it follow."""
    del host.pool(volume.pool).volumes[volume.project, volume.name]
    redirect(host, volume, name, pool)
    volume.name, volume.pool, volume.project = name, pool, project
    host.pool(pool).volumes[project, name] = volume
