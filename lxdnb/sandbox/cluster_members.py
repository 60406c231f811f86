"""Members of a cluster, as requests list and change them, and tokens by which others may join.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/cluster_manage/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.channels import Gate
from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.members import Member
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.pools import resources_of
from lxdnb.sandbox.replies import Async, Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.urls import url
from lxdnb.sandbox.workload import MEMORY

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["DATABASE"]

DATABASE, LEADER = "database", "database-leader"
_ROLES = (DATABASE, LEADER, "database-standby", "event-hub", "ovn-chassis")
_SCHEDULED = ("all", "group", "manual")
_VALID = 3 * 60 * 60  # seconds that a token lets somebody join
_FIELDS: dict[str, Shape] = {
    "roles": ["string"],
    "failure_domain": "string",
    "description": "string",
    "config": CONFIG,
    "groups": ["string"],
    "server_name": "string",
}


def _check(host: Host) -> None:
    if not host.cluster.enabled:
        raise Refused(500, "Server is not clustered")


def _roles(host: Host, member: Member) -> list[str]:
    return [*member.roles, *([LEADER] if member is host.cluster.leader else []), DATABASE]


def _record(host: Host, member: Member) -> dict[str, Any]:
    status, message = member.status(host.clock())
    return {
        "roles": _roles(host, member),
        "failure_domain": member.failure_domain,
        "description": member.description,
        "config": dict(sorted(member.config.items())),
        "groups": host.cluster.groups_of(member) or None,
        "server_name": member.name,
        "url": f"https://{member.address}",
        "database": True,
        "status": status,
        "message": message,
        "architecture": "x86_64",
    }


def _etag(host: Host, member: Member) -> str:
    groups = host.cluster.groups_of(member)
    return etag_of(_roles(host, member), member.failure_domain, member.description, member.config, groups)


@route("GET", "/1.0/cluster/members")
def every(host: Host, request: Request) -> Reply:
    _check(host)
    if request.recursion:
        return Sync([_record(host, each) for each in host.cluster.members])
    return Sync([url(host, "cluster", "members", each.name) for each in host.cluster.members])


@route("POST", "/1.0/cluster/members")
def invite(host: Host, request: Request) -> Reply:
    """Begin an operation that is a token for another server to join by, until it is cancelled."""
    if not host.cluster.enabled:
        raise Refused(400, "This server is not clustered")
    name = read(request.body, "ClusterMembersPost", _FIELDS).get("server_name", "")
    addresses = [each.address for each in host.cluster.members if each.lost is None]
    for before in host.operations.tokens():
        if before.metadata and before.metadata.get("serverName") == name:
            host.operations.cancel(before)

    def work(operation: Operation) -> Work:
        yield Gate()

    operation = host.operations.begin("", "Executing operation", {"cluster": None}, work, kind="token", may_cancel=True)
    operation.metadata = {
        "addresses": addresses,
        "expiresAt": timestamp(host.clock() + _VALID),
        "fingerprint": host.identity.fingerprint,
        "secret": host.new_secret(),
        "serverName": name,
    }
    host.tell("cluster-token-created", "/1.0/cluster/members", "default")
    return Async(operation)


@route("GET", "/1.0/cluster/members/*")
def one(host: Host, request: Request, name: str) -> Reply:
    _check(host)
    found = host.cluster.member(name)
    return Sync(_record(host, found), _etag(host, found))


@route_changes("/1.0/cluster/members/*")
def change(host: Host, request: Request, name: str, *, keep: bool) -> Reply:
    _check(host)
    found = host.cluster.member(name)
    request.check_match(_etag(host, found))
    asked = read(request.body, "ClusterMemberPut", _FIELDS)
    roles, groups, domain = asked.get("roles", []), asked.get("groups", []), asked.get("failure_domain", "")
    if DATABASE not in roles:
        raise Refused(400, f'The "{DATABASE}" role cannot be dropped at this time')
    if not groups:
        raise Refused(400, "Cluster members need to belong to at least one group")
    config = {**(found.config if keep else {}), **asked.get("config", {})}
    for key, value in config.items():
        if key == "scheduler.instance":
            if value not in ("", *_SCHEDULED):
                raise Refused(500, f'Invalid cluster configuration key "{key}" value')
        elif not key.startswith("user."):
            raise Refused(500, f'Invalid cluster configuration key "{key}"')
    if not domain:
        raise Refused(500, "Update failure domain: Failure domain name can't be empty")
    for role in roles:
        if role not in _ROLES:
            raise Refused(500, f'Update roles: Invalid cluster role "{role}"')
    for group in groups:
        if group not in host.cluster.groups:
            what = "Cluster_group" if host.flavour.incus else "Cluster group"
            why = f"Failed to add member to cluster group: Failed to get cluster group ID: {what} not found"
            raise Refused(404, f"Update cluster groups: {why}")
    found.config = {key: value for key, value in config.items() if value}
    found.description, found.failure_domain = asked.get("description", ""), domain
    found.roles = tuple(role for role in roles if role not in (DATABASE, LEADER))
    for group in host.cluster.groups.values():
        if (group.name in groups) != (found in group.members):
            (group.members.append if group.name in groups else group.members.remove)(found)
    host.tell("cluster-member-updated", f"/1.0/cluster/members/{name}", "default")
    return Sync({})


@route("POST", "/1.0/cluster/members/*")
def rename(host: Host, request: Request, name: str) -> Reply:
    _check(host)
    wanted = read(request.body, "ClusterMemberPost", _FIELDS).get("server_name", "")
    found = host.cluster.find(name)
    if found is None:
        if host.flavour.incus:
            raise Refused(404, "Cluster member not found")
        raise Refused(500, "expected to update one row, not 0")
    if host.cluster.find(wanted) is not None:
        raise Refused(409, "Conflict")
    found.name = wanted
    host.tell("cluster-member-renamed", f"/1.0/cluster/members/{wanted}", "default", {"old_name": name})
    return Sync({})


@route("DELETE", "/1.0/cluster/members/*")
def delete(host: Host, request: Request, name: str) -> Reply:
    """Have a member that has nothing leave; or one that is lost, with all that was on it."""
    _check(host)
    found = host.cluster.member(name)
    if request.query.get("force", "") not in ("1", "true"):
        _check_empty(host, found)
        if found.lost is not None:
            raise Refused(500, "Missing event connection with target cluster member")
    if [*host.cluster.members] == [found]:
        raise Refused(500, "Failed to leave the cluster: server has lost leadership (10506)")
    _forget(host, found)
    host.cluster.remove(found)
    found.doors.vanish()
    host.tell("cluster-member-removed", f"/1.0/cluster/members/{name}", "default")
    return Sync({})


def _check_empty(host: Host, member: Member) -> None:
    there = [each for project in host.projects.values() for each in project.instances.values()]
    names = sorted(each.name for each in there if (each.member or host.cluster.first) is member)
    if names:
        what = "instances" if host.flavour.incus else "containers"
        raise Refused(500, f"Node still has the following {what}: {', '.join(names)}")
    if [*host.cluster.members] == [member]:  # else others have them too
        images = sorted({each for project in host.projects.values() for each in project.images})
        if images:
            raise Refused(500, f"Node still has the following images: {', '.join(images)}")
    volumes = sorted(each.name for pool in host.pools.values() for each in pool.on(member).values())
    if volumes:
        raise Refused(500, f"Node still has the following custom volumes: {', '.join(volumes)}")


def _forget(host: Host, member: Member) -> None:
    for project in host.projects.values():
        for instance in [*project.instances.values()]:
            if (instance.member or host.cluster.first) is member:
                del project.instances[instance.name]
        for network in project.networks.values():
            network.spread.own.pop(member, None)
    for pool in host.pools.values():
        pool.on(member).clear()
        pool.spread.own.pop(member, None)
    for uuid in [uuid for uuid, notice in host.warnings.items() if notice.member is member]:
        del host.warnings[uuid]
    host.operations.lose(member)
    host.operations.forget(member)


@route("GET", "/1.0/cluster/members/*/state")
def state(host: Host, request: Request, name: str) -> Reply:
    if not host.flavour.incus:
        raise Refused(501, "not implemented")
    host.cluster.member(name)
    used = 2**30
    memory = {"total_ram": MEMORY, "free_ram": MEMORY - used, "shared_ram": 2**20, "buffered_ram": 2**23}
    sysinfo = {"uptime": int(host.clock() - host.started), "load_averages": [0.1, 0.2, 0.2], **memory}
    pools = {each.name: resources_of(host, each) for each in host.pools.values()}
    return Sync({"sysinfo": {**sysinfo, "total_swap": 0, "free_swap": 0, "processes": 100}, "storage_pools": pools})
