"""The files of an instance over HTTP, one a request; `sftp` has the other way to them.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_files_get
"""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING

from lxdnb.sandbox.filesystem import Tree
from lxdnb.sandbox.instances import Instance, known
from lxdnb.sandbox.machines import machine_of
from lxdnb.sandbox.nodes import Directory, File, FileError, Link, Live, Node
from lxdnb.sandbox.replies import Content, Refused, Reply, Request, Sync
from lxdnb.sandbox.rootfs import files_of
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["opened"]


def opened(host: Host, instance: Instance) -> Tree:
    """Return the files of an instance as they are while it runs, or stands."""
    if instance.started is not None:
        machine_of(host, instance)  # which has /proc
    return files_of(host, instance)


def _refused(error: FileError, doing: str, path: str) -> Refused:
    if error.word == "ENOENT":
        return Refused(404, "Not Found")
    if error.word in ("EACCES", "EPERM"):
        return Refused(403, "Forbidden")
    return Refused(500, f'sftp: "{doing} {path}: {error.text.lower()}" (SSH_FX_FAILURE)')


def _asked(host: Host, request: Request, name: str) -> tuple[Instance, str]:
    instance = known(host, request.project, name)
    path = request.query.get("path", "")
    if not path:
        raise Refused(400, "Missing path argument")
    return instance, f"/{path.lstrip('/')}"


def _told(host: Host, node: Node) -> dict[str, str]:
    kind = {stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}.get(node.kind, "file")
    modified = datetime.fromtimestamp(int(node.mtime), UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    told = {"Uid": node.uid, "Gid": node.gid, "Mode": f"{node.mode & 0o777:04o}", "Modified": modified, "Type": kind}
    return {f"X-{host.flavour.title}-{name}": str(value) for name, value in told.items()}


@route("GET", "/1.0/instances/*/files")
def get(host: Host, request: Request, name: str) -> Reply:
    return _got(host, request, name, tells=True)


@route("HEAD", "/1.0/instances/*/files")
def head(host: Host, request: Request, name: str) -> Reply:
    return _got(host, request, name, tells=False)


def _got(host: Host, request: Request, name: str, *, tells: bool) -> Reply:
    instance, path = _asked(host, request, name)
    tree = opened(host, instance)
    try:
        node = tree.find(path, follow=False)
    except FileError as error:
        raise _refused(error, "lstat", path) from None
    headers = _told(host, node)
    if tells:
        host.tell("instance-file-retrieved", instance.url, instance.project, {"path": path})
    if isinstance(node, Directory):
        return Sync(node.names(), headers=headers)
    if isinstance(node, Link):
        target = node.target if node.target.startswith("/") else f"{path.rpartition('/')[0]}/{node.target}"
        body = target.encode(errors="surrogateescape")
    else:
        # What is written as it is read has no size to servers, which send so many bytes of it: none.
        body = bytes(node.data) if isinstance(node, File) and not isinstance(node, Live) else b""
    headers |= {"Last-Modified": formatdate(node.mtime, usegmt=True), "Accept-Ranges": "bytes"}
    return Content((body,), path.rpartition("/")[2], "application/octet-stream", headers)


def _header(host: Host, request: Request, name: str) -> str:
    own = request.headers.get(f"x-lxd-{name}", "")
    return request.headers.get(f"x-incus-{name}", own) if host.flavour.incus else own


def _number(text: str, default: int, base: int = 10) -> int:
    try:
        return int(text, base) if text else default
    except ValueError:
        return default  # as servers do


@route("POST", "/1.0/instances/*/files")
def post(host: Host, request: Request, name: str) -> Reply:
    instance, path = _asked(host, request, name)
    kind = _header(host, request, "type") or "file"
    how = _header(host, request, "write") or "overwrite"
    if kind not in ("file", "directory", "symlink"):
        raise Refused(400, f"Bad file type: {kind}")
    if how not in ("overwrite", "append"):
        raise Refused(400, f"Bad file write mode: {how}")
    mode = _number(_header(host, request, "mode").removeprefix("0o"), -1, 8)
    owner = tuple(_number(_header(host, request, each), 0) for each in ("uid", "gid"))
    tree = opened(host, instance)
    doing = {"directory": "mkdir", "symlink": "symlink"}.get(kind, "open")
    try:
        if kind == "directory":
            if tree.get(path) is not None:
                return Sync({})
            made: Node = tree.make_directory(path.rstrip("/"), 0o755 if host.flavour.incus else 0o750)
        elif kind == "symlink":
            made, mode = tree.make_link(path, request.body.decode(errors="surrogateescape")), 0o777
        else:
            new = tree.get(path) is None
            made = tree.opened(path, write=True, create=True, truncate=how == "overwrite")
            if isinstance(made, File):
                pushed(tree, made, request.body, append=how == "append")
            if not new:
                mode, owner = made.mode, (made.uid, made.gid)
    except FileError as error:
        raise _refused(error, doing, path) from None
    made.uid, made.gid = owner
    if mode >= 0:
        made.mode = mode & 0o777
    host.tell("instance-file-pushed", instance.url, instance.project, {"path": path})
    return Sync({})


def pushed(tree: Tree, file: File, data: bytes, *, append: bool) -> None:
    """Write into a file as servers do, which takes its bits away that give one the rights of another."""
    if append:
        tree.write(file, file.size, data)
    else:
        tree.fill(file, data)
    file.mode &= 0o1777


@route("DELETE", "/1.0/instances/*/files")
def delete(host: Host, request: Request, name: str) -> Reply:
    instance, path = _asked(host, request, name)
    tree = opened(host, instance)
    try:
        if isinstance(tree.find(path, follow=False), Directory):
            tree.remove_directory(path)
        else:
            tree.remove(path)
    except FileError as error:
        raise _refused(error, "remove", path) from None
    host.tell("instance-file-deleted", instance.url, instance.project, {"path": path})
    return Sync({})
