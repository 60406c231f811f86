"""Forwards: addresses whose traffic a network hands on to others within it.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/network_forwards/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.lists import listed
from lxdnb.sandbox.networks import Network, managed
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.urls import of_project, url

if TYPE_CHECKING:
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.state import Host

__all__ = ["Forward"]

Port = dict[str, str]

_PORT = ("description", "protocol", "listen_port", "target_port", "target_address")
_FIELDS: dict[str, Shape] = {
    "listen_address": "string",
    "description": "string",
    "config": CONFIG,
    "ports": [dict.fromkeys(_PORT, "string")],
}


@dataclass
class Forward:
    listen_address: str
    member: Member
    description: str = ""
    config: dict[str, str] = field(default_factory=dict[str, str])
    ports: list[Port] = field(default_factory=list[Port])

    def record(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "config": dict(sorted(self.config.items())),
            "ports": self.ports,
            "listen_address": self.listen_address,
            "location": self.member.name,
        }

    @property
    def etag(self) -> str:
        return etag_of(self.listen_address, self.description, self.config, self.ports)


def _network(host: Host, request: Request, name: str) -> Network:
    found = managed(host, request.project, name)
    if found.kind != "bridge":
        raise Refused(400, f'Network driver "{found.kind}" does not support forwards')
    return found


def _known(network: Network, address: str, failed: str = "") -> Forward:
    if address not in network.forwards:
        raise Refused(404, f"{failed}Network forward not found")
    return network.forwards[address]


def _numbers(text: str) -> list[int]:
    """Return the ports of a list with ranges. Raises ValueError with what is no port."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.strip().partition("-")
        for end in (first, last or first):
            if not end.isdecimal():
                raise ValueError(f'strconv.ParseInt: parsing "{end}": invalid syntax')
        found += range(int(first), int(last or first) + 1)
    return found


def _within(network: Network, address: str) -> bool:
    parsed = ip_address(address)
    gateway = network.gateway(f"ipv{parsed.version}")
    return gateway is not None and parsed in gateway.network


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _wrong(network: Network, asked: dict[str, Any]) -> str | None:
    """Return what is wrong with a forward, in the servers' words, or None."""
    for key, value in asked.get("config", {}).items():
        if key == "target_address":
            if not _is_address(value):
                return "Invalid default target address"
            if not _within(network, value):
                return "Default target address is not within the network subnet"
        elif not key.startswith("user."):
            return f'Invalid option "{key}"'
    seen: list[tuple[str, int]] = []
    for number, port in enumerate(asked.get("ports", [])):
        if wrong := _wrong_port(network, port, seen):
            return f"{wrong} in port specification {number}" if ": " not in wrong else wrong.format(number)
    return None


def _wrong_port(network: Network, port: Port, seen: list[tuple[str, int]]) -> str | None:
    protocol = port.get("protocol", "")
    if protocol not in ("tcp", "udp"):
        return "Invalid port protocol in port specification {}, protocol must be one of: tcp, udp"
    try:
        listens = _numbers(port.get("listen_port", ""))
    except ValueError as error:
        return f"Invalid listen port in port specification {{}}: {error}"
    if not _is_address(port.get("target_address", "")):
        return "Invalid target address" if listens else "Missing listen port"
    if not _within(network, port["target_address"]):
        return "Target address is not within the network subnet"
    if not listens:
        return "Missing listen port"
    try:
        targets = _numbers(port.get("target_port", ""))
    except ValueError as error:
        return f"Invalid target port in port specification {{}}: {error}"
    if targets and len(targets) not in (1, len(listens)):
        return "Mismatch of listen port(s) and target port(s) count"
    for each in listens:
        if (protocol, each) in seen:
            return f'Duplicate listen port {each} for protocol "{protocol}"'
        seen.append((protocol, each))
    return None


def _take(forward: Forward, asked: dict[str, Any]) -> None:
    forward.description, forward.config = asked.get("description", ""), asked.get("config", {})
    forward.ports = [{key: each.get(key, "") for key in _PORT} for each in asked.get("ports", [])]


@route("GET", "/1.0/networks/*/forwards")
def every(host: Host, request: Request, network: str) -> Reply:
    owner = _network(host, request, network)
    return listed(
        host,
        request,
        owner.forwards.values(),
        lambda each: url(host, "networks", network, "forwards", each.listen_address),
        lambda each: each.record(),
        filters=False,
    )


@route("POST", "/1.0/networks/*/forwards")
def create(host: Host, request: Request, network: str) -> Reply:
    asked = read(request.body, "NetworkForwardsPost", _FIELDS)
    owner = _network(host, request, network)
    address, failed = asked.get("listen_address", ""), "Failed creating forward: "
    if address in owner.forwards:
        raise Refused(409, f"{failed}A forward for that listen address already exists")
    if not _is_address(address):
        length = 128 if ":" in address else 32
        why = f'Failed parsing address forward listen address "{address}": invalid CIDR address: {address}/{length}'
        raise Refused(500, failed + why)
    family = f"ipv{ip_address(address).version}.address"
    if owner.config.get(family) in (None, "none"):
        raise Refused(500, f"{failed}invalid CIDR address: {owner.config.get(family, '')}")
    if wrong := _wrong(owner, asked):
        raise Refused(500, failed + wrong)
    made = Forward(address, host.here)
    _take(made, asked)
    owner.forwards[address] = made
    host.tell("network-forward-created", f"{owner.url}/forwards/{address}", owner.project)
    return Sync(created=of_project(f"{owner.url}/forwards/{address}", owner.project))


@route("GET", "/1.0/networks/*/forwards/*")
def one(host: Host, request: Request, network: str, address: str) -> Reply:
    found = _known(_network(host, request, network), address)
    return Sync(found.record(), found.etag)


@route_changes("/1.0/networks/*/forwards/*")
def change(host: Host, request: Request, network: str, address: str, *, keep: bool) -> Reply:
    owner = _network(host, request, network)
    asked = read(request.body, "NetworkForwardPut", _FIELDS)
    failed = "Failed updating forward: "
    found = _known(owner, address, "" if keep else failed)
    request.check_match(found.etag)
    if keep:
        kept: dict[str, Any] = {"ports": found.ports, "description": found.description}
        asked = {**kept, **asked, "config": found.config | asked.get("config", {})}
    if wrong := _wrong(owner, asked):
        raise Refused(500, failed + wrong)
    _take(found, asked)
    host.tell("network-forward-updated", f"{owner.url}/forwards/{address}", owner.project)
    return Sync({})


@route("DELETE", "/1.0/networks/*/forwards/*")
def delete(host: Host, request: Request, network: str, address: str) -> Reply:
    owner = _network(host, request, network)
    _known(owner, address, "Failed deleting forward: ")
    del owner.forwards[address]
    host.tell("network-forward-deleted", f"{owner.url}/forwards/{address}", owner.project)
    return Sync({})
