"""Storage pools.

https://documentation.ubuntu.com/lxd/stable-5.0/storage/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.callers import ROOT, Caller
from lxdnb.sandbox.contents import size_of
from lxdnb.sandbox.lists import listed
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.sizes import bytes_of
from lxdnb.sandbox.spread import (
    Spread,
    changed,
    check_for_all,
    check_of_member,
    check_peers,
    is_shared,
    named,
    pool_keys,
    settings,
)
from lxdnb.sandbox.urls import of_project, url
from lxdnb.sandbox.volumes import Volume

if TYPE_CHECKING:
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.state import Host

    _Volumes = dict[tuple[str, str], Volume]

__all__ = ["DRIVERS", "Pool", "resources_of"]

DRIVERS = ("btrfs", "dir")
_KEYS = {
    "btrfs": ("source", "size", "btrfs.mount_options", "volatile.initial_source", "source.wipe"),
    "dir": ("source", "rsync.bwlimit", "rsync.compression", "volatile.initial_source"),
}
_SPACE = 256 * 2**30  # bytes that the simulated disk has
_INSTANCE = 2**24  # bytes that an instance takes of it
_INODE = 2**14  # bytes for each inode
_LOOP_SIZE = "30GiB"
_FIELDS: dict[str, Shape] = {"name": "string", "driver": "string", "description": "string", "config": CONFIG}


@dataclass
class Pool:
    host: Host = field(repr=False)
    name: str
    driver: str
    description: str = ""
    config: dict[str, str] = field(default_factory=dict[str, str])
    spread: Spread = field(default_factory=Spread)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """What the volumes of instances were set to, by the instances' `volatile.uuid`."""
    _volumes: dict[Member, dict[tuple[str, str], Volume]] = field(
        default_factory=dict["Member", "_Volumes"], repr=False
    )

    @property
    def volumes(self) -> dict[tuple[str, str], Volume]:
        """The custom ones, by project and name, on the member whose turn it is."""
        return self.on(self.host.here)

    def on(self, member: Member) -> dict[tuple[str, str], Volume]:
        """The custom ones on a member, by project and name."""
        return self._volumes.setdefault(member, {})

    def every_volume(self) -> list[Volume]:
        """The custom ones on all members, by project and name."""
        found = [(*key, each) for member in self.host.cluster.members for key, each in self.on(member).items()]
        return [each for _, _, each in sorted(found, key=lambda found: found[:2])]

    def members_with(self, key: tuple[str, str]) -> list[Member]:
        """The members that have a custom one of a project and a name."""
        return [each for each in self.host.cluster.members if key in self.on(each)]

    def drop(self, volume: Volume) -> None:
        del self.on(volume.member or self.host.cluster.first)[volume.project, volume.name]

    @property
    def url(self) -> str:
        return f"/1.0/storage-pools/{self.name}"

    def used_by(self, host: Host, caller: Caller = ROOT) -> Iterator[str]:
        """The URLs of the instances that lie in it, of the profiles with a disk in it, and of its custom volumes.

        Of what others have, Incus hides instances alone.
        """
        incus = host.flavour.incus
        for project in host.projects.values():
            own = caller.may_use(project.name)
            for instance in project.instances.values() if own else ():
                if instance.pool(host) == self.name:
                    yield of_project(instance.url, project.name)
                    if not incus:
                        for name in instance.snapshots or {}:
                            yield of_project(f"{instance.url}/snapshots/{name}", project.name)
            for profile in project.profiles.values() if own or incus else ():
                if any(device.get("pool") == self.name for device in profile.devices.values()):
                    yield of_project(profile.url, project.name)
        for volume in self.every_volume():
            if incus:
                yield volume.place(host)
            elif caller.may_use(volume.project):
                yield volume.place(host)
                yield from (volume.place(host, "snapshots", name) for name in volume.snapshots)

    def record(self, host: Host, caller: Caller = ROOT, member: Member | None = None) -> dict[str, Any]:
        """What the server tells somebody of it: those with some projects alone only what is theirs.

        What is a member's own is told where one is named.
        """
        return {
            "config": None if caller.restricted else settings(self, member),
            "description": self.description,
            "name": self.name,
            "driver": self.driver,
            "used_by": sorted(self.used_by(host, caller)) or ([] if host.flavour.incus else None),
            "status": self.spread.status,
            "locations": self.spread.locations(),
        }

    def etag(self, member: Member | None = None) -> str:
        return etag_of(self.name, self.driver, self.description, settings(self, member))


def _check(driver: str, config: dict[str, str]) -> None:
    for key in config:
        if key not in _KEYS[driver] and not key.startswith(("user.", "volume.")):
            raise Refused(500, f'Invalid option "{key}"')
    if size := config.get("size"):
        try:
            bytes_of(size)
        except ValueError as error:
            raise Refused(500, f'Invalid value for option "size": {error}') from None


@route("GET", "/1.0/storage-pools")
def every(host: Host, request: Request) -> Reply:
    return listed(
        host,
        request,
        [host.pools[name] for name in sorted(host.pools)],
        lambda each: url(host, "storage-pools", each.name),
        lambda each: each.record(host, request.caller),
        filters=host.flavour.incus,
    )


