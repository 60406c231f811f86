"""Lists of instances: by URL, whole, or with their state, of a project or of all, filtered before they are written.

A filter is asked of what an instance has, not of its record: among 100,000 few records are then made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.backups import told_of
from lxdnb.sandbox.filters import ABSENT, matcher
from lxdnb.sandbox.instances import STATUS_CODES, Instance, known
from lxdnb.sandbox.power import state_of
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.writing import Records

if TYPE_CHECKING:
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_NO_TIME = "0001-01-01T00:00:00Z"

_DIRECT: dict[str, Callable[[Instance], Any]] = {
    "name": lambda each: each.name,
    "status": lambda each: each.status,
    "type": lambda each: each.kind,
    "project": lambda each: each.project,
    "description": lambda each: each.description,
    "architecture": lambda each: each.architecture,
    "ephemeral": lambda each: each.ephemeral,
    "stateful": lambda each: each.stateful,
    "status_code": lambda each: STATUS_CODES[each.status],
    "profiles": lambda each: each.profiles,
}


def _getter(host: Host, field: str) -> Callable[[Instance], Any]:
    """Return what reads a field of an instance, as its record would have it."""
    if field == "location":
        return lambda each: (each.member or host.cluster.first).name
    if field in _DIRECT:
        return _DIRECT[field]
    first, _, rest = field.partition(".")
    if first == "config":
        return lambda each: each.config.get(rest, "")
    if first == "expanded_config":
        return lambda each: each.expanded(host)[0].get(rest, "")
    if first not in ("devices", "expanded_devices"):
        return lambda each: ABSENT

    def get(instance: Instance) -> Any:
        value: Any = instance.record(host)[first]
        for part in filter(None, rest.split(".")):
            value = value.get(part, ABSENT) if isinstance(value, dict) else ABSENT
        return value

    return get


def _found(host: Host, request: Request, kind: str | None) -> list[Instance]:
    if request.of_all_projects:
        if request.query.get("project"):
            raise Refused(400, "Cannot specify a project when requesting all projects")
        projects = [each for name, each in host.projects.items() if request.caller.may_use(name)]
    else:
        projects = [host.projects[request.project]] if request.project in host.projects else []
    found = [each for project in projects for each in project.instances.values()]
    if kind:
        found = [each for each in found if each.kind == kind]
    if text := request.query.get("filter"):
        found = [*filter(matcher(text, host.flavour.incus, partial(_getter, host)), found)]
    order = {project.name: number for number, project in enumerate(projects)}
    return sorted(found, key=lambda each: (order[each.project], each.name))


def _listed(host: Host, request: Request, collection: str, kind: str | None) -> Reply:
    found = _found(host, request, kind)
    if not request.recursion:
        endings = {each.project: "" if each.project == "default" else f"?project={each.project}" for each in found}
        return Sync(Records(found, lambda each: f"/1.0/{collection}/{each.name}{endings[each.project]}"))
    return Sync(Records(found, lambda each: _told(host, each, whole=request.recursion > 1)))


def _told(host: Host, instance: Instance, *, whole: bool) -> dict[str, Any]:
    if instance.member is not None and instance.member.lost is not None:
        return _unknown(host, instance, instance.member)
    return instance.record(host) | _rest(host, instance) if whole else instance.record(host)


def _unknown(host: Host, instance: Instance, member: Member) -> dict[str, Any]:
    """What is told of an instance whose member is lost: its name, and that nothing else is known."""
    return {
        "architecture": "",
        "config": None,
        "devices": None,
        "ephemeral": False,
        "profiles": None,
        "stateful": False,
        "description": "",
        "created_at": _NO_TIME,
        "name": instance.name,
        "status": "Error",
        "status_code": 112,
        "last_used_at": _NO_TIME,
        "location": member.name,
        "type": instance.kind if host.flavour.incus else "",
        "project": instance.project,
        "backups": None,
        "state": None,
        "snapshots": None,
    }


def _rest(host: Host, instance: Instance) -> dict[str, Any]:
    """What a record has besides where all of it is asked for."""
    snapshots = [each.record(host) for each in (instance.snapshots or {}).values()]
    return {"backups": told_of(host, instance), "state": state_of(host, instance), "snapshots": snapshots or None}


@route("GET", "/1.0/instances")
def instances(host: Host, request: Request) -> Reply:
    return _listed(host, request, "instances", request.query.get("instance-type"))


@route("GET", "/1.0/instances/*")
def one(host: Host, request: Request, name: str) -> Reply:
    found = known(host, request.project, name)
    record = found.record(host)
    return Sync(record | _rest(host, found) if request.recursion else record, found.etag)


@route("GET", "/1.0/containers")
def containers(host: Host, request: Request) -> Reply:
    return _listed(host, _of_lxd(host, request), "containers", "container")


@route("GET", "/1.0/virtual-machines")
def virtual_machines(host: Host, request: Request) -> Reply:
    return _listed(host, _of_lxd(host, request), "virtual-machines", "virtual-machine")


def _of_lxd(host: Host, request: Request) -> Request:
    if host.flavour.incus:
        raise Refused(404, "not found")
    return request
