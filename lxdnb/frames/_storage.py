"""Storage pools, and the space on them, which in a cluster each member has its own of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from lxdnb.exceptions import LXDAPIException
from lxdnb.frames._asked import Asked, at_once
from lxdnb.frames._columns import Column, Record, by_path
from lxdnb.frames._documented import documented
from lxdnb.frames._fetch import frame_of
from lxdnb.frames._references import USED_BY
from lxdnb.frames._servers import Clients
from lxdnb.frames._view import Step, View, declared, named_by_url

__all__ = ["POOLS", "pools"]

REMOTE = ("ceph", "cephfs", "cephobject", "linstor", "lvmcluster", "powerflex", "pure")
"""The drivers whose pools are the same on all members of a cluster."""


class _Resources:
    """The space on pools: one request for each, and in a cluster for each member's part of those that are local."""

    def steps(self, why: str) -> Iterator[Step]:
        yield Step("GET /1.0/storage-pools/{name}/resources", "pool, and in a cluster each member's part of it", why)

    def fill(self, server: Asked, records: list[Record]) -> list[Record]:
        parts = [(record, target) for record in records for target in _targets(server, record)]

        def ask(part: tuple[Record, str | None]) -> Record | LXDAPIException:
            record, target = part
            try:
                found = server.get(_path(record), {"target": target} if target else {})
            except LXDAPIException as error:
                return error
            return found if isinstance(found, dict) else {}

        answers = at_once(ask, parts)
        for record in records:
            told = [answer for (whose, _), answer in zip(parts, answers, strict=True) if whose is record]
            wrong = [answer for answer in told if isinstance(answer, LXDAPIException)]
            if wrong:  # the sum of the others would be none of this pool
                server.failed["/".join(_path(record))] = str(wrong[0])
            else:
                record["resources"] = _sum([answer for answer in told if isinstance(answer, dict)])
        return records


def _targets(server: Asked, record: Record) -> list[str | None]:
    """Return the members to ask about a pool; None is the one that answers."""
    client = server.client
    local = record.get("driver") not in REMOTE
    return (
        list(record.get("locations") or [None]) if client.server_clustered and not client.target and local else [None]
    )


def _path(record: Record) -> tuple[str, ...]:
    return "storage-pools", record["name"], "resources"


def _sum(parts: Sequence[Record]) -> Record:
    """Return the space and the inodes of a pool's parts together, as one part has them."""
    if len(parts) == 1:
        return parts[0]
    total: dict[str, dict[str, Any]] = {}
    for part in parts:
        for what, numbers in part.items():
            for name, number in numbers.items() if isinstance(numbers, dict) else ():
                kept = total.setdefault(what, {})
                kept[name] = kept.get(name, 0) + number if isinstance(number, int) else number
    return total


_used, _total = by_path("resources.space.used"), by_path("resources.space.total")


def _share(record: Record) -> float | None:
    used, total = _used(record), _total(record)
    return used / total if isinstance(used, int) and isinstance(total, int) and total else None


POOLS = View(
    "pools",
    declared(
        Column("name"),
        Column("driver", what="dir, btrfs, zfs, lvm, ceph …"),
        Column("status", "category", unit="status", categories=("Created", "Pending", "Errored", "Unknown")),
        Column(
            "used", "Int64", "in a cluster of all members", "resources.space.used", None, ("resources",), unit="bytes"
        ),
        Column(
            "total",
            "Int64",
            "in a cluster of all members",
            "resources.space.total",
            needs=("resources",),
            unit="bytes",
            measured=False,
        ),
        Column("share", "Float64", "of `total` in use", "used / total", _share, ("resources",), unit="share"),
        Column("source", what="device, file or dataset that it lies on; NA in a cluster", path="config.source"),
        USED_BY,
        Column("description"),
        Column("inodes_used", "Int64", path="resources.inodes.used", needs=("resources",), shown=False),
        Column(
            "inodes_total", "Int64", path="resources.inodes.total", needs=("resources",), shown=False, measured=False
        ),
        Column("locations", "tuple", "members of the cluster that have it; `none` where there is none", shown=False),
    ),
    keys=("name",),
    collection=("storage-pools",),
    fields={"config.*": "string", "config": "json", "resources.*.*": ("Int64", "resources")},
    sources={"resources": _Resources()},
    url=named_by_url("name"),
    of_url=frozenset({"name"}),
)


@documented(POOLS)
def pools(clients: Clients, columns: Sequence[str] | None = None, *, where: str | None = None) -> pd.DataFrame:
    """Return the storage pools, one row each.

    Costs one request, and one more for each pool for the space on it; in a cluster one for each member's part of it,
    for a client of all of them. `Client.use_target` gives a client of one member, whose part it then is.

    >>> frames.pools(lx, columns=["name", "driver"])
          name driver
    0  default    dir
    """
    return frame_of(POOLS, clients, columns, where)
