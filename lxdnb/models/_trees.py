"""Whole folders, out and in: each file, link and folder is a task, and what a folder holds are tasks that it adds.

Nothing is followed that could lead out: links are copied as links. What no file here or there can be (devices, fifos,
sockets) is left out and told.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from typing import Any

from lxdnb.models import _folder as folder
from lxdnb.models._endpoint import Endpoint
from lxdnb.models._source import chunks, opened
from lxdnb.streams import FileEntry, Fresh, Sftp, Task, file_failed

__all__ = ["Pull", "Push", "Route", "joined"]

Route = Sftp | Endpoint


class Push:
    """A folder of this machine on its way into an instance."""

    def __init__(self, route: Route, mode: int | None, owner: tuple[int, int] | None) -> None:
        self._route = route
        self._mode = mode
        self._owner = owner
        self._tasks: deque[Task[Any]] = deque()
        self.skipped: list[str] = []
        """What was left out, by its path here."""

    def run(self, source: str, target: str) -> None:
        """Put what is in the folder `source` into the folder `target`, which is made if need be."""
        self._tasks.append(self._folder(source, target, os.stat(source).st_mode))
        self._route.run(self._tasks)

    def _folder(self, source: str, target: str, mode: int, above: Fresh | None = None) -> Task[None]:
        if self._mode is not None:  # a mode for files lacks what lets a folder be entered
            mode = self._mode | (self._mode & 0o444) >> 2
        new = yield from self._route.mkdir(target, stat.S_IMODE(mode), self._owner)
        there: dict[str, FileEntry] = {}
        # What is made in a new folder comes out as in the new one above it.
        fresh = (above or Fresh()) if new else None
        if not new:
            there = {entry.name: entry for entry in (yield from self._route.list(target))}
        with os.scandir(source) as entries:
            for entry in entries:
                path = joined(target, _as_sent(entry.name))
                in_the_way = there.get(_as_sent(entry.name))
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISLNK(found.st_mode):
                    self._tasks.append(self._link(entry.path, path, in_the_way))
                elif stat.S_ISDIR(found.st_mode):
                    self._tasks.append(self._folder(entry.path, path, found.st_mode, fresh))
                elif stat.S_ISREG(found.st_mode):
                    self._tasks.append(self._file(entry.path, path, found.st_mode, in_the_way, fresh))
                else:
                    self.skipped.append(entry.path)

    def _file(
        self, source: str, target: str, mode: int, in_the_way: FileEntry | None, fresh: Fresh | None
    ) -> Task[None]:
        if in_the_way is not None:
            yield from self._clear(target, in_the_way, "file")
        mode = stat.S_IMODE(mode) if self._mode is None else self._mode
        with open(source, "rb") as file, opened(file) as pieces:
            yield from self._route.write(target, chunks(pieces), mode, self._owner, fresh=fresh)

    def _link(self, source: str, target: str, in_the_way: FileEntry | None) -> Task[None]:
        if in_the_way is not None:
            yield from self._clear(target, in_the_way, None)
        yield from self._route.symlink(target, _as_sent(os.readlink(source)))

    def _clear(self, path: str, in_the_way: FileEntry, wanted: str | None) -> Task[None]:
        """Remove what cannot be written over: through a link it would be another file."""
        there = in_the_way if in_the_way.type else (yield from self._route.stat(path, follow=False))
        if there.type == "directory":
            raise file_failed(path, "is a directory")
        if there.type != wanted:
            yield from self._route.remove(path)


class Pull:
    """A folder of an instance on its way to this machine."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._tasks: deque[Task[Any]] = deque()
        self._made: list[tuple[str, int]] = []
        self.skipped: list[str] = []
        """What was left out, by its path in the instance."""

    def run(self, source: str, target: str) -> None:
        """Fetch what is in the folder `source` into the folder `target`, which is made if need be; a file as a file."""
        self._tasks.append(self._top(source, target))
        self._route.run(self._tasks)
        for path, mode in reversed(self._made):  # only now, or we could be kept from writing into them
            os.chmod(path, mode)

    def _top(self, source: str, target: str) -> Task[None]:
        entry = yield from self._route.stat(source)
        if entry.type == "directory":
            yield from self._folder(source, os.path.realpath(target), entry.mode)
        elif entry.type == "file":
            yield from self._file(source, folder.destination(target, entry.name), entry)
        else:
            raise file_failed(source, f"is a {entry.type}, which cannot be kept here")

    def _folder(self, source: str, target: str, mode: int | None) -> Task[None]:
        entries = yield from self._route.list(source)
        if folder.enter(target):
            self._made.append((target, 0o755 if mode is None else mode & folder.KEPT))
        for entry in entries:
            path = joined(source, entry.name)
            if reason := folder.problem(entry.name):
                raise file_failed(path, reason)
            self._tasks.append(self._entry(path, os.path.join(target, entry.name), entry))

    def _entry(self, source: str, target: str, entry: FileEntry) -> Task[None]:
        if entry.type is None:
            entry = yield from self._route.stat(source, follow=False)
        if entry.type == "directory":
            yield from self._folder(source, target, entry.mode)
        elif entry.type == "symlink":
            folder.link(target, (yield from self._route.readlink(source)))
        elif entry.type == "file":
            yield from self._file(source, target, entry)
        else:
            self.skipped.append(source)

    def _file(self, source: str, target: str, entry: FileEntry) -> Task[None]:
        mode = 0o644 if entry.mode is None else entry.mode & folder.KEPT
        with folder.replaced(target, mode) as file:
            yield from self._route.read(source, file.write, entry.size or 0)


def joined(path: str, name: str) -> str:
    return f"{path.rstrip('/')}/{name}"


def _as_sent(name: str) -> str:
    """Return a name of this system as the bytes that it is, read as SFTP's names are."""
    return name if os.name == "nt" else os.fsencode(name).decode("utf-8", "surrogateescape")
