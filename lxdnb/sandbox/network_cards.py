"""The cards of instances on networks: their addresses, which stay the same as long as the network is there.

An instance asks for an address when it first runs, as one with DHCP would; what it sends and receives is its
workload's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.card_notes import host_name
from lxdnb.sandbox.instances import Instance
from lxdnb.sandbox.networks import Network, is_on
from lxdnb.sandbox.settings import Devices
from lxdnb.sandbox.workload import usage

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Card", "added_addresses", "cards_of", "cards_on", "counters_of", "network_state"]

PACKET = 700  # bytes on average


@dataclass(frozen=True)
class Plug:
    """One card of an instance, wherever it leads."""

    instance: Instance
    interface: str
    """What it is called inside."""
    hwaddr: str
    host_name: str
    fixed: dict[str, str]
    """Its device: the addresses that it is set to, by `ipv4.address` and `ipv6.address`, and the rest."""


@dataclass(frozen=True)
class Card(Plug):
    """One on a network that the server manages."""

    network: Network

    @property
    def runs(self) -> bool:
        return self.instance.started is not None

    def addresses(self) -> list[str]:
        """Its addresses in its network: as they are set, else as the network gives them out."""
        found: list[str] = []
        v4, v6 = self.network.gateway("ipv4"), self.network.gateway("ipv6")
        if v4 and isinstance(v4.network, IPv4Network) and self.network.config.get("ipv4.dhcp") != "false":
            found.append(self.fixed.get("ipv4.address") or self._lease(v4.network, str(v4.ip)))
        if v6:
            found.append(self.fixed.get("ipv6.address") or str(IPv6Address(int(v6.network[0]) + _suffix(self.hwaddr))))
        return found

    def _lease(self, subnet: IPv4Network, gateway: str) -> str:
        leases, leased = self.network.leases, self.network.leased
        kept = leases.get(self.hwaddr)
        if kept and IPv4Address(kept) in subnet:
            return kept
        leased.discard(kept or "")
        size = max(2, subnet.num_addresses - 2)
        start = int.from_bytes(sha256(self.hwaddr.encode()).digest()[:4])
        for step in range(size):
            address = str(subnet[1 + (start + step) % size])
            if address not in leased and address != gateway:
                leases[self.hwaddr] = address
                leased.add(address)
                return address
        return str(subnet[1])


def _suffix(hwaddr: str) -> int:
    """Return the half of an IPv6 address that a card makes of its own: its EUI-64."""
    parts = [int(each, 16) for each in hwaddr.split(":")]
    return int.from_bytes(bytes([parts[0] ^ 2, *parts[1:3], 0xFF, 0xFE, *parts[3:]]))


def cards_of(host: Host, instance: Instance) -> Iterator[Card]:
    """Yield the cards of an instance on networks that the server manages."""
    for network, plug in _plugs(host, instance, instance.expanded(host)[1]):
        if network is not None:
            yield _on(network, plug)


def _on(network: Network, plug: Plug) -> Card:
    return Card(plug.instance, plug.interface, plug.hwaddr, plug.host_name, plug.fixed, network)


def _plugs(host: Host, instance: Instance, devices: Devices) -> Iterator[tuple[Network | None, Plug]]:
    """Yield all cards of an instance, with the network that each is on if the server manages one."""
    networks = host.keeper(instance.project, "networks").networks
    number = 0
    for name, device in devices.items():
        if device.get("type") != "nic":
            continue
        network = next((each for each in networks.values() if is_on(device, each.name)), None)
        interface = device.get("name") or f"eth{number}"
        number += 1
        digest = sha256(f"{instance.seed} {name}".encode()).hexdigest()
        noted = instance.config.get(f"volatile.{name}.hwaddr")
        own = f"00:16:3e:{digest[:2]}:{digest[2:4]}:{digest[4:6]}"
        hwaddr = device.get("hwaddr") or noted or own
        yield network, Plug(instance, interface, hwaddr, host_name(instance.seed, name, device), device)


def cards_on(host: Host, network: Network) -> list[Card]:
    """Return the cards on a network."""
    return [
        card for instance in network.instances(host) for card in cards_of(host, instance) if card.network is network
    ]


def counters_of(host: Host, instance: Instance) -> dict[str, int]:
    """What an instance has received and sent since its start; even an idle one has asked for its address."""
    used = usage(instance.seed, host.clock() - (instance.started or host.clock()))
    received, sent = 1_200 + used.received, 1_500 + used.sent
    return {
        "bytes_received": received,
        "bytes_sent": sent,
        "packets_received": 10 + received // PACKET,
        "packets_sent": 12 + sent // PACKET,
    }


def network_state(host: Host, instance: Instance, devices: Devices) -> dict[str, Any]:
    """What the state of a running instance tells of its cards; `devices` are all that it has."""
    told: dict[str, Any] = {}
    for network, plug in _plugs(host, instance, devices):
        given = [] if network is None else _given(_on(network, plug))
        mtu = plug.fixed.get("mtu") or ("1500" if network is None else network.config.get("bridge.mtu", "1500"))
        told[plug.interface] = _told(host, plug, given, int(mtu))
    return told


def added_addresses(instance: Instance, interface: str) -> list[dict[str, str]]:
    """Return the addresses that somebody gave an interface from within the instance, since it runs."""
    found: list[dict[str, str]] = []
    for each in instance.machine.addresses.get(interface, []) if instance.machine is not None else []:
        address, _, length = each.partition("/")
        family = "inet6" if ":" in address else "inet"
        found.append({"family": family, "address": address, "netmask": length, "scope": "global"})
    return found


def _given(card: Card) -> list[dict[str, str]]:
    """Return the addresses that a card has of its network."""
    found: list[dict[str, str]] = []
    for address in card.addresses():
        family = "inet6" if ":" in address else "inet"
        gateway = card.network.gateway("ipv6" if ":" in address else "ipv4")
        length = str(gateway.network.prefixlen) if gateway else "64"
        found.append({"family": family, "address": address, "netmask": length, "scope": "global"})
    return found


def _told(host: Host, plug: Plug, given: list[dict[str, str]], mtu: int) -> dict[str, Any]:
    link = str(IPv6Address((0xFE80 << 112) + _suffix(plug.hwaddr)))
    own = {"family": "inet6", "address": link, "netmask": "64", "scope": "link"}
    rest = ("errors_received", "errors_sent", "packets_dropped_outbound", "packets_dropped_inbound")
    return {
        "addresses": [*given, *added_addresses(plug.instance, plug.interface), own],
        "counters": {**counters_of(host, plug.instance), **dict.fromkeys(rest, 0)},
        "hwaddr": plug.hwaddr,
        "host_name": plug.host_name,
        "mtu": mtu,
        "state": "up",
        "type": "broadcast",
    }
