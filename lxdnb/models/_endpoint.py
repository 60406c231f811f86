"""Files over the REST API alone, for servers without SFTP: what `streams.Sftp` does, one request after the other.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/
It cannot change the mode or owner of a file that is there, and tells of links where they lead to, not what they say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self, TypeVar

from lxdnb import api
from lxdnb.exceptions import FileFailed, Forbidden, LXDAPIException, NotFound
from lxdnb.streams import CHUNK, FileEntry, Fresh, Task, encoded, file_failed

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.client import Client

__all__ = ["Endpoint"]

LINKS = 40  # links that lead to links, before they are taken for a circle, as Linux does

T = TypeVar("T")


class Endpoint:
    """The files of an instance, with the tasks of `streams.Sftp`: here they do all they do without yielding."""

    def __init__(self, client: Client, instance: api.APINode) -> None:
        self._client = client
        self._node = instance.files
        self._prefix = "X-Incus-" if client.product == "incus" else "X-LXD-"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def do(self, task: Task[T]) -> T:
        """Run one task and return its result."""
        try:
            while True:
                next(task)
        except StopIteration as end:
            return end.value

    def run(self, tasks: deque[Task[Any]]) -> None:
        """Run tasks one after the other, those that they add among them."""
        try:
            while tasks:
                self.do(tasks.popleft())
        finally:
            for task in tasks:
                task.close()

    # A `yield from ()` makes a function a task.

    def stat(self, path: str, follow: bool = True) -> Task[FileEntry]:
        """Return what the server tells of a path, or with `follow=False` of a link itself."""
        yield from ()
        name = path.rpartition("/")[2]
        for _ in range(LINKS):
            with self._head(path) as response:
                told = {key: response.headers.get(self._prefix + key) for key in ("type", "mode", "uid", "gid")}
                if told["type"] != "symlink" or not follow:
                    mode = int(told["mode"], 8) & 0o7777 if told["mode"] else None
                    uid, gid = (int(owner) if owner else None for owner in (told["uid"], told["gid"]))
                    size = response.headers.get("Content-Length") if told["type"] == "file" else None  # not LXD's HEAD
                    return FileEntry(name, told["type"], mode, uid, gid, int(size) if size else None)
            path = yield from self.readlink(path)
        raise file_failed(path, "too many levels of symbolic links")

    def list(self, path: str) -> Task[list[FileEntry]]:
        """Return the names of what is in a folder, or in one that a link leads to."""
        yield from ()
        for _ in range(LINKS):
            with self._get(path, stream=True) as response:  # what is no folder is not to be fetched
                kind = response.headers.get(self._prefix + "type")
                if kind == "directory":
                    return [FileEntry(name) for name in api.metadata(response) or []]
                if kind != "symlink":
                    raise file_failed(path, "not a directory")
                path = _text(response.content)
        raise file_failed(path, "too many levels of symbolic links")

    def readlink(self, path: str) -> Task[str]:
        """Return where a link leads to."""
        yield from ()
        response = self._get(path)
        if response.headers.get(self._prefix + "type") != "symlink":
            raise file_failed(path, "not a link")
        return _text(response.content)

    def read(self, path: str, take: Callable[[bytes], object], size: int = 0) -> Task[None]:
        """Read a file, or what a link leads to, to its end, and hand on its pieces in order."""
        yield from ()
        for _ in range(LINKS):
            with self._get(path, stream=True) as response:
                if response.headers.get(self._prefix + "type") != "symlink":
                    for piece in self._node.pieces(response, CHUNK):
                        take(piece)
                    return
                path = _text(response.content)
        raise file_failed(path, "too many levels of symbolic links")

    def write(
        self,
        path: str,
        pieces: Iterable[bytes | memoryview],
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        append: bool = False,
        fresh: Fresh | None = None,
    ) -> Task[None]:
        """Write a file: in place of what is in it, or with `append` after it."""
        if append:
            self._client.assert_has_api_extension("file_append")
            try:
                yield from self.stat(path)
            except NotFound:
                append = False  # servers append to no new file
        self._post(path, "file", map(bytes, pieces), mode, owner, write="append" if append else "overwrite")

    def mkdir(self, path: str, mode: int, owner: tuple[int, int] | None = None) -> Task[bool]:
        """Make a folder, unless there is one, which stays as it is. Returns whether it is new."""
        self._client.assert_has_api_extension("directory_manipulation")
        try:
            there = yield from self.stat(path)
        except NotFound:
            self._post(path, "directory", None, mode, owner)
            return True
        if there.type != "directory":
            raise file_failed(path, "file exists")
        return False

    def symlink(self, path: str, target: str) -> Task[None]:
        """Make a link at `path`."""
        yield from ()
        self._client.assert_has_api_extension("file_symlinks")
        self._post(path, "symlink", encoded(target))

    def remove(self, path: str, folder: bool = False) -> Task[None]:
        """Remove a file or a link, or an empty folder."""
        yield from ()
        self._client.assert_has_api_extension("file_delete")
        self._told(path, self._node.delete, {})

    def _head(self, path: str) -> Response:
        if self._client.has_api_extension("instance_file_head"):
            try:
                return self._told(path, self._node.head, {})
            except FileFailed:
                pass  # without a word why, which a GET has
        return self._get(path, stream=True)

    def _get(self, path: str, stream: bool = False) -> Response:
        return self._told(path, self._node.get, {"is_api": False, "stream": stream})

    def _post(
        self,
        path: str,
        kind: str,
        data: Any,
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        **more: str,
    ) -> None:
        told: dict[str, Any] = {"type": kind, **more}
        if mode is not None:
            told["mode"] = f"0{mode:o}"  # without the 0 it would be taken for decimal
        if owner is not None:
            told |= dict(zip(("uid", "gid"), owner, strict=True))
        headers = {self._prefix + key: str(value) for key, value in told.items()}
        self._told(path, self._node.post, {"headers": headers, "data": data})

    def _told(self, path: str, ask: Callable[..., Response], options: dict[str, Any]) -> Response:
        try:
            return ask(params={"path": encoded(path)}, **options)
        except NotFound as error:
            raise NotFound(error.response, message=f"{path[:200]}: no such file or directory") from None
        except Forbidden as error:
            raise FileFailed(error.response, path, "permission denied") from None
        except LXDAPIException as error:
            reason = str(error).removesuffix(" (SSH_FX_FAILURE)").strip('"').rpartition(": ")[2]
            raise FileFailed(error.response, path, reason) from None


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
