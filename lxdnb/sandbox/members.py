"""Members of a cluster and their groups: who there is, what each is like, and which of them takes a new instance.

A server that stands alone is one member, of the name `none`, in no group.
https://documentation.ubuntu.com/lxd/stable-5.0/explanation/clustering/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.listening import Doors, Offline
from lxdnb.sandbox.replies import Refused, etag_of

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["ALONE", "CLUSTER_ADDRESS", "DEFAULT_GROUP", "OWN_KEYS", "Cluster", "Group", "Member", "choose"]

ALONE = "none"
CLUSTER_ADDRESS = "cluster.https_address"
OWN_KEYS = frozenset(
    [
        CLUSTER_ADDRESS,
        "core.bgp_address",
        "core.bgp_routerid",
        "core.debug_address",
        "core.dns_address",
        "core.https_address",
        "core.metrics_address",
        "core.storage_buckets_address",
        "core.syslog_socket",
        "maas.machine",
        "network.ovs.connection",
        "storage.backups_volume",
        "storage.images_volume",
    ]
)
"""What each server is set to for itself; all else is set for the whole cluster."""
DEFAULT_GROUP = "default"


@dataclass(eq=False)
class Member:
    """One server. Its `settings` are those of its own configuration, `config` what the cluster knows of it."""

    name: str = ALONE
    address: str = ""
    """HOST:PORT, by which the others reach it."""
    addresses: list[str] = field(default_factory=list[str])
    """Where anybody reaches it, as `127.0.0.1:8443`."""
    doors: Doors = field(default_factory=Offline, repr=False)
    settings: dict[str, str] = field(default_factory=dict[str, str])
    config: dict[str, str] = field(default_factory=dict[str, str])
    description: str = ""
    failure_domain: str = "default"
    roles: tuple[str, ...] = ()
    """Those that it was given, besides what it is to the database."""
    evacuated: bool = False
    lost: float | None = None
    """Since when it is lost."""

    def status(self, now: float) -> tuple[str, str]:
        """What lists say of it: in a word, and in a sentence."""
        if self.lost is not None:
            last = timestamp(self.lost).replace("T", " ").replace("Z", " +0000 UTC")
            return "Offline", f"No heartbeat for {_span(max(0.0, now - self.lost))} ({last})"
        if self.evacuated:
            return "Evacuated", "Unavailable due to maintenance"
        return "Online", "Fully operational"


def _span(seconds: float) -> str:
    """Write a span as Go does: 1h2m3.5s."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    written = f"{rest:.9f}".rstrip("0").rstrip(".")
    return f"{f'{hours}h' if hours else ''}{f'{minutes}m' if hours or minutes else ''}{written}s"


@dataclass
class Group:
    """Some members, under a name that instances can be made for."""

    name: str
    description: str = ""
    members: list[Member] = field(default_factory=list[Member])

    def record(self) -> dict[str, Any]:
        """What the server tells of it."""
        names = sorted(each.name for each in self.members)
        return {"description": self.description, "members": names, "name": self.name}

    @property
    def etag(self) -> str:
        return etag_of(self.record())


class Cluster:
    """All members and groups. `enabled` tells whether it is one at all."""

    def __init__(self) -> None:
        self.enabled = False
        self.members = [Member()]
        self.groups: dict[str, Group] = {}
        self._watching: list[Callable[[Member], None]] = []

    @property
    def first(self) -> Member:
        return self.members[0]

    def find(self, name: str) -> Member | None:
        return next((each for each in self.members if each.name == name), None) if self.enabled else None

    def member(self, name: str) -> Member:
        """Return a member. Raises Refused with 404."""
        found = self.find(name)
        if found is None:
            raise Refused(404, "Cluster member not found")
        return found

    def enable(self, name: str) -> None:
        """Become a cluster of one."""
        self.enabled = True
        self.first.name = name
        self.groups[DEFAULT_GROUP] = Group(DEFAULT_GROUP, "Default cluster group", [self.first])

    def add(self, member: Member) -> None:
        self.members.append(member)
        self.groups[DEFAULT_GROUP].members.append(member)

    def remove(self, member: Member) -> None:
        self.members.remove(member)
        for group in self.groups.values():
            if member in group.members:
                group.members.remove(member)

    @property
    def leader(self) -> Member:
        """The one that the database is led by."""
        return next((each for each in self.members if each.lost is None), self.first)

    def watch(self, call: Callable[[Member], None]) -> Callable[[], None]:
        """Have something called with each member that is lost, until what is returned is called."""
        self._watching.append(call)
        return lambda: self._watching.remove(call) if call in self._watching else None

    def lose(self, member: Member, now: float) -> None:
        """Have a member be gone, as one whose process was killed."""
        member.lost = now
        member.doors.vanish()
        for call in [*self._watching]:
            call(member)

    def groups_of(self, member: Member) -> list[str]:
        return [name for name, group in self.groups.items() if member in group.members]


def _counts(host: Host) -> Counter[Member | None]:
    """How many instances are on each member, those that are being made included."""
    there = Counter(each.member for project in host.projects.values() for each in project.instances.values())
    there.update(host.operations.creations())
    there[host.cluster.first] += there.pop(None, 0)
    return there


def choose(host: Host, group: str = "", *, among: Iterable[Member] | None = None) -> Member | None:
    """Return the member that takes an instance: of those that may, the one with the fewest; None where none may.

    A member may keep itself free for those who name it, or a group of its own.
    """
    found: list[Member] = []
    for each in host.cluster.members if among is None else among:
        scheduled = each.config.get("scheduler.instance", "all")
        if each.lost is not None or each.evacuated or scheduled == "manual" or (scheduled == "group" and not group):
            continue
        if not group or each in host.cluster.groups[group].members:
            found.append(each)
    counts = _counts(host)
    return min(found, key=lambda each: counts[each], default=None)
