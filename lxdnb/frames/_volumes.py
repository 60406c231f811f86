"""Storage volumes and their snapshots: one list for each pool, in which servers have both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from lxdnb.exceptions import Forbidden, LXDAPIException, NotFound
from lxdnb.frames._asked import Asked, at_once
from lxdnb.frames._columns import Column, Record, by_path
from lxdnb.frames._documented import documented
from lxdnb.frames._fetch import frame_of
from lxdnb.frames._references import USED_BY, reference
from lxdnb.frames._servers import Clients
from lxdnb.frames._sizes import size
from lxdnb.frames._view import Step, View, declared, named_by_url
from lxdnb.models.project import assert_project

__all__ = ["VOLUMES", "VOLUME_SNAPSHOTS", "all_volumes", "volume_snapshots", "volume_steps", "volumes"]

TYPES = ("custom", "container", "virtual-machine", "image")
CONTENT_TYPES = ("filesystem", "block", "iso")
NO_USE = "Not supported"  # what LXD answers where a pool's driver cannot tell; Incus tells null


def all_volumes(server: Asked, params: Mapping[str, str]) -> list[Record]:
    """Return the volumes of all pools, and their snapshots, each with its `pool`, in the order of the pools."""
    pools = server.pools()
    # An instance's volume is its own project's, whatever that project has of custom ones.
    scopes = server.scopes("always", "storage_volumes_all_projects")
    lists = [(pool, scope.params) for pool in pools for scope in scopes]

    def ask(one: tuple[str, Mapping[str, str]]) -> list[Record]:
        pool, scope = one
        path = ("storage-pools", pool, "volumes")
        try:
            if "recursion" in params:
                records = server.records(path, {**params, **scope})
            else:
                records = [record for url in server.list(path, {**params, **scope}) for record in _of_url(url)]
        except NotFound:
            assert_project(server.client)
            return []  # deleted meanwhile
        except Forbidden:
            raise  # which is about the client, and not the pool
        except LXDAPIException as error:
            server.failed["/".join(path)] = str(error)
            return []
        return [{**record, "pool": pool} for record in records]

    found = [record for records in at_once(ask, lists) for record in records]
    if len(scopes) < 2:
        return found
    # Projects without custom volumes of their own have those of the default project.
    return list({_identity(record): record for record in found}.values())


def _of_url(url: Any) -> Iterator[Record]:
    """Yield what the URL of a volume tells of it, or of a snapshot of one."""
    found = reference(url) if isinstance(url, str) else None
    if found is not None:
        yield {"name": found.name, "type": found.kind, "project": found.project, "location": found.location}


def _identity(record: Record) -> tuple[Any, ...]:
    return tuple(record.get(key) for key in ("pool", "project", "location", "type", "name"))


def _volumes(server: Asked, params: Mapping[str, str]) -> list[Record]:
    """Return the volumes, with how many snapshots each has."""
    records = all_volumes(server, params)
    counts = Counter(_identity(_part(record)) for record in records if _is_snapshot(record))
    return [{**record, "snapshots": counts[_identity(record)]} for record in records if not _is_snapshot(record)]


def _snapshots(server: Asked, params: Mapping[str, str]) -> list[Record]:
    records = all_volumes(server, params)
    return [
        {**record, "volume": _part(record)["name"], "name": record["name"].partition("/")[2]}
        for record in records
        if _is_snapshot(record)
    ]


def _is_snapshot(record: Record) -> bool:
    return "/" in str(record.get("name"))  # which no volume has in its name


def _part(snapshot: Record) -> Record:
    return {**snapshot, "name": snapshot["name"].partition("/")[0]}


def volume_steps(why: str, all_projects: bool) -> Iterator[Step]:
    """Yield the requests that this takes, for people."""
    each = "pool, and project unless the server has one list of all" if all_projects else "pool"
    yield Step("GET /1.0/storage-pools", why="which pools there are")
    yield Step("GET /1.0/storage-pools/{pool}/volumes?recursion=1", each, why)


class _State:
    """The use of volumes: one request for each. Other members of a cluster tell of theirs only to who asks them."""

    def steps(self, why: str) -> Iterator[Step]:
        yield Step("GET /1.0/storage-pools/{pool}/volumes/{type}/{name}/state", "volume but for images", why)

    def fill(self, server: Asked, records: list[Record]) -> list[Record]:
        asked = [record for record in records if record.get("type") != "image"]  # of which servers tell none
        if server.client.server_clustered:
            here = (server.client.host_info.get("environment") or {}).get("server_name")
            away = [record.get("location") not in (None, "", "none", here) for record in asked]
            if any(away):
                told = ", ".join(
                    sorted({each["location"] for each, is_away in zip(asked, away, strict=True) if is_away})
                )
                many = "a volume" if sum(away) == 1 else f"{sum(away)} volumes"
                server.words.append(f"the use of {many} is NA: only {told} would tell, if asked directly")
            asked = [record for record, is_away in zip(asked, away, strict=True) if not is_away]
        answers = at_once(lambda record: _state(server, record), asked)
        gone: set[int] = set()
        for record, answer in zip(asked, answers, strict=True):
            if isinstance(answer, NotFound):
                gone.add(id(record))
            elif isinstance(answer, LXDAPIException):
                server.failed["/".join(_path(record, "state"))] = str(answer)
            else:
                record["state"] = answer
        return [record for record in records if id(record) not in gone]


def _state(server: Asked, record: Record) -> Any:
    try:
        return server.get(_path(record, "state"), _project(record))
    except LXDAPIException as error:
        return None if NO_USE in str(error) else error


def _path(record: Record, *rest: str) -> tuple[str, ...]:
    return "storage-pools", record["pool"], "volumes", record["type"], record.get("volume") or record["name"], *rest


def _project(record: Record) -> dict[str, str]:
    return {"project": record["project"]} if record.get("project") else {}


class _Expiry:
    """When snapshots go, which the list of a volume's own snapshots tells; for LXD 5.0 that of the member that answers
    alone: snapshots on others are asked for one by one."""

    def steps(self, why: str) -> Iterator[Step]:
        path = "GET /1.0/storage-pools/{pool}/volumes/{type}/{volume}/snapshots"
        yield Step(f"{path}?recursion=1", "volume that has snapshots", why)
        yield Step(f"{path}/{{name}}", "snapshot that this does not tell, in a cluster", why)

    def fill(self, server: Asked, records: list[Record]) -> list[Record]:
        volumes = {_whose(record): record for record in records}
        lists = at_once(lambda record: self._ask(server, record, {"recursion": "1"}), volumes.values())
        told: dict[tuple[Any, ...], Any] = {}
        for key, answer in zip(volumes, lists, strict=True):
            for each in answer if isinstance(answer, list) else ():
                if isinstance(each, dict):
                    told[*key, str(each.get("name")).rpartition("/")[2]] = each
        missed = [record for record in records if (*_whose(record), record["name"]) not in told]
        for record, answer in zip(missed, at_once(lambda record: self._ask(server, record), missed), strict=True):
            if not isinstance(answer, NotFound):  # which is deleted meanwhile
                told[*_whose(record), record["name"]] = answer
                if isinstance(answer, LXDAPIException):
                    server.failed["/".join(_path(record, "snapshots", record["name"]))] = str(answer)
        kept = [record for record in records if (*_whose(record), record["name"]) in told]
        for record in kept:
            answer = told[*_whose(record), record["name"]]
            record["expires_at"] = answer.get("expires_at") if isinstance(answer, dict) else None
        return kept

    def _ask(self, server: Asked, record: Record, whole: Mapping[str, str] | None = None) -> Any:
        """Return what the server tells of a snapshot, or with `whole` of all those of its volume."""
        path = _path(record, "snapshots", *(() if whole else (record["name"],)))
        away = server.client.server_clustered and not server.client.target
        target = {"target": record["location"]} if away and record.get("location") else {}
        try:
            return server.get(path, {**_project(record), **target, **(whole or {})})
        except LXDAPIException as error:
            return error


def _whose(snapshot: Record) -> tuple[Any, ...]:
    return _identity({**snapshot, "name": snapshot["volume"]})


_told_size = by_path("config.size")


def _size(record: Record) -> Any:
    text = _told_size(record)
    return size(text) if isinstance(text, str) else text


_KIND = (
    Column("type", "category", categories=TYPES),
    Column("content_type", "category", categories=CONTENT_TYPES),
)
_REST = (
    USED_BY,
    Column("created_at", "datetime", "NA where the server does not tell, as LXD 5.0", unit="age"),
    Column("description"),
    Column("project", shown=False),
    Column("location", what="member of the cluster; `none` where there is none", shown=False),
)
_SIZE = Column("size", "Int64", "what it may take at most; NA for no limit", "config.size", _size, unit="bytes")

VOLUMES = View(
    "volumes",
    declared(
        Column("name"),
        Column("pool", what="`pools.name`"),
        *_KIND,
        _SIZE,
        *_REST,
        Column(
            "usage",
            "Int64",
            "in use; NA where the pool's driver cannot tell, as dir",
            path="state.usage.used",
            needs=("state",),
            unit="bytes",
            shown=False,
        ),
        Column("snapshots", "Int64", "how many it has", shown=False),
    ),
    keys=("project", "pool", "location", "type", "name"),
    fields={
        "config.*": "string",
        "config": "json",
        "state.usage.*": ("Int64", "state"),
        "state": ("json", "state"),
    },
    sources={"state": _State()},
    url=named_by_url("name"),
    of_url=frozenset({"name", "pool", "type", "project", "snapshots"}),
    records=_volumes,
    steps=volume_steps,
)

VOLUME_SNAPSHOTS = View(
    "volume_snapshots",
    declared(
        Column("name", what="within its volume"),
        Column("volume", what="`volumes.name`"),
        Column("pool", what="`pools.name`"),
        *_KIND,
        *_REST,
        Column("expires_at", "datetime", "NA for never", needs=("expiry",), unit="age", shown=False),
        Column(
            "size",
            "Int64",
            "what its volume might take when it was made",
            "config.size",
            _size,
            (),
            None,
            "bytes",
            False,
        ),
    ),
    keys=("project", "pool", "location", "type", "volume", "name"),
    fields={"config.*": "string", "config": "json"},
    sources={"expiry": _Expiry()},
    url=named_by_url("name"),
    of_url=frozenset({"name", "volume", "pool", "type", "project"}),
    records=_snapshots,
    steps=volume_steps,
)


@documented(VOLUMES)
def volumes(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return the storage volumes, one row each: of instances and images, and custom ones.

    Costs one request, and one for each pool, which is cheap for names, pools, types, projects and counts of snapshots
    alone: of all else servers look up who uses each. For their use it is one more for each volume. Snapshots are
    those of `volume_snapshots`. `pool`, `project` and `location` tell volumes of one name apart.

    >>> frames.volumes(lx, columns=["name", "pool", "type"], where="type eq container")
      name     pool       type
    0   c1  default  container
    """
    return frame_of(VOLUMES, clients, columns, where, all_projects=all_projects)


@documented(VOLUME_SNAPSHOTS)
def volume_snapshots(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return the snapshots of storage volumes, one row each; those of instances are among them.

    Costs one request, and one for each pool; for `expires_at` one more for each volume that has snapshots.

    >>> len(frames.volume_snapshots(lx, where="volume eq c1"))
    0
    """
    return frame_of(VOLUME_SNAPSHOTS, clients, columns, where, all_projects=all_projects)
