"""Snapshots of instances under another name, and on their way to another server, where they become instances.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_snapshot_post
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.instances import check_name_part
from lxdnb.sandbox.migrations import OFFER, give
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Refused, Reply, Request
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.snapshots import owner_of, snapshot_of, told_of

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_FIELDS: dict[str, Shape] = {"name": "string", "migration": "bool", **OFFER}


@route("POST", "/1.0/instances/*/snapshots/*")
def rename_or_give(host: Host, request: Request, instance: str, name: str) -> Reply:
    owner = owner_of(host, request, instance, name)
    found = snapshot_of(host, owner, name)
    asked = read(request.body, "InstanceSnapshotPost", _FIELDS)
    wanted = asked.get("name", "")
    check_name_part(wanted)
    if asked.get("migration"):
        return give(host, found.then, asked, told_of(host, owner, found.name), snapshot=True)
    if wanted in (owner.snapshots or {}):
        raise Refused(409, f"Name '{owner.name}/{wanted}' already in use")

    def work(operation: Operation) -> Work:
        yield 0.0
        found.name = wanted
        owner.snapshots = {each.name: each for each in (owner.snapshots or {}).values()}
        where = f"{owner.url}/snapshots/{wanted}"
        host.tell("instance-snapshot-renamed", where, owner.project, {"old_name": f"{owner.name}/{name}"})

    return Async(host.operations.begin(owner.project, "Renaming snapshot", told_of(host, owner, name), work))
