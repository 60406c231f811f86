"""Groups of a cluster's members, as requests list and change them.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/cluster_groups/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.members import DEFAULT_GROUP, Group, Member
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.urls import url

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_FIELDS: dict[str, Shape] = {"name": "string", "description": "string", "members": ["string"]}


def _check(host: Host) -> None:
    if not host.cluster.enabled:
        raise Refused(400, "This server is not clustered")


def _known(host: Host, name: str) -> Group:
    _check(host)
    if name not in host.cluster.groups:
        raise Refused(404, "Cluster_group not found" if host.flavour.incus else "Cluster group not found")
    return host.cluster.groups[name]


@route("GET", "/1.0/cluster/groups")
def every(host: Host, request: Request) -> Reply:
    _check(host)
    found = [host.cluster.groups[name] for name in sorted(host.cluster.groups)]
    if request.recursion:
        return Sync([each.record() for each in found])
    return Sync([url(host, "cluster", "groups", each.name) for each in found])


@route("POST", "/1.0/cluster/groups")
def create(host: Host, request: Request) -> Reply:
    _check(host)
    asked = read(request.body, "ClusterGroupsPost", _FIELDS)
    name, incus = asked.get("name", ""), host.flavour.incus
    if not name:
        raise Refused(400, "No name provided")
    for character, what in {"/": "slashes", " ": "spaces"}.items():
        if character in name:
            raise Refused(400, f"Cluster group names may not contain {what}")
    if name in host.cluster.groups:
        if incus:
            why = "UNIQUE constraint failed: cluster_groups.name"
            raise Refused(500, f'Failed to create "cluster_groups" entry: {why}')
        raise Refused(500, "This cluster group already exists")
    members = [host.cluster.find(each) for each in asked.get("members", [])]
    found = [each for each in members if each is not None]
    if len(found) < len(members):
        first = 'Failed to create "nodes_clusters_groups" entry' if incus else "Insert nodes for cluster group"
        raise Refused(500, f"{first}: NOT NULL constraint failed: nodes_cluster_groups.node_id")
    host.cluster.groups[name] = Group(name, asked.get("description", ""), found)
    where = url(host, "cluster", "groups", name)
    host.tell("cluster-group-created", f"/1.0/cluster/groups/{name}", "default")
    return Sync(created=where)


@route("GET", "/1.0/cluster/groups/*")
def one(host: Host, request: Request, name: str) -> Reply:
    found = _known(host, name)
    return Sync(found.record(), found.etag)


@route_changes("/1.0/cluster/groups/*")
def change(host: Host, request: Request, name: str, *, keep: bool) -> Reply:
    found = _known(host, name)
    asked = read(request.body, "ClusterGroupPut", _FIELDS)
    if keep and host.flavour.incus and not found.members:
        raise Refused(404, "Node_cluster_group not found")
    members = _members(host, asked["members"]) if "members" in asked else found.members if keep else []
    if host.flavour.incus:  # who is in no other group stays
        alone = [each for each in found.members if host.cluster.groups_of(each) == [found.name]]
        members = [*members, *(each for each in alone if each not in members)]
    if "description" in asked or not keep:
        found.description = asked.get("description", "")
    found.members = members
    told = {"description": found.description, "members": [each.name for each in members]}
    host.tell("cluster-group-updated", f"/1.0/cluster/groups/{name}", "default", told)
    return Sync({})


def _members(host: Host, names: list[str]) -> list[Member]:
    found = [host.cluster.find(each) for each in names]
    if None in found:
        raise Refused(404, "Failed to get node info: Cluster member not found")
    return [each for each in found if each is not None]


@route("POST", "/1.0/cluster/groups/*")
def rename(host: Host, request: Request, name: str) -> Reply:
    _check(host)
    if name == DEFAULT_GROUP:
        raise Refused(403, f'The "{DEFAULT_GROUP}" group cannot be renamed')
    wanted = read(request.body, "ClusterGroupPost", _FIELDS).get("name", "")
    groups = host.cluster.groups
    if wanted in groups:
        raise Refused(500, f'Name "{wanted}" already in use')
    if name not in groups:
        raise Refused(500, "Query affected 0 rows instead of 1")
    groups[name].name = wanted
    host.cluster.groups = {each.name: each for each in groups.values()}
    where = url(host, "cluster", "groups", wanted)
    host.tell("cluster-group-renamed", f"/1.0/cluster/groups/{wanted}", "default", {"old_name": name})
    return Sync(created=where)


@route("DELETE", "/1.0/cluster/groups/*")
def delete(host: Host, request: Request, name: str) -> Reply:
    _check(host)
    if name == DEFAULT_GROUP:
        raise Refused(403, f"The '{DEFAULT_GROUP}' cluster group cannot be deleted")
    if name not in host.cluster.groups and not host.flavour.incus:
        raise Refused(500, "Query deleted 0 rows instead of 1")
    if _known(host, name).members:
        raise Refused(500, "Only empty cluster groups can be removed")
    del host.cluster.groups[name]
    host.tell("cluster-group-deleted", f"/1.0/cluster/groups/{name}", name)
    return Sync({})
