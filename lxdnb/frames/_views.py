"""All views by name: a frame says its view, and what works on frames finds here what it declares."""

from __future__ import annotations

from collections.abc import Mapping

from lxdnb.frames._addresses import ADDRESSES
from lxdnb.frames._build import SERVER, columns_of
from lxdnb.frames._columns import Column
from lxdnb.frames._devices import CONFIG, DEVICES
from lxdnb.frames._images import IMAGES
from lxdnb.frames._instances import INSTANCES
from lxdnb.frames._metrics import METRICS
from lxdnb.frames._networks import LEASES, NETWORKS
from lxdnb.frames._projects import PROFILES, PROJECTS
from lxdnb.frames._resources import RESOURCES
from lxdnb.frames._server import CERTIFICATES, MEMBERS, OPERATIONS, WARNINGS
from lxdnb.frames._snapshots import SNAPSHOTS
from lxdnb.frames._storage import POOLS
from lxdnb.frames._used_by import USES
from lxdnb.frames._view import View
from lxdnb.frames._volumes import VOLUME_SNAPSHOTS, VOLUMES

__all__ = ["VIEWS", "known_columns"]

_EVERY = (
    ADDRESSES,
    CERTIFICATES,
    CONFIG,
    DEVICES,
    IMAGES,
    INSTANCES,
    LEASES,
    MEMBERS,
    METRICS,
    NETWORKS,
    OPERATIONS,
    POOLS,
    PROFILES,
    PROJECTS,
    RESOURCES,
    SNAPSHOTS,
    USES,
    VOLUMES,
    VOLUME_SNAPSHOTS,
    WARNINGS,
)

VIEWS: Mapping[str, View] = {view.name: view for view in _EVERY}


def known_columns(view: str) -> Mapping[str, Column]:
    """Return the columns that a frame of a view may have, by name, as they are declared; of derived frames too."""
    declared = VIEWS[view].columns if view in VIEWS else {}
    return {**columns_of(view), SERVER.name: SERVER, **declared}
