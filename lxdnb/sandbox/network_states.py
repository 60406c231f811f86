"""What networks are doing: their own addresses and traffic, and the addresses that they give out.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/networks/network_state_get
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.lists import known_project
from lxdnb.sandbox.network_cards import PACKET, cards_on, counters_of
from lxdnb.sandbox.networks import INTERFACES, Network, managed
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_RATES = {"lo": 100, "eth0": 4000}  # bytes each second
_ADDRESSES = {"lo": (("127.0.0.1", "8"), ("::1", "128")), "eth0": (("192.0.2.2", "24"), ("2001:db8::2", "64"))}
_HWADDRS = {"lo": "", "eth0": "02:00:00:00:00:01"}


@route("GET", "/1.0/networks/*/state")
def state(host: Host, request: Request, name: str) -> Reply:
    owner = host.keeper(known_project(host, request.project), "networks")
    network = owner.networks.get(name)
    if network is not None and network.kind == "bridge":
        return Sync(_of_bridge(host, network))
    if name not in INTERFACES:
        raise Refused(404, f'Network interface "{name}" not found')
    scope = "local" if name == "lo" else "global"
    seen = int(_RATES[name] * (host.clock() - host.started)) + 10_000
    told = _state(
        [_address(address, length, scope) for address, length in _ADDRESSES[name]],
        {"bytes_received": seen, "bytes_sent": seen, "packets_received": seen // 80, "packets_sent": seen // 80},
        _HWADDRS[name],
        65536 if name == "lo" else 1500,
    )
    return Sync({**told, "type": "loopback" if name == "lo" else "broadcast"})


def _address(address: str, length: str, scope: str) -> dict[str, str]:
    return {"family": "inet6" if ":" in address else "inet", "address": address, "netmask": length, "scope": scope}


def _state(addresses: list[dict[str, str]], counters: dict[str, int], hwaddr: str, mtu: int) -> dict[str, Any]:
    return {
        "addresses": addresses,
        "counters": counters,
        "hwaddr": hwaddr,
        "mtu": mtu,
        "state": "up",
        "type": "broadcast",
        "bond": None,
        "bridge": None,
        "vlan": None,
        "ovn": None,
    }


def _of_bridge(host: Host, network: Network) -> dict[str, Any]:
    digest = sha256(f"{network.project} {network.name}".encode()).hexdigest()
    hwaddr = network.config.get("bridge.hwaddr") or f"00:16:3e:{digest[:2]}:{digest[2:4]}:{digest[4:6]}"
    addresses = [
        _address(str(gateway.ip), str(gateway.network.prefixlen), "global")
        for family in ("ipv4", "ipv6")
        if (gateway := network.gateway(family))
    ]
    running = [card for card in cards_on(host, network) if card.runs]
    received, sent = (
        sum(counters_of(host, card.instance)[way] for card in running) for way in ("bytes_sent", "bytes_received")
    )
    counters = {
        "bytes_received": received,
        "bytes_sent": sent,
        "packets_received": -(-received // PACKET),
        "packets_sent": -(-sent // PACKET),
    }
    told = _state(addresses, counters, hwaddr, int(network.config.get("bridge.mtu", "1500")))
    told["bridge"] = {
        "id": f"8000.{hwaddr.replace(':', '')}",
        "stp": False,
        "forward_delay": 1500,
        "vlan_default": 0,
        "vlan_filtering": False,
        "upper_devices": [card.host_name for card in running],
    }
    return told


@route("GET", "/1.0/networks/*/leases")
def leases(host: Host, request: Request, name: str) -> Reply:
    network = managed(host, request.project, name)
    if network.kind != "bridge":
        raise Refused(500, "Not implemented")
    # Of one project at a time, and the network's own address in that of the network.
    found = [
        _lease(f"{name}.gw", "", str(gateway.ip), "gateway", "")
        for family in ("ipv4", "ipv6")
        if request.project == network.project and (gateway := network.gateway(family))
    ]
    cards = [card for card in cards_on(host, network) if card.instance.project == request.project]
    for card in cards:
        for key in ("ipv4.address", "ipv6.address"):
            if address := card.fixed.get(key):
                found.append(_lease(card.instance.name, card.hwaddr, address, "static", card.instance.location(host)))
    for card in cards:
        if card.runs:
            for address in card.addresses():
                if address not in card.fixed.values():
                    found.append(
                        _lease(card.instance.name, card.hwaddr, address, "dynamic", card.instance.location(host))
                    )
    return Sync(found)


def _lease(hostname: str, hwaddr: str, address: str, kind: str, location: str) -> dict[str, str]:
    return {"hostname": hostname, "hwaddr": hwaddr, "address": address, "type": kind, "location": location}
