"""What instances are made of, one row each: their devices and the keys of their configuration.

A profile that has a thing gives it, unless the instance or a profile after it has one of that name too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from lxdnb.frames._asked import Asked
from lxdnb.frames._columns import Column, Read, Record, mapping
from lxdnb.frames._documented import documented
from lxdnb.frames._fetch import frame_of
from lxdnb.frames._instances import STATUSES
from lxdnb.frames._servers import Clients
from lxdnb.frames._sizes import size
from lxdnb.frames._view import TYPES, Step, View, declared

__all__ = ["CONFIG", "DEVICES", "config", "devices"]

KINDS = (
    *("none", "nic", "disk", "unix-char", "unix-block", "unix-hotplug", "usb", "gpu", "infiniband", "proxy", "tpm"),
    "pci",
)


class _Profiles:
    """What profiles have: asked only where an instance has several, of which any may be where a thing is from."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def steps(self, why: str) -> Iterator[Step]:
        whose = "project with an instance of several profiles that has something of one"
        yield Step("GET /1.0/profiles?recursion=1", whose, why)

    def fill(self, server: Asked, records: list[Record]) -> list[Record]:
        unclear = [record for record in records if self._is_unclear(record)]
        for project in dict.fromkeys(record["project"] for record in unclear):
            told = server.records(("profiles",), {"recursion": 1, "project": project})
            profiles = {str(each.get("name")): _of(each, self.kind) for each in told}
            for record in unclear:
                if record["project"] == project:
                    record["told"] = profiles
        return records

    def _is_unclear(self, record: Record) -> bool:
        return len(_profiles(record)) > 1 and bool(
            _of(record, f"expanded_{self.kind}").keys() - _of(record, self.kind).keys()
        )


def _of(record: Record, kind: str) -> dict[str, Any]:
    return mapping(record.get(kind))


def _profiles(record: Record) -> list[str]:
    found = record.get("profiles")
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _rows(kind: str, value_key: str) -> Callable[[Record], Iterator[Record]]:
    def rows(record: Record) -> Iterator[Record]:
        for name, value in _of(record, f"expanded_{kind}").items():
            yield {**record, "key": name, value_key: value, "own": name in _of(record, kind)}

    return rows


def _profile(row: Record) -> str | None:
    profiles = _profiles(row)
    if row["own"] or not profiles:
        return None
    if len(profiles) == 1:
        return profiles[0]
    told = _of(row, "told")
    return next((name for name in reversed(profiles) if row["key"] in _of(told, name)), None)


def _option(name: str) -> Read:
    return lambda row: row["options"].get(name) if isinstance(row["options"], dict) else [row["options"]]


def _size(row: Record) -> int | None:
    text = _of(row, "options").get("size")
    return size(text) if isinstance(text, str) else None


def _options(row: Record) -> str:
    return json.dumps(row["options"], ensure_ascii=False, sort_keys=True)


_PROFILE = Column(
    "profile", what="that it is from: `profiles.name`; NA for its own", read=_profile, needs=("profiles",)
)
_OF_INSTANCE = (
    Column("own", "boolean", "whether the instance itself has it", shown=False),
    Column("status", "category", "of the instance", unit="status", categories=STATUSES, shown=False),
    Column("instance_type", "category", "of the instance", path="type", categories=TYPES, shown=False),
    Column("location", what="of the instance", shown=False),
    Column("project", shown=False),
)
_OF_RECORD = frozenset({"instance", "status", "instance_type", "location", "project", "config", "expanded_config"})

DEVICES = View(
    "devices",
    declared(
        Column("instance", what="`instances.name`", path="name"),
        Column("name", path="expanded_devices.*", read=lambda row: row["key"]),
        Column("type", "category", path="expanded_devices.*.type", read=_option("type"), categories=KINDS),
        _PROFILE,
        Column("path", what="in the instance", path="expanded_devices.*.path", read=_option("path")),
        Column(
            "source",
            what="of a disk: a volume, or the host's folder or device",
            path="expanded_devices.*.source",
            read=_option("source"),
        ),
        Column("pool", what="`pools.name`", path="expanded_devices.*.pool", read=_option("pool")),
        Column("size", "Int64", "of a disk", path="expanded_devices.*.size", read=_size, unit="bytes"),
        Column("network", what="`networks.name`", path="expanded_devices.*.network", read=_option("network")),
        Column("parent", what="the host's interface", path="expanded_devices.*.parent", read=_option("parent")),
        Column("nictype", path="expanded_devices.*.nictype", read=_option("nictype")),
        Column("options", what="all that it says, as JSON text", path="expanded_devices.*", read=_options),
        *_OF_INSTANCE,
    ),
    keys=("project", "instance", "name"),
    collection=("instances",),
    fields={"options.*": "string", "config.*": "string", "expanded_config.*": "string"},
    sources={"profiles": _Profiles("devices")},
    rows=_rows("devices", "options"),
    of_record=_OF_RECORD,
    feature="always",
    at_once="instance_all_projects",
)

CONFIG = View(
    "config",
    declared(
        Column("instance", what="`instances.name`", path="name"),
        Column("key", path="expanded_config", read=lambda row: row["key"]),
        Column("value", path="expanded_config.*", read=lambda row: row["value"]),
        _PROFILE,
        *_OF_INSTANCE,
    ),
    keys=("project", "instance", "key"),
    collection=("instances",),
    fields={"config.*": "string", "expanded_config.*": "string"},
    sources={"profiles": _Profiles("config")},
    rows=_rows("config", "value"),
    of_record=_OF_RECORD,
    feature="always",
    at_once="instance_all_projects",
)


@documented(DEVICES)
def devices(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return the devices of the instances, one row each, those that they have from profiles too.

    Any option of a device is a field, as `options.boot.priority`; those of `config` are the instance's.

    Costs one request, and one more for each project where `profile` is asked for and an instance has several.

    >>> frames.devices(lx, ["instance", "name", "type", "profile", "path", "pool"], where="instance eq c1")
      instance  name  type  profile path     pool
    0       c1  root  disk  default    /  default
    """
    return frame_of(DEVICES, clients, columns, where, all_projects=all_projects)


@documented(CONFIG)
def config(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return the configuration of the instances, one row a key, what they have from profiles too.

    Costs one request, and one more for each project where `profile` is asked for and an instance has several.

    >>> frames.config(lx, ["instance", "key", "value"], where="instance eq c1 and key eq image.os")
      instance       key    value
    0       c1  image.os  BusyBox
    """
    return frame_of(CONFIG, clients, columns, where, all_projects=all_projects)
