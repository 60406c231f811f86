"""What networks have with OVN alone, refused as a server without it refuses it, and what stands for all of them.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/network_ovn_peers/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.lists import listed, owners
from lxdnb.sandbox.network_cards import cards_on
from lxdnb.sandbox.networks import Network, managed
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.urls import of_project, url

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Integration"]

_FIELDS: dict[str, Shape] = {"name": "string", "type": "string", "description": "string", "config": CONFIG}
_INTEGRATIONS = "network_integrations"
_KEYS = ("ovn.ca_cert", "ovn.client_cert", "ovn.client_key", "ovn.northbound_connection", "ovn.southbound_connection",
         "ovn.transit.pattern")  # fmt: skip


def _peers(host: Host, request: Request, network: str, *_: str) -> Reply:
    if request.method == "POST":
        read(request.body, "NetworkPeersPost", {})
    kind = managed(host, request.project, network).kind
    raise Refused(400, f'Network driver "{kind}" does not support peering')


def _balancers(host: Host, request: Request, network: str, *_: str) -> Reply:
    if request.method == "POST":
        read(request.body, "NetworkLoadBalancersPost", {})
    kind = managed(host, request.project, network).kind
    raise Refused(400, f'Network driver "{kind}" does not support load balancers')


for _part, _extension, _handler in (
    ("peers", "network_peer", _peers),
    ("load-balancers", "network_load_balancer", _balancers),
):
    for _method in ("GET", "POST"):
        route(_method, f"/1.0/networks/*/{_part}", extension=_extension)(_handler)
    for _method in ("GET", "PUT", "PATCH", "DELETE"):
        route(_method, f"/1.0/networks/*/{_part}/*", extension=_extension)(_handler)
route("GET", "/1.0/networks/*/load-balancers/*/state", extension="network_load_balancer_state")(_balancers)


# --- allocations


@route("GET", "/1.0/network-allocations", extension="network_allocations")
def allocations(host: Host, request: Request) -> Reply:
    return Sync(
        [
            each
            for project in owners(host, request, "networks")
            for network in host.projects[project].networks.values()
            for each in _allocated(host, network)
        ]
    )


def _allocated(host: Host, network: Network) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def add(addresses: str, kind: str, used_by: str, hwaddr: str = "") -> None:
        nat = network.config.get("ipv6.nat" if ":" in addresses else "ipv4.nat") == "true"
        natted = nat and kind != "network-forward"
        told = {"addresses": addresses, "hwaddr": hwaddr, "nat": natted, "type": kind, "used_by": used_by}
        found.append(told)

    for family in ("ipv4", "ipv6"):
        if gateway := network.gateway(family):
            add(str(gateway), "network", of_project(network.url, network.project))
    for address in network.forwards:
        where = of_project(f"{network.url}/forwards/{address}", network.project)
        add(f"{address}/{128 if ':' in address else 32}", "network-forward", where)
    for card in cards_on(host, network):
        if card.runs:
            where = of_project(card.instance.url, card.instance.project)
            for address in card.addresses():
                add(f"{address}/{128 if ':' in address else 32}", "instance", where, card.hwaddr)
    return found


# --- integrations


@dataclass
class Integration:
    name: str
    kind: str
    description: str = ""
    config: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def url(self) -> str:
        return f"/1.0/network-integrations/{self.name}"

    def record(self) -> dict[str, Any]:
        told = {"description": self.description, "config": dict(sorted(self.config.items()))}
        return {**told, "name": self.name, "type": self.kind, "used_by": []}

    @property
    def etag(self) -> str:
        return etag_of(self.name, self.description, self.kind, self.config)


def _integration(host: Host, name: str) -> Integration:
    if name not in host.integrations:
        raise Refused(404, "Network_integration not found")
    return host.integrations[name]


def _check(config: dict[str, str]) -> None:
    for key in config:
        if key not in _KEYS and not key.startswith("user."):
            raise Refused(400, f'Invalid network integration configuration key "{key}"')


@route("GET", "/1.0/network-integrations", extension=_INTEGRATIONS)
def every(host: Host, request: Request) -> Reply:
    return listed(
        host,
        request,
        [each for _, each in sorted(host.integrations.items())],
        lambda each: url(host, "network-integrations", each.name),
        lambda each: each.record(),
        filters=True,
    )


@route("POST", "/1.0/network-integrations", extension=_INTEGRATIONS)
def create(host: Host, request: Request) -> Reply:
    asked = read(request.body, "NetworkIntegrationsPost", _FIELDS)
    name, kind = asked.get("name", ""), asked.get("type", "")
    if kind != "ovn":
        raise Refused(400, f'Invalid integration type "{kind}"')
    _check(asked.get("config", {}))
    if name in host.integrations:
        why = "UNIQUE constraint failed: networks_integrations.name"
        raise Refused(500, f'Failed to create "networks_integrations" entry: {why}')
    made = Integration(name, kind, asked.get("description", ""), asked.get("config", {}))
    host.integrations[name] = made
    host.tell("network-integration-created", made.url, "default")
    return Sync(created=url(host, "network-integrations", name))


@route("GET", "/1.0/network-integrations/*", extension=_INTEGRATIONS)
def one(host: Host, request: Request, name: str) -> Reply:
    found = _integration(host, name)
    return Sync(found.record(), found.etag)


@route_changes("/1.0/network-integrations/*", extension=_INTEGRATIONS)
def change(host: Host, request: Request, name: str, *, keep: bool) -> Reply:
    found = _integration(host, name)
    request.check_match(found.etag)
    asked = read(request.body, "NetworkIntegrationPut", _FIELDS)
    config = {**(found.config if keep else {}), **asked.get("config", {})}
    _check(config)
    found.config = config
    if "description" in asked or not keep:
        found.description = asked.get("description", "")
    host.tell("network-integration-updated", found.url, "default")
    return Sync({})


@route("POST", "/1.0/network-integrations/*", extension=_INTEGRATIONS)
def rename(host: Host, request: Request, name: str) -> Reply:
    found = _integration(host, name)
    wanted = read(request.body, "NetworkIntegrationPost", _FIELDS).get("name", "")
    if wanted in host.integrations:
        raise Refused(409, f'Name "{wanted}" already in use')
    del host.integrations[name]
    found.name = wanted
    host.integrations[wanted] = found
    host.tell("network-integration-renamed", found.url, "default", {"old_name": name})
    return Sync({})


@route("DELETE", "/1.0/network-integrations/*", extension=_INTEGRATIONS)
def delete(host: Host, request: Request, name: str) -> Reply:
    found = _integration(host, name)
    del host.integrations[name]
    host.tell("network-integration-deleted", found.url, "default")
    return Sync({})
