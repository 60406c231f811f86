"""Snapshots of instances: what an instance was at a moment, to go back to or to copy.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_snapshots_post
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.instances import Instance, check_name_part, is_root, known, resources_of
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.settings import is_true
from lxdnb.sandbox.spans import after

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Snapshot", "owner_of", "put_into_pool", "snapshot_of", "told_of"]

_NO_EXPIRY = "0001-01-01T00:00:00Z"
_FIELDS: dict[str, Shape] = {"name": "string", "stateful": "bool", "expires_at": "string", "live": "bool"}


class Snapshot:
    """An instance as it was: `then` has its settings, and is no instance that anybody finds."""

    __slots__ = ("created", "expires_at", "name", "stateful", "then")

    def __init__(self, name: str, then: Instance, created: float, expires_at: str, stateful: bool) -> None:
        self.name, self.then, self.created = name, then, created
        self.expires_at, self.stateful = expires_at or _NO_EXPIRY, stateful

    def record(self, host: Host) -> dict[str, Any]:
        whole = self.then.record(host)
        return {
            "expires_at": self.expires_at,
            "architecture": whole["architecture"],
            "config": whole["config"],
            "created_at": timestamp(self.created),
            "devices": whole["devices"],
            "ephemeral": whole["ephemeral"],
            "expanded_config": whole["expanded_config"],
            "expanded_devices": whole["expanded_devices"],
            "last_used_at": _NO_EXPIRY,  # never told of a snapshot
            "name": self.name,
            "profiles": whole["profiles"],
            "stateful": self.stateful,
            "size": -1,
        }

    @property
    def etag(self) -> str:
        return etag_of(self.expires_at)


def put_into_pool(snapshots: Iterable[Snapshot], owner: Instance) -> None:
    """Have snapshots of an instance with a root disk of its own be in that one's pool, as servers bring them there."""
    root = next((each for each in owner.devices.items() if is_root(each[1])), None)
    if root is None:
        return
    name, pool = root[0], root[1].get("pool", "")
    for each in snapshots:
        own = next((key for key, device in each.then.devices.items() if is_root(device)), name)
        disk = each.then.devices.get(own, {"type": "disk", "path": "/"})
        each.then.devices = {**each.then.devices, own: {**disk, "pool": pool}}


def snapshot_of(host: Host, instance: Instance, name: str) -> Snapshot:
    """Return a snapshot. Raises Refused with 404."""
    name = unquote(name)  # servers unquote these twice
    found = (instance.snapshots or {}).get(name)
    if found is None:
        what = "Instance_snapshot" if host.flavour.incus else "InstanceSnapshot"
        where = f'of instance "{instance.name}" in project "{instance.project}"'
        raise Refused(404, f'Failed to fetch snapshot "{name}" {where}: {what} not found')
    return found


def told_of(host: Host, instance: Instance, snapshot: str, of_snapshot: bool = False) -> dict[str, list[str]]:
    """What an operation on a snapshot tells that it is about."""
    if host.flavour.incus:
        url = f"{instance.url}/snapshots/{snapshot}"
        return {**resources_of(host, instance.name), "instances_snapshots": [url]}
    return resources_of(host, f"{instance.name}/{snapshot}" if of_snapshot else instance.name, both=True)


def _new_name(host: Host, instance: Instance) -> str:
    """Return the next name by the instance's pattern, which counts where it says %d."""
    pattern = instance.expanded(host)[0].get("snapshots.pattern") or "snap%d"
    if "%d" not in pattern:
        pattern = pattern if pattern not in (instance.snapshots or {}) else f"{pattern}-%d"
    taken = instance.snapshots or {}
    return next(name for number in range(len(taken) + 1) if (name := pattern.replace("%d", str(number))) not in taken)


def _expiry(host: Host, instance: Instance) -> str:
    """Return when a snapshot made now expires by the instance's configuration, as in 2d or 1w 3H."""
    then = after(host.clock(), instance.expanded(host)[0].get("snapshots.expiry", ""))
    return _NO_EXPIRY if then is None else timestamp(then)


def owner_of(host: Host, request: Request, instance: str, snapshot: str) -> Instance:
    """Return the instance of which a snapshot is asked for. Raises Refused with 404."""
    where = f'"{instance}/{snapshot}" in project "{request.project}"'
    return known(host, request.project, instance, f"Failed to fetch instance {where}: ")


