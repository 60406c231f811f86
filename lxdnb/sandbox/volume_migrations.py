"""Custom volumes on their way to another server: offered or brought by the one that has them, taken in by the other.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/storage_move_volume/
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.contents import Content
from lxdnb.sandbox.crossings import Crossing, Talk
from lxdnb.sandbox.filesystem import Tree
from lxdnb.sandbox.nodes import Directory
from lxdnb.sandbox.offers import begin_crossing, check_target, prepared
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.packing import add_tree
from lxdnb.sandbox.replies import Refused, Reply
from lxdnb.sandbox.rootfs import unpack
from lxdnb.sandbox.urls import url
from lxdnb.sandbox.volumes import Snapshot, Volume, check_volume_config, new_volume

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["TAKEN", "brought_up_to_date", "give_volume", "take_volume"]

TAKEN = "Volume by that name already exists"
_ROOT = "volume"


def give_volume(host: Host, volume: Volume, snapshot: Snapshot | None, asked: Mapping[str, Any]) -> Reply:
    """Offer a volume, or a snapshot of it, to whoever comes for it; or bring it to the target asked for."""
    alone = bool(snapshot or asked.get("volume_only"))
    crossing = Crossing(host, "source", "volume")
    target = asked.get("target")
    if target is not None:
        check_target(host, target, "source", "volume")

    def work(operation: Operation) -> Work:
        try:
            yield from crossing.connected()
            with_it = [] if alone else [*volume.snapshots.values()]
            parts = [_packed(host, each.content) for each in [snapshot or volume, *with_it]]
            told = [_told(each) for each in with_it]
            kind = volume.content_type
            yield from crossing.hand_over(parts, kind="volume", content_type=kind, snapshots=told)
        except Refused as refused:
            crossing.apologise(refused.words)
            raise
        finally:
            crossing.close()

    if snapshot is not None:
        resources = {"storage_volume_snapshots": [volume.url(host, "snapshots", snapshot.name)]}
    else:
        resources = {"storage_volumes": [_where(host, volume)]}
    return begin_crossing(host, crossing, volume.project, "Migrating storage volume", resources, work, target=target)


def _where(host: Host, volume: Volume) -> str:
    """The URL by which an operation tells of a volume: LXD has a place of its own for it."""
    if host.flavour.incus:
        return volume.url(host)
    return url(host, "storage_volumes", volume.pool, "volumes", volume.kind, volume.name, project=volume.project)


def _told(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "name": snapshot.name,
        "created": snapshot.created,
        "config": snapshot.config,
        "description": snapshot.description,
        "expires_at": snapshot.expires_at,
    }


def _packed(host: Host, content: Content) -> bytes:
    if not isinstance(content, Directory):
        return content
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        add_tree(archive, Tree(host.clock, content), _ROOT)
    return written.getvalue()


def _unpacked(host: Host, data: bytes, content_type: str) -> Content:
    if content_type != "filesystem":
        return data
    tree = Tree(host.clock, Directory(0o711, host.clock()))
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            top = archive.next()
            unpack(tree, archive, f"{_ROOT}/")
    except (tarfile.TarError, EOFError, OSError, ValueError):
        raise Refused(500, "what the other server has sent is no volume") from None
    if top is not None:
        tree.root.mode, tree.root.uid, tree.root.gid = top.mode, top.uid, top.gid
        tree.root.mtime = float(top.mtime)
    return tree.root


def take_volume(host: Host, pool: str, project: str, asked: Mapping[str, Any], source: Mapping[str, Any]) -> Reply:
    """Make a volume of what another server gives: fetched from there, or awaited."""
    name, content_type = asked["name"], asked.get("content_type") or "filesystem"
    if source.get("mode") not in ("pull", "push"):
        raise Refused(501, f"Mode '{source.get('mode', '')}' not implemented")
    volumes = host.pool(pool).volumes
    if (project, name) in volumes and not source.get("refresh"):
        raise Refused(409, TAKEN)
    config = {key: value for key, value in asked.get("config", {}).items() if value}
    check_volume_config(config, name if host.flavour.incus else f"{project}_{name}")
    crossing = Crossing(host, "target", "volume")
    target = prepared(host, source, "volume")
    made = Volume(name, pool, project, host.clock(), content_type=content_type)
    made.config, made.description = config, asked.get("description", "")

    def work(operation: Operation) -> Work:
        try:
            yield from crossing.connected()
            yield from _take(host, crossing, made, source)
        except Refused as refused:
            crossing.apologise(refused.words)
            raise Refused(refused.code, f"Error transferring storage volume: {refused.words}") from None
        finally:
            crossing.close()

    description = "Creating storage volume" if target is None else "Copying storage volume"
    resources = {"storage_volumes": [_where(host, made)]}
    return begin_crossing(host, crossing, project, description, resources, work, target=target)


def _take(host: Host, crossing: Crossing, made: Volume, source: Mapping[str, Any]) -> Talk[None]:
    told = yield from crossing.announced("volume")
    if told.get("content_type") != made.content_type:
        raise Refused(500, f"the other server gives a volume of type {told.get('content_type')}")
    snapshots = [_snapshot(each) for each in told.get("snapshots") or []]
    content, *older = yield from crossing.taken(told, 1 + len(snapshots))
    for snapshot, part in zip(snapshots, older, strict=True):
        snapshot.content = _unpacked(host, part, made.content_type)
    found = host.pool(made.pool).volumes.get((made.project, made.name))
    if found is None:
        made.content = _unpacked(host, content, made.content_type)
        made.snapshots = {each.name: each for each in snapshots}
        new_volume(host, made)
    elif not source.get("refresh"):
        raise Refused(409, TAKEN)
    else:
        found.content = _unpacked(host, content, made.content_type)
        if not source.get("volume_only"):
            found.snapshots = brought_up_to_date(found, snapshots, bool(source.get("refresh_exclude_older")))
        host.tell("storage-volume-created", found.stored, found.project, {"type": found.kind})
    yield from crossing.say(done=True)


def _snapshot(told: Any) -> Snapshot:
    try:
        config = {str(key): str(value) for key, value in told["config"].items()}
        expires = told["expires_at"]
        return Snapshot(
            str(told["name"]),
            float(told["created"]),
            config,
            str(told["description"]),
            None if expires is None else str(expires),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Refused(500, "what the other server has sent is no volume") from None


def brought_up_to_date(volume: Volume, given: Iterable[Snapshot], exclude_older: bool) -> dict[str, Snapshot]:
    """Return the snapshots that a volume has once it is like its source: those that it has stay, and others go.

    With `exclude_older` it gets none that is older than what it has.
    """
    there = volume.snapshots
    newest = max((each.created for each in there.values()), default=0.0)
    return {
        each.name: there.get(each.name) or each
        for each in given
        if each.name in there or not (exclude_older and each.created < newest)
    }
