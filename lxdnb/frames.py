"""The server's inventory as DataFrames: records in, typed columns out, by the cheapest requests.

A column is declared once: its name, the letter that `lxc list -c` has for it, its dtype, where its value stands, and
whether it needs the instance's state, which is the dear part. The schema of a frame depends on what was asked for
and never on what the server holds. The only room that imports pandas.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from lxdnb import api
from lxdnb.display import Cell, human_age, human_size, table_html
from lxdnb.exceptions import LXDAPIException, NotFound
from lxdnb.models.project import assert_project

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["INSTANCE_COLUMNS", "Column", "html", "instances", "outcomes"]

STATUSES = ("Running", "Stopped", "Frozen", "Error")
TYPES = ("container", "virtual-machine")
SHOWN_ROWS = 50
AT_ONCE = 4  # requests for states under way together; the server gains nothing by more

Record = Mapping[str, Any]
State = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a view.

    `read` takes a record and, where `needs_state`, the state of a running instance. It returns None for what is
    missing.
    """

    name: str
    letter: str | None
    dtype: str
    read: Callable[[Record, State], Any]
    needs_state: bool = False
    shown: bool = True  # without being asked for
    categories: tuple[str, ...] = ()
    unit: str = ""


def instances(
    client: Client,
    columns: Sequence[str] | None = None,
    *,
    all_projects: bool = False,
    instance_type: str | None = None,
) -> pd.DataFrame:
    """Return the instances of a server, one row each, in the server's order.

    Costs one request, and one more for each running instance if a column needs its state. An instance that is
    deleted between the two has no row; a state that the server fails to tell is NA, and its reason stands
    in `attrs`.

    Default columns: `name`, `status`, `type`, `ipv4`, `ipv6`, `memory`, `processes`, `image`, `profiles`, `created_at`,
    `last_used_at`, `description`. Others on demand: `architecture`, `base_image`, `cpu`, `disk`, `ephemeral`,
    `location`, `pid`, `pool`, `project`.

    | column | dtype | unit and source |
    |---|---|---|
    | name, project, location, description, architecture | string | |
    | status, type | category | the server's words |
    | ipv4, ipv6 | object | tuple of addresses other than loopback and link-local; empty when not running |
    | memory, disk | Int64 | bytes in use now; `state.memory.usage`, the root disk's `state.disk.*.usage` |
    | cpu | Float64 | seconds used since its start; `state.cpu.usage` |
    | processes, pid | Int64 | NA when not running |
    | image | string | description of the image that it was made from; `config.image.description` |
    | base_image | string | fingerprint of that image; `config.volatile.base_image` |
    | pool | string | storage pool of its root disk |
    | profiles | object | tuple of names, in order |
    | ephemeral | boolean | |
    | created_at, last_used_at | datetime64[ns, UTC] | NA for never |

    `instance_type` keeps `container` or `virtual-machine` only. Raises ValueError for a column that there is
    none of, before anything is sent; NotFound for a client of a project that is not there.

    >>> frames.instances(lx, columns=["name", "status", "memory"])
      name   status   memory
    0   c1  Running   212992
    1   c2  Stopped     <NA>

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instances_get_recursion1
    """
    chosen = _chosen(columns)
    params: dict[str, Any] = {"recursion": 1} | ({"all-projects": "true"} if all_projects else {})
    records: list[Record] = api.metadata(client.api.instances.get(params=params))
    if not records and not all_projects:
        assert_project(client)
    if instance_type is not None:
        records = [record for record in records if record.get("type", "container") == instance_type]

    states: dict[int, State] = {}
    failed: dict[str, str] = {}
    if any(column.needs_state for column in chosen):
        active = [place for place, record in enumerate(records) if record.get("status") not in ("Stopped", "Error")]
        answers = _at_once(lambda place: _state(client, records[place]), active)
        gone = {place for place, answer in zip(active, answers, strict=True) if isinstance(answer, NotFound)}
        for place, answer in zip(active, answers, strict=True):
            if not isinstance(answer, LXDAPIException):
                states[place] = answer
            elif place not in gone:
                failed[records[place]["name"]] = str(answer)
        states = {number: states.get(place, {}) for number, place in enumerate(_without(len(records), gone))}
        records = [records[place] for place in _without(len(records), gone)]

    frame = pd.DataFrame(
        {
            column.name: _array(
                column, [column.read(record, states.get(row, {})) for row, record in enumerate(records)]
            )
            for column in chosen
        }
    )
    frame.attrs["lxdnb"] = json.dumps({"view": "instances", "server": client.endpoint, "failed": failed})
    return frame


