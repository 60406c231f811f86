"""The first files of an instance: those of its image, over a small system that each has."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from typing import TYPE_CHECKING

from lxdnb.sandbox.filesystem import Tree
from lxdnb.sandbox.nodes import Device, Directory, Fifo, File, FileError, Link, Node

if TYPE_CHECKING:
    from lxdnb.sandbox.images import Image
    from lxdnb.sandbox.instances import Instance
    from lxdnb.sandbox.state import Host

__all__ = ["copied", "files_of", "tree_below", "unpack"]

_FOLDERS = {
    "tmp": 0o1777,
    "root": 0o700,
    "var/tmp": 0o1777,
    **dict.fromkeys(("bin", "sbin", "usr/bin", "usr/sbin", "dev", "etc", "proc", "sys", "run", "mnt"), 0o755),
    **dict.fromkeys(("home", "opt", "srv", "var/log", "var/lib"), 0o755),
}
_RELEASE = 'NAME="Simulated BusyBox"\nID=simulated\nPRETTY_NAME="Simulated BusyBox"\nVERSION_ID=1\n'
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/os-release": _RELEASE,
    "etc/profile": "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
    "etc/shells": "/bin/sh\n",
    "var/log/messages": "",
}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "console")
_PROGRAM = b"\x7fELF simulated\n"


def files_of(host: Host, instance: Instance) -> Tree:
    """Return the files of an instance, which are made when they are first asked for."""
    if not isinstance(instance.files, Tree):
        made = _of_image(host.clock, instance.files) if instance.files is not None else _bare(host.clock)
        made.space.within = host.disk
        instance.files = made
        program = made.get("/bin/busybox")
        if isinstance(program, File) and program.data == _PROGRAM:  # no image that would have a name for itself
            hostname = made.opened("/etc/hostname", write=True, create=True)
            if isinstance(hostname, File):
                made.fill(hostname, f"{instance.name}\n".encode())
    return instance.files


def copied(files: Tree | Image | None) -> Tree | Image | None:
    """Return what a copy of an instance has for its `files`."""
    return files.copy() if isinstance(files, Tree) else files


def _bare(clock: Callable[[], float]) -> Tree:
    return Tree(clock)


def _of_image(clock: Callable[[], float], image: Image) -> Tree:
    if image.tree is None:
        image.tree = _read(clock, image)
    return image.tree.copy()


def _read(clock: Callable[[], float], image: Image) -> Tree:
    root = Directory(0o755, image.archive.created)
    tree = Tree(clock, root)
    for number, file in enumerate(image.files):
        within = "rootfs/" if number == 0 else ""
        try:
            with tarfile.open(fileobj=io.BytesIO(file)) as archive:
                unpack(tree, archive, within)
        except (tarfile.TarError, EOFError, OSError, ValueError):
            continue  # a root file system of another kind, of which the sandbox knows nothing
    if tree.get("/bin/sh") is None:
        _complete(tree, image.archive.created)
    _devices(tree, image.archive.created)
    return Tree(clock, root)


def tree_below(clock: Callable[[], float], archive: tarfile.TarFile, within: str) -> Tree:
    """Return what an archive has below a name, which ends with a slash, as the files of an instance."""
    when = clock()
    root = Directory(0o755, when)
    tree = Tree(clock, root)
    unpack(tree, archive, within)
    if tree.get("/bin/sh") is None:
        _complete(tree, when)
    _devices(tree, when)
    return Tree(clock, root)


def unpack(tree: Tree, archive: tarfile.TarFile, within: str) -> None:
    """Put into a tree what an archive has below a name, which ends with a slash."""
    for entry in archive:
        name = entry.name.removeprefix("./")
        if within and not name.startswith(within):
            continue
        path = "/" + name.removeprefix(within).strip("/")
        try:
            _place(tree, archive, entry, path, within)
        except FileError:
            continue  # a name that leads nowhere


def _place(tree: Tree, archive: tarfile.TarFile, entry: tarfile.TarInfo, path: str, within: str) -> None:
    mode, when = entry.mode & 0o7777, float(entry.mtime)
    if path != "/":
        _folders(tree, path.rpartition("/")[0], when)
    if entry.isdir():
        there = tree.get(path, follow=False)
        node: Node = there if isinstance(there, Directory) else Directory(mode, when)
        if there is None:
            tree.make_node(path, node)
    elif entry.issym():
        node = Link(entry.linkname, when)
        tree.make_node(path, node)
    elif entry.islnk():
        node = tree.find("/" + entry.linkname.removeprefix("./").removeprefix(within).strip("/"), follow=False)
        tree.make_name(node, path)
        return
    elif entry.isreg():
        held = archive.extractfile(entry)
        node = File(mode, when, held.read() if held else b"")
        tree.make_node(path, node)
    elif entry.isfifo():
        node = Fifo(mode, when)
        tree.make_node(path, node)
    elif entry.ischr():
        node = Device(path.rpartition("/")[2], when, mode)
        tree.make_node(path, node)
    else:
        return
    node.mode, node.uid, node.gid, node.mtime = mode, entry.uid, entry.gid, when


def _folders(tree: Tree, path: str, when: float) -> Directory:
    """Make a directory and those above it, where they are not there."""
    at = ""
    for part in filter(None, path.split("/")):
        at = f"{at}/{part}"
        if tree.get(at) is None:
            tree.make_directory(at).mtime = when
    found = tree.find(at or "/")
    if not isinstance(found, Directory):
        raise FileError("ENOTDIR")
    return found


def _text(tree: Tree, path: str, text: str, when: float, mode: int = 0o644) -> None:
    if tree.get(path, follow=False) is None:
        _folders(tree, path.rpartition("/")[0], when)
        tree.make_node(path, File(mode, when, text.encode()))


def _complete(tree: Tree, when: float) -> None:
    """Add the small system, where the image has nothing in its place."""
    from lxdnb.sandbox.commands import names  # which know of file systems themselves

    for path, mode in _FOLDERS.items():
        if tree.get(f"/{path}") is None:
            _folders(tree, path, when).mode = mode
    for path, text in _FILES.items():
        _text(tree, f"/{path}", text, when)
    program = File(0o755, when, _PROGRAM)
    tree.make_node("/bin/busybox", program)
    for path in names():
        if tree.get(path, follow=False) is None:
            tree.make_link(path, "/bin/busybox").mtime = when


def _devices(tree: Tree, when: float) -> None:
    _folders(tree, "/dev", when)
    for name in _DEVICES:
        if tree.get(f"/dev/{name}", follow=False) is None:
            tree.make_node(f"/dev/{name}", Device(name, when))
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1")):
        if tree.get(f"/dev/{name}", follow=False) is None:
            tree.make_link(f"/dev/{name}", target).mtime = when
