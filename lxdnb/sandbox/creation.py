"""How instances come to be: of an image, of nothing, or as a copy of another one or of its snapshot.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instances_post
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from lxdnb.sandbox.backup_imports import imported
from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.card_notes import with_cards
from lxdnb.sandbox.devices import check_devices, check_sources, set_devices
from lxdnb.sandbox.images import Image, find
from lxdnb.sandbox.instances import FIELDS, IDMAP, Instance, check_name, is_root, known, resources_of
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.power import begin
from lxdnb.sandbox.project_limits import check_new_instance
from lxdnb.sandbox.replies import Async, Refused, Reply, Request
from lxdnb.sandbox.rootfs import copied
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.settings import Config, Devices, check_config, expanded, given
from lxdnb.sandbox.snapshots import Snapshot, put_into_pool, snapshot_of

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = [
    "SOURCE",
    "check_free",
    "check_profiles",
    "check_settings",
    "image_of",
    "keep",
    "new_instance",
    "new_name",
    "source_of",
]

Taking = TypeVar("Taking", bound="Callable[[Host, str, dict[str, Any], dict[str, Any]], Reply]")
TYPES = ("container", "virtual-machine")
_UNPACKING = 0.05  # seconds
_SYLLABLES = ("able", "bright", "calm", "deft", "eager", "fair", "glad", "keen", "lucky", "mild", "neat", "quick")
_ANIMALS = ("ant", "bear", "crab", "dove", "eel", "fox", "goat", "hen", "ibex", "jay", "koi", "lynx", "mole", "newt")
SOURCE: Shape = {
    "type": "string",
    "alias": "string",
    "fingerprint": "string",
    "properties": CONFIG,
    "source": "string",
    "project": "string",
    "instance_only": "bool",
    "container_only": "bool",
    "server": "string",
    "protocol": "string",
    "mode": "string",
    "refresh": "bool",
    "live": "bool",
    "certificate": "string",
    "operation": "string",
    "secrets": CONFIG,
}
_FIELDS: dict[str, Shape] = {
    **FIELDS,
    "type": "string",
    "start": "bool",
    "source": SOURCE,
}


def new_name(host: Host, project: str) -> str:
    while True:
        name = f"{host.random.choice(_SYLLABLES)}-{host.random.choice(_ANIMALS)}"
        if name not in host.instances(project):
            return name
        name = f"{name}-{host.random.randrange(1000)}"
        if name not in host.instances(project):
            return name


_others: dict[str, Callable[[Host, str, dict[str, Any], dict[str, Any]], Reply]] = {}


def source_of(kind: str) -> Callable[[Taking], Taking]:
    """Have a function make instances of a kind of source: of a host, in a project, as asked, of that source."""

    def registered(taking: Taking) -> Taking:
        _others[kind] = taking
        return taking

    return registered


@route("POST", "/1.0/instances")
def create(host: Host, request: Request) -> Reply:
    if request.headers.get("content-type") == "application/octet-stream":
        return imported(host, request)
    project = request.project
    host.project(project, "Failed loading project: ")
    asked = read(request.body, "InstancesPost", _FIELDS)
    source = asked.get("source", {})
    if taking := _others.get(source.get("type", "")):
        return taking(host, project, asked, source)
    kind = asked.get("type") or "container"
    if kind not in TYPES:
        raise Refused(400, "Invalid instance type")
    profiles = asked.get("profiles", ["default"])
    check_profiles(host, project, profiles)
    name = asked.get("name") or new_name(host, project)
    check_name(host, name)
    check_new_instance(host, project, name, kind, asked.get("config", {}), asked.get("devices", {}), profiles)
    image = image_of(host, project, source)

    def work(operation: Operation) -> Work:
        yield 0.0
        if isinstance(image, Refused):
            raise image
        check_settings(host, project, asked.get("config", {}), asked.get("devices", {}), profiles)
        check_free(host, project, name)
        made = new_instance(host, project, kind, name, image, asked, profiles)
        if image is not None:
            _tell_unpacked(host, operation, sum(map(len, image.files)))
        yield _UNPACKING
        check_free(host, project, name)
        keep(host, made)
        if asked.get("start") and host.flavour.incus:
            begin(host, made)

    resources = resources_of(host, name, both=True)
    return Async(host.operations.begin(project, "Creating instance", resources, work))


def _tell_unpacked(host: Host, operation: Operation, size: int) -> None:
    stage, speed = "create_instance_from_image_unpack", size / _UNPACKING
    words = f"{'Unpacking image' if host.flavour.incus else 'Unpack'}: 100% ({speed / 10**6:.2f}MB/s)"
    operation.progress(
        **{f"{stage}_progress": words, "progress": {"percent": "100", "speed": f"{speed:.0f}", "stage": stage}}
    )


def keep(host: Host, made: Instance) -> None:
    """Have a new instance on the host."""
    made.member = host.here
    devices = made.expanded(host)[1]
    made.config = with_cards(host.flavour.name, host.random, made.kind, made.config, devices)
    host.instances(made.project)[made.name] = made
    context = {"type": made.kind, "storage-pool": made.pool(host)}
    if host.flavour.incus:
        context["location"] = made.location(host)
    host.tell("instance-created", made.url, made.project, context)
    for snapshot in made.snapshots or {}:
        host.tell("instance-snapshot-created", f"{made.url}/snapshots/{snapshot}", made.project)


def check_profiles(host: Host, project: str, profiles: list[str]) -> None:
    for name in profiles:
        if name not in host.profiles(project):
            raise Refused(500, f'Requested profile "{name}" doesn\'t exist')


def check_free(host: Host, project: str, name: str) -> None:
    if name in host.instances(project):
        raise Refused(500, f"Failed creating instance record: Add instance info to the database: {_taken(host)}")


@source_of("copy")
def _copy(host: Host, project: str, asked: dict[str, Any], source: dict[str, Any]) -> Reply:
    """Copy an instance with its snapshots, or a snapshot, from any project; or bring a copy up to date."""
    if not source.get("source"):
        raise Refused(400, "Must specify a source instance")
    original, _, snapshot = source["source"].partition("/")
    owner = known(host, source.get("project") or project, original)
    like = snapshot_of(host, owner, snapshot).then if snapshot else owner
    name = asked.get("name") or new_name(host, project)
    check_name(host, name)
    profiles: list[str] = asked.get("profiles", [*like.profiles] if host.flavour.incus else [])
    check_profiles(host, project, profiles)
    alone = bool(snapshot or source.get("instance_only") or source.get("container_only"))
    refresh = bool(source.get("refresh"))
    if not (refresh and name in host.instances(project)):
        config, devices = asked.get("config", {}), asked.get("devices", {})  # what the original has does not count
        check_new_instance(host, project, name, like.kind, config, devices, profiles)

    def work(operation: Operation) -> Work:
        yield 0.0
        kept = {key: value for key, value in like.config.items() if _is_copied(key)}
        config, devices = kept | asked.get("config", {}), like.devices | set_devices(asked.get("devices", {}))
        check_settings(host, project, config, devices, profiles)
        before = host.instances(project).get(name) if refresh else None
        if before is None:
            check_free(host, project, name)
        elif before.started is not None:
            raise Refused(500, "Cannot refresh a running instance")
        made = before or Instance(name, project, like.kind, host.clock(), host.random.getrandbits(32))
        made.architecture = like.architecture
        made.description = asked.get("description", "")
        made.ephemeral = asked.get("ephemeral", False)
        made.config = _volatile(host) | {key: value for key, value in config.items() if value}
        made.devices, made.profiles, made.files = devices, tuple(profiles), copied(like.files)
        if not alone:
            made.snapshots = {
                each.name: Snapshot(each.name, each.then.copied(name, project), each.created, each.expires_at, False)
                for each in (owner.snapshots or {}).values()
            }
            put_into_pool(made.snapshots.values(), made)
        yield 0.05
        if before is None:
            check_free(host, project, name)
            keep(host, made)

    told = resources_of(host, name, both=True)
    path = f"{original}%2F{snapshot}" if snapshot and host.flavour.incus else source["source"]
    also = resources_of(host, path, both=True)
    is_here = not host.cluster.enabled or owner.is_on(host)  # else it comes as from another server
    resources = {key: [*urls, *also[key]] for key, urls in told.items()} if is_here else told
    return Async(host.operations.begin(project, "Creating instance", resources, work))


def _is_copied(key: str) -> bool:
    return not key.startswith("volatile.") or key == "volatile.base_image"


def _taken(host: Host) -> str:
    if host.flavour.incus:
        why = "UNIQUE constraint failed: instances.project_id, instances.name"
        return f'Failed to create "instances" entry: {why}'
    return 'This "instances" entry already exists'


def image_of(host: Host, project: str, source: dict[str, Any]) -> Image | Refused | None:
    """Return the image that an instance is to be made of, or how that is to fail once it is tried."""
    kind = source.get("type", "")
    if kind == "none":
        return None
    if kind != "image":
        raise Refused(400, f"Unknown source type {kind}")
    if alias := source.get("alias"):
        aliases = host.keeper(project, "images").aliases
        if alias in aliases:
            return host.images(project)[aliases[alias].target]
        if host.flavour.incus:
            return Refused(500, "Image not provided for instance creation")
        raise Refused(404, "Image alias not found")
    if fingerprint := source.get("fingerprint"):
        try:
            return find(host, project, fingerprint)
        except Refused:
            return Refused(500, "Image not provided for instance creation")
    if wanted := source.get("properties"):
        found = [each for each in host.images(project).values() if wanted.items() <= each.properties.items()]
        if found:
            return max(found, key=lambda each: each.archive.created)
        raise Refused(500, "No matching image could be found")
    raise Refused(500, "Must specify one of alias, fingerprint or properties for init from image")


def check_settings(host: Host, project: str, config: Config, devices: Devices, profiles: list[str]) -> None:
    failed = "Failed creating instance record: "
    initialising = f"{failed}Failed {'initializing' if host.flavour.incus else 'initialising'} instance: "
    try:
        check_config(host.flavour, config, of_profile=False)
    except Refused as refused:
        raise Refused(500, f"{failed}{refused.words}") from None
    check_devices(host, project, devices, f"{initialising}Invalid devices: Device validation failed")
    check_sources(host, project, devices, initialising)
    shared = [(host.profiles(project)[name].config, host.profiles(project)[name].devices) for name in profiles]
    roots = [device for device in expanded(shared, config, devices)[1].values() if is_root(device)]
    if not roots:
        raise Refused(500, f"{initialising}Failed getting root disk: No root device could be found")
    if roots[0].get("pool") not in host.pools:
        raise Refused(404, f"{initialising}Failed loading storage pool: Storage pool not found")


def new_instance(
    host: Host,
    project: str,
    kind: str,
    name: str,
    image: Image | None,
    asked: dict[str, Any],
    profiles: list[str],
) -> Instance:
    made = Instance(name, project, kind, host.clock(), host.random.getrandbits(32))
    made.architecture = asked.get("architecture") or (image.archive.architecture if image else "x86_64")
    made.description, made.ephemeral = asked.get("description", ""), asked.get("ephemeral", False)
    made.devices, made.profiles = set_devices(asked.get("devices", {})), tuple(profiles)
    volatile = _volatile(host)
    config = given(asked.get("config", {}))
    if image is not None:
        image.last_used = host.clock()
        config = {f"image.{key}": value for key, value in image.properties.items()} | config
        volatile["volatile.base_image"] = image.fingerprint
    made.config, made.files = volatile | config, image
    return made


def _volatile(host: Host) -> Config:
    """Return what a server notes of an instance when it has made it."""
    uuid = host.new_uuid()
    noted = {
        "volatile.apply_template": "create",
        "volatile.cloud-init.instance-id": host.new_uuid(),
        "volatile.idmap.base": "0",
        "volatile.idmap.next": IDMAP,
        "volatile.last_state.idmap": "[]",
        "volatile.uuid": uuid,
    }
    return noted | ({"volatile.uuid.generation": uuid} if host.flavour.incus else {})
