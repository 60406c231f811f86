"""Which member of a cluster carries out a request: the one that is named, the one where the thing is, or who was asked.

Of a server that stands alone, no request is for any.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lxdnb.sandbox.members import Member, choose
from lxdnb.sandbox.replies import Async, Refused, Reply, Request

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["carries_out", "check_reached", "chosen", "told_of", "unreachable"]

_BELOW = ("/1.0/storage-pools/", "/1.0/networks/")
_WHOLE = ("/1.0", "/1.0/metrics", "/1.0/resources")
_LISTS = ("/1.0/storage-pools", "/1.0/networks")


def carries_out(host: Host, request: Request) -> Member:
    """Return who does what is asked for. Raises Refused where nobody can."""
    asked = request.at or host.cluster.first
    if not host.cluster.enabled:
        _check_alone(request)
        return asked
    member = _found(host, request, asked)
    if member is not asked:
        check_reached(member)
    return member


def check_reached(member: Member | None) -> None:
    """Refuse what only a member could do that is lost."""
    if member is not None and member.lost is not None:
        raise Refused(500, "Missing event connection with target cluster member")


def told_of(host: Host, request: Request, reply: Reply) -> Reply:
    """Return an answer that names an operation of another member as such: LXD asks itself, too, for a new instance."""
    if not isinstance(reply, Async) or not host.cluster.enabled or request.method != "POST":
        return reply
    path = request.path.rstrip("/")
    is_new = path == "/1.0/instances"
    elsewhere = reply.operation.member is not (request.at or host.cluster.first)
    if (is_new and (elsewhere or not host.flavour.incus)) or (elsewhere and path.endswith(("/exec", "/console"))):
        return replace(reply, forwarded=True)
    return reply


def _check_alone(request: Request) -> None:
    if request.query.get("target", "") in ("", "none"):  # `none` is where all is on a server that stands alone
        return
    path = request.path.rstrip("/")
    if path == "/1.0/instances" and request.method == "POST":
        raise Refused(400, "Target only allowed when clustered")
    if path.startswith(_BELOW) or path in _WHOLE or (path in _LISTS and request.method == "POST"):
        raise Refused(404, "Cluster member not found")


def _found(host: Host, request: Request, asked: Member) -> Member:
    path, target, incus = request.path.rstrip("/"), request.query.get("target", ""), host.flavour.incus
    parts = [unquote(each) for each in path.split("/")[2:]]
    match parts:
        case ["instances"] if request.method == "POST":
            return _placed(host, request, target)
        case ["instances" | "containers" | "virtual-machines", name, *rest]:
            found = _of_instance(host, request, name, rest, target) or asked
            moves = request.method == "POST" and not rest and target and not incus
            return asked if moves and found.lost is not None else found  # LXD would fetch it from where it is
        case ["operations", identifier, *_]:
            return host.operations.member_of(identifier) or asked
        case ["cluster", "members", name, "state"]:
            return host.cluster.member(name) if request.method == "POST" or incus else asked
        case ["cluster", "members", name] if request.method == "POST" and incus:
            return host.cluster.find(name) or asked
        case ["storage-pools", _, "volumes", "custom", _, "snapshots"] if not incus and request.method == "GET":
            host.cluster.member(target or asked.name)
            return host.cluster.first  # LXD lists its snapshots, whoever has the volume
        case ["storage-pools", pool, "volumes", _, _, *_] if not target:
            return _of_volume(host, request, asked, pool, parts[3:]) or asked
        case _:
            pass
    if target and (path.startswith(_BELOW) or path in _WHOLE):
        named = host.cluster.member(target)
        _check_there(host, request, named, parts)
        return named
    return asked


def _check_there(host: Host, request: Request, member: Member, parts: list[str]) -> None:
    """Refuse a request for a custom volume that a member does not have."""
    match parts:
        case ["storage-pools", pool, "volumes", "custom", name, *_] if pool in host.pools:
            if request.project not in host.projects:
                return
            key = (host.keeper(request.project, "storage.volumes").name, name)
            if member not in host.pools[pool].members_with(key):
                here = " on this cluster member" if host.flavour.incus and request.method == "POST" else ""
                raise Refused(404, f"Storage volume not found{here}")
        case _:
            pass


def _placed(host: Host, request: Request, target: str) -> Member:
    """Return who is to have a new instance."""
    incus = host.flavour.incus
    if target and not target.startswith("@"):
        found = host.cluster.find(target)
        if found is None:
            raise Refused(404, f'Cluster member "{target}" not found' if incus else "Cluster member not found")
        if found.lost is not None:
            url = f"https://{found.address}/1.0/instances?project={request.project}&target={target}"
            raise Refused(500, f'Post "{url}": {unreachable(found)}')
        if found.evacuated:
            raise Refused(403, "Cluster member is evacuated")
        return found
    return chosen(host, target.removeprefix("@"))


def unreachable(member: Member) -> str:
    """What is said of a member that nobody can connect to."""
    refused = f"dial tcp {member.address}: connect: connection refused"
    return f"Unable to connect to: {member.address} ([{refused}])"


def chosen(host: Host, group: str) -> Member:
    """Return who of a group, or of all, takes an instance. Raises Refused where nobody does."""
    if group and group not in host.cluster.groups:
        raise Refused(400, f'Cluster group "{group}" doesn\'t exist')
    found = choose(host, group)
    if found is None:
        if host.flavour.incus:
            raise Refused(500, "Couldn't find a cluster member for the instance")
        raise Refused(400, "No suitable cluster member could be found")
    return found


def _of_instance(host: Host, request: Request, name: str, rest: list[str], target: str) -> Member | None:
    project = host.projects.get(request.project)
    found = project.instances.get(name) if project else None
    if found is not None:
        return found.member
    if request.method == "POST" and not rest and target:
        raise Refused(404, "Failed to get address of instance's member: Instance not found")
    return None


def _of_volume(host: Host, request: Request, asked: Member, pool: str, parts: list[str]) -> Member | None:
    """Return who alone has a volume. Raises Refused where several do."""
    kind, name, *rest = parts
    kept = host.pools.get(pool)
    if kept is None or request.project not in host.projects:
        return None
    if kind != "custom":
        instance = host.instances(request.project).get(name)
        return instance.member if instance else None
    owner = host.keeper(request.project, "storage.volumes").name
    key = (owner, name)
    if rest == ["state"]:
        if key in kept.on(asked):
            return asked
        where = f'Storage volume "{name}" in project "{owner}" of type "custom" does not exist on pool "{pool}"'
        raise Refused(404, f"{where}: Storage volume not found")
    there = kept.members_with(key)
    if rest[:1] == ["snapshots"] and len(rest) == 2 and request.method == "GET":
        there = [each for each in there if rest[1] in kept.on(each)[key].snapshots]
    if len(there) > 1:
        words = f'More than one cluster member has a volume named "{name}". Please target a specific member'
        raise Refused(500, words)
    return there[0] if there else None