def outcomes(names: Sequence[str], before: Sequence[str], after: Sequence[str | None]) -> pd.DataFrame:
    """Return what became of instances: `name`, `before` and `after`, their statuses; `after` is NA for what is gone."""
    columns = {"name": names, "before": before, "after": after}
    frame = pd.DataFrame({name: pd.array(list(values), dtype="string") for name, values in columns.items()})
    frame.attrs["lxdnb"] = json.dumps({"view": "outcomes"})
    return frame


def html(frame: pd.DataFrame) -> str | None:
    """Return a frame of lxdnb's as an HTML table for people, or None for any other DataFrame.

    What pandas has made of such a frame, with other rows' names, columns or types, is another: it is pandas' to show.

    Sizes and ages are rounded, with the exact value as the cell's title; rows after the first 50 are counted only.
    """
    if "lxdnb" not in frame.attrs or not _as_made(frame):
        return None
    head = frame.head(SHOWN_ROWS)
    units = {column.name: column.unit for column in INSTANCE_COLUMNS.values()}
    shown = {name: [_cell(value, units.get(name, "")) for value in head[name]] for name in head.columns}
    table = table_html(list(shown), zip(*shown.values(), strict=True))
    more = len(frame) - len(head)
    if frame.empty:
        return table + "<div>nothing here</div>"
    return table + (f"<div>… {more:,} more</div>" if more else "")


def _as_made(frame: pd.DataFrame) -> bool:
    if not isinstance(frame.index, pd.RangeIndex) or not frame.columns.is_unique:
        return False
    made = {column.name: column.dtype for column in INSTANCE_COLUMNS.values()}
    return all(str(frame.dtypes[name]) == "Int64" for name in frame.columns if made.get(name) == "Int64")


def _cell(value: Any, unit: str) -> Cell:
    if isinstance(value, tuple):
        return Cell(", ".join(map(str, value)))
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return Cell("")
    if unit == "bytes":
        return Cell(human_size(int(value)), title=f"{value:,} bytes")
    if isinstance(value, pd.Timestamp):
        seconds = (pd.Timestamp.now("UTC") - value).total_seconds()
        return Cell(human_age(seconds), title=value.isoformat())
    return Cell(str(value), dot=unit == "status")


def _without(count: int, gone: set[int]) -> list[int]:
    return [place for place in range(count) if place not in gone]


def _chosen(columns: Sequence[str] | None) -> list[Column]:
    if columns is None:
        return [column for column in INSTANCE_COLUMNS.values() if column.shown]
    if isinstance(columns, str):
        raise TypeError(f"columns is a list of names, as in [{columns!r}]")
    for name in columns:
        if name not in INSTANCE_COLUMNS:
            close = difflib.get_close_matches(name, INSTANCE_COLUMNS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(INSTANCE_COLUMNS)}"
            raise ValueError(f"instances have no column {name!r}: {hint}")
    return [INSTANCE_COLUMNS[name] for name in dict.fromkeys(columns)]


def _state(client: Client, record: Record) -> State | LXDAPIException:
    try:
        node = client.api.instances[record["name"]].state
        # The record's own project: the list may be of all projects.
        params = {"project": record["project"]} if record.get("project") else None
        return api.metadata(node.get(params=params))
    except LXDAPIException as error:
        return error


def _at_once(call: Callable[[int], Any], places: Iterable[int]) -> list[Any]:
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lxdnb frames")
    try:
        return list(pool.map(call, places))
    finally:
        # Not `with`, which joins: an interrupted cell would hang until all were answered.
        pool.shutdown(wait=False, cancel_futures=True)


