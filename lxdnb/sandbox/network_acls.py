"""Network ACLs: rules that let traffic in and out, or do not.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/network_acls/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.lists import known_project, listed, owners
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.settings import given
from lxdnb.sandbox.urls import of_project, url

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Acl"]

Rule = dict[str, str]

RULE = ("action", "source", "destination", "protocol", "source_port", "destination_port", "icmp_type", "icmp_code",
        "description", "state")  # fmt: skip
_RULES: Shape = [dict.fromkeys(RULE, "string")]
_FIELDS: dict[str, Shape] = {
    "name": "string",
    "description": "string",
    "config": CONFIG,
    "ingress": _RULES,
    "egress": _RULES,
}
_INTERNAL = ("@internal", "@external", "#internal", "#external")


@dataclass
class Acl:
    name: str
    project: str
    description: str = ""
    config: dict[str, str] = field(default_factory=dict[str, str])
    ingress: list[Rule] = field(default_factory=list[Rule])
    egress: list[Rule] = field(default_factory=list[Rule])

    @property
    def url(self) -> str:
        return f"/1.0/network-acls/{self.name}"

    def used_by(self, host: Host) -> list[str]:
        """The URLs of the networks, cards and other ACLs that name it."""
        owner = host.projects[self.project]
        found = [
            of_project(each.url, self.project)
            for each in owner.networks.values()
            if self.name in _names(each.config.get("security.acls", ""))
        ]
        for project in host.projects.values():
            if host.keeper(project.name, "networks") is owner:
                for user in (*project.instances.values(), *project.profiles.values()):
                    if any(self.name in _names(each.get("security.acls", "")) for each in user.devices.values()):
                        found.append(of_project(user.url, project.name))
        for other in owner.acls.values():
            subjects = [rule.get(side, "") for rule in (*other.ingress, *other.egress) for side in RULE[1:3]]
            if other is not self and any(self.name in _names(each) for each in subjects):
                found.append(of_project(other.url, self.project))
        return found

    def record(self, host: Host) -> dict[str, Any]:
        told = {
            "name": self.name,
            "description": self.description,
            "egress": self.egress,
            "ingress": self.ingress,
            "config": dict(sorted(self.config.items())),
            "used_by": self.used_by(host),
        }
        return {**told, "project": self.project} if host.flavour.incus else told

    @property
    def etag(self) -> str:
        return etag_of(self.name, self.description, self.ingress, self.egress, self.config)


def _names(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _known(host: Host, request: Request, name: str) -> Acl:
    acls = host.keeper(known_project(host, request.project), "networks").acls
    if name not in acls:
        raise Refused(404, "Network ACL not found")
    return acls[name]


def _check_name(name: str) -> None:
    if not name:
        raise Refused(500, "Name is required")
    if name[0] in "@#":
        raise Refused(500, f'Name cannot start with reserved character "{name[0]}"')
    if not re.fullmatch(r"[-a-zA-Z0-9]+", name):
        raise Refused(500, "Name can only contain alphanumeric and hyphen characters")
    if name[0] == "-":
        raise Refused(500, 'Name must not start with "-" character')
    if name[-1] == "-":
        raise Refused(500, 'Name must not end with "-" character')
    if name.isdecimal():
        raise Refused(500, "Name cannot be a number")


def _check(host: Host, project: str, asked: dict[str, Any]) -> None:
    for key in asked.get("config", {}):
        if not key.startswith("user."):
            raise Refused(500, f'Invalid config option "{key}"')
    acls = host.keeper(project, "networks").acls
    for direction in ("ingress", "egress"):
        rules: list[Rule] = []
        for number, rule in enumerate(asked.get(direction, [])):
            wrong = _wrong(host, rule, [*acls, asked.get("name", "")])
            if wrong:
                raise Refused(500, f"Invalid {direction} rule {number}: {wrong}")
            if rule in rules:
                raise Refused(500, f"Duplicate of {direction} rule {rules.index(rule)}")
            rules.append(rule)


def _wrong(host: Host, rule: Rule, acls: list[str]) -> str | None:
    """Return what is wrong with a rule, in the servers' words, or None."""
    actions = ("allow", "allow-stateless", "drop", "reject") if host.flavour.incus else ("allow", "drop", "reject")
    for key, words in {"action": actions, "state": ("enabled", "disabled", "logged")}.items():
        if rule.get(key, "") not in words:
            return f"{key.title()} must be one of: {', '.join(words)}"
    protocol = rule.get("protocol", "")
    if protocol and protocol not in ("icmp4", "icmp6", "tcp", "udp"):
        return "Protocol must be one of: icmp4, icmp6, tcp, udp"
    for side in ("source", "destination"):
        if wrong := next((each for each in _names(rule.get(side, "")) if not _is_subject(each, acls)), None):
            return f'Invalid {side.title()}: Invalid subject "{wrong}"'
    for key in ("source_port", "destination_port"):
        said = key.replace("_", " ").capitalize()
        for port in _names(rule.get(key, "")):
            if not protocol:
                return f"{said} cannot be used without specifying protocol"
            if protocol not in ("tcp", "udp"):
                return f'{said} cannot be used with "{protocol}" protocol'
            for end in port.split("-", 1):
                if not end.isdecimal() or int(end) > 65535:
                    return f'Invalid {said}: Invalid port number "{end}"'
    for key in ("icmp_type", "icmp_code"):
        if rule.get(key) and protocol not in ("icmp4", "icmp6"):
            return f"ICMP {key.partition('_')[2]} cannot be used with non-ICMP protocol"
    return None


