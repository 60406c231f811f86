"""What those may ask who are trusted with some projects alone, and with what words they are refused the rest.

https://documentation.ubuntu.com/lxd/stable-5.0/authentication/#restricted-tls-certificates
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from lxdnb.sandbox.listening import DEBUG, METRICS
from lxdnb.sandbox.refusals import Refused

if TYPE_CHECKING:
    from lxdnb.sandbox.replies import Request
    from lxdnb.sandbox.state import Host

__all__ = ["check_access", "check_door", "check_project", "kept_back", "refused_project"]

_OF_SERVER = ("", "projects", "storage-pools", "resources", "cluster", "network-integrations")
"""What anybody who is trusted may look at, and only those without restrictions may change."""
_LOOKED_AT_EACH = ("profiles", "networks", "network-zones", "storage-pools")
"""Whose single things Incus shows, whatever project they are in."""
_LISTED_BY_ALL = ("instances", "profiles", "networks")
"""Whose lists Incus refuses with a 500."""


def check_door(request: Request) -> None:
    """Refuse all but metrics where they alone are to be had."""
    if request.caller.door == DEBUG:  # it is no program of Go that could be looked into
        raise Refused(404, "not found")
    if request.caller.door == METRICS and request.path not in ("/", "/1.0", "/1.0/metrics"):
        raise Refused(404, "not found")


def check_access(host: Host, request: Request) -> None:
    """Refuse what somebody may not ask who is trusted, but only with some projects."""
    if not request.caller.restricted:
        return
    parts = request.path.strip("/").split("/")[1:]
    first, looks = parts[0] if parts else "", request.method in ("GET", "HEAD")
    inside = first == "storage-pools" and len(parts) > 2 and parts[2] != "resources"
    if first == "warnings" or (first in _OF_SERVER and not inside and not looks):
        raise kept_back(host)
    if first == "projects" and len(parts) > 1:
        check_project(host, request, unquote(parts[1]))
    if parts == ["storage-pools"] and host.flavour.incus:
        raise kept_back(host, 500)
    if first in ("certificates", "operations", "metadata") or (first in _OF_SERVER and not inside):
        return
    if first == "images" and not request.caller.may_use(request.project):
        _check_images(host, request, parts, looks=looks)
    elif not (request.of_all_projects and host.flavour.incus):
        _check_things(host, request, parts, looks=looks)


def _check_things(host: Host, request: Request, parts: list[str], *, looks: bool) -> None:
    if request.of_all_projects and not request.caller.may_use("default"):
        raise refused_project(host, "default")
    if request.caller.may_use(request.project):
        return
    first = parts[0]
    in_list = len(parts) == 1 or (first == "storage-pools" and len(parts) < 5)
    if host.flavour.incus and looks:
        if in_list:
            code = 500 if first in _LISTED_BY_ALL else 403
            raise Refused(code, f'User does not have permissions for project "{request.project}"')
        if first in _LOOKED_AT_EACH:
            return
    raise refused_project(host, request.project)


def _check_images(host: Host, request: Request, parts: list[str], *, looks: bool) -> None:
    """Public ones are for everybody; to add one is a question of trust."""
    if parts == ["images", "aliases"] and looks and host.flavour.incus:
        why = f'User does not have permissions for project "{request.project}"'
        raise Refused(500, f"Failed to get a permission checker: {why}")
    if parts == ["images"] and not looks:
        raise Refused(403, "not authorized")
    if not looks or parts == ["images", "aliases"]:
        raise refused_project(host, request.project)


def check_project(host: Host, request: Request, project: str) -> None:
    """Refuse what is about a project that is kept from who asks."""
    if not request.caller.may_use(project):
        raise refused_project(host, project)


def refused_project(host: Host, project: str) -> Refused:
    incus = f'User does not have permission for project "{project}"'
    return Refused(403, incus if host.flavour.incus else "not authorized")


def kept_back(host: Host, code: int = 403) -> Refused:
    return Refused(code, "Certificate is restricted" if host.flavour.incus else "not authorized")