def _array(column: Column, values: list[Any]) -> Any:
    if column.dtype == "category":
        unknown = {value for value in values if value is not None} - set(column.categories)
        return pd.Categorical(values, categories=[*column.categories, *sorted(unknown)])
    if column.dtype == "datetime":
        times = [None if value is None or value[:4] in ("0001", "1970") else value for value in values]
        return pd.to_datetime(pd.Series(times, dtype=object), utc=True, format="ISO8601").astype("datetime64[ns, UTC]")
    if column.dtype == "tuple":
        return pd.Series(values, dtype=object)
    return pd.array(values, dtype=column.dtype)


def _field(name: str, empty: Any = None) -> Callable[[Record, State], Any]:
    return lambda record, _: record.get(name) or empty


def _config(name: str) -> Callable[[Record, State], Any]:
    return lambda record, _: (record.get("config") or {}).get(name)


def _when_running(*path: str, scale: float | None = None) -> Callable[[Record, State], Any]:
    """Read a number of the state, which is negative where the server does not know it."""

    def read(_: Record, state: State) -> Any:
        value: Any = state
        for step in path:
            value = (value or {}).get(step)
        if value is None or value < 0:
            return None
        return value * scale if scale else value

    return read


def _addresses(family: str) -> Callable[[Record, State], tuple[str, ...]]:
    def read(_: Record, state: State) -> tuple[str, ...]:
        interfaces: Mapping[str, Any] = state.get("network") or {}
        return tuple(
            address["address"]
            for interface in interfaces.values()
            if interface.get("type") != "loopback"
            for address in interface.get("addresses") or ()
            if address["family"] == family and address["scope"] not in ("link", "local")
        )

    return read


def _root_disk(record: Record) -> tuple[str, Mapping[str, str]]:
    devices: Mapping[str, Mapping[str, str]] = record.get("expanded_devices") or {}
    for name, device in devices.items():
        if device.get("type") == "disk" and device.get("path") == "/":
            return name, device
    return "root", {}


def _disk(record: Record, state: State) -> Any:
    return _when_running("disk", _root_disk(record)[0], "usage")(record, state) or None


def _text(name: str, letter: str | None, *, shown: bool = True) -> Column:
    return Column(name, letter, "string", _field(name, ""), shown=shown)


INSTANCE_COLUMNS: Mapping[str, Column] = {
    column.name: column
    for column in (
        _text("name", "n"),
        Column("status", "s", "category", _field("status"), categories=STATUSES, unit="status"),
        Column("type", "t", "category", _field("type", "container"), categories=TYPES),
        Column("ipv4", "4", "tuple", _addresses("inet"), needs_state=True),
        Column("ipv6", "6", "tuple", _addresses("inet6"), needs_state=True),
        Column("memory", "m", "Int64", _when_running("memory", "usage"), needs_state=True, unit="bytes"),
        Column("processes", "N", "Int64", _when_running("processes"), needs_state=True),
        Column("image", None, "string", _config("image.description")),
        Column("profiles", "P", "tuple", lambda record, _: tuple(record.get("profiles") or ())),
        Column("created_at", "c", "datetime", _field("created_at")),
        Column("last_used_at", "l", "datetime", _field("last_used_at")),
        _text("description", "d"),
        _text("architecture", "a", shown=False),
        Column("base_image", "F", "string", _config("volatile.base_image"), shown=False),
        Column("cpu", "u", "Float64", _when_running("cpu", "usage", scale=1e-9), needs_state=True, shown=False),
        Column("disk", "D", "Int64", _disk, needs_state=True, shown=False, unit="bytes"),
        Column("ephemeral", None, "boolean", lambda record, _: record.get("ephemeral"), shown=False),
        _text("location", "L", shown=False),
        Column("pid", "p", "Int64", _when_running("pid"), needs_state=True, shown=False),
        Column("pool", "b", "string", lambda record, _: _root_disk(record)[1].get("pool"), shown=False),
        _text("project", "e", shown=False),
    )
}
