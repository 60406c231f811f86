"""Members of a cluster that are lost on purpose, as if their processes were killed, and that come back.

While one is lost, what lies on it is not known to the others, and nobody connects to it; it has forgotten its
operations when it comes back. Real members hope for 10 s before they say so, and call it Offline after 20; these say
so at once. `POST /sandbox/members/n2 {"status": "Offline"}`, and `Online` again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.listening import DEBUG, HTTPS, METRICS, listen
from lxdnb.sandbox.members import Member
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.warnings import Notice

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["bring_back", "lose"]

_FIELDS: dict[str, Shape] = {"status": "string"}
_WARNING = "Offline cluster member"


def lose(host: Host, member: Member) -> None:
    """Have a member be gone."""
    if member.lost is not None:
        return
    host.operations.lose(member)
    host.cluster.lose(member, host.clock())
    refused = f"dial tcp {member.address}: connect: connection refused"
    words = f'Failed to send heartbeat request: Put "https://{member.address}/internal/database": {refused}'
    made = Notice(host.new_uuid(), _WARNING, words, host.clock(), host.cluster.leader)
    host.warnings[made.uuid] = made


def bring_back(host: Host, member: Member) -> None:
    """Have a member be there again, with all that it had but its operations."""
    member.lost = None
    host.operations.forget(member)
    member.doors.come_back()
    here, host.here = host.here, member
    for key in (HTTPS, METRICS, DEBUG):
        listen(host, key, member.settings.get(key, ""))
    host.here = here
    for notice in host.warnings.values():
        if notice.kind == _WARNING and member.address in notice.message:
            notice.status = "resolved"


# --- requests, outside of the API that is simulated


@route("GET", "/sandbox/members")
def every(host: Host, request: Request) -> Reply:
    return Sync([_told(host, each) for each in host.cluster.members] if host.cluster.enabled else [])


def _told(host: Host, member: Member) -> dict[str, str]:
    return {"name": member.name, "status": member.status(host.clock())[0]}


@route("POST", "/sandbox/members/*")
def change(host: Host, request: Request, name: str) -> Reply:
    member = host.cluster.member(name)
    wanted = read(request.body, "Member", _FIELDS).get("status", "")
    if wanted not in ("Offline", "Online"):
        raise Refused(400, f"The status of a member can be set to Offline or Online, not to {wanted!r}")
    if wanted == "Offline" and member.lost is None:
        if all(each is member or each.lost is not None for each in host.cluster.members):
            raise Refused(400, f"{name} is the last member that is left: end the sandbox instead")
        host.agenda.after(0.0, lambda: lose(host, member))  # once this is answered, if it asked that very member
    if wanted == "Online" and member.lost is not None:
        bring_back(host, member)
    return Sync({"name": name, "status": wanted})
