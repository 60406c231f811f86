"""Projects: each with things of its own, and with what it takes from `default`.

https://documentation.ubuntu.com/lxd/stable-5.0/projects/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.images import Alias, Image
from lxdnb.sandbox.instances import Instance, remove, stop
from lxdnb.sandbox.lists import listed
from lxdnb.sandbox.network_acls import Acl
from lxdnb.sandbox.network_zones import Zone
from lxdnb.sandbox.networks import Network
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.profiles import Profile
from lxdnb.sandbox.project_limits import check_limits, check_project_config
from lxdnb.sandbox.replies import Async, Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.urls import of_project, url

if TYPE_CHECKING:
    from lxdnb.sandbox.flavours import Flavour
    from lxdnb.sandbox.pools import Pool
    from lxdnb.sandbox.state import Host
    from lxdnb.sandbox.volumes import Volume

__all__ = ["Project", "first_project"]

_FIELDS: dict[str, Shape] = {"name": "string", "description": "string", "config": CONFIG}


@dataclass
class Project:
    name: str
    description: str = ""
    config: dict[str, str] = field(default_factory=dict[str, str])
    instances: dict[str, Instance] = field(default_factory=dict[str, Instance])
    images: dict[str, Image] = field(default_factory=dict[str, Image])
    aliases: dict[str, Alias] = field(default_factory=dict[str, Alias])
    profiles: dict[str, Profile] = field(default_factory=dict[str, Profile])
    networks: dict[str, Network] = field(default_factory=dict[str, Network])
    acls: dict[str, Acl] = field(default_factory=dict[str, Acl])
    zones: dict[str, Zone] = field(default_factory=dict[str, Zone])

    @property
    def url(self) -> str:
        return f"/1.0/projects/{self.name}"

    def has(self, feature: str) -> bool:
        return self.config.get(f"features.{feature}") == "true"

    def used_by(self, host: Host) -> list[str]:
        """The URLs of what is in it."""
        found = [of_project(each.url, self.name) for each in self.instances.values()]
        found += [of_project(each.url, self.name) for each in self.profiles.values()]
        found += [of_project(each.url, self.name) for each in self.images.values()]
        found += [each.place(host) for pool in host.pools.values() for each in self.volumes(pool)]
        found += [of_project(each.url, self.name) for each in (*self.networks.values(), *self.acls.values())]
        if host.flavour.incus:
            found += [url(host, "network-zones", each, project=self.name) for each in self.zones]
        return sorted(found) if host.flavour.incus else found

    def volumes(self, pool: Pool) -> list[Volume]:
        """The custom volumes that it has in a pool."""
        return [each for each in pool.every_volume() if each.project == self.name]

    def is_empty(self, host: Host) -> bool:
        """Tell whether it can go: LXD minds neither volumes nor ACLs, which go with it."""
        inside = {of_project("/1.0/profiles/default", self.name)}
        if host.flavour.incus:
            return inside.issuperset(self.used_by(host))
        return not self.instances and not self.images and self.profiles.keys() <= {"default"} and not self.networks

    def record(self, host: Host) -> dict[str, Any]:
        return {
            "config": dict(sorted(self.config.items())),
            "description": self.description,
            "name": self.name,
            "used_by": self.used_by(host),
        }

    @property
    def etag(self) -> str:
        return etag_of(self.description, self.config)


def first_project(host: Host) -> Project:
    """Return the project that each server has, before anything else is there."""
    config = dict.fromkeys(_features(host.flavour), "true")
    made = Project("default", f"Default {host.flavour.title} project", config)
    made.profiles["default"] = Profile("default", f"Default {host.flavour.title} profile")
    return made


def _default_profile(host: Host, project: str) -> Profile:
    return Profile("default", f"Default {host.flavour.title} profile for project {project}")


def _features(flavour: Flavour) -> list[str]:
    own = ["features.images", "features.networks", "features.profiles", "features.storage.volumes"]
    return [*own, "features.networks.zones", "features.storage.buckets"] if flavour.incus else own


def _known(host: Host, name: str) -> Project:
    if name not in host.projects:
        raise Refused(404, "Project not found")
    return host.projects[name]


def _check_name(name: str) -> None:
    if not name:
        raise Refused(400, "No name provided")
    if "/" in name:
        raise Refused(400, "Project names may not contain slashes")
    for character, what in ((" ", "spaces"), ("_", "underscores"), ("'", "quotes"), ('"', "quotes")):
        if character in name:
            raise Refused(400, f"Project names may not contain {what}")
    if name == "*":
        raise Refused(400, "Reserved project name")
    if name in (".", ".."):
        raise Refused(400, f'Invalid project name "{name}"')


@route("GET", "/1.0/projects")
def every(host: Host, request: Request) -> Reply:
    return listed(
        host,
        request,
        [host.projects[name] for name in sorted(host.projects) if request.caller.may_use(name)],
        lambda each: url(host, "projects", each.name),
        lambda each: each.record(host),
        filters=host.flavour.incus,
    )


@route("POST", "/1.0/projects")
def create(host: Host, request: Request) -> Reply:
    asked = read(request.body, "ProjectsPost", _FIELDS)
    name, config = asked.get("name", ""), asked.get("config", {})
    _check_name(name)
    check_project_config(_features(host.flavour), config)
    if name in host.projects:
        if host.flavour.incus:
            why = 'Failed to create "projects" entry: UNIQUE constraint failed: projects.name'
            raise Refused(500, f'Failed creating project "{name}": Failed adding database record: {why}')
        why = 'This "projects" entry already exists'
        raise Refused(409, f'Failed creating project "{name}": Failed adding database record: {why}')
    # A new project has all features but networks, unless it says otherwise.
    features = [each for each in _features(host.flavour) if "networks" not in each]
    made = Project(name, asked.get("description", ""), dict.fromkeys(features, "true") | config)
    if made.has("profiles"):
        made.profiles["default"] = _default_profile(host, name)
    host.projects[name] = made
    host.tell("project-created", made.url, name)
    return Sync(created=made.url)


@route("GET", "/1.0/projects/*")
def one(host: Host, request: Request, name: str) -> Reply:
    found = _known(host, name)
    return Sync(found.record(host), found.etag)


@route_changes("/1.0/projects/*")
def change(host: Host, request: Request, name: str, *, keep: bool) -> Reply:
    found = _known(host, name)
    request.check_match(found.etag)
    asked = read(request.body, "ProjectPut", _FIELDS)
    config = asked.get("config", found.config if keep else {})
    features = _features(host.flavour)
    check_project_config(features, config)
    for feature in features:
        has, wanted = found.config.get(feature) == "true", config.get(feature) == "true"
        if has != wanted and not found.is_empty(host):
            how = "enabled" if wanted else "disabled"
            raise Refused(400, f'Project feature "{feature}" cannot be {how} on non-empty projects')
    check_limits(host, found, config)
    found.config = {key: value for key, value in config.items() if value}
    if not found.has("profiles"):
        found.profiles.clear()
    elif not found.profiles:
        found.profiles["default"] = _default_profile(host, name)
    if "description" in asked or not keep:
        found.description = asked.get("description", "")
    host.tell("project-updated", found.url, name)
    return Sync({})


@route("POST", "/1.0/projects/*")
def rename(host: Host, request: Request, name: str) -> Reply:
    if name == "default":
        raise Refused(403, "The 'default' project cannot be renamed")
    wanted = read(request.body, "ProjectPost", _FIELDS).get("name", "")

    def work(operation: Operation) -> Work:
        yield 0.0
        if wanted in host.projects:
            raise Refused(500, f'A project named "{wanted}" already exists')
        found = host.project(name)
        if not found.is_empty(host):
            raise Refused(500, "Only empty projects can be renamed")
        _check_name(wanted)
        del host.projects[name]
        found.name = wanted
        host.projects[wanted] = found
        host.tell("project-renamed", found.url, wanted, {"old_name": name})

    return Async(host.operations.begin("", "Renaming project", {}, work))


@route("DELETE", "/1.0/projects/*")
def delete(host: Host, request: Request, name: str) -> Reply:
    if name == "default":
        raise Refused(403, "The 'default' project cannot be deleted")
    if name not in host.projects:
        raise Refused(404, f'Fetch project "{name}": Project not found')
    found = host.projects[name]
    if request.query.get("force", "").lower() in ("1", "true") and host.flavour.incus:
        _empty(host, found)
    if not found.is_empty(host):
        raise Refused(500, f"Only empty projects can be removed{'.' if host.flavour.incus else ''}")
    for pool in host.pools.values():
        for volume in found.volumes(pool):
            pool.drop(volume)
    del host.projects[name]
    host.tell("project-deleted", found.url, name)
    return Sync({})


def _empty(host: Host, project: Project) -> None:
    """Take away all that is in a project."""
    for instance in [*project.instances.values()]:
        if instance.started is not None:
            stop(host, instance)
        if instance.name in project.instances:  # an ephemeral one has gone by then
            remove(host, instance)
    for things in (project.images, project.aliases, project.networks, project.acls, project.zones):
        things.clear()
    for name in [name for name in project.profiles if name != "default"]:
        del project.profiles[name]
    for pool in host.pools.values():
        for volume in project.volumes(pool):
            pool.drop(volume)
