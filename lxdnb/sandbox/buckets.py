"""Storage buckets, which Incus makes by MinIO alone: there is none here, so that none is ever there.

LXD 5.0 knows of no buckets. https://linuxcontainers.org/incus/docs/main/howto/storage_buckets/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.lists import known_project, listed
from lxdnb.sandbox.replies import Refused, Reply, Request
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.sizes import bytes_of

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_FIELDS: dict[str, Shape] = {"name": "string", "description": "string", "config": CONFIG}
_BUCKETS = "storage_buckets"
_FAILED = "Failed creating storage bucket: "
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{2,62}")
_NAMES = "Bucket name must be between 3 and 63 lowercase letters, numbers, periods or hyphens"


def _check_pool(host: Host, request: Request, pool: str) -> None:
    known_project(host, request.project)
    if pool not in host.pools:
        raise Refused(404, "Failed loading storage pool: Storage pool not found")


@route("GET", "/1.0/storage-pools/*/buckets", extension=_BUCKETS)
def every(host: Host, request: Request, pool: str) -> Reply:
    _check_pool(host, request, pool)
    return listed(host, request, (), str, lambda _: {}, filters=True)


@route("POST", "/1.0/storage-pools/*/buckets", extension=_BUCKETS)
def create(host: Host, request: Request, pool: str) -> Reply:
    if request.headers.get("content-type") == "application/octet-stream":
        raise Refused(400, "Unsupported compression")
    asked = read(request.body, "StorageBucketsPost", _FIELDS)
    _check_pool(host, request, pool)
    name = asked.get("name", "")
    if not _NAME.fullmatch(name):
        raise Refused(500, f"{_FAILED}{_NAMES} and must start with a letter or number")
    for key, value in asked.get("config", {}).items():
        where = f'volume "{request.project}_{name}" option "{key}"'
        if key != "size" and not key.startswith("user."):
            raise Refused(500, f"{_FAILED}Invalid option for {where}")
        if key == "size":
            try:
                bytes_of(value)
            except ValueError as error:
                raise Refused(500, f"{_FAILED}Invalid value for {where}: {error}") from None
    raise Refused(500, f"{_FAILED}Failed connecting to bucket: Couldn't find the MinIO client tool")


def _absent(method: str, path: str, said: str, struct: str | None = None) -> None:
    """Have a request for what no bucket has be refused with such words, once its body is read as such a struct."""

    def handler(host: Host, request: Request, pool: str, *_: str) -> Reply:
        if request.method != "POST" or not path.endswith("keys"):
            _check_pool(host, request, pool)
        if struct is not None:
            read(request.body, struct, {})
        _check_pool(host, request, pool)
        raise Refused(404, said)

    route(method, f"/1.0/storage-pools/*/buckets/*{path}", extension=_BUCKETS)(handler)


_NONE = "Storage bucket not found"
_absent("GET", "", _NONE)
_absent("PUT", "", f"Failed updating storage bucket: {_NONE}", "StorageBucketPut")
_absent("PATCH", "", _NONE, "StorageBucketPut")
_absent("DELETE", "", f"Failed deleting storage bucket: {_NONE}")
_absent("GET", "/keys", f"Failed loading storage bucket: {_NONE}")
_absent("POST", "/keys", f"Failed creating storage bucket key: {_NONE}", "StorageBucketKeysPost")
_absent("GET", "/keys/*", _NONE)
_absent("PUT", "/keys/*", f"Failed updating storage bucket key: {_NONE}", "StorageBucketKeyPut")
_absent("DELETE", "/keys/*", f"Failed deleting storage bucket key: {_NONE}")
for _method in ("GET", "POST"):
    _absent(_method, "/backups", _NONE)
for _method, _struct in (("GET", None), ("POST", "StorageBucketBackupPost"), ("DELETE", None)):
    _absent(_method, "/backups/*", "Storage bucket backup not found", _struct)
_absent("GET", "/backups/*/export", _NONE)
