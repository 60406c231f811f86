"""Profiles: settings that instances share.

https://documentation.ubuntu.com/lxd/stable-5.0/profiles/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, DEVICES, Shape, read, read_patch
from lxdnb.sandbox.devices import check_devices, set_devices
from lxdnb.sandbox.lists import listed
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.settings import Config, Devices, check_config, given

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Profile"]

_FIELDS: dict[str, Shape] = {"name": "string", "description": "string", "config": CONFIG, "devices": DEVICES}


@dataclass
class Profile:
    name: str
    description: str = ""
    config: Config = field(default_factory=dict[str, str])
    devices: Devices = field(default_factory=dict[str, dict[str, str]])

    @property
    def url(self) -> str:
        return f"/1.0/profiles/{self.name}"

    def record(self, host: Host, project: str) -> dict[str, Any]:
        """What the server tells of it, as one of a project's."""
        told: dict[str, Any] = {
            "config": dict(sorted(self.config.items())),
            "description": self.description,
            "devices": self.devices,
            "name": self.name,
            "used_by": self.used_by(host, project),
        }
        return {**told, "project": project} if host.flavour.incus else told

    def used_by(self, host: Host, project: str) -> list[str]:
        """The URLs of the instances that have it, in all projects that take their profiles from this one."""
        sharing = [each for each in host.projects.values() if host.keeper(each.name, "profiles").name == project]
        return [
            instance.url if each.name == "default" else f"{instance.url}?project={each.name}"
            for each in sharing
            for instance in each.instances.values()
            if self.name in instance.profiles
        ]

    @property
    def etag(self) -> str:
        return etag_of(self.config, self.description, self.devices)


def _known(host: Host, project: str, name: str, failed: str) -> Profile:
    found = host.profiles(project).get(name)
    if found is None:
        raise Refused(404, f"{failed}Profile not found")
    return found


def _check(host: Host, project: str, config: Config, devices: Devices, code: int) -> None:
    try:
        check_config(host.flavour, config, of_profile=True)
    except Refused as refused:
        raise Refused(code, refused.words) from None
    check_devices(host, project, devices, "Device validation failed", code)


@route("GET", "/1.0/profiles")
def every(host: Host, request: Request) -> Reply:
    if request.of_all_projects and host.flavour.incus:
        # Of projects too that the caller may not use: Incus 6.0 shows them all to whom it trusts.
        found = [(each, owner.name) for owner in host.projects.values() for each in owner.profiles.values()]
    else:
        owner = host.keeper(request.project, "profiles")
        found = [(owner.profiles[name], owner.name) for name in sorted(owner.profiles)]
    return listed(
        host,
        request,
        found,
        lambda each: each[0].url if each[1] == "default" else f"{each[0].url}?project={each[1]}",
        lambda each: each[0].record(host, each[1]),
        filters=host.flavour.incus,
    )


@route("POST", "/1.0/profiles")
def create(host: Host, request: Request) -> Reply:
    profiles = host.profiles(request.project)
    asked = read(request.body, "ProfilesPost", _FIELDS)
    name = asked.get("name", "")
    if not name:
        raise Refused(400, "No name provided")
    if "/" in name:
        raise Refused(400, "Profile names may not contain slashes")
    if name in (".", ".."):
        raise Refused(400, f'Invalid profile name "{name}"')
    devices = asked.get("devices", {})
    made = Profile(name, asked.get("description", ""), given(asked.get("config", {})), set_devices(devices))
    _check(host, request.project, asked.get("config", {}), devices, 400)
    if name in profiles:
        raise Refused(500, f'Error inserting "{name}" into database: The profile already exists')
    profiles[name] = made
    host.tell("profile-created", made.url, request.project)
    return Sync(created=made.url)


@route("GET", "/1.0/profiles/*")
def one(host: Host, request: Request, name: str) -> Reply:
    owner = host.keeper(request.project, "profiles")
    found = _known(host, owner.name, name, "Fetch profile: ")
    return Sync(found.record(host, owner.name), found.etag)


@route_changes("/1.0/profiles/*")
def change(host: Host, request: Request, name: str, *, keep: bool) -> Reply:
    found = _known(host, request.project, name, f'Failed to retrieve profile{"=" if keep else " "}"{name}": ')
    request.check_match(found.etag)
    asked = read_patch(host, request, "ProfilePut", _FIELDS) if keep else read(request.body, "ProfilePut", _FIELDS)
    config, devices = asked.get("config", {}), asked.get("devices", {})
    if keep:
        config, devices = found.config | config, found.devices | devices
    _check(host, request.project, config, devices, 500)
    found.config, found.devices = given(config), set_devices(devices)
    if "description" in asked or not keep:
        found.description = asked.get("description", "")
    host.tell("profile-updated", found.url, request.project)
    return Sync({})


@route("POST", "/1.0/profiles/*")
def rename(host: Host, request: Request, name: str) -> Reply:
    profiles = host.profiles(request.project)
    if name == "default":
        raise Refused(403, 'The "default" profile cannot be renamed')
    wanted = read(request.body, "ProfilePost", _FIELDS).get("name", "")
    if not wanted:
        raise Refused(400, "No name provided")
    if wanted in profiles:
        raise Refused(
            500, f'Profile "{wanted}" already exists' if host.flavour.incus else f'Name "{wanted}" already in use'
        )
    if "/" in wanted:
        raise Refused(400, "Profile names may not contain slashes")
    found = profiles.get(name)
    if found is None:
        none = f'Profile "{name}" doesn\'t exist' if host.flavour.incus else "Query affected 0 rows instead of 1"
        raise Refused(500, none)
    del profiles[name]
    found.name = wanted
    profiles[wanted] = found
    for project in host.projects.values():
        if host.profiles(project.name) is profiles:
            for instance in project.instances.values():
                instance.profiles = tuple(wanted if each == name else each for each in instance.profiles)
    host.tell("profile-renamed", found.url, request.project, {"old_name": name})
    return Sync(created=found.url)


@route("DELETE", "/1.0/profiles/*")
def delete(host: Host, request: Request, name: str) -> Reply:
    owner = host.keeper(request.project, "profiles")
    if name == "default":
        raise Refused(403, 'The "default" profile cannot be deleted')
    found = _known(host, owner.name, name, "")
    if found.used_by(host, owner.name):
        raise Refused(400, "Profile is currently in use")
    del owner.profiles[name]
    host.tell("profile-deleted", found.url, request.project)
    return Sync({})
