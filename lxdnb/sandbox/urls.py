"""URLs of things, written as the two servers write them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.state import Host

__all__ = ["at_member", "of_project", "url"]


def url(host: Host, *parts: str, project: str = "default") -> str:
    """Return the URL of what has these parts in its path, each escaped: twice by LXD, which is how it is there."""
    escaped = [quote(part, safe="$&+=:@") for part in parts]
    path = "/1.0/" + "/".join(escaped if host.flavour.incus else [each.replace("%", "%25") for each in escaped])
    return of_project(path, project)


def of_project(path: str, project: str) -> str:
    """Return a URL with the project that it is of, which goes without saying for `default`."""
    return path if project == "default" else f"{path}?project={quote_plus(project)}"


def at_member(host: Host, path: str, member: Member | None) -> str:
    """Return a URL with the member of the cluster where that is; of a server that stands alone, as it is."""
    if not host.cluster.enabled:
        return path
    name = quote_plus((member or host.cluster.first).name)
    return f"{path}{'&' if '?' in path else '?'}target={name}"
