"""Members of a cluster that requests are for: of a server that is in none, no request is for any."""

from __future__ import annotations

from lxdnb.sandbox.replies import Refused, Request

__all__ = ["check_target"]

_BELOW = ("/1.0/storage-pools/", "/1.0/networks/")
_WHOLE = ("/1.0", "/1.0/resources", "/1.0/storage-pools", "/1.0/networks")
_LISTS = ("/1.0/storage-pools", "/1.0/networks")


def check_target(request: Request) -> None:
    """Refuse a request that is for a member, where servers look at that."""
    if request.query.get("target", "") in ("", "none"):  # `none` is where all is on a server that stands alone
        return
    path = request.path.rstrip("/")
    if path == "/1.0/instances" and request.method == "POST":
        raise Refused(400, "Target only allowed when clustered")
    if path.startswith(_BELOW) or (path in _WHOLE and (path not in _LISTS or request.method == "POST")):
        raise Refused(404, "Cluster member not found")
