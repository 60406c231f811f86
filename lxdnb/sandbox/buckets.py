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
    _check_pool(host, request, pool)
    if request.headers.get("content-type") == "application/octet-stream":
        raise Refused(400, "Unsupported compression")
    asked = read(request.body, "StorageBucketsPost", _FIELDS)
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
            except ValueError:
                raise Refused(500, f"{_FAILED}Invalid value for {where}: Invalid value: {value}") from None
    raise Refused(500, f"{_FAILED}Failed connecting to bucket: Couldn't find the MinIO client tool")


def _absent(path: str, words: dict[str, str]) -> None:
    """Have requests for what no bucket has be answered by so many words each."""

    def refusal(said: str):
        def handler(host: Host, request: Request, pool: str, *_: str) -> Reply:
            _check_pool(host, request, pool)
            raise Refused(404, said)

        return handler

    for method, said in words.items():
        route(method, f"/1.0/storage-pools/*/buckets/*{path}", extension=_BUCKETS)(refusal(said))


_NONE = "Storage bucket not found"
_absent("", {"GET": _NONE, "PUT": f"Failed updating storage bucket: {_NONE}", "PATCH": _NONE,
             "DELETE": f"Failed deleting storage bucket: {_NONE}"})  # fmt: skip
_absent("/keys", {"GET": f"Failed loading storage bucket: {_NONE}",
                  "POST": f"Failed creating storage bucket key: {_NONE}"})  # fmt: skip
_absent("/keys/*", {"GET": _NONE, "PUT": f"Failed updating storage bucket key: {_NONE}",
                    "DELETE": f"Failed deleting storage bucket key: {_NONE}"})  # fmt: skip
_absent("/backups", {"GET": _NONE, "POST": _NONE})
_absent("/backups/*", dict.fromkeys(("GET", "POST", "DELETE"), "Storage bucket backup not found"))
_absent("/backups/*/export", {"GET": _NONE})
