"""DNS zones that networks write their names to, and records of their own.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/network_zones/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.lists import known_project, listed, owners
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.urls import of_project, url

if TYPE_CHECKING:
    from lxdnb.sandbox.projects import Project
    from lxdnb.sandbox.state import Host

__all__ = ["Zone"]

Entry = dict[str, Any]

_FIELDS: dict[str, Shape] = {"name": "string", "description": "string", "config": CONFIG}
_RECORD_FIELDS: dict[str, Shape] = {**_FIELDS, "entries": [{"type": "string", "value": "string", "ttl": "int"}]}
_KEYS = re.compile(r"dns\.nameservers|network\.nat|peers\.[^.]+\.(address|key)|user\..+")
_TYPES = ("A", "AAAA", "CAA", "CNAME", "DNAME", "MX", "NS", "PTR", "SOA", "SRV", "SSHFP", "TLSA", "TXT")
_TTL = 300  # seconds


@dataclass
class Record:
    name: str
    description: str = ""
    config: dict[str, str] = field(default_factory=dict[str, str])
    entries: list[Entry] | None = None

    def record(self) -> dict[str, Any]:
        told = {"description": self.description, "entries": self.entries}
        return {**told, "config": dict(sorted(self.config.items())), "name": self.name}

    @property
    def etag(self) -> str:
        return etag_of(self.description, self.config, self.entries)


@dataclass
class Zone:
    name: str
    project: str
    description: str = ""
    config: dict[str, str] = field(default_factory=dict[str, str])
    records: dict[str, Record] = field(default_factory=dict[str, Record])

    @property
    def url(self) -> str:
        return f"/1.0/network-zones/{self.name}"

    def used_by(self, host: Host) -> list[str]:
        """The URLs of the networks that write their names to it."""
        return [
            of_project(network.url, project.name)
            for project in host.projects.values()
            for network in project.networks.values()
            if any(key.startswith("dns.zone.") and value == self.name for key, value in network.config.items())
        ]

    def record(self, host: Host) -> dict[str, Any]:
        told: dict[str, Any] = {
            "description": self.description,
            "config": dict(sorted(self.config.items())),
            "name": self.name,
            "used_by": self.used_by(host),
        }
        return {**told, "project": self.project} if host.flavour.incus else told

    @property
    def etag(self) -> str:
        return etag_of(self.name, self.description, self.config)


def _feature(host: Host) -> str:
    return "networks.zones" if host.flavour.incus else "networks"


def _owner(host: Host, request: Request) -> Project:
    return host.keeper(known_project(host, request.project), _feature(host))


def _known(host: Host, request: Request, name: str) -> Zone:
    zones = _owner(host, request).zones
    if name not in zones:
        raise Refused(404, "Network zone not found")
    return zones[name]


def _record_of(zone: Zone, name: str) -> Record:
    if name not in zone.records:
        raise Refused(404, "Network zone record not found")
    return zone.records[name]


def _check(config: dict[str, str], *, of_record: bool = False) -> None:
    for key in config:
        if not (key.startswith("user.") if of_record else _KEYS.fullmatch(key)):
            raise Refused(500, f'Invalid config option "{key}"')


@route("GET", "/1.0/network-zones")
def every(host: Host, request: Request) -> Reply:
    if request.of_all_projects and not host.flavour.incus:
        request = Request(request.method, request.path, {**request.query, "all-projects": ""}, request.headers)
    projects = owners(host, request, _feature(host))
    found = [each for project in projects for each in host.projects[project].zones.values()]
    return listed(
        host,
        request,
        found,
        lambda each: url(host, "network-zones", each.name, project=each.project),
        lambda each: each.record(host),
        filters=host.flavour.incus,
    )


@route("POST", "/1.0/network-zones")
def create(host: Host, request: Request) -> Reply:
    owner = _owner(host, request)
    asked = read(request.body, "NetworkZonesPost", _FIELDS)
    name, config = asked.get("name", ""), asked.get("config", {})
    if not name:
        raise Refused(500, "Name is required")
    if any(name in project.zones for project in host.projects.values()):
        raise Refused(400, "The network zone already exists")
    _check(config)
    made = Zone(name, owner.name, asked.get("description", ""), config)
    owner.zones[name] = made
    host.tell("network-zone-created", made.url, owner.name)
    return Sync(created=url(host, "network-zones", name, project=owner.name))


@route("GET", "/1.0/network-zones/*")
def one(host: Host, request: Request, name: str) -> Reply:
    found = _known(host, request, name)
    # Incus leaves out whose it is, of one alone.
    return Sync(found.record(host) | ({"project": ""} if host.flavour.incus else {}), found.etag)


@route_changes("/1.0/network-zones/*")
def change(host: Host, request: Request, name: str, *, keep: bool) -> Reply:
    found = _known(host, request, name)
    request.check_match(found.etag)
    asked = read(request.body, "NetworkZonePut", _FIELDS)
    config = {**(found.config if keep else {}), **asked.get("config", {})}
    _check(config)
    found.config, found.description = config, asked.get("description", "")
    host.tell("network-zone-updated", found.url, found.project)
    return Sync({})


@route("DELETE", "/1.0/network-zones/*")
def delete(host: Host, request: Request, name: str) -> Reply:
    found = _known(host, request, name)
    if found.used_by(host):
        raise Refused(500, "Cannot delete a zone that is in use")
    del host.projects[found.project].zones[name]
    host.tell("network-zone-deleted", found.url, found.project)
    return Sync({})


# --- records


def _check_entries(entries: list[Entry]) -> None:
    seen: list[tuple[str, str]] = []
    for entry in entries:
        kind, value = entry.get("type", ""), entry.get("value", "")
        line = f"record {entry.get('ttl') or _TTL} IN {kind}"
        if kind.upper() not in _TYPES:
            raise Refused(500, f'Bad zone record entry: dns: unknown RR type: "{kind}" at line: 1:{len(line) + 1}')
        try:
            if kind.upper() in ("A", "AAAA"):
                (IPv4Address if kind.upper() == "A" else IPv6Address)(value)
        except ValueError:
            where = f"1:{len(line) + 1 + len(value)}"
            raise Refused(500, f'Bad zone record entry: dns: bad {kind} {kind}: "{value}" at line: {where}') from None
        if (kind, value) in seen:
            raise Refused(500, f'Duplicate record for type "{kind}" and value "{value}"')
        seen.append((kind, value))


def _kept(entries: list[Entry] | None) -> list[Entry] | None:
    if entries is None:
        return None
    return [{key: each[key] for key in ("type", "ttl", "value") if key == "value" or each.get(key)} for each in entries]


@route("GET", "/1.0/network-zones/*/records")
def every_record(host: Host, request: Request, zone: str) -> Reply:
    owner = _known(host, request, zone)
    return listed(
        host,
        request,
        [record for _, record in sorted(owner.records.items())],
        lambda each: url(host, "network-zones", zone, "records", each.name, project=owner.project),
        lambda each: each.record(),
        filters=False,
    )


@route("POST", "/1.0/network-zones/*/records")
def create_record(host: Host, request: Request, zone: str) -> Reply:
    owner = _known(host, request, zone)
    asked = read(request.body, "NetworkZoneRecordsPost", _RECORD_FIELDS)
    name, entries = asked.get("name", ""), asked.get("entries")
    _check(asked.get("config", {}), of_record=True)
    _check_entries(entries or [])
    # To LXD a record's name is one of all zones.
    zones = [owner] if host.flavour.incus else [each for some in host.projects.values() for each in some.zones.values()]
    if any(name in each.records for each in zones):
        which = "networks_zones_records.network_zone_id, " if host.flavour.incus else ""
        raise Refused(500, f"UNIQUE constraint failed: {which}networks_zones_records.name")
    owner.records[name] = Record(name, asked.get("description", ""), asked.get("config", {}), _kept(entries))
    host.tell("network-zone-record-created", f"{owner.url}/records/{name}", owner.project)
    return Sync(created=url(host, "network-zones", zone, "records", name, project=owner.project))


@route("GET", "/1.0/network-zones/*/records/*")
def one_record(host: Host, request: Request, zone: str, name: str) -> Reply:
    found = _record_of(_known(host, request, zone), name)
    return Sync(found.record(), found.etag)


@route_changes("/1.0/network-zones/*/records/*")
def change_record(host: Host, request: Request, zone: str, name: str, *, keep: bool) -> Reply:
    owner = _known(host, request, zone)
    found = _record_of(owner, name)
    request.check_match(found.etag)
    asked = read(request.body, "NetworkZoneRecordPut", _RECORD_FIELDS)
    config = asked.get("config", {})
    _check(config, of_record=True)
    _check_entries(asked.get("entries") or [])
    if keep:
        config = owner.config | config  # the zone's, which is the servers' own mistake
    found.config, found.description = config, asked.get("description", "")
    found.entries = _kept(asked.get("entries"))
    host.tell("network-zone-record-updated", f"{owner.url}/records/{name}", owner.project)
    return Sync({})


@route("DELETE", "/1.0/network-zones/*/records/*")
def delete_record(host: Host, request: Request, zone: str, name: str) -> Reply:
    owner = _known(host, request, zone)
    _record_of(owner, name)
    del owner.records[name]
    host.tell("network-zone-record-deleted", f"{owner.url}/records/{name}", owner.project)
    return Sync({})
