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
from lxdnb.sandbox.urls import of_project, url
from lxdnb.sandbox.volumes import Volume

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["DRIVERS", "Pool"]

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
    name: str
    driver: str
    description: str = ""
    config: dict[str, str] = field(default_factory=dict[str, str])
    volumes: dict[tuple[str, str], Volume] = field(default_factory=dict[tuple[str, str], Volume])
    """The custom ones, by project and name."""
    notes: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """What the volumes of instances were set to, by the instances' `volatile.uuid`."""

    @property
    def url(self) -> str:
        return f"/1.0/storage-pools/{self.name}"

    def used_by(self, host: Host, caller: Caller = ROOT) -> Iterator[str]:
        """The URLs of the instances that lie in it, of the profiles with a disk in it, and of its custom volumes."""
        for project in host.projects.values():
            if not caller.may_use(project.name):
                continue
            for instance in project.instances.values():
                if instance.pool(host) == self.name:
                    yield of_project(instance.url, project.name)
                    if not host.flavour.incus:
                        for name in instance.snapshots or {}:
                            yield of_project(f"{instance.url}/snapshots/{name}", project.name)
            for profile in project.profiles.values():
                if any(device.get("pool") == self.name for device in profile.devices.values()):
                    yield of_project(profile.url, project.name)
        for volume in self.volumes.values():
            if not caller.may_use(volume.project):
                continue
            yield volume.url(host)
            if not host.flavour.incus:
                yield from (volume.url(host, "snapshots", name) for name in volume.snapshots)

    def record(self, host: Host, caller: Caller = ROOT) -> dict[str, Any]:
        """What the server tells somebody of it: those with some projects alone only what is theirs."""
        return {
            "config": None if caller.restricted else dict(sorted(self.config.items())),
            "description": self.description,
            "name": self.name,
            "driver": self.driver,
            "used_by": sorted(self.used_by(host, caller)) or ([] if host.flavour.incus else None),
            "status": "Created",
            "locations": ["none"],
        }

    @property
    def etag(self) -> str:
        return etag_of(self.name, self.driver, self.description, self.config)


def _check(driver: str, config: dict[str, str]) -> None:
    for key in config:
        if key not in _KEYS[driver] and not key.startswith(("user.", "volume.")):
            raise Refused(500, f'Invalid option "{key}"')
    if size := config.get("size"):
        try:
            bytes_of(size)
        except ValueError:
            raise Refused(500, f'Invalid value for option "size": Invalid value: {size}') from None


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
    if name in host.pools:
        raise Refused(409, "The storage pool already exists: The record already exists")
    if driver not in DRIVERS:
        raise Refused(500, "Unknown driver")
    config = {key: value for key, value in asked.get("config", {}).items() if value}
    _check(driver, config)
    made = Pool(name, driver, asked.get("description", ""), config)
    if driver == "btrfs":
        made.config.setdefault("size", _LOOP_SIZE)
        made.config.setdefault("source", f"/simulated/disks/{name}.img")
    made.config.setdefault("source", f"/simulated/storage-pools/{name}")
    host.pools[name] = made
    host.tell("storage-pool-created", made.url, "default")
    return Sync(created=url(host, "storage-pools", name))


@route("GET", "/1.0/storage-pools/*")
def one(host: Host, request: Request, name: str) -> Reply:
    found = host.pool(name)
    # LXD sends no tag here, though it takes one.
    return Sync(found.record(host, request.caller), found.etag if host.flavour.incus else None)


@route_changes("/1.0/storage-pools/*")
def change(host: Host, request: Request, name: str, *, keep: bool) -> Reply:
    found = host.pool(name)
    request.check_match(found.etag)
    asked = read(request.body, "StoragePoolPut", _FIELDS)
    config = {**(found.config if keep else {}), **asked.get("config", {})}
    config = {key: value for key, value in config.items() if value}
    if config.get("source") != found.config["source"]:
        raise Refused(500, "Pool source cannot be changed when not in pending state")
    try:
        _check(found.driver, config)
    except Refused as refused:
        raise Refused(400, refused.words) from None
    found.config, found.description = config, asked.get("description", "")
    host.tell("storage-pool-updated", found.url, "default")
    return Sync({})


@route("DELETE", "/1.0/storage-pools/*")
def delete(host: Host, request: Request, name: str) -> Reply:
    found = host.pool(name)
    if any(found.used_by(host)):
        raise Refused(400, "The storage pool is currently in use")
    del host.pools[name]
    host.tell("storage-pool-deleted", found.url, "default")
    return Sync({})


@route("GET", "/1.0/storage-pools/*/resources")
def resources(host: Host, request: Request, name: str) -> Reply:
    if name not in host.pools:
        raise Refused(500, "Storage pool not found")
    pool = host.pools[name]
    total = bytes_of(pool.config["size"]) if "size" in pool.config else _SPACE
    inside = [each for project in host.projects.values() for each in project.instances.values()]
    used = sum(_INSTANCE for each in inside if each.pool(host) == name) + 2**22
    used += sum(size_of(each.content) for each in pool.volumes.values())
    used = min(used, total)
    # Btrfs counts no inodes.
    inodes = {"used": used // _INODE, "total": total // _INODE} if pool.driver == "dir" else {}
    return Sync({"space": {"used": used, "total": total}, "inodes": inodes})