def _is_subject(text: str, acls: list[str]) -> bool:
    if text in _INTERNAL or text in acls:
        return True
    try:
        if "/" in text:
            ip_network(text, strict=False)
        else:
            for each in text.split("-", 1):
                ip_address(each)
    except ValueError:
        return False
    return True


def _kept(rules: list[Rule]) -> list[Rule]:
    return [{key: rule[key] for key in RULE if rule.get(key)} for rule in rules]


def _take(acl: Acl, asked: dict[str, Any]) -> None:
    acl.description, acl.config = asked.get("description", ""), given(asked.get("config", {}))
    acl.ingress, acl.egress = _kept(asked.get("ingress", [])), _kept(asked.get("egress", []))


@route("GET", "/1.0/network-acls")
def every(host: Host, request: Request) -> Reply:
    if request.of_all_projects and not host.flavour.incus:
        request = Request(request.method, request.path, {**request.query, "all-projects": ""}, request.headers)
    projects = owners(host, request, "networks")
    found = [each for project in projects for _, each in sorted(host.projects[project].acls.items())]
    return listed(
        host,
        request,
        found,
        lambda each: url(host, "network-acls", each.name, project=each.project),
        lambda each: each.record(host),
        filters=host.flavour.incus,
    )


@route("POST", "/1.0/network-acls")
def create(host: Host, request: Request) -> Reply:
    owner = host.keeper(known_project(host, request.project), "networks")
    asked = read(request.body, "NetworkACLsPost", _FIELDS)
    name = asked.get("name", "")
    if name in owner.acls:
        raise Refused(400, "The network ACL already exists")
    _check_name(name)
    _check(host, owner.name, asked)
    made = Acl(name, owner.name)
    _take(made, asked)
    owner.acls[name] = made
    host.tell("network-acl-created", made.url, owner.name)
    return Sync(created=of_project(made.url, owner.name))


@route("GET", "/1.0/network-acls/*")
def one(host: Host, request: Request, name: str) -> Reply:
    found = _known(host, request, name)
    return Sync(found.record(host), found.etag)


@route_changes("/1.0/network-acls/*")
def change(host: Host, request: Request, name: str, *, keep: bool) -> Reply:
    found = _known(host, request, name)
    request.check_match(found.etag)
    asked = read(request.body, "NetworkACLPut", _FIELDS)
    if keep:
        asked["config"] = found.config | asked.get("config", {})
    _check(host, found.project, {**asked, "name": name})
    _take(found, asked)
    host.tell("network-acl-updated", found.url, found.project)
    return Sync({})


@route("POST", "/1.0/network-acls/*")
def rename(host: Host, request: Request, name: str) -> Reply:
    wanted = read(request.body, "NetworkACLPost", _FIELDS).get("name", "")
    found = _known(host, request, name)
    acls = host.projects[found.project].acls
    if wanted in acls:
        raise Refused(500, "An ACL by that name exists already")
    if found.used_by(host):
        raise Refused(500, "Cannot rename an ACL that is in use")
    _check_name(wanted)
    del acls[name]
    found.name = wanted
    acls[wanted] = found
    host.tell("network-acl-renamed", found.url, found.project, {"old_name": name})
    return Sync(created=of_project(found.url, found.project))


@route("DELETE", "/1.0/network-acls/*")
def delete(host: Host, request: Request, name: str) -> Reply:
    found = _known(host, request, name)
    if found.used_by(host):
        raise Refused(500, "Cannot delete an ACL that is in use")
    del host.projects[found.project].acls[name]
    host.tell("network-acl-deleted", found.url, found.project)
    return Sync({})


@route("GET", "/1.0/network-acls/*/log")
def log(host: Host, request: Request, name: str) -> Reply:
    _known(host, request, name)
    raise Refused(500, "Only OVN log entries may be retrieved at this time")
