"""Networks: those that the server manages, and the interfaces that its machine has anyway.

https://documentation.ubuntu.com/lxd/stable-5.0/networks/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.lists import known_project, listed, owners
from lxdnb.sandbox.network_settings import TYPES, check_interface_name, check_network, filled
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.settings import Devices
from lxdnb.sandbox.spread import (
    NETWORK_KEYS,
    Spread,
    changed,
    check_for_all,
    check_of_member,
    check_peers,
    is_shared,
    named,
    settings,
)
from lxdnb.sandbox.urls import of_project, url

if TYPE_CHECKING:
    from lxdnb.sandbox.instances import Instance
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.network_forwards import Forward
    from lxdnb.sandbox.projects import Project
    from lxdnb.sandbox.state import Host

__all__ = ["INTERFACES", "Network", "interface", "is_on", "managed"]

INTERFACES = {"lo": "loopback", "eth0": "physical"}
"""What the simulated machine has itself, and of which type."""
_FIELDS: dict[str, Shape] = {"name": "string", "type": "string", "description": "string", "config": CONFIG}


@dataclass
class Network:
    """One that the server manages. `leases` are the addresses that it gave out, by those of the cards."""

    name: str
    kind: str
    project: str
    description: str = ""
    config: dict[str, str] = field(default_factory=dict[str, str])
    forwards: dict[str, Forward] = field(default_factory=dict[str, "Forward"])
    leases: dict[str, str] = field(default_factory=dict[str, str])
    leased: set[str] = field(default_factory=set[str])
    """These addresses: whether one is free is asked for each card."""
    spread: Spread = field(default_factory=Spread)

    @property
    def url(self) -> str:
        return f"/1.0/networks/{self.name}"

    def gateway(self, family: str) -> IPv4Interface | IPv6Interface | None:
        """Return the address of the host in it, with its subnet, by family: `ipv4` or `ipv6`."""
        address = self.config.get(f"{family}.address", "")
        return ip_interface(address) if "/" in address else None

    def instances(self, host: Host) -> Iterator[Instance]:
        """Yield the instances with a card on it, of their own or by a profile; those without are not looked into."""
        for project in self._projects(host):
            by_profile = {each.name for each in host.profiles(project.name).values() if self._has_card(each.devices)}
            for each in project.instances.values():
                if by_profile.isdisjoint(each.profiles) and not each.devices:
                    continue
                if self._has_card(each.expanded(host)[1]):
                    yield each

    def _projects(self, host: Host) -> Iterator[Project]:
        return (each for each in host.projects.values() if host.keeper(each.name, "networks").name == self.project)

    def _has_card(self, devices: Devices) -> bool:
        return any(is_on(device, self.name) for device in devices.values())

    def used_by(self, host: Host) -> list[str]:
        """The URLs of the instances with a card on it, and of the profiles with one."""
        found = [of_project(each.url, each.project) for each in self.instances(host)]
        for project in self._projects(host):
            with_card = [each for each in project.profiles.values() if self._has_card(each.devices)]
            found += [of_project(each.url, project.name) for each in with_card]
        return found

    def record(self, host: Host, member: Member | None = None) -> dict[str, Any]:
        """What the server tells of it: with what is a member's own, where one is named."""
        told: dict[str, Any] = {
            "config": settings(self, member),
            "description": self.description,
            "name": self.name,
            "type": self.kind,
            "used_by": self.used_by(host) or ([] if host.flavour.incus else None),
            "managed": True,
            "status": self.spread.status,
            "locations": self.spread.locations(),
        }
        return {**told, "project": self.project} if host.flavour.incus else told

    def etag(self, member: Member | None = None) -> str:
        return etag_of(self.name, self.kind, self.description, settings(self, member))


def is_on(device: dict[str, str], network: str) -> bool:
    """Tell whether a device is a card on a network."""
    return device.get("type") == "nic" and network in (device.get("network"), device.get("parent"))


def managed(host: Host, project: str, name: str) -> Network:
    """Return a network that the server manages. Raises Refused with 404."""
    owner = host.keeper(known_project(host, project), "networks")
    if name not in owner.networks:
        raise Refused(404, "Failed loading network: Network not found")
    return owner.networks[name]


