"""Paths by which LXD has instances besides: as containers, or as virtual machines, each below a path of its own.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lxdnb.sandbox.replies import Refused, Request

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["of_instances"]

_KINDS = {"containers": "container", "virtual-machines": "virtual-machine"}


def of_instances(host: Host, request: Request) -> Request:
    """Return a request as one about instances, if that is what it is. Raises Refused for one of the other kind."""
    parts = request.path.strip("/").split("/")
    kind = _KINDS.get(parts[1]) if len(parts) > 1 and parts[0] == "1.0" else None
    if kind is None or host.flavour.incus:
        return request
    path = "/".join(["/1.0/instances", *parts[2:]])
    if len(parts) == 2:  # the lists are handlers of their own
        return replace(request, path=path, body=_of_kind(request.body, kind)) if request.method == "POST" else request
    project = host.projects.get(request.project)
    found = project.instances.get(unquote(parts[2])) if project is not None else None
    if found is not None and found.kind != kind:
        raise Refused(404, "Instance not found")
    return replace(request, path=path)


def _of_kind(body: bytes, kind: str) -> bytes:
    """Return what a new instance is to be, with its kind where that goes without saying."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return json.dumps({"type": kind, **told}).encode() if isinstance(told, dict) and body[:1] == b"{" else body
