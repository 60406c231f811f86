"""What networks may be set to, by their type, and addresses found for bridges that leave them to the server.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/network_bridge/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_interface
from random import Random
from typing import Any

from lxdnb.sandbox.replies import Refused
from lxdnb.sandbox.settings import check_value

__all__ = ["TYPES", "check_interface_name", "check_network", "filled"]

TYPES = ("bridge", "macvlan", "ovn", "physical", "sriov")
_OF_BRIDGES: dict[str, Any] = {
    "bgp.ipv4.nexthop": "string",
    "bgp.ipv6.nexthop": "string",
    "bridge.driver": ["native", "openvswitch"],
    "bridge.external_interfaces": "string",
    "bridge.hwaddr": "string",
    "bridge.mtu": "mtu",
    "dns.domain": "string",
    "dns.mode": ["dynamic", "managed", "none"],
    "dns.search": "string",
    "dns.zone.forward": "string",
    "dns.zone.reverse.ipv4": "string",
    "dns.zone.reverse.ipv6": "string",
    "raw.dnsmasq": "string",
    "security.acls": "string",
    "security.acls.default.egress.action": ["allow", "drop", "reject"],
    "security.acls.default.egress.logged": "bool",
    "security.acls.default.ingress.action": ["allow", "drop", "reject"],
    "security.acls.default.ingress.logged": "bool",
    "ipv6.dhcp.stateful": "bool",
    "ipv4.dhcp.gateway": "string",
    **{
        f"{family}.{key}": kind
        for family in ("ipv4", "ipv6")
        for key, kind in {
            "address": "address",
            "dhcp": "bool",
            "dhcp.expiry": "string",
            "dhcp.ranges": "string",
            "firewall": "bool",
            "nat": "bool",
            "nat.address": "string",
            "nat.order": ["before", "after"],
            "ovn.ranges": "string",
            "routes": "string",
            "routing": "bool",
        }.items()
    },
}
_OF_PARENTS: dict[str, Any] = {"parent": "string", "mtu": "mtu", "vlan": "int64", "gvrp": "bool"}
_ANY_ENDING = re.compile(r"user\..+|bgp\.peers\.[^.]+\.(address|asn|password|holdtime)|tunnel\.[^.]+\.\w+")


def check_interface_name(name: str) -> None:
    """Refuse what no interface of a host can be called. Raises Refused with 400."""
    if not name:
        raise Refused(400, "No name provided")
    if len(name) < 2:
        raise Refused(400, "Network interface is too short (minimum 2 characters)")
    if len(name) > 15:
        raise Refused(400, "Network interface is too long (maximum 15 characters)")
    if not re.fullmatch(r"[-_a-zA-Z0-9.]+", name):
        raise Refused(400, "Network interface contains invalid characters")


def check_network(name: str, kind: str, config: Mapping[str, str], acls: Iterable[str]) -> None:
    """Refuse what a network of that type may not be set to. Raises Refused with 500."""
    known = _OF_BRIDGES if kind == "bridge" else _OF_PARENTS
    for key, value in config.items():
        if key not in known:
            if not _ANY_ENDING.fullmatch(key):
                raise Refused(500, f'Invalid option for network "{name}" option "{key}"')
        elif value and (wrong := _wrong(known[key], value)):
            raise Refused(500, f'Invalid value for network "{name}" option "{key}": {wrong}')
    if kind != "bridge" and not config.get("parent"):
        raise Refused(500, f'Invalid value for network "{name}" option "parent": Required value')
    for acl in filter(None, config.get("security.acls", "").split(",")):
        if acl.strip() not in acls:
            raise Refused(500, f'Network ACL "{acl.strip()}" does not exist')


def _wrong(kind: Any, value: str) -> str | None:
    if kind == "mtu":
        return None if value.isdecimal() and 0 < int(value) < 2**16 else f'Invalid MTU "{value}"'
    if kind == "address":
        if value in ("none", "auto"):
            return None
        try:
            ip_interface(value if "/" in value else "")
        except ValueError:
            return f"invalid CIDR address: {value}"
        return None
    try:
        check_value(kind, value)
    except Refused as refused:
        return refused.words
    return None


def filled(config: Mapping[str, str], chance: Random, *, new: bool) -> dict[str, str]:
    """Return the config of a bridge with addresses where it leaves them to the server, and with NAT for those."""
    found = dict(config)
    for family in ("ipv4", "ipv6"):
        asked = found.get(f"{family}.address", "")
        if asked == "auto" or (new and not asked):
            found[f"{family}.address"] = _free(family, chance)
            found.setdefault(f"{family}.nat", "true")
    return found


def _free(family: str, chance: Random) -> str:
    if family == "ipv4":
        return f"10.{chance.randrange(1, 255)}.{chance.randrange(1, 255)}.1/24"
    return f"fd42:{chance.getrandbits(16):x}:{chance.getrandbits(16):x}:{chance.getrandbits(16):x}::1/64"
