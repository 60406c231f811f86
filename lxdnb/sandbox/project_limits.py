"""Limits of projects: what is used of them, and what would be too much.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/projects/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lxdnb.sandbox.bodies import Shape
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.settings import Config, Devices, check_value, expanded
from lxdnb.sandbox.sizes import bytes_of

if TYPE_CHECKING:
    from lxdnb.sandbox.instances import Instance
    from lxdnb.sandbox.projects import Project
    from lxdnb.sandbox.state import Host

__all__ = ["check_changed_instance", "check_limits", "check_new_instance", "check_project_config"]

_COUNTED = {"containers": "container", "virtual-machines": "virtual-machine"}
_SUMMED = ("limits.cpu", "limits.memory", "limits.processes", "limits.disk")
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("limits.containers", "limits.virtual-machines", "limits.instances", "limits.networks"), "uint32"),
    **dict.fromkeys(("limits.cpu", "limits.processes"), "uint32"),
    **dict.fromkeys(("limits.memory", "limits.disk"), "size"),
    "backups.compression_algorithm": "string",
    "images.auto_update_cached": "bool",
    "images.auto_update_interval": "int64",
    "images.compression_algorithm": "string",
    "images.default_architecture": "string",
    "images.remote_cache_expiry": "int64",
    "restricted": "bool",
}


class _Like(NamedTuple):
    """What counts of an instance: one that is there, or one that somebody wants."""

    name: str
    kind: str
    config: Config
    devices: Devices


def check_project_config(features: list[str], config: Config) -> None:
    """Refuse what no project may be set to. Raises Refused with 400."""
    for key, value in config.items():
        kind: Shape | None = "bool" if key in features else _KINDS.get(key)
        if kind is None and not key.startswith(("user.", "restricted.")):
            raise Refused(400, f'Invalid project configuration key "{key}"')
        if kind not in (None, "string") and value:
            try:
                check_value(kind, value)
            except Refused as refused:
                words = f'Invalid project configuration key "{key}" value: {refused.words}'
                raise Refused(400, words) from None


def _all(host: Host, project: Project) -> Iterator[_Like]:
    for each in project.instances.values():
        yield _Like(each.name, each.kind, *each.expanded(host))


def _amount(like: _Like, key: str) -> int:
    """Return how much of a limit an instance takes: 0 where it does not say."""
    if key == "limits.disk":
        return sum(bytes_of(each["size"]) for each in like.devices.values() if each.get("size"))
    text = like.config.get(key, "")
    if key == "limits.memory":
        return bytes_of(text) if text and not text.endswith("%") else 0
    if key == "limits.cpu" and text and not text.isdecimal():
        ranges = [each.split("-") for each in text.split(",")]
        return sum(int(each[-1]) - int(each[0]) + 1 for each in ranges)
    return int(text) if text.isdecimal() else 0


def _limit(key: str, text: str) -> int:
    return bytes_of(text) if key in ("limits.memory", "limits.disk") else int(text)


def _volumes(host: Host, project: Project) -> int:
    """Return how many bytes the custom volumes of a project may grow to."""
    every = [each for pool in host.pools.values() for each in pool.every_volume() if each.project == project.name]
    return sum(bytes_of(each.config["size"]) for each in every if "size" in each.config)


def check_new_instance(
    host: Host, project: str, name: str, kind: str, config: Config, devices: Devices, profiles: list[str]
) -> None:
    """Refuse an instance that a limit of its project has no room for. Raises Refused with 500."""
    own = host.project(project)
    if not any(key.startswith("limits.") for key in own.config):
        return
    there = [*_all(host, own)]
    for collection, counted in _COUNTED.items():
        limit = own.config.get(f"limits.{collection}")
        if limit and kind == counted and sum(each.kind == kind for each in there) >= int(limit):
            raise Refused(500, f'Reached maximum number of instances of type "{kind}" in project "{project}"')
    limit = own.config.get("limits.instances")
    if limit and len(there) >= int(limit):
        raise Refused(500, f'Reached maximum number of instances in project "{project}"')
    if forbidden := next((key for key in config if key.startswith("volatile.") and not _is_allowed(key)), None):
        raise Refused(500, f'Setting "{forbidden}" on {kind} "{name}" in project "{project}" is forbidden')
    shared = [(host.profiles(project)[each].config, host.profiles(project)[each].devices) for each in profiles]
    wanted = _Like(name, kind, *expanded(shared, config, devices))
    try:
        _check_sums(host, own, [*there, wanted])
    except Refused as refused:
        raise Refused(500, f"Failed checking if instance creation allowed: {refused.words}") from None


def check_changed_instance(host: Host, instance: Instance, asked: Mapping[str, Any], *, keep: bool) -> None:
    """Refuse a change of an instance that a limit of its project has no room for. Raises Refused with 500."""
    own = host.project(instance.project)
    if not any(key.startswith("limits.") for key in own.config):
        return
    config, devices = asked.get("config", {}), asked.get("devices", {})
    if keep:
        config, devices = instance.config | config, instance.devices | devices
    known, names = host.profiles(instance.project), asked.get("profiles", instance.profiles if keep else [])
    shared = [(known[name].config, known[name].devices) for name in names if name in known]
    changed = _Like(instance.name, instance.kind, *expanded(shared, config, devices))
    try:
        _check_sums(host, own, [changed if each.name == instance.name else each for each in _all(host, own)])
    except Refused as refused:
        raise Refused(500, f"Failed checking if instance update allowed: {refused.words}") from None


def _is_allowed(key: str) -> bool:
    return key in ("volatile.apply_template", "volatile.base_image", "volatile.last_state.idmap") or key.endswith(
        ".hwaddr"
    )


def _check_sums(host: Host, project: Project, likes: list[_Like]) -> None:
    for key in _SUMMED:
        if key not in project.config:
            continue
        for each in likes:
            if not _amount(each, key):
                what = 'no "size" config set on the root device' if key == "limits.disk" else f'no "{key}" config,'
                where = f'Instance "{each.name}" in project "{project.name}" has {what}'
                words = f"{where} either directly or via a profile"
                raise Refused(500, f"Failed getting usage of project entities: {words}")
        total = sum(_amount(each, key) for each in likes) + (_volumes(host, project) if key == "limits.disk" else 0)
        if total > _limit(key, project.config[key]):
            limit = project.config[key]
            raise Refused(500, f'Reached maximum aggregate value "{limit}" for "{key}" in project "{project.name}"')


def check_limits(host: Host, project: Project, config: Config) -> None:
    """Refuse limits that what is in a project exceeds already. Raises Refused with 500."""
    there = [*_all(host, project)]
    for key, text in config.items():
        if not text or text == project.config.get(key):
            continue
        failed = f'Can\'t change {key} in project "{project.name}": "{key}" is too low: there currently are'
        kind = _COUNTED.get(key.removeprefix("limits."))
        if key == "limits.instances" and len(there) > int(text):
            raise Refused(500, f'{failed} {len(there)} total instances in project "{project.name}"')
        if kind and (count := sum(each.kind == kind for each in there)) > int(text):
            raise Refused(500, f'{failed} {count} instances of type {kind} in project "{project.name}"')


@route("GET", "/1.0/projects/*/state")
def state(host: Host, request: Request, name: str) -> Reply:
    if name not in host.projects:
        raise Refused(404, "Fetch project database object: Project not found")
    project = host.projects[name]
    there = [*_all(host, project)]
    used = {collection: sum(each.kind == kind for each in there) for collection, kind in _COUNTED.items()}
    used |= {"instances": len(there), "networks": len(project.networks)}
    used |= {key.removeprefix("limits."): sum(_amount(each, key) for each in there) for key in _SUMMED}
    used["disk"] += _volumes(host, project)
    told = {key: {"Limit": _told(project, f"limits.{key}"), "Usage": used[key]} for key in sorted(used)}
    return Sync({"resources": told})


def _told(project: Project, key: str) -> int:
    text = project.config.get(key)
    return _limit(key, text) if text else -1
