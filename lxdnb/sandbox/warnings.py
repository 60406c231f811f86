"""Warnings: what a server lacks on its machine, told at its start.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/warnings/warnings_get
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.lists import listed
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.state import Host

__all__ = ["Notice", "first_warnings"]

_FIELDS: dict[str, Shape] = {"status": "string"}
_FIRST = {
    "Instance type not operational": "vhost_vsock kernel module not loaded",
    "Couldn't find the CGroup blkio.weight": "disk priority will be ignored",
    "AppArmor support has been disabled": "Disabled because of lack of kernel support",
}


@dataclass
class Notice:
    """One of them."""

    uuid: str
    kind: str
    message: str
    seen: float
    member: Member
    status: str = "new"

    def record(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "uuid": self.uuid,
            "location": self.member.name,
            "project": "",
            "type": self.kind,
            "count": 1,
            "first_seen_at": timestamp(self.seen),
            "last_seen_at": timestamp(self.seen),
            "last_message": self.message,
            "severity": "low",
            "entity_url": "",
        }

    @property
    def etag(self) -> str:
        return etag_of(self.uuid, self.status)


def first_warnings(host: Host) -> dict[str, Notice]:
    """Return what a server warns of when it begins."""
    made = [Notice(host.new_uuid(), kind, message, host.clock(), host.here) for kind, message in _FIRST.items()]
    return {each.uuid: each for each in made}


def _known(host: Host, uuid: str) -> Notice:
    if uuid not in host.warnings:
        raise Refused(404, "Warning not found")
    return host.warnings[uuid]


@route("GET", "/1.0/warnings")
def every(host: Host, request: Request) -> Reply:
    if request.query.get("project"):
        return Sync(None)  # they are all about the machine
    return listed(
        host,
        request,
        [host.warnings[uuid] for uuid in sorted(host.warnings)],
        lambda each: f"/1.0/warnings/{each.uuid}",
        lambda each: each.record(),
        filters=True,
    )


@route("GET", "/1.0/warnings/*")
def one(host: Host, request: Request, uuid: str) -> Reply:
    found = _known(host, uuid)
    return Sync(found.record(), found.etag)


def _change(host: Host, request: Request, uuid: str) -> Reply:
    if uuid not in host.warnings and not host.flavour.incus:
        return Sync({})  # LXD changes what is not there without a word
    found = _known(host, uuid)
    request.check_match(found.etag)
    status = read(request.body, "WarningPut", _FIELDS).get("status", "")
    if status not in ("new", "acknowledged"):
        raise Refused(403, 'Status may only be set to "acknowledge" or "new"')
    found.status = status
    host.tell("warning-acknowledged" if status == "acknowledged" else "warning-reset", f"/1.0/warnings/{uuid}", "")
    return Sync({})


route("PUT", "/1.0/warnings/*")(_change)
route("PATCH", "/1.0/warnings/*")(_change)


@route("DELETE", "/1.0/warnings/*")
def delete(host: Host, request: Request, uuid: str) -> Reply:
    _known(host, uuid)
    del host.warnings[uuid]
    host.tell("warning-deleted", f"/1.0/warnings/{uuid}", "")
    return Sync({})
