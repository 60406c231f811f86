"""What uses what: the `used_by` of all that has one, one row for each reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from lxdnb.exceptions import LXDAPIException
from lxdnb.frames._asked import Asked, at_once, restricted
from lxdnb.frames._columns import Column, Record
from lxdnb.frames._documented import documented
from lxdnb.frames._fetch import frame_of
from lxdnb.frames._references import TYPES, references
from lxdnb.frames._servers import Clients
from lxdnb.frames._view import Step, View, declared
from lxdnb.frames._volumes import all_volumes, volume_steps

__all__ = ["USES", "used_by"]

# Type, collection, the feature by which projects have their own, the extension by which those of all are one list.
_LISTS = (
    ("pool", "storage-pools", "", ""),
    ("network", "networks", "features.networks", "networks_all_projects"),
    ("network-acl", "network-acls", "features.networks", "network_acls_all_projects"),
    ("profile", "profiles", "features.profiles", "profiles_all_projects"),
    ("project", "projects", "", ""),
)


def _records(server: Asked, params: Mapping[str, str]) -> list[Record]:
    """Return the things that others use, each with its type."""

    def ask(one: tuple[str, str, str, str]) -> list[Record]:
        kind, collection, feature, extension = one
        if kind == "network-acl" and not server.client.has_api_extension("network_acl"):
            return []
        if not feature:  # which are the server's own
            try:
                records = server.records((collection,), params)
            except LXDAPIException as error:
                if not restricted(error):
                    raise
                server.failed[collection] = str(error)
                return []
            return [{**record, "thing": kind} for record in records]
        return [
            {"project": scope.project, **record, "thing": kind}
            for scope, records in server.of_scopes((collection,), feature, extension, params)
            for record in (records if isinstance(records, list) else ())
            if isinstance(record, dict)
        ]

    found = [record for records in at_once(ask, _LISTS) for record in records]
    for volume in all_volumes(server, params):
        found.append({**volume, "thing": "volume-snapshot" if "/" in volume["name"] else "volume"})
    return found


def _rows(record: Record) -> Iterator[Record]:
    of_volume = record["thing"].startswith("volume")
    thing = {
        "type": record["thing"],
        "name": record.get("name"),
        "project": record.get("project"),
        "pool": record.get("pool"),
        "volume_type": record.get("type") if of_volume else None,
        "location": record.get("location") if of_volume else None,
    }
    for user in references(record.get("used_by")):
        yield {
            **thing,
            "user_type": user.type,
            "user_name": user.name,
            "user_project": user.project,
            "user_pool": user.pool,
            "user_volume_type": user.kind,
            "user_location": user.location,
        }


def _steps(why: str, all_projects: bool) -> Iterator[Step]:
    for kind, collection, feature, _ in _LISTS:
        each = "project that has its own, unless the server has one list of all" if all_projects and feature else ""
        yield Step(f"GET /1.0/{collection}?recursion=1", each, f"what uses each {kind}")
    yield from volume_steps("what uses each volume", all_projects)


USES = View(
    "used_by",
    declared(
        Column("type", "category", "of what is used", categories=TYPES),
        Column("name"),
        Column("project", what="NA for pools and projects, which are the server's"),
        Column("pool", what="of a volume: `pools.name`"),
        Column("user_type", "category", "of what uses it", categories=TYPES),
        Column("user_name", what="of a snapshot with what it is of, as c1/s1"),
        Column("user_project"),
        Column("user_pool", what="of a volume: `pools.name`"),
        Column("volume_type", what="of a volume: `volumes.type`", shown=False),
        Column("location", what="of a volume: member of the cluster", shown=False),
        Column("user_volume_type", what="of a volume: `volumes.type`", shown=False),
        Column("user_location", what="of a volume: member of the cluster", shown=False),
    ),
    keys=("type", "project", "pool", "volume_type", "location", "name", "user_type", "user_name", "user_project"),
    rows=_rows,
    records=_records,
    steps=_steps,
    asks_whose=True,
)


@documented(USES)
def used_by(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return what uses pools, volumes, networks, their access lists, profiles and projects, one row for each use.

    Costs a list of each of these, and of the volumes of each pool.

    >>> frames.used_by(lx, columns=["type", "name", "user_name"], where="type eq pool and user_type eq instance")
       type     name user_name
    0  pool  default        c1
    """
    return frame_of(USES, clients, columns, where, all_projects=all_projects)
