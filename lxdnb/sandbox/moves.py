"""Instances under another name, in another pool or project, or made anew of an image: they go on as what they then are.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_post
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, DEVICES, Shape, read, read_patch
from lxdnb.sandbox.creation import SOURCE, image_of
from lxdnb.sandbox.instances import Instance, check_name, is_root, known, resources_of
from lxdnb.sandbox.migrations import OFFER, give
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.relocation import check_move, destination, relocate
from lxdnb.sandbox.replies import Async, Refused, Reply, Request
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.snapshots import put_into_pool

if TYPE_CHECKING:
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_FIELDS: dict[str, Shape] = {
    "name": "string",
    "migration": "bool",
    "live": "bool",
    "instance_only": "bool",
    "container_only": "bool",
    "pool": "string",
    "project": "string",
    "config": CONFIG,
    "devices": DEVICES,
    "profiles": ["string"],
    **OFFER,
}


@route("POST", "/1.0/instances/*")
def rename_or_move(host: Host, request: Request, name: str) -> Reply:
    found = known(host, request.project, name, "Failed to get address of instance's member: ")
    incus = host.flavour.incus
    asked = read(request.body, "InstancePost", _FIELDS) if incus else read_patch(host, request, "InstancePost", _FIELDS)
    target = request.query.get("target", "") if host.cluster.enabled else ""
    if asked.get("migration"):
        if "/" in asked.get("name", ""):
            raise Refused(400, 'The character "/" is reserved for snapshots')
        member = destination(host, found, target, asked) if target else None
        if asked.get("pool") or (asked.get("project") or found.project) != found.project or member is not None:
            return _move(host, found, asked, member)
        return give(host, found, asked, resources_of(host, name, both=True))
    wanted = asked.get("name", "")
    check_name(host, wanted)
    instances = host.instances(found.project)
    if wanted in instances:
        raise Refused(409, f'Name "{wanted}" already in use')

    def work(operation: Operation) -> Work:
        yield 0.0
        if found.status != "Stopped":
            raise Refused(500, f"Renaming of running {'instance' if host.flavour.incus else 'container'} not allowed")
        _rename(host, found, wanted)

    return Async(host.operations.begin(found.project, "Renaming instance", resources_of(host, name, both=True), work))


def _rename(host: Host, instance: Instance, name: str) -> None:
    old, instances = instance.name, host.instances(instance.project)
    del instances[old]
    instance.name = name
    instances[name] = instance
    host.tell("instance-renamed", instance.url, instance.project, {"old_name": old})


def _move(host: Host, instance: Instance, asked: dict[str, Any], member: Member | None) -> Reply:
    """Move it to another pool, project or member of the cluster, or all of these, under that name."""
    pool, project = asked.get("pool"), asked.get("project") or instance.project
    host.project(project)
    name = asked.get("name") or instance.name
    check_name(host, name)

    def work(operation: Operation) -> Work:
        yield 0.0
        if member is not None:
            check_move(host, instance, member)
        if instance.status != "Stopped":
            raise Refused(500, "Instance must be stopped to be moved across pools or projects")
        failed = "Failed creating instance record: "
        if pool and pool not in host.pools:
            began = "Instance move to destination failed: " if host.flavour.incus else ""
            starting = "initializing" if host.flavour.incus else "initialising"
            why = f"Failed {starting} instance: Failed loading storage pool: Storage pool not found"
            raise Refused(500, f"{began}{failed}{why}")
        if (project != instance.project or name != instance.name) and name in host.instances(project):
            raise Refused(500, f'{failed}Add instance info to the database: This "instances" entry already exists')
        profiles = asked.get("profiles", instance.profiles)
        for profile in profiles:
            if profile not in host.profiles(project):
                raise Refused(500, f'Requested profile "{profile}" doesn\'t exist')
        operation.progress(fs_progress="100%")
        yield 0.05
        devices = instance.devices | asked.get("devices", {})
        if pool:
            roots = {key: device for key, device in instance.expanded(host)[1].items() if is_root(device)}
            devices |= {key: {**device, "pool": pool} for key, device in roots.items()}
        instance.devices, instance.profiles = devices, tuple(profiles)
        if pool:
            put_into_pool((instance.snapshots or {}).values(), instance)
        if asked.get("instance_only") or asked.get("container_only"):
            instance.snapshots = None
        if member is not None:
            relocate(host, instance, member)
        if name != instance.name:
            _rename(host, instance, name)
        if project != instance.project:
            del host.instances(instance.project)[name]
            host.instances(project)[name] = instance
            instance.project = project
            for snapshot in (instance.snapshots or {}).values():
                snapshot.then.project = project

    resources = resources_of(host, instance.name, both=member is not None)
    return Async(host.operations.begin(instance.project, "Migrating instance", resources, work))


@route("POST", "/1.0/instances/*/rebuild", extension="instances_rebuild")
def rebuild(host: Host, request: Request, name: str) -> Reply:
    source = read(request.body, "InstanceRebuildPost", {"source": SOURCE}).get("source", {})
    found = known(host, request.project, name, "Failed loading instance: ")
    if found.status != "Stopped":
        raise Refused(400, "Instance must be stopped to be rebuilt")
    image = image_of(host, found.project, source)

    def work(operation: Operation) -> Work:
        yield 0.02
        if isinstance(image, Refused):
            raise image
        if found.snapshots and image is None:
            why = "Cannot remove an instance volume that has snapshots"
            raise Refused(500, f"Failed rebuilding as an empty instance: {why}")
        kept = {
            key: value
            for key, value in found.config.items()
            if not key.startswith("image.") and key != "volatile.base_image"
        }
        if image is not None:
            kept |= {f"image.{key}": value for key, value in image.properties.items()}
            kept["volatile.base_image"] = image.fingerprint
        found.config, found.files, found.described = kept, image, None
        host.tell("instance-updated", found.url, found.project)

    return Async(host.operations.begin(found.project, "Rebuilding instance", resources_of(host, name), work))