def interface(host: Host, name: str) -> dict[str, Any]:
    """What the server tells of an interface that it does not manage."""
    told: dict[str, Any] = {
        "config": {},
        "description": "",
        "name": name,
        "type": INTERFACES[name],
        "used_by": [] if host.flavour.incus or INTERFACES[name] == "loopback" else None,
        "managed": False,
        "status": "",
        "locations": None,
    }
    return {**told, "project": "default"} if host.flavour.incus else told


def _acls(host: Host, project: str) -> list[str]:
    return [*host.keeper(project, "networks").acls]


def _check_free(host: Host, name: str) -> None:
    if name in INTERFACES or any(name in project.networks for project in host.projects.values()):
        raise Refused(500, f'Network interface "{name}" already exists')


def _check_subnet(host: Host, network: Network) -> None:
    others = [each for project in host.projects.values() for each in project.networks.values() if each is not network]
    for family in ("ipv4", "ipv6"):
        own = network.gateway(family)
        if own and any((other := each.gateway(family)) and own.ip == other.ip for each in others):
            how = "exit status 2" if host.flavour.incus else "Process exited with non-zero value 2"
            why = f"dnsmasq: failed to create listening socket for {own.ip}: Address already in use"
            raise Refused(500, f'The DNS and DHCP service exited prematurely: {how} ("{why}")')


# --- requests


@route("GET", "/1.0/networks")
def every(host: Host, request: Request) -> Reply:
    if request.of_all_projects and not host.flavour.incus:
        request = Request(request.method, request.path, {**request.query, "all-projects": ""}, request.headers)
    projects = owners(host, request, "networks")
    found: list[Network | str] = [
        each for project in projects for _, each in sorted(host.projects[project].networks.items())
    ]
    if "default" in projects:
        found += INTERFACES
    return listed(
        host,
        request,
        found,
        lambda each: url(host, "networks", each) if isinstance(each, str) else of_project(each.url, each.project),
        lambda each: interface(host, each) if isinstance(each, str) else each.record(host),
        filters=host.flavour.incus,
    )


@route("POST", "/1.0/networks")
def create(host: Host, request: Request) -> Reply:
    owner = host.keeper(known_project(host, request.project), "networks")
    asked = read(request.body, "NetworksPost", _FIELDS)
    # A project with networks of its own has those of OVN alone.
    usual = "bridge" if owner.name == "default" else "ovn"
    name, kind = asked.get("name", ""), asked.get("type") or usual
    if name and kind not in TYPES:
        raise Refused(400, "Unknown driver")
    check_interface_name(name)
    if is_shared(host, request) and kind != "ovn":
        return _define(host, request, owner, asked, kind)
    if name in owner.networks:
        if host.flavour.incus:
            raise Refused(409, f'Network "{name}" already exists')
        raise Refused(400, "The network already exists")
    if kind == "ovn":
        if host.flavour.incus:
            raise Refused(404, "Failed loading network: Failed to connect to OVN: no such file or directory")
        raise Refused(500, "No allowed uplink networks in project")
    if kind != usual and owner.name != "default":
        raise Refused(400, "Network type does not support non-default projects")
    config = {key: value for key, value in asked.get("config", {}).items() if value}
    if kind == "bridge":
        config = filled(config, host.random, new=True)
    check_network(name, kind, config, _acls(host, owner.name))
    made = Network(name, kind, owner.name, asked.get("description", ""), config, spread=Spread({host.here: {}}))
    if kind == "bridge":
        _check_free(host, name)
        _check_subnet(host, made)
    if host.cluster.enabled:
        made.config = made.spread.part(made.config, NETWORK_KEYS, host.here)
    owner.networks[name] = made
    host.tell("network-created", made.url, owner.name)
    return Sync(created=of_project(made.url, owner.name))


