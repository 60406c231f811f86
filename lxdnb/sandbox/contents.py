"""What is in a volume: a directory with all below it, or the bytes of a block device."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping

from lxdnb.sandbox.nodes import Directory, File, Link, Node

__all__ = ["Content", "Members", "add_to", "copied", "empty", "read_below", "size_of"]

Content = Directory | bytes

Members = Mapping[str, tuple[tarfile.TarInfo, bytes]]

_BLOCK = ".img"


def empty(kind: str, when: float) -> Content:
    """Return what is in a new volume of a content type."""
    return Directory(0o711, when) if kind == "filesystem" else b""


def copied(content: Content) -> Content:
    """Return it once more; what files hold is shared until one side changes it."""
    return content.copied({}) if isinstance(content, Directory) else content


def size_of(content: Content) -> int:
    """Return how many bytes it takes."""
    return len(content) if isinstance(content, bytes) else sum(node.size for _, node in _walk("", content))


def _walk(path: str, node: Node) -> Iterator[tuple[str, Node]]:
    yield path, node
    if isinstance(node, Directory):
        for name in node.names():
            if (child := node.get(name)) is not None:
                yield from _walk(f"{path}/{name}", child)


def add_to(archive: tarfile.TarFile, root: str, content: Content) -> None:
    """Write it to an archive, under a name."""
    if isinstance(content, bytes):
        entry = tarfile.TarInfo(root + _BLOCK)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
        return
    for path, node in _walk(root, content):
        entry = tarfile.TarInfo(path)
        entry.mode, entry.uid, entry.gid, entry.mtime = node.mode, node.uid, node.gid, int(node.mtime)
        if isinstance(node, Directory):
            entry.type = tarfile.DIRTYPE
        elif isinstance(node, Link):
            entry.type, entry.linkname = tarfile.SYMTYPE, node.target
        elif isinstance(node, File):
            entry.size = node.size
        else:
            continue
        archive.addfile(entry, io.BytesIO(bytes(node.data)) if isinstance(node, File) else None)


def read_below(members: Members, root: str, kind: str, when: float) -> Content:
    """Return what an archive has under a name."""
    if kind != "filesystem":
        return members[root + _BLOCK][1] if root + _BLOCK in members else b""
    made = Directory(0o711, when)
    for name, (entry, data) in members.items():
        inside, _, path = name.partition(f"{root}/")
        if not inside and path and ".." not in path.split("/"):
            _place(made, path.strip("/").split("/"), entry, data)
    return made


def _place(root: Directory, parts: list[str], entry: tarfile.TarInfo, data: bytes) -> None:
    when = float(entry.mtime)
    for part in parts[:-1]:
        child = root.get(part)
        if not isinstance(child, Directory):
            child = Directory(0o755, when)
            root.put(part, child)
        root = child
    if entry.isdir():
        node: Node = Directory(entry.mode & 0o7777, when)
    elif entry.issym():
        node = Link(entry.linkname, when)
    elif entry.isreg():
        node = File(entry.mode & 0o7777, when, data)
    else:
        return
    node.uid, node.gid = entry.uid, entry.gid
    root.put(parts[-1], node)
