"""Pools and networks of a cluster: defined on each member first, with what is set there alone, then made for all.

A server that stands alone keeps all settings of one in one place; here is what is told apart once there are members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.replies import Refused

if TYPE_CHECKING:
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.replies import Request
    from lxdnb.sandbox.state import Host

__all__ = [
    "NETWORK_KEYS",
    "POOL_KEYS",
    "Spread",
    "changed",
    "check_for_all",
    "check_of_member",
    "check_peers",
    "is_shared",
    "named",
    "pool_keys",
    "settings",
]

POOL_KEYS = frozenset(("size", "source", "volatile.initial_source"))
_WIPE = "source.wipe"  # of one member to Incus alone
NETWORK_KEYS = frozenset(("parent", "bridge.external_interfaces", "bgp.ipv4.nexthop", "bgp.ipv6.nexthop"))


@dataclass
class Spread:
    """On which members one is, and what it is set to on each of them alone."""

    own: dict[Member, dict[str, str]] = field(default_factory=dict["Member", dict[str, str]])
    pending: bool = False
    failed: bool = False
    """Whether it was to be made, and could not be on all."""

    @property
    def status(self) -> str:
        return "Errored" if self.failed else "Pending" if self.pending else "Created"

    def locations(self) -> list[str]:
        return [each.name for each in self.own]

    def missing(self, host: Host) -> list[str]:
        """The names of the members that it is not on."""
        return [each.name for each in host.cluster.members if each not in self.own]

    def part(self, config: dict[str, str], keys: frozenset[str], member: Member) -> dict[str, str]:
        """Keep what is one member's own of a config, and return the rest, which is everybody's."""
        self.own[member] = {key: value for key, value in config.items() if key in keys}
        return {key: value for key, value in config.items() if key not in keys}


def pool_keys(host: Host) -> frozenset[str]:
    return POOL_KEYS | {_WIPE} if host.flavour.incus else POOL_KEYS


def check_of_member(config: Mapping[str, str], keys: frozenset[str], code: int) -> None:
    """Refuse to define on one member what is for all."""
    for key in sorted(config):
        if key not in keys:
            raise Refused(code, f'Config key "{key}" may not be used as member-specific key')


def check_for_all(config: Mapping[str, str], keys: frozenset[str], code: int) -> None:
    """Refuse to set for all what is each member's own."""
    for key in sorted(config):
        if key in keys:
            raise Refused(code, f'Config key "{key}" is cluster member specific')


def changed(
    host: Host, thing: Any, asked: Mapping[str, str], keys: frozenset[str], member: Member | None, *, keep: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is everybody's and what is the own of the member whose turn it is, once a request is granted.

    `member` is that one, if it was named. Raises Refused with 400 for what the one or the other may not be set to.
    """
    own: dict[str, str] = thing.spread.own.get(host.here, {})
    if member is None:
        check_for_all(asked, keys, 400)
        config = {**(thing.config if keep else {}), **asked}
        return {key: value for key, value in config.items() if value}, own
    config = {**(thing.config | own if keep else {}), **asked}
    config = {key: value for key, value in config.items() if value}
    for key in sorted(config.keys() - keys):
        if config[key] != thing.config.get(key):
            words = "cluster member specific key" if keys >= POOL_KEYS else "member-specific key"
            raise Refused(400, f'Config key "{key}" may not be used as {words}')
    return (
        {key: value for key, value in config.items() if key not in keys},
        {key: value for key, value in config.items() if key in keys},
    )


def check_peers(host: Host, spread: Spread) -> None:
    """Refuse to make or to delete one as long as a member is lost: Incus lets go what nobody has begun to make."""
    if spread.status == "Pending" and host.flavour.incus:
        return
    for member in host.cluster.members:
        if member.lost is not None:
            raise Refused(500, f"peer node {member.address} is down")


def is_shared(host: Host, request: Request) -> bool:
    """Tell whether one that is asked for is to be defined member by member."""
    return host.cluster.enabled and (len(host.cluster.members) > 1 or bool(request.query.get("target")))


def named(host: Host, request: Request) -> Member | None:
    """Return the member of a cluster that a request names."""
    return host.here if host.cluster.enabled and request.query.get("target") else None


def settings(thing: Any, member: Member | None) -> dict[str, str]:
    """Return what a pool or network is set to on a member, or for all where none is named."""
    return dict(sorted((thing.config | (thing.spread.own.get(member, {}) if member else {})).items()))
