"""Instances that come as files: backups that are brought back, here or on another server.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instances_post
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.backup_files import Unpacked, index_of, unpacked
from lxdnb.sandbox.clock import moment
from lxdnb.sandbox.devices import check_devices
from lxdnb.sandbox.filesystem import Tree
from lxdnb.sandbox.instances import Instance, check_name, is_root, resources_of
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Refused, Reply, Request
from lxdnb.sandbox.settings import Config, Devices, check_config
from lxdnb.sandbox.snapshots import Snapshot

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["imported"]


def imported(host: Host, request: Request) -> Reply:
    """Answer a request to make an instance whose body is a file."""
    project = request.project
    if project not in host.projects:
        raise Refused(500, "Fetch project database object: Project not found")
    headers = "x-incus-" if host.flavour.incus else "x-lxd-"
    index = index_of(host, request.body)
    name = request.headers.get(f"{headers}name") or str(index.get("name", ""))
    pool = _pool(host, project, index, request.headers.get(f"{headers}pool"))

    def work(operation: Operation) -> Work:
        yield 0.02
        there = host.instances(project).get(name)
        if there is not None and there.pool(host) == pool:
            raise Refused(500, "Create instance from backup: Cannot restore volume, already exists on target")
        if there is not None:
            why = f'The instance "{name}" seems to exist on multiple storage pools'
            raise Refused(500, f"Failed importing backup: {why}")
        if index.get("optimized") and index.get("backend") != host.pools[pool].driver:
            theirs, ours = index.get("backend"), host.pools[pool].driver
            words = f'storage driver "{theirs}" differs from the target storage pool driver "{ours}"'
            raise Refused(500, f"Optimized backup {words}")
        made = _made(
            host, project, name, pool, str(index.get("type") or "container"), unpacked(host, index, request.body)
        )
        made.member = host.here
        host.instances(project)[name] = made
        where = {"location": host.here.name} if host.flavour.incus else {}
        told = {**where, "storage-pool": pool, "type": made.kind}
        host.tell("instance-created", made.url, project, told)
        for snapshot in made.snapshots or {}:
            host.tell("instance-snapshot-created", f"{made.url}/snapshots/{snapshot}", project, bare=True)

    return Async(host.operations.begin(project, "Restoring backup", resources_of(host, name, both=True), work))


def _pool(host: Host, project: str, index: Mapping[str, Any], wanted: str | None) -> str:
    """Return the pool that it goes to: where it was, or if that is not here where new ones go."""
    if wanted:
        if wanted not in host.pools:
            raise Refused(500, "Storage pool not found: Storage pool not found")
        return wanted
    was = str(index.get("pool", ""))
    if was in host.pools:
        return was
    default = host.profiles(project)["default"].devices.values()
    new = next((each.get("pool", "") for each in default if is_root(each)), "")
    if new not in host.pools:
        raise Refused(500, "Storage pool not found: Storage pool not found")
    return new


def _made(host: Host, project: str, name: str, pool: str, kind: str, found: Unpacked) -> Instance:
    made = _of(host, project, name, pool, kind, found)
    for each in found.snapshots:
        then = _of(host, project, name, pool, kind, each)
        created = moment(str(each.record.get("created_at", ""))) or host.clock()
        expires, called = str(each.record.get("expires_at") or ""), str(each.record["name"])
        made.snapshots = {**(made.snapshots or {}), called: Snapshot(called, then, created, expires, False)}
    return made


def _of(host: Host, project: str, name: str, pool: str, kind: str, found: Unpacked) -> Instance:
    record, failed = found.record, "Failed importing backup: "
    profiles = [str(each) for each in record.get("profiles") or []]
    if not all(each in host.profiles(project) for each in profiles):
        raise Refused(500, f"{failed}Failed loading profiles for instance: Profile not found")
    config, devices = _config(record.get("config")), _devices(record.get("devices"))
    try:
        check_name(host, name)
        check_config(host.flavour, config, of_profile=False)
        check_devices(host, project, devices, "Invalid devices: Device validation failed")
    except Refused as refused:
        raise Refused(500, f"{failed}Failed creating instance record: {refused.words}") from None
    created = moment(str(record.get("created_at", ""))) or host.clock()
    made = Instance(name, project, kind, created, host.random.getrandbits(32))
    made.architecture = str(record.get("architecture") or "x86_64")
    made.description, made.ephemeral = str(record.get("description") or ""), record.get("ephemeral") is True
    made.config, made.profiles, made.devices = config, tuple(profiles), devices
    used = moment(str(record.get("last_used_at", "")))
    made.last_used = used if used and used > 0 else None
    made.files, made.described = found.tree, found.described
    if moved := _owners(config.get("volatile.last_state.idmap", "")):
        _put_back(found.tree, *moved)
        made.config = config | {"volatile.last_state.idmap": "[]"}
    if made.pool(host) != pool:
        roots = {key: device for key, device in made.expanded(host)[1].items() if is_root(device)}
        given = roots or {"root": {"type": "disk", "path": "/"}}
        made.devices = devices | {key: {**device, "pool": pool} for key, device in given.items()}
    return made


def _owners(idmap: str) -> tuple[int, int] | None:
    """Return the first id of the host that files of an unprivileged container have there, and how many have one."""
    try:
        first = next(each for each in json.loads(idmap) if each["Isuid"])
        return int(first["Hostid"]) - int(first["Nsid"]), int(first["Maprange"])
    except (ValueError, TypeError, KeyError, StopIteration):
        return None


def _put_back(tree: Tree, first: int, count: int) -> None:
    """Have files belong to whom they belong to inside."""
    for node in {id(each): each for _, each in tree.walk("/", tree.root)}.values():
        node.uid -= first if first <= node.uid < first + count else 0
        node.gid -= first if first <= node.gid < first + count else 0


def _config(told: Any) -> Config:
    return {str(key): str(value) for key, value in told.items()} if isinstance(told, dict) else {}


def _devices(told: Any) -> Devices:
    return {str(name): _config(device) for name, device in told.items()} if isinstance(told, dict) else {}
