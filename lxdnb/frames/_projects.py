"""Profiles, and projects with what they may have and do have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from lxdnb.frames._columns import Column, Record, by_path
from lxdnb.frames._documented import documented
from lxdnb.frames._fetch import frame_of
from lxdnb.frames._references import USED_BY
from lxdnb.frames._servers import Clients
from lxdnb.frames._view import Each, View, declared, named_by_url

__all__ = ["PROFILES", "PROJECTS", "profiles", "projects"]


def _devices(record: Record) -> Any:
    devices = record.get("devices")
    return list(devices) if isinstance(devices, dict) else devices


def _features(record: Record) -> list[str]:
    config = record.get("config")
    settings = config.items() if isinstance(config, dict) else ()
    return sorted(key.removeprefix("features.") for key, value in settings if _is_feature(key) and value == "true")


def _is_feature(key: str) -> bool:
    return key.startswith("features.")


_told = by_path("config.restricted")


def _restricted(record: Record) -> bool:
    return _told(record) == "true"


def _of(resource: str, key: str) -> Callable[[Record], Any]:
    def read(record: Record) -> Any:
        value: Any = record
        for word in ("state", "resources", resource, key):
            value = value.get(word) if isinstance(value, dict) else None
        return None if isinstance(value, int) and value < 0 else value  # -1 for no limit

    return read


def _usage() -> Iterator[Column]:
    said = {
        "instances": "",
        "containers": "",
        "virtual-machines": "",
        "networks": "",
        "cpu": "cores, the sum of what its instances may use",
        "memory": "the sum of what its instances may use",
        "disk": "the sum of what its instances and volumes may use",
        "processes": "the sum of what its instances may use",
    }
    for resource, what in said.items():
        name, unit = resource.replace("-", "_"), "bytes" if resource in ("memory", "disk") else ""
        path, needs = f"state.resources.{resource}", ("state",)
        yield Column(
            name, "Int64", what, f"{path}.Usage", _of(resource, "Usage"), needs, None, unit, False, measured=False
        )
        yield Column(
            f"{name}_limit", "Int64", "NA for none", f"{path}.Limit", _of(resource, "Limit"), needs, None, unit, False,
            measured=False,
        )  # fmt: skip


PROFILES = View(
    "profiles",
    declared(
        Column("name"),
        Column("description"),
        Column("devices", "tuple", "their names", read=_devices),
        USED_BY,
        Column("project", shown=False),
    ),
    keys=("project", "name"),
    collection=("profiles",),
    fields={"config.*": "string", "config": "json", "devices.*.*": "string"},
    feature="features.profiles",
    at_once="profiles_all_projects",
)

PROJECTS = View(
    "projects",
    declared(
        Column("name"),
        Column("description"),
        Column("features", "tuple", "of what it has its own, as `images`", "config.features.*", _features),
        Column(
            "restricted",
            "boolean",
            "whether it keeps its instances from what is dangerous",
            "config.restricted",
            _restricted,
        ),
        USED_BY,
        *_usage(),
    ),
    keys=("name",),
    collection=("projects",),
    fields={
        "config.*": "string",
        "config": "json",
        "state.resources.*.*": ("Int64", "state"),
        "state": ("json", "state"),
    },
    sources={"state": Each("state", ("projects", "{name}", "state"), "project")},
    url=named_by_url("name"),
    of_url=frozenset({"name"}),
)


@documented(PROFILES)
def profiles(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return the profiles, one row each.

    Costs one request, or one for each project that has profiles of its own where the server lists them in no other way.

    >>> frames.profiles(lx, columns=["name", "devices", "devices.root.pool"])
          name  devices devices.root.pool
    0  default  (root,)           default
    """
    return frame_of(PROFILES, clients, columns, where, all_projects=all_projects)


@documented(PROJECTS)
def projects(clients: Clients, columns: Sequence[str] | None = None, *, where: str | None = None) -> pd.DataFrame:
    """Return the projects, one row each.

    Costs one request, and one more for each project for what its instances take of its limits.

    >>> frames.projects(lx, columns=["name", "instances", "memory_limit"])
          name  instances  memory_limit
    0  default          0          <NA>
    """
    return frame_of(PROJECTS, clients, columns, where)
