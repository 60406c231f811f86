"""Instances that go from one member of a cluster to another: one that is told to, or all of a member that rests.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/cluster_manage/#evacuate-and-restore-cluster-members
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.instances import Instance, start, stop
from lxdnb.sandbox.members import Member, choose
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.power import begin
from lxdnb.sandbox.replies import Async, Refused, Reply, Request
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["check_move", "destination", "relocate"]

_FIELDS: dict[str, Shape] = {"action": "string", "mode": "string"}
_ORIGIN, _POWER = "volatile.evacuate.origin", "volatile.last_state.power"
_MODES = ("auto", "migrate", "live-migrate", "stop", "stateful-stop", "force-stop")
_NO_CRIU = "CRIU isn't installed"


def destination(host: Host, instance: Instance, target: str, asked: dict[str, Any]) -> Member:
    """Return the member that an instance is to go to. Raises Refused with what is said before anything is begun."""
    cluster, incus = host.cluster, host.flavour.incus
    if incus and instance.started is not None and not asked.get("live"):
        raise Refused(400, "Instance must be stopped to be moved statelessly")
    if incus and target.startswith("@"):
        group = target.removeprefix("@")
        if group not in cluster.groups:
            raise Refused(400, f'Cluster group "{group}" doesn\'t exist')
        found = choose(host, group, among=[each for each in cluster.members if each is not instance.member])
        if found is None:
            raise Refused(500, "Couldn't find a cluster member for the instance")
        return found
    found = cluster.find(target)
    if found is None:
        raise Refused(404, f'Cluster member "{target}" not found' if incus else _NO_TARGET)
    if found.lost is not None:
        raise Refused(400, f"Target {'cluster member' if incus else 'node'} is offline")
    if incus:
        if found is instance.member:
            raise Refused(400, "Requested target server is the same as current server")
        name = asked.get("name") or instance.name
        if name != instance.name and name in host.instances(instance.project):
            raise Refused(409, f'Name "{name}" already in use')
    return found


_NO_TARGET = "Failed to get target node: Cluster member not found"


def check_move(host: Host, instance: Instance, member: Member) -> None:
    """Refuse what only shows once a move is under way."""
    if instance.member is not None and instance.member.lost is not None:
        why = "Failed getting instance storage pool name: Instance storage pool not found"
        raise Refused(500, f"Failed loading instance storage pool: {why}")
    if instance.started is not None:
        if host.flavour.incus:
            why = (
                "Unable to perform live container migration. CRIU isn't installed on the source server. To migrate the "
                "container, stop the container before migration or install CRIU on the source server"
            )
            raise Refused(500, f"Failed setting up instance migration on source: {why}")
        why = f"Unable to perform container live migration. {_NO_CRIU}"
        raise Refused(500, f'Failed stopping instance "{instance.name}": {why}')
    if member is instance.member:
        raise Refused(500, "Target must be different than instance's current location")


def relocate(host: Host, instance: Instance, member: Member) -> None:
    """Have a stopped instance on another member, and tell of it as that server does."""
    source, here = instance.member, host.here
    if host.flavour.incus:
        host.here = source or host.cluster.first
        host.tell("instance-migrated", instance.url, instance.project)
    else:
        uuid = instance.config.get("volatile.uuid", "")
        interim = f"/1.0/instances/lxd-move-of-{uuid}"
        made = {"storage-pool": instance.pool(host) or "", "type": instance.kind}
        for where, action, url, context in (
            (member, "instance-created", interim, made),
            (source, "instance-deleted", instance.url, None),
            (member, "instance-renamed", instance.url, {"old_name": interim.rpartition("/")[2]}),
        ):
            host.here = where or host.cluster.first
            host.tell(action, url, instance.project, context, bare=True)
    host.here = here
    instance.member = member


# --- members that rest


@route("POST", "/1.0/cluster/members/*/state")
def change(host: Host, request: Request, name: str) -> Reply:
    if not host.cluster.enabled:
        raise Refused(500, "Server is not clustered")
    member = host.cluster.member(name)
    asked = read(request.body, "ClusterMemberStatePost", _FIELDS)
    action, mode = asked.get("action", ""), asked.get("mode", "")
    if action == "evacuate":
        if host.flavour.incus and mode and mode not in _MODES:
            raise Refused(400, f'Invalid value "{mode}" (not one of [{" ".join(_MODES)}])')
        wanted = mode if host.flavour.incus and mode != "auto" else ""
        return _begun(host, "Evacuating cluster member", lambda operation: _evacuate(host, member, wanted, operation))
    if action == "restore":
        return _begun(host, "Restoring cluster member", lambda operation: _restore(host, member, operation))
    raise Refused(400, f'Unknown action "{action}"')


def _begun(host: Host, description: str, work: Any) -> Reply:
    return Async(host.operations.begin("", description, {}, work))


def _there(host: Host, member: Member) -> list[Instance]:
    every = [each for project in host.projects.values() for each in project.instances.values()]
    return [each for each in every if (each.member or host.cluster.first) is member]


def _evacuate(host: Host, member: Member, mode: str, operation: Operation) -> Work:
    yield 0.0
    if member.evacuated:
        raise Refused(500, "Cluster member is already evacuated")
    member.evacuated = True
    for instance in _there(host, member):
        how = mode or instance.expanded(host)[0].get("cluster.evacuate", "auto")
        ran = instance.started is not None
        if ran:
            _say(operation, "Stopping", instance)
            stop(host, instance)
            instance.config = instance.config | {_POWER: "RUNNING"}
            yield 0.02
        if "stop" in how:
            continue
        target = choose(host, among=[each for each in host.cluster.members if each is not member])
        if target is None and host.flavour.incus:
            member.evacuated = False
            raise Refused(500, "Failed to evacuate instances: Couldn't find a cluster member for the instance")
        if target is None:
            continue
        _say(operation, "Migrating", instance, f' to "{target.name}"')
        yield 0.02
        instance.config = instance.config | {_ORIGIN: member.name}
        relocate(host, instance, target)
        if ran:
            _say(operation, "Starting", instance)
            host.here = target
            begin(host, instance)
            host.here = member
    if host.flavour.incus:
        host.tell("cluster-member-evacuated", f"/1.0/cluster/members/{member.name}", "default")


def _say(operation: Operation, doing: str, instance: Instance, rest: str = "") -> None:
    operation.progress(evacuation_progress=f'{doing} "{instance.name}" in project "{instance.project}"{rest}')


def _restore(host: Host, member: Member, operation: Operation) -> Work:
    yield 0.0
    if not member.evacuated:
        raise Refused(500, "Cluster member is already restored")
    member.evacuated = False
    for instance in _there(host, member):
        instance.config = {key: value for key, value in instance.config.items() if key != _ORIGIN}
        if instance.started is None and instance.config.get(_POWER) == "RUNNING":
            _say(operation, "Starting", instance)
            start(host, instance)
            yield 0.02
    every = [each for project in host.projects.values() for each in project.instances.values()]
    for instance in [each for each in every if each.config.get(_ORIGIN) == member.name]:
        source, ran = instance.member or host.cluster.first, instance.started is not None
        _say(operation, "Migrating", instance, f' from "{source.name}"')
        if ran:
            host.here = source
            stop(host, instance)
            host.here = member
        yield 0.02
        instance.config = {key: value for key, value in instance.config.items() if key != _ORIGIN}
        relocate(host, instance, member)
        if ran:
            begin(host, instance)
    if host.flavour.incus:
        host.tell("cluster-member-restored", f"/1.0/cluster/members/{member.name}", "default")
