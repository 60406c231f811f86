"""The files of an instance, running or not: put, get, list and delete, single ones and whole folders.

They go over SFTP where the server has it, all of a call over one connection, else over the REST API's files.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any, overload

from lxdnb.exceptions import NotFound
from lxdnb.models._endpoint import Endpoint
from lxdnb.models._folder import destination, replaced
from lxdnb.models._source import Data, chunks, opened
from lxdnb.models._trees import Pull, Push, Route
from lxdnb.streams import FileEntry, Sftp, Task, encoded, file_failed

if TYPE_CHECKING:
    from lxdnb.models.instance import Instance

__all__ = ["FileEntry", "FilesManager"]

FOLDER_MODE = 0o750  # what LXD gives a new folder when no mode is named

NOBODY = FileEntry("")

Path = str | PurePath


class FilesManager:
    """The files of an instance: `instance.files`.

    Paths are the instance's, absolute (`tmp/a` is `/tmp/a`); links in them are followed inside the instance. A name
    that is no UTF-8 has its bytes as surrogates, as those of `os.listdir` have. A mode is a number or its octal digits,
    0o644 or "644"; uid and gid are the instance's own, root's where none is named.

    Its methods raise NotFound for what is not there, FileFailed (`path`, `reason`) for what cannot be done there,
    OSError for what cannot be done here, ClientConnectionFailed when the server is lost, TypeError and ValueError
    before anything is sent.

    >>> files = client.instances.get("c1").files
    >>> files.put("/tmp/hello", "Hello!", mode=0o600)
    True
    >>> files.get("/tmp/hello")
    b'Hello!'
    >>> files.stat("/tmp/hello").size
    6
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._instance!r}>"

    def put(
        self,
        filepath: Path,
        data: Data,
        mode: int | str | None = None,
        uid: int | str | None = None,
        gid: int | str | None = None,
    ) -> bool:
        """Write a file, in place of what is in it, and return True.

        `data` is a text (written as UTF-8), bytes, the path of a file here as a `pathlib.Path`, an open file, which is
        read from where it stands, or an iterable of bytes; it is never held in memory as a whole. A new file has the
        mode 0644 and root as its owner; one that is there keeps its own, unless others are named.
        If the server is lost meanwhile, a part of it may be there.

        >>> files = client.instances.get("c1").files
        >>> files.put("/tmp/script", "#!/bin/sh\\necho hello\\n", mode="755")
        True
        >>> client.instances.get("c1").execute(["/tmp/script"]).stdout
        'hello\\n'
        """
        self._write(filepath, data, mode, uid, gid, append=False)
        return True

    def append(self, filepath: Path, data: Data) -> None:
        """Write after what is in a file, or into a new one. `data` is what `put` takes."""
        self._write(filepath, data, None, None, None, append=True)

    @overload
    def get(self, filepath: Path) -> bytes: ...
    @overload
    def get(self, filepath: Path, *, to: Path | IO[bytes]) -> None: ...

    def get(self, filepath: Path, *, to: Path | IO[bytes] | None = None) -> bytes | None:
        """Return what is in a file; or write it to `to`, the path of a file or folder here, or a file open for bytes.

        A file here has its new content only once it is all there: until then, and after any failure, it is as it was.
        What `to` writes is never held in memory as a whole. Raises FileFailed for a folder.

        >>> from pathlib import Path
        >>> client.instances.get("c1").files.get("/etc/passwd", to="passwd-of-c1")
        >>> Path("passwd-of-c1").read_text()[:5]
        'root:'
        """
        path = _path(filepath)
        if to is None:
            pieces: list[bytes] = []
            with self._route() as route:
                route.do(_read(route, path, pieces.append))
            return b"".join(pieces)
        place: Any = to
        if isinstance(place, str | os.PathLike):
            with replaced(destination(place, path.rpartition("/")[2])) as file, self._route() as route:
                route.do(_read(route, path, file.write))
            return None
        if isinstance(place, io.TextIOBase) or not hasattr(place, "write"):
            raise TypeError(f"to is a path, or a file that is open for bytes, not {place!r:.100}")
        with self._route() as route:
            route.do(_read(route, path, place.write))
        return None

    def delete(self, filepath: Path) -> None:
        """Delete a file, a link or an empty folder."""
        path = _path(filepath)

        def task(route: Route) -> Task[None]:
            entry = yield from route.stat(path, follow=False)
            yield from route.remove(path, entry.type == "directory")

        with self._route() as route:
            route.do(task(route))

    def delete_available(self) -> bool:
        """Return whether the server can delete files."""
        return self._instance.client.has_api_extension("file_delete")

    def mk_dir(
        self,
        path: Path,
        mode: int | str | None = None,
        uid: int | str | None = None,
        gid: int | str | None = None,
    ) -> None:
        """Make a folder, of mode 0750 unless one is named. One that is there stays as it is."""
        folder, number, owner = _path(path), _mode(mode), _owner(uid, gid)
        with self._route() as route:
            route.do(route.mkdir(folder, FOLDER_MODE if number is None else number, owner))

    def symlink(self, path: Path, target: Path) -> None:
        """Make a symbolic link at `path` that says `target`. Raises FileFailed where there is anything already."""
        link, says = _path(path), _text(target)
        with self._route() as route:
            route.do(route.symlink(link, says))

    def stat(self, path: Path) -> FileEntry:
        """Return type, mode, owner, size and time of what is at a path, of a link itself, with its target.

        >>> client.instances.get("c1").files.stat("/etc")[:3]
        ('etc', 'directory', 493)
        """
        wanted = _path(path)

        def task(route: Route) -> Task[FileEntry]:
            entry = yield from route.stat(wanted, follow=False)
            if entry.type != "symlink":
                return entry
            return entry._replace(target=(yield from route.readlink(wanted)))

        with self._route() as route:
            return route.do(task(route))

    def list(self, path: Path) -> Sequence[FileEntry]:
        """Return what is in a folder, by name. Without SFTP the names alone are known.

        >>> files = client.instances.get("c1").files
        >>> files.mk_dir("/srv")
        >>> files.put("/srv/b", "beta"), files.put("/srv/a", "al")
        (True, True)
        >>> [(entry.name, entry.size) for entry in files.list("/srv")]
        [('a', 2), ('b', 4)]
        """
        folder = _path(path)
        with self._route() as route:
            return sorted(route.do(route.list(folder)), key=lambda entry: entry.name)

    def recursive_put(
        self,
        src: Path,
        dst: Path,
        mode: int | str | None = None,
        uid: int | str | None = None,
        gid: int | str | None = None,
    ) -> None:
        """Put what is in the folder `src` here into the folder `dst` there, which is made if need be.

        Files and folders keep their modes, unless one is named for all files; links go as links. What is there already
        is written over, but a folder stays as it is. Devices, fifos and sockets are left out, with a warning. Raises
        NotADirectoryError for what is no folder.
        """
        source, target, number, owner = _here(src), _path(dst), _mode(mode), _owner(uid, gid)
        if not os.path.isdir(source):
            os.stat(source)  # raises FileNotFoundError
            raise NotADirectoryError(f"{source!r} is no folder; put() takes files")
        with self._route() as route:
            push = Push(route, number, owner)
            push.run(source, target)
        _tell(push.skipped)

    def recursive_get(self, remote_path: Path, local_path: Path) -> None:
        """Fetch what is in the folder `remote_path` there into the folder `local_path` here, made if need be.

        Files and folders keep their modes, but for the bits that run a program as its owner; links come as links, and
        none is ever followed, so that nothing is written outside of `local_path`. Files that are there are replaced,
        each once it is whole. Devices, fifos and sockets are left out, with a warning. If `remote_path` is a file, so
        is `local_path`. Raises FileFailed for a name that no file here can have.
        """
        source, target = _path(remote_path), _here(local_path)
        with self._route() as route:
            pull = Pull(route)
            pull.run(source, target)
        _tell(pull.skipped)

    def _write(self, filepath: Path, data: Data, mode: Any, uid: Any, gid: Any, append: bool) -> None:
        path, number, owner = _path(filepath), _mode(mode), (_identity("uid", uid), _identity("gid", gid))
        with opened(data) as pieces, self._route() as route:
            route.do(_write(route, path, chunks(pieces), number, *owner, append))

    def _route(self) -> Route:
        try:
            return Sftp(self._instance.api)
        except NotFound:
            # Nothing in a server's list of extensions tells whether it has SFTP: so it is this, or the instance.
            self._instance.api.get()
            return Endpoint(self._instance.client, self._instance.api)


