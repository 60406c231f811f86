"""Files over SFTP: what is done to one is a task, of which a `Pipeline` runs many at a time.

Nothing here knows what is on this side of the wire: bytes go to and come from whoever is given.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from lxdnb.exceptions import FileFailed
from lxdnb.streams._failures import failure
from lxdnb.streams._packets import (
    Answer,
    Code,
    FileEntry,
    Kind,
    Malformed,
    Open,
    Status,
    attributes,
    number,
    text,
)
from lxdnb.streams._pipeline import Pipeline, Request, Task

__all__ = ["CHUNK", "Fresh", "Sftp"]

CHUNK = 32 * 1024  # bytes in one READ or WRITE: what every server takes
WINDOW = 64  # chunks of one file under way

K = TypeVar("K", bytes, FileEntry, list[FileEntry])


class Fresh:
    """What mode the server gives to new files of one place: its umask and the folder's own defaults decide."""

    mode: int | None = None


class Sftp(Pipeline):
    """The files of an instance, running or not, over one connection.

    Paths are absolute. Its tasks raise NotFound for what is not there, FileFailed for what cannot be done, with the
    path.
    """

    def stat(self, path: str, follow: bool = True) -> Task[FileEntry]:
        """Return what the server tells of a path, or with `follow=False` of a link itself."""
        answer = yield from self._ask(path, Kind.STAT if follow else Kind.LSTAT, text(path))
        return _kind(path, answer, FileEntry)._replace(name=path.rpartition("/")[2])

    def list(self, path: str) -> Task[list[FileEntry]]:
        """Return what is in a folder, without `.` and `..`, in the server's order."""
        handle = _kind(path, (yield from self._ask(path, Kind.OPENDIR, text(path))), bytes)
        found: list[FileEntry] = []
        while True:
            yield Request(Kind.READDIR, (text(handle),))
            answer = yield None
            if isinstance(answer, Status) and answer.code == Code.EOF:
                break
            names: list[FileEntry] = _kind(path, answer, list)
            if not names:
                raise Malformed("a folder's list goes on without names")
            found += [each for each in names if each.name not in (".", "..")]
        yield from self._ask(path, Kind.CLOSE, text(handle))
        return found

    def readlink(self, path: str) -> Task[str]:
        """Return where a link points."""
        names = _kind(path, (yield from self._ask(path, Kind.READLINK, text(path))), list)
        if len(names) != 1:
            raise Malformed(f"a link with {len(names)} targets")
        return names[0].name

    def read(self, path: str, take: Callable[[bytes], object], size: int = 0) -> Task[None]:
        """Read a file to its end, whatever its size is said to be, and hand on its pieces in order.

        `size` tells how much may be asked for ahead.
        """
        handle = _kind(path, (yield from self._ask(path, Kind.OPEN, text(path), number(Open.READ), number(0))), bytes)
        asked: deque[int] = deque()
        ahead = 0
        while True:
            while not asked or (ahead <= size and len(asked) < WINDOW):
                length = min(CHUNK, size - ahead) if ahead < size else CHUNK
                yield Request(Kind.READ, (text(handle), struct.pack(">QI", ahead, length)))
                asked.append(length)
                ahead += length
            answer = yield None
            length = asked.popleft()
            if isinstance(answer, Status) and answer.code == Code.EOF:
                break
            data = _kind(path, answer, bytes)
            if not 0 < len(data) <= length:
                raise Malformed(f"{len(data)} bytes where {length} were asked for")
            take(data)
            if len(data) < length:  # what was asked for ahead lies beyond a gap
                ahead -= length - len(data) + sum(asked)
                yield from _passed_over(asked)
        yield from _passed_over(asked)
        yield from self._ask(path, Kind.CLOSE, text(handle))

    def write(
        self,
        path: str,
        pieces: Iterable[bytes | memoryview],
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        append: bool = False,
        fresh: Fresh | None = None,
    ) -> Task[None]:
        """Write a file: in place of what is in it, or with `append` after it.

        `fresh` says that there is no such file, and what mode a new one has there, once that is known.
        """
        flags = Open.WRITE | Open.CREATE | (Open(0) if append else Open.TRUNCATE)
        handle = _kind(path, (yield from self._ask(path, Kind.OPEN, text(path), number(flags), number(0))), bytes)
        offset = 0
        if append:
            # Not by the flag of the protocol: servers written in Go refuse to write then.
            offset = _kind(path, (yield from self._ask(path, Kind.FSTAT, text(handle))), FileEntry).size or 0
        if fresh is not None and mode is not None:  # a request less for most of many small files
            if fresh.mode is None:
                fresh.mode = _kind(path, (yield from self._ask(path, Kind.FSTAT, text(handle))), FileEntry).mode
            if fresh.mode == mode and owner is None:
                mode = None
        unread = 0
        for piece in pieces:
            yield Request(Kind.WRITE, (text(handle), struct.pack(">QI", offset, len(piece)), piece))
            offset += len(piece)
            unread += 1
            if unread == WINDOW:
                _good(path, (yield None))
                unread -= 1
        # The owner first: to change it takes away the bits that make a program run as its owner.
        for change in _changes(mode, owner):
            yield Request(Kind.FSETSTAT, (text(handle), change))
            unread += 1
        yield Request(Kind.CLOSE, (text(handle),))
        for _ in range(unread + 1):
            _good(path, (yield None))

    def mkdir(self, path: str, mode: int, owner: tuple[int, int] | None = None) -> Task[bool]:
        """Make a folder, unless there is one, which stays as it is. Returns whether it is new."""
        try:
            yield from self._ask(path, Kind.MKDIR, text(path), attributes())
        except FileFailed:
            there = yield from self.stat(path)
            if there.type != "directory":
                raise
            return False
        for change in _changes(mode, owner):
            yield from self._ask(path, Kind.SETSTAT, text(path), change)
        return True

    def symlink(self, path: str, target: str) -> Task[None]:
        """Make a link at `path`, owned by root. Raises FileFailed where there is anything of that name."""
        yield from self._ask(path, Kind.SYMLINK, text(target), text(path))

    def remove(self, path: str, folder: bool = False) -> Task[None]:
        """Remove a file or a link, or an empty folder."""
        yield from self._ask(path, Kind.RMDIR if folder else Kind.REMOVE, text(path))

    def _ask(self, path: str, kind: Kind, *parts: bytes) -> Task[Answer]:
        yield Request(kind, parts)
        return _good(path, (yield None))


def _changes(mode: int | None, owner: tuple[int, int] | None) -> list[bytes]:
    changes = [] if owner is None else [attributes(owner=owner)]
    return changes if mode is None else [*changes, attributes(mode=mode)]


def _passed_over(asked: deque[int]) -> Task[None]:
    for _ in asked:
        yield None
    asked.clear()


def _kind(path: str, answer: Answer, kind: type[K]) -> K:
    """Return an answer that is of the kind that was asked for."""
    _good(path, answer)
    if not isinstance(answer, kind):
        raise Malformed(f"a {type(answer).__name__} where a {kind.__name__} was asked for")
    return answer


def _good(path: str, answer: Answer) -> Answer:
    """Return an answer that is no failure. Raises NotFound, FileFailed."""
    if isinstance(answer, Status) and answer.code != Code.OK:
        raise failure(path, answer)
    return answer
