"""Storage pools and what lies on them."""

from __future__ import annotations

from lxdnb.frames._columns import Column
from lxdnb.frames._references import USED_BY
from lxdnb.frames._view import Each, View, declared, named_by_url

__all__ = ["POOLS"]

POOLS = View(
    "pools",
    declared(
        Column("name"),
        Column("driver", what="dir, btrfs, zfs, lvm, ceph …"),
        Column("status", "category", unit="status", categories=("Created", "Pending", "Errored", "Unknown")),
        Column("used", "Int64", path="resources.space.used", needs=("resources",), unit="bytes"),
        Column("total", "Int64", path="resources.space.total", needs=("resources",), unit="bytes", measured=False),
        Column("source", what="device, file or dataset that it lies on", path="config.source"),
        USED_BY,
        Column("description"),
        Column("inodes_used", "Int64", path="resources.inodes.used", needs=("resources",), shown=False),
        Column(
            "inodes_total", "Int64", path="resources.inodes.total", needs=("resources",), shown=False, measured=False
        ),
        Column("locations", "tuple", "members of the cluster that have it", shown=False),
    ),
    keys=("name",),
    collection=("storage-pools",),
    fields={"config.*": "string", "config": "json"},
    sources={"resources": Each("resources", ("storage-pools", "{name}", "resources"), "pool")},
    url=named_by_url("name"),
    of_url=frozenset({"name"}),
)