@route("POST", "/1.0/storage-pools")
def create(host: Host, request: Request) -> Reply:
    asked = read(request.body, "StoragePoolsPost", _FIELDS)
    name, driver = asked.get("name", ""), asked.get("driver", "")
    if not name:
        raise Refused(400, "No name provided")
    if "/" in name:
        raise Refused(400, "Storage pool names may not contain slashes")
    if not driver:
        raise Refused(400, "No driver provided")
    if is_shared(host, request):
        return _define(host, request, asked)
    if name in host.pools:
        raise Refused(409, "The storage pool already exists: The record already exists")
    if driver not in DRIVERS:
        raise Refused(500, "Unknown driver")
    config = {key: value for key, value in asked.get("config", {}).items() if value}
    _check(driver, config)
    made = Pool(host, name, driver, asked.get("description", ""), config, Spread({host.here: {}}))
    made.config |= _own(made, "/simulated", config)
    if host.cluster.enabled:
        made.config = made.spread.part(made.config, pool_keys(host), host.here)
    host.pools[name] = made
    host.tell("storage-pool-created", made.url, "default")
    return Sync(created=url(host, "storage-pools", name))


def _own(pool: Pool, folder: str, config: dict[str, str]) -> dict[str, str]:
    """Return where a pool lies, as a server settles that which is told nothing."""
    if pool.driver == "btrfs":
        config = {"size": _LOOP_SIZE, "source": f"{folder}/disks/{pool.name}.img", **config}
    return {"source": f"{folder}/storage-pools/{pool.name}", **config}


def _define(host: Host, request: Request, asked: dict[str, Any]) -> Reply:
    """Define a pool on a member of a cluster, or make it on all where each has been named."""
    name, driver, target = asked["name"], asked["driver"], request.query.get("target", "")
    config = {key: value for key, value in asked.get("config", {}).items() if value}
    found = host.pools.get(name)
    if target:
        member = host.cluster.member(target)
        if driver not in DRIVERS:
            raise Refused(400, "Unknown driver")
        check_of_member(config, pool_keys(host), 500)
        _check(driver, config)
        if found is not None and found.driver != driver:
            raise Refused(500, "Storage pool already exists with a different driver")
        if found is not None and not found.spread.pending:
            raise Refused(500, "Storage pool is not in pending state")
        if found is not None and member in found.spread.own:
            raise Refused(400, f'The storage pool already defined on member "{target}"')
        found = host.pools.setdefault(name, Pool(host, name, driver, spread=Spread(pending=True)))
        found.spread.own[member] = config
        return Sync(created=url(host, "storage-pools", name))
    check_for_all(config, pool_keys(host), 500)
    if found is not None and not found.spread.pending:
        raise Refused(500, "The storage pool is already created")
    if found is None:
        raise Refused(500, "Pool not pending on any node (use --target <node> first)")
    if missing := found.spread.missing(host):
        raise Refused(500, f"Pool not defined on nodes: {', '.join(missing)}")
    _check(driver, config)
    found.spread.failed = True
    check_peers(host, found.spread)
    found.spread.failed = found.spread.pending = False
    found.config, found.description = config, asked.get("description", "")
    for member, own in found.spread.own.items():
        found.spread.own[member] = _own(found, f"/simulated/{member.name}", own)
    host.tell("storage-pool-created", found.url, "default", {"target": host.here.name} if host.flavour.incus else None)
    return Sync(created=url(host, "storage-pools", name))


@route("GET", "/1.0/storage-pools/*")
def one(host: Host, request: Request, name: str) -> Reply:
    found = host.pool(name)
    member = named(host, request)
    # LXD sends no tag here, though it takes one.
    return Sync(found.record(host, request.caller, member), found.etag(member) if host.flavour.incus else None)


@route_changes("/1.0/storage-pools/*")
def change(host: Host, request: Request, name: str, *, keep: bool) -> Reply:
    found = host.pool(name)
    member = named(host, request)
    request.check_match(found.etag(member))
    asked = read(request.body, "StoragePoolPut", _FIELDS)
    if host.cluster.enabled:
        own = found.spread.own.get(host.here, {})
        config, now = changed(host, found, asked.get("config", {}), pool_keys(host), member, keep=keep)
    else:
        config = {**(found.config if keep else {}), **asked.get("config", {})}
        config = {key: value for key, value in config.items() if value}
        own, now = found.config, config
    if now.get("source") != own.get("source"):
        raise Refused(500, "Pool source cannot be changed when not in pending state")
    try:
        _check(found.driver, config | now)
    except Refused as refused:
        raise Refused(400, refused.words) from None
    found.config, found.description = config, asked.get("description", "")
    if host.cluster.enabled:
        found.spread.own[host.here] = now
    host.tell("storage-pool-updated", found.url, "default")
    return Sync({})


@route("DELETE", "/1.0/storage-pools/*")
def delete(host: Host, request: Request, name: str) -> Reply:
    found = host.pool(name)
    check_peers(host, found.spread)
    if any(found.used_by(host)):
        raise Refused(400, "The storage pool is currently in use")
    del host.pools[name]
    host.tell("storage-pool-deleted", found.url, "default")
    return Sync({})


@route("GET", "/1.0/storage-pools/*/resources")
def resources(host: Host, request: Request, name: str) -> Reply:
    if name not in host.pools:
        raise Refused(500, "Storage pool not found")
    return Sync(resources_of(host, host.pools[name]))


def resources_of(host: Host, pool: Pool) -> dict[str, Any]:
    """Return how much of a pool there is, and is used, on the member whose turn it is."""
    size = settings(pool, host.here).get("size")
    total = bytes_of(size) if size else _SPACE
    inside = [each for project in host.projects.values() for each in project.instances.values() if each.is_on(host)]
    used = sum(_INSTANCE for each in inside if each.pool(host) == pool.name) + 2**22
    used += sum(size_of(each.content) for each in pool.volumes.values())
    used = min(used, total)
    # Btrfs counts no inodes.
    inodes = {"used": used // _INODE, "total": total // _INODE} if pool.driver == "dir" else {}
    return {"space": {"used": used, "total": total}, "inodes": inodes}
