"""Custom volumes in the file systems of running instances, at the paths that disk devices name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lxdnb.sandbox.filesystem import Tree
from lxdnb.sandbox.nodes import Directory, FileError, Node

if TYPE_CHECKING:
    from lxdnb.sandbox.instances import Instance
    from lxdnb.sandbox.state import Host
    from lxdnb.sandbox.volumes import Volume

__all__ = ["Mount", "mount", "note_owners", "unmount"]


class Mount(Directory):
    """What is in a volume, at a path of an instance; a copy of the instance has an empty directory there."""

    __slots__ = ("covered", "volume")

    def __init__(self, volume: Directory, covered: Node) -> None:
        super().__init__(volume.mode, volume.mtime)
        self.volume, self.covered = volume, covered
        self._children = volume._children

    def copied(self, known: dict[int, Node]) -> Directory:
        return Directory(0o755, self.mtime)


def mount(host: Host, instance: Instance, tree: Tree, mounts: dict[str, Mount]) -> None:
    """Have the volumes in an instance that its devices name now; `mounts` are those that are, by path."""
    wanted = _wanted(host, instance)
    for path in [path for path, each in mounts.items() if wanted.get(path) is not each.volume]:
        _take_away(tree, path, mounts.pop(path))
    for path in sorted(wanted.keys() - mounts.keys()):
        try:
            mounts[path] = _put(tree, path, wanted[path])
        except FileError:
            continue  # a path that leads through a file


def unmount(tree: Tree, mounts: dict[str, Mount]) -> None:
    """Have an instance without them."""
    for path in sorted(mounts, reverse=True):
        _take_away(tree, path, mounts.pop(path))


def note_owners(host: Host, instance: Instance, owners: str) -> None:
    """Have each volume that a running instance has say how the owners of its files are mapped."""
    for _, volume in _volumes(host, instance):
        volume.config = volume.config | {"volatile.idmap.last": owners, "volatile.idmap.next": owners}


def _volumes(host: Host, instance: Instance) -> Iterator[tuple[str, Volume]]:
    """Yield the custom volumes with files that an instance has, and the paths that they are at."""
    owner = host.keeper(instance.project, "storage.volumes").name
    for device in instance.expanded(host)[1].values():
        pool = host.pools.get(device.get("pool", ""))
        if device.get("type") == "disk" and device.get("source") and device.get("path") and pool is not None:
            volume = pool.on(instance.member or host.cluster.first).get((owner, device["source"]))
            if volume is not None and isinstance(volume.content, Directory):
                yield "/" + device["path"].strip("/"), volume


def _wanted(host: Host, instance: Instance) -> dict[str, Directory]:
    return {path: volume.content for path, volume in _volumes(host, instance) if isinstance(volume.content, Directory)}


def _put(tree: Tree, path: str, volume: Directory) -> Mount:
    at = ""
    for part in path.strip("/").split("/"):
        at = f"{at}/{part}"
        if tree.get(at) is None:
            tree.make_directory(at)
    place = tree.locate(path)
    if not place.name or place.node is None:
        raise FileError("EBUSY")
    made = Mount(volume, place.node)
    place.parent.put(place.name, made)
    return made


def _take_away(tree: Tree, path: str, mounted: Mount) -> None:
    try:
        place = tree.locate(path)
    except FileError:
        return
    if place.node is mounted:
        place.parent.put(place.name, mounted.covered)