@route("GET", "/1.0/instances/*/snapshots")
def every(host: Host, request: Request, instance: str) -> Reply:
    if host.flavour.incus and not request.recursion and instance not in host.instances(request.project):
        return Sync([])
    owner = known(host, request.project, instance)
    found = [*(owner.snapshots or {}).values()]
    if request.recursion:
        return Sync([each.record(host) for each in found])
    ending = "" if owner.project == "default" else f"?project={owner.project}"
    return Sync([f"{owner.url}/snapshots/{each.name}{ending}" for each in found])


@route("POST", "/1.0/instances/*/snapshots")
def create(host: Host, request: Request, instance: str) -> Reply:
    owner = known(host, request.project, instance)
    asked = read(request.body, "InstanceSnapshotsPost", _FIELDS)
    name = asked.get("name") or _new_name(host, owner)
    check_name_part(name)

    def work(operation: Operation) -> Work:
        yield 0.02
        if asked.get("stateful") and owner.started is None:
            raise Refused(500, "Unable to create a stateful snapshot. The instance isn't running")
        if (
            asked.get("stateful")
            and host.flavour.incus
            and not is_true(owner.expanded(host)[0].get("migration.stateful", ""))
        ):
            why = "require that the instance has migration.stateful be set to true"
            raise Refused(500, f"Stateful snapshots {why}")
        if asked.get("stateful"):
            raise Refused(500, "Unable to create a stateful snapshot. CRIU isn't installed")
        if " " in name:
            why = "Invalid instance snapshot name: Cannot contain space or / characters"
            raise Refused(500, f'Failed creating instance snapshot record "{name}": {why}')
        if name in (owner.snapshots or {}):
            raise Refused(
                500,
                f'Failed creating instance snapshot record "{name}": Add snapshot info to the database: {_taken(host)}',
            )
        then = owner.copied(owner.name, owner.project)
        made = Snapshot(
            name, then, host.clock(), asked.get("expires_at") or _expiry(host, owner), asked.get("stateful", False)
        )
        owner.snapshots = {**(owner.snapshots or {}), name: made}
        host.tell("instance-snapshot-created", f"{owner.url}/snapshots/{name}", owner.project)

    resources = told_of(host, owner, name)
    return Async(host.operations.begin(owner.project, "Snapshotting instance", resources, work))


def _taken(host: Host) -> str:
    if host.flavour.incus:
        why = "UNIQUE constraint failed: instances_snapshots.instance_id, instances_snapshots.name"
        return f'Failed to create "instances_snapshots" entry: {why}'
    return 'This "instances_snapshots" entry already exists'


@route("GET", "/1.0/instances/*/snapshots/*")
def one(host: Host, request: Request, instance: str, name: str) -> Reply:
    found = snapshot_of(host, owner_of(host, request, instance, name), name)
    return Sync(found.record(host), found.etag)


def _change(host: Host, request: Request, instance: str, name: str) -> Reply:
    owner = owner_of(host, request, instance, name)
    found = snapshot_of(host, owner, name)
    request.check_match(found.etag)
    asked = read(request.body, "InstanceSnapshotPut", _FIELDS)

    def work(operation: Operation) -> Work:
        yield 0.0
        found.expires_at = asked.get("expires_at", _NO_EXPIRY)

    resources = told_of(host, owner, name) if host.flavour.incus else resources_of(host, name, both=True)
    return Async(host.operations.begin(owner.project, "Updating snapshot", resources, work))


route("PUT", "/1.0/instances/*/snapshots/*")(_change)
route("PATCH", "/1.0/instances/*/snapshots/*")(_change)


@route("DELETE", "/1.0/instances/*/snapshots/*")
def delete(host: Host, request: Request, instance: str, name: str) -> Reply:
    owner = owner_of(host, request, instance, name)
    found = snapshot_of(host, owner, name)

    def work(operation: Operation) -> Work:
        yield 0.0
        owner.snapshots = {each.name: each for each in (owner.snapshots or {}).values() if each is not found}
        host.tell("instance-snapshot-deleted", f"{owner.url}/snapshots/{name}", owner.project)

    resources = told_of(host, owner, name, of_snapshot=True)
    return Async(host.operations.begin(owner.project, "Deleting snapshot", resources, work))
