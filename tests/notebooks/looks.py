"""What a server has, to be compared before and after."""

from __future__ import annotations

from typing import Any

from tests import daemons

__all__ = ["inventory"]


def inventory(server: daemons.Daemon) -> dict[str, Any]:
    collections = ("instances", "images", "profiles", "storage-pools", "projects")
    here = {name: sorted(server.query(f"/1.0/{name}") or ()) for name in collections}
    # The host's other interfaces come and go as other tests like.
    networks = server.query("/1.0/networks?recursion=1") or ()
    return here | {"networks": sorted(network["name"] for network in networks if network["managed"])}
