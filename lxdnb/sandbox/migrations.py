"""Instances on their way to another server: offered or brought by the one that has them, taken in by the other.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_post
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.backup_files import Unpacked, index_of, packed, unpacked
from lxdnb.sandbox.bodies import CONFIG, Shape
from lxdnb.sandbox.clock import moment
from lxdnb.sandbox.creation import check_free, check_profiles, check_settings, keep, new_instance, new_name, source_of
from lxdnb.sandbox.crossings import Crossing, Talk
from lxdnb.sandbox.instances import Instance, check_name, is_root, resources_of
from lxdnb.sandbox.offers import begin_crossing, check_target, prepared
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.project_limits import check_new_instance
from lxdnb.sandbox.replies import Refused, Reply
from lxdnb.sandbox.settings import Devices, expanded
from lxdnb.sandbox.snapshots import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lxdnb.sandbox.state import Host

__all__ = ["OFFER", "give"]

_ARCHITECTURES = ("x86_64", "i686")
OFFER: dict[str, Shape] = {
    "live": "bool",
    "allow_inconsistent": "bool",
    "target": {"operation": "string", "certificate": "string", "secrets": CONFIG},
}
"""What a request to give an instance, or a snapshot of one, has besides."""


# --- given


def give(
    host: Host, instance: Instance, asked: Mapping[str, Any], resources: dict[str, list[str]], *, snapshot: bool = False
) -> Reply:
    """Offer an instance, or what it was in a snapshot, to whoever comes for it; or bring it to the target asked for."""
    if not snapshot and _wants_criu(host, instance, asked):
        raise _criu(host, "source")
    alone = bool(snapshot or asked.get("instance_only") or asked.get("container_only"))
    crossing = Crossing(host, "source", "instance")
    target = asked.get("target")
    if target is not None:
        check_target(host, target, "source")

    def work(operation: Operation) -> Work:
        try:
            yield from crossing.connected()
            # Times as they are: written as text they would lose some of it.
            created = {each.name: each.created for each in (instance.snapshots or {}).values()}
            backup = packed(host, instance, "none", alone=alone)
            yield from crossing.hand_over([backup], kind="instance", created=created)
        except Refused as refused:
            crossing.apologise(refused.words)
            raise
        finally:
            crossing.close()
        if host.flavour.incus and not snapshot:
            host.tell("instance-migrated", instance.url, instance.project)

    description = "Transferring snapshot" if snapshot else "Migrating instance"
    return begin_crossing(
        host, crossing, instance.project, description, resources, work, target=target, may_cancel=not snapshot
    )


def _wants_criu(host: Host, instance: Instance, asked: Mapping[str, Any]) -> bool:
    if instance.started is None or instance.kind != "container":
        return False
    return bool(asked.get("live")) or not host.flavour.incus


def _criu(host: Host, side: str) -> Refused:
    if not host.flavour.incus:
        where = f"CRIU isn't installed on the {'destination' if side == 'target' else 'source'} server"
        return Refused(500, f"Unable to perform container live migration. {where}")
    help = f"To migrate the container, stop the container before migration or install CRIU on the {side} server"
    why = f"CRIU isn't installed on the {side} server. {help}"
    return Refused(500, f"Unable to perform live container migration. {why}")


# --- taken


@source_of("migration")
def take_in(host: Host, project: str, asked: dict[str, Any], source: dict[str, Any]) -> Reply:
    """Make an instance of what another server gives: fetched from there, or awaited."""
    kind, profiles = asked.get("type") or "container", asked.get("profiles", ["default"])
    if kind not in ("container", "virtual-machine"):
        raise Refused(400, "Invalid instance type")
    check_profiles(host, project, profiles)
    name = asked.get("name") or new_name(host, project)
    check_name(host, name)
    there = host.instances(project).get(name) if source.get("refresh") else None
    config, devices = asked.get("config", {}), asked.get("devices", {})
    if there is None:
        check_new_instance(host, project, name, kind, config, devices, profiles)
    if asked.get("architecture") not in _ARCHITECTURES:
        raise Refused(400, f"Architecture isn't supported: {asked.get('architecture', '')}")
    if source.get("mode") not in ("pull", "push"):
        raise Refused(501, f'Mode "{source.get("mode", "")}" not implemented')
    if source.get("live") and kind == "container":
        raise _criu(host, "target")
    if there is None:
        devices = _with_root(host, project, devices, profiles)
        check_settings(host, project, config, devices, profiles)
        check_free(host, project, name)
    made = there or new_instance(host, project, kind, name, None, {**asked, "devices": devices}, profiles)
    if there is None:
        keep(host, made)
    crossing = Crossing(host, "target", "instance")
    try:
        target = prepared(host, source)
    except Refused:
        if there is None:
            _forget(host, made)
        raise

    def work(operation: Operation) -> Work:
        try:
            yield from _take(host, crossing, made)
        except Refused as refused:
            crossing.apologise(refused.words)
            if there is None:
                _forget(host, made)
            raise Refused(refused.code, f"Error transferring instance data: {refused.words}") from None
        finally:
            crossing.close()

    resources = resources_of(host, name, both=True)
    return begin_crossing(host, crossing, project, "Creating instance", resources, work, target=target)


def _with_root(host: Host, project: str, devices: Devices, profiles: list[str]) -> Devices:
    """Return the devices with a root disk in a pool that is here: else where the default profile has its own."""
    shared = [(host.profiles(project)[name].config, host.profiles(project)[name].devices) for name in profiles]
    roots = [each for each in expanded(shared, {}, devices)[1].values() if is_root(each)]
    if any(each.get("pool") in host.pools for each in roots):
        return devices
    usual = [each for each in host.profiles(project)["default"].devices.values() if is_root(each)]
    pool = next((each["pool"] for each in usual if each.get("pool") in host.pools), None)
    if pool is None:
        raise Refused(400, "Can't find a storage pool for the instance to use")
    name = next((name for name, each in devices.items() if is_root(each)), "root")
    return devices | {name: {"type": "disk", "path": "/", **devices.get(name, {}), "pool": pool}}


def _forget(host: Host, made: Instance) -> None:
    if host.instances(made.project).get(made.name) is made:
        del host.instances(made.project)[made.name]


def _take(host: Host, crossing: Crossing, made: Instance) -> Talk[None]:
    yield from crossing.connected()
    told = yield from crossing.announced("instance")
    (data,) = yield from crossing.taken(told, 1)
    found = _opened(host, data, made.kind)
    if made.started is not None:
        raise Refused(500, "Cannot refresh a running instance")
    if host.instances(made.project).get(made.name) is not made:
        raise Refused(500, "Instance not found")
    made.files, made.described = found.tree, found.described
    _take_snapshots(host, made, found.snapshots, told.get("created"))
    yield from crossing.say(done=True)


def _opened(host: Host, data: bytes, kind: str) -> Unpacked:
    try:
        index = index_of(host, data)
        if (index.get("type") or "container") != kind:
            raise Refused(500, f"Instance type mismatch: the source is a {index.get('type')}, not a {kind}")
        return unpacked(host, index, data)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Refused(500, "what the other server has sent is no instance") from None


def _take_snapshots(host: Host, made: Instance, given: list[Unpacked], times: Any) -> None:
    """Have the snapshots that were given: those that are there already stay as they are, and others go."""
    before, now = made.snapshots or {}, dict[str, Snapshot]()
    for each in given:
        name, created = str(each.record.get("name", "")), moment(str(each.record.get("created_at", "")))
        if isinstance(times, dict) and isinstance(times.get(name), float):
            created = times[name]
        there = before.get(name)
        if there is not None and there.created == created:
            now[name] = there
            continue
        now[name] = Snapshot(
            name,
            _then(host, made, each),
            host.clock() if created is None else created,
            str(each.record.get("expires_at") or ""),
            each.record.get("stateful") is True,
        )
        _tell(host, made, name, "created")
    for name in before.keys() - now.keys():
        _tell(host, made, name, "deleted")
    made.snapshots = now or None


def _tell(host: Host, made: Instance, snapshot: str, what: str) -> None:
    bare = not host.flavour.incus
    host.tell(f"instance-snapshot-{what}", f"{made.url}/snapshots/{snapshot}", made.project, bare=bare)


def _then(host: Host, made: Instance, given: Unpacked) -> Instance:
    record = given.record
    then = Instance(made.name, made.project, made.kind, made.created, made.seed)
    then.architecture = str(record.get("architecture") or made.architecture)
    then.description, then.ephemeral = made.description, record.get("ephemeral") is True
    then.config = {str(key): str(value) for key, value in (record.get("config") or {}).items()}
    then.devices = {
        str(name): {str(key): str(value) for key, value in device.items()}
        for name, device in (record.get("devices") or {}).items()
    }
    then.profiles = tuple(str(each) for each in record.get("profiles") or [])
    used = moment(str(record.get("last_used_at", "")))
    then.last_used = used if used and used > 0 else None
    then.files, then.described = given.tree, given.described
    return then
