"""The file system of an instance, in memory: nodes, paths to them, and what may be done with both.

Pure: it opens nothing of the machine that it is on. What cannot be is a `FileError` with the word of its errno.
"""

from __future__ import annotations

import stat
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from lxdnb.sandbox.nodes import Directory, File, FileError, Link, Mount, Node, Space

__all__ = ["ROOT", "Place", "Tree", "User", "joined"]

NODE = 1024  # bytes that one takes, whatever it holds
SPACE = 2**30  # bytes that the files of one instance may have
_HOPS = 40  # links that a path may lead through
_LONGEST_NAME = 255
_LONGEST_PATH = 4096
_DEEPEST = 300  # directories within each other

READ, WRITE, ENTER = 4, 2, 1


class User(NamedTuple):
    """Who asks: root may all."""

    uid: int
    gid: int


ROOT = User(0, 0)


class Place(NamedTuple):
    """Where a path leads: a directory, a name in it ("" for the directory itself), and what is there, if anything."""

    parent: Directory
    name: str
    node: Node | None


def joined(directory: str, path: str) -> str:
    """Return a path as seen from a directory."""
    return path if path.startswith("/") else f"{directory.rstrip('/')}/{path}"


class Tree:
    """All files of one instance. `clock` tells seconds since 1970."""

    __slots__ = ("clock", "root", "space")

    def __init__(self, clock: Callable[[], float], root: Directory | None = None, space: int = SPACE) -> None:
        self.clock, self.space = clock, Space(space)
        self.root = root or Directory(0o755, clock())
        for _, node in self.walk("/", self.root):
            if isinstance(node, File | Directory):
                node.space = self.space
            self.space.used += NODE + (node.size if isinstance(node, File) else 0)

    def copy(self) -> Tree:
        """Return the same files once more; what they hold is shared until one side changes it."""
        made = Tree(self.clock, self.root.copied({}), self.space.total)
        made.space.within = self.space.within
        return made

    def walk(self, path: str, node: Node) -> Iterator[tuple[str, Node]]:
        """Yield a node and all below it, with their paths."""
        yield path, node
        if isinstance(node, Directory):
            for name in node.names():
                child = node.get(name)
                if child is not None:
                    yield from self.walk(f"{path.rstrip('/')}/{name}", child)

    # --- paths

    def locate(self, path: str, *, follow: bool = True, who: User = ROOT) -> Place:
        """Return where an absolute path leads. Raises FileError where the way there is none."""
        if len(path) > _LONGEST_PATH:
            raise FileError("ENAMETOOLONG")
        parts, chain, hops = deque(path.split("/")), [self.root], 0
        place = Place(self.root, "", self.root)
        while parts:
            part = parts.popleft()
            if part in ("", "."):
                continue
            if place.node is not chain[-1]:
                self._enter(place, chain)
            if part == "..":
                if len(chain) > 1:
                    chain.pop()
                place = Place(chain[-2] if len(chain) > 1 else self.root, "", chain[-1])
                continue
            if len(part.encode(errors="surrogateescape")) > _LONGEST_NAME:
                raise FileError("ENAMETOOLONG")
            here = chain[-1]
            if not _allowed(here, ENTER, who):
                raise FileError("EACCES")
            node = here.get(part)
            if isinstance(node, Link) and (follow or parts):
                hops += 1
                if hops > _HOPS:
                    raise FileError("ELOOP")
                parts.extendleft(reversed(node.target.split("/")))
                if node.target.startswith("/"):
                    chain = [self.root]
                place = Place(chain[-2] if len(chain) > 1 else self.root, "", chain[-1])
                continue
            place = Place(here, part, node)
        if path.endswith("/") and place.node is not None and not isinstance(place.node, Directory):
            raise FileError("ENOTDIR")
        return place

    def _enter(self, place: Place, chain: list[Directory]) -> None:
        if place.node is None:
            raise FileError("ENOENT")
        if not isinstance(place.node, Directory):
            raise FileError("ENOTDIR")
        chain.append(place.node)
        if len(chain) > _DEEPEST:
            raise FileError("ENAMETOOLONG")

    def find(self, path: str, *, follow: bool = True, who: User = ROOT) -> Node:
        """Return what is at a path."""
        node = self.locate(path, follow=follow, who=who).node
        if node is None:
            raise FileError("ENOENT")
        return node

    def get(self, path: str, *, follow: bool = True, who: User = ROOT) -> Node | None:
        """Return what is at a path, if anything."""
        try:
            return self.locate(path, follow=follow, who=who).node
        except FileError:
            return None

    def real_path(self, path: str, who: User = ROOT) -> str:
        """Return a path without links and dots; its last part need not be there."""
        resolved: list[str] = []
        parts, hops = deque(path.split("/")), 0
        while parts:
            part = parts.popleft()
            if part in ("", "."):
                continue
            if part == "..":
                resolved = resolved[:-1]
                continue
            node = self.get("/" + "/".join([*resolved, part]), follow=False, who=who)
            if isinstance(node, Link):
                hops += 1
                if hops > _HOPS:
                    raise FileError("ELOOP")
                if node.target.startswith("/"):
                    resolved = []
                parts.extendleft(reversed(node.target.split("/")))
                continue
            if node is None and any(each not in ("", ".") for each in parts):
                raise FileError("ENOENT")
            resolved.append(part)
        return "/" + "/".join(resolved)

    # --- making and taking away

    def _free(self, path: str, who: User) -> Place:
        place = self.locate(path, follow=False, who=who)
        if place.node is not None:
            raise FileError("EEXIST")
        self._may_change(place.parent, who)
        return place

    def _may_change(self, directory: Directory, who: User) -> None:
        if directory.fixed or not _allowed(directory, WRITE, who):
            raise FileError("EACCES")

    def _put(self, place: Place, node: Node, who: User) -> None:
        node.uid, node.gid = who
        if isinstance(node, File | Directory):
            node.space = place.parent.space
        _take(place.parent, NODE)
        if isinstance(node, File):
            _take(node, node.size)
        place.parent.put(place.name, node)
        place.parent.mtime = self.clock()

    def opened(
        self,
        path: str,
        *,
        write: bool = False,
        create: bool = False,
        truncate: bool = False,
        exclusive: bool = False,
        mode: int = 0o644,
        who: User = ROOT,
    ) -> Node:
        """Return what is at a path for reading or writing, made if asked for. It is no directory, if it is to write."""
        place = self.locate(path, who=who)
        node = place.node
        if node is None:
            if not create:
                raise FileError("ENOENT")
            if path.endswith("/"):
                raise FileError("EISDIR")
            self._may_change(place.parent, who)
            node = File(mode, self.clock())
            self._put(place, node, who)
            return node
        if exclusive:
            raise FileError("EEXIST")
        if write and isinstance(node, Directory):
            raise FileError("EISDIR")
        if not _allowed(node, WRITE if write else READ, who) or (write and node.fixed):
            raise FileError("EACCES")
        if truncate and isinstance(node, File):
            self.resize(node, 0)
        return node

    def make_directory(self, path: str, mode: int = 0o755, who: User = ROOT) -> Directory:
        place = self._free(path, who)
        made = Directory(mode, self.clock())
        self._put(place, made, who)
        return made

    def make_link(self, path: str, target: str, who: User = ROOT) -> Link:
        place = self._free(path, who)
        made = Link(target, self.clock())
        self._put(place, made, who)
        return made

    def make_node(self, path: str, node: Node, who: User = ROOT) -> None:
        self._put(self._free(path, who), node, who)

    def mount(self, path: str, size: int) -> None:
        """Put an empty file system of so many bytes over a directory."""
        place = self.locate(path)
        if not isinstance(place.node, Directory):
            raise FileError("ENOENT" if place.node is None else "ENOTDIR")
        if not place.name:
            raise FileError("EBUSY")
        place.parent.put(place.name, Mount(place.node, self.clock(), size))

    def unmount(self, path: str) -> None:
        place = self.locate(path)
        if not isinstance(place.node, Mount):
            raise FileError("EINVAL")
        place.parent.put(place.name, place.node.covered)

    def make_name(self, node: Node, path: str, who: User = ROOT) -> None:
        """Give what has a name already one more: a hard link."""
        if isinstance(node, Directory):
            raise FileError("EPERM")
        place = self._free(path, who)
        _take(place.parent, NODE)
        place.parent.put(place.name, node)
        node.links += 1
        place.parent.mtime = self.clock()

    def remove(self, path: str, who: User = ROOT) -> None:
        """Take away what is no directory."""
        place = self._there(path, who)
        if isinstance(place.node, Directory):
            raise FileError("EISDIR")
        self._drop(place)

    def remove_directory(self, path: str, who: User = ROOT) -> None:
        """Take away an empty directory."""
        place = self._there(path, who)
        if not isinstance(place.node, Directory):
            raise FileError("ENOTDIR")
        if not place.name:
            raise FileError("EINVAL" if path.endswith(".") else "EBUSY")
        if place.node.names():
            raise FileError("ENOTEMPTY")
        if isinstance(place.node, Mount):
            raise FileError("EBUSY")
        self._drop(place)

    def _there(self, path: str, who: User) -> Place:
        place = self.locate(path.rstrip("/") or "/", follow=False, who=who)
        if place.node is None:
            raise FileError("ENOENT")
        self._may_change(place.parent, who)
        sticky = place.parent.mode & stat.S_ISVTX
        if sticky and who.uid not in (0, place.parent.uid, place.node.uid):
            raise FileError("EPERM")
        return place

    def _drop(self, place: Place) -> None:
        node = place.node
        place.parent.drop(place.name)
        _take(place.parent, -NODE)
        place.parent.mtime = self.clock()
        if node is not None:
            node.links -= 1
            if isinstance(node, File) and node.links == 0:
                _take(node, -node.size)

    def rename(self, source: str, target: str, who: User = ROOT) -> None:
        new_path = target.rstrip("/") or "/"
        old, new = self._there(source, who), self.locate(new_path, follow=False, who=who)
        self._may_change(new.parent, who)
        if old.node is new.node:
            return
        if not old.name or not new.name:
            raise FileError("EBUSY")
        if isinstance(old.node, Directory):
            depth = new_path.count("/")
            for path, each in self.walk("", old.node):
                if each is new.parent:
                    raise FileError("EINVAL")
                if depth + path.count("/") > _DEEPEST:
                    raise FileError("ENAMETOOLONG")
            if new.node is not None and not isinstance(new.node, Directory):
                raise FileError("ENOTDIR")
        if new.parent.space is not old.parent.space or isinstance(old.node, Mount):
            raise FileError("EXDEV")
        if isinstance(new.node, Directory):
            if not isinstance(old.node, Directory):
                raise FileError("EISDIR")
            if new.node.names():
                raise FileError("ENOTEMPTY")
        if new.node is not None:
            self._drop(new)
        old.parent.drop(old.name)
        if old.node is not None:
            new.parent.put(new.name, old.node)
        old.parent.mtime = new.parent.mtime = self.clock()

    def names(self, path: str, who: User = ROOT) -> list[str]:
        """Return the names in a directory, in the order in which they came."""
        node = self.find(path, who=who)
        if not isinstance(node, Directory):
            raise FileError("ENOTDIR")
        if not _allowed(node, READ, who):
            raise FileError("EACCES")
        return node.names()

    # --- what they hold and what they are

    def write(self, node: File, at: int, data: bytes) -> None:
        """Write into a file from a place on; a gap before it is filled with zeros."""
        _take(node, max(0, at + len(data) - node.size))
        held = node.changeable()
        if at > len(held):
            held.extend(bytes(at - len(held)))
        held[at : at + len(data)] = data
        node.mtime = self.clock()

    def resize(self, node: File, size: int) -> None:
        _take(node, size - node.size)
        if size == 0:
            node.data = b""
        elif size <= node.size:
            del node.changeable()[size:]
        else:
            node.changeable().extend(bytes(size - node.size))
        node.mtime = self.clock()

    def fill(self, node: File, data: bytes) -> None:
        """Give a file all that it holds."""
        _take(node, len(data) - node.size)
        node.data = bytes(data)
        node.mtime = self.clock()

    def change_mode(self, node: Node, mode: int, who: User = ROOT) -> None:
        if who.uid not in (0, node.uid):
            raise FileError("EPERM")
        node.mode = mode & 0o7777

    def change_owner(self, node: Node, uid: int, gid: int, who: User = ROOT) -> None:
        if who.uid != 0 and (uid, gid) != (node.uid, node.gid):
            raise FileError("EPERM")
        node.uid, node.gid = uid, gid
        if isinstance(node, File):
            node.mode &= 0o777 if node.mode & 0o010 else 0o2777

    def may(self, node: Node, what: int, who: User) -> bool:
        return _allowed(node, what, who)


def _take(node: File | Directory, size: int) -> None:
    if node.space is not None:
        node.space.take(size)


def _allowed(node: Node, what: int, who: User) -> bool:
    """Whether one may read (4), write (2) or enter and run (1) it."""
    if who.uid == 0:
        return what != ENTER or isinstance(node, Directory) or bool(node.mode & 0o111)
    shift = 6 if who.uid == node.uid else 3 if who.gid == node.gid else 0
    return bool(node.mode >> shift & what)