def _define(host: Host, request: Request, owner: Project, asked: dict[str, Any], kind: str) -> Reply:
    """Define a network on a member of a cluster, or make it on all where each has been named."""
    name, target = asked["name"], request.query.get("target", "")
    config = {key: value for key, value in asked.get("config", {}).items() if value}
    found = owner.networks.get(name)
    if target:
        member = host.cluster.member(target)
        check_of_member(config, NETWORK_KEYS, 400)
        if found is not None and found.kind != kind:
            raise Refused(500, "Requested network type doesn't match type in existing database record")
        if found is not None and member in found.spread.own:
            if host.flavour.incus:
                raise Refused(409, f'Network "{name}" is already defined on member "{target}"')
            raise Refused(400, f'The network is already defined on member "{target}"')
        if found is None:
            found = owner.networks[name] = Network(name, kind, owner.name, spread=Spread(pending=True))
        found.spread.own[member] = config
        return Sync(created=of_project(found.url, owner.name))
    check_for_all(config, NETWORK_KEYS, 500)
    if found is None:
        raise Refused(500, "Network not pending on any node (use --target <node> first)")
    if not found.spread.pending:
        raise Refused(500, "The network is already created")
    if missing := found.spread.missing(host):
        raise Refused(500, f"Network not defined on nodes: {', '.join(missing)}")
    if kind == "bridge":
        config = filled(config, host.random, new=True)
    for own in found.spread.own.values():
        check_network(name, kind, config | own, _acls(host, owner.name))
    if kind == "bridge":
        _check_subnet(host, Network(name, kind, owner.name, config=config))
    found.spread.failed = True
    check_peers(host, found.spread)
    found.spread.failed = found.spread.pending = False
    found.config = config  # the description is forgotten
    host.tell("network-created", found.url, owner.name)
    return Sync(created=of_project(found.url, owner.name))


@route("GET", "/1.0/networks/*")
def one(host: Host, request: Request, name: str) -> Reply:
    owner = host.keeper(known_project(host, request.project), "networks")
    if name in owner.networks:
        found = owner.networks[name]
        member = named(host, request)
        return Sync(found.record(host, member), found.etag(member))
    if name in INTERFACES and owner.name == "default":
        told = interface(host, name)
        return Sync(told, etag_of(name, told["type"]))
    raise Refused(404, "Network not found")


@route_changes("/1.0/networks/*")
def change(host: Host, request: Request, name: str, *, keep: bool) -> Reply:
    found, member = managed(host, request.project, name), named(host, request)
    request.check_match(found.etag(member))
    asked = read(request.body, "NetworkPut", _FIELDS)
    own: dict[str, str] = {}
    if host.cluster.enabled:
        config, own = changed(host, found, asked.get("config", {}), NETWORK_KEYS, member, keep=keep)
    else:
        config = {**(found.config if keep else {}), **asked.get("config", {})}
        config = {key: value for key, value in config.items() if value}
    if found.kind == "bridge":
        config = filled(config, host.random, new=False)
    try:
        check_network(name, found.kind, config | own, _acls(host, found.project))
    except Refused as refused:
        raise Refused(400, refused.words) from None
    found.config, found.description = config, asked.get("description", "")
    found.spread.own[host.here] = own
    host.tell("network-updated", found.url, found.project)
    return Sync({})


@route("POST", "/1.0/networks/*")
def rename(host: Host, request: Request, name: str) -> Reply:
    wanted = read(request.body, "NetworkPost", _FIELDS).get("name", "")
    found = managed(host, request.project, name)
    if not wanted:
        raise Refused(400, "New network name not provided")
    if host.cluster.enabled:
        raise Refused(400, "Renaming clustered network not supported")
    check_interface_name(wanted)
    if found.used_by(host):
        raise Refused(400, "Network is currently in use")
    owner = host.projects[found.project]
    if wanted in owner.networks:
        raise Refused(409, f'Network "{wanted}" already exists')
    _check_free(host, wanted)
    del owner.networks[name]
    found.name = wanted
    owner.networks[wanted] = found
    host.tell("network-renamed", found.url, found.project, {"old_name": name})
    return Sync(created=of_project(found.url, found.project))


@route("DELETE", "/1.0/networks/*")
def delete(host: Host, request: Request, name: str) -> Reply:
    found = managed(host, request.project, name)
    if found.used_by(host):
        raise Refused(400, "The network is currently in use")
    check_peers(host, found.spread)
    del host.projects[found.project].networks[name]
    host.tell("network-deleted", found.url, found.project)
    return Sync({})