def _read(route: Route, path: str, take: Any) -> Task[None]:
    entry = yield from route.stat(path)
    _openable(path, entry)
    yield from route.read(path, take, entry.size or 0)


def _write(
    route: Route, path: str, pieces: Any, mode: int | None, uid: int | None, gid: int | None, append: bool
) -> Task[None]:
    there = NOBODY
    try:
        there = yield from route.stat(path)
    except NotFound:
        pass
    _openable(path, there)
    yield from route.write(path, pieces, mode, _owner(uid, gid, there), append)


def _openable(path: str, entry: FileEntry) -> None:
    """Refuse what no file can be read from or written to; to open a fifo would wait for its other end."""
    if entry.type == "directory":
        raise file_failed(path, "is a directory")
    if entry.type not in ("file", None):
        raise file_failed(path, f"is a {entry.type}, not a file")


def _path(path: Any) -> str:
    given = _text(path)
    return given if given.startswith("/") else f"/{given}"


def _here(path: Any) -> str:
    """Return the path of a file or folder of this machine."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"a path here is a str or a pathlib.Path, not {path!r:.100}")
    given = os.fspath(path)
    if not given or "\0" in given:
        raise ValueError(f"{path!r:.100} is no path of a file or folder")
    return given


def _text(path: Any) -> str:
    given = path.as_posix() if isinstance(path, PurePath) else path
    if not isinstance(given, str):
        raise TypeError(f"a path in an instance is a str, not {path!r:.100}")
    if not given or "\0" in given:
        raise ValueError(f"{path!r:.100} is no path in an instance")
    try:
        encoded(given)
    except UnicodeEncodeError as error:
        raise ValueError(f"{path!r:.100} is no path in an instance: {error.reason}") from None
    return given


def _mode(mode: Any) -> int | None:
    if mode is None:
        return None
    number = mode
    if isinstance(mode, str):
        digits = mode.strip().lower().removeprefix("0o")
        number = int(digits, 8) if digits and not set(digits) - set("01234567") else -1
    elif not isinstance(mode, int) or isinstance(mode, bool):
        raise TypeError(f'a mode is a number or its octal digits, as in 0o644 or "644", not {mode!r}')
    if not 0 <= number <= 0o7777:
        raise ValueError(f'a mode is between 0 and 0o7777, as in 0o644 or "644", not {mode!r}')
    if number > 0o777:
        wanted = f"chmod {number:o}, run in the instance, does"
        warnings.warn(f"servers set no bit of a mode beyond 0777, so not those of {number:o}; {wanted}", stacklevel=4)
    return number


def _owner(uid: Any, gid: Any, there: FileEntry = NOBODY) -> tuple[int, int] | None:
    """Return both of what are set at once: where one is not named, it stays that of what is there."""
    user, group = _identity("uid", uid), _identity("gid", gid)
    if user is None and group is None:
        return None
    return ((there.uid or 0) if user is None else user, (there.gid or 0) if group is None else group)


def _identity(word: str, value: Any) -> int | None:
    number = value
    if number is None:
        return None
    if isinstance(number, str) and number.isascii() and number.isdigit():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"{word} is a number, not {value!r}")
    if not 0 <= number < 2**32:
        raise ValueError(f"{word} is a number from 0 to {2**32 - 1}, not {value!r}")
    return number


def _tell(skipped: Sequence[str]) -> None:
    if skipped:
        shown = ", ".join(map(repr, skipped[:5])) + (", …" if len(skipped) > 5 else "")
        warnings.warn(f"left out {len(skipped)}, as devices, fifos and sockets cannot be copied: {shown}", stacklevel=3)
