"""What changed between two looks at the same view: which rows came and went, and which cells are others.

Nothing is taken for a change that is none: what one of the looks could not tell, and what no two looks find the same,
is left out, and the frame says so. Pure: both frames are given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import pandas as pd

from lxdnb import checks
from lxdnb.frames._build import SERVER, build
from lxdnb.frames._cells import Kind, kind_of, plain, text
from lxdnb.frames._columns import Column, Record, chosen, closest
from lxdnb.frames._servers import marked
from lxdnb.frames._view import View
from lxdnb.frames._views import VIEWS

__all__ = ["diff"]

CHANGED = (
    Column("change", "category", categories=("added", "removed", "changed")),
    Column("column"),
    Column("before"),
    Column("after"),
)

# The key by which a part of a thing says whose it is, by the collection of the thing.
OWNERS = {"instances": "instance", "storage-pools": "pool", "networks": "network"}

Key = tuple[Any, ...]


def diff(
    before: pd.DataFrame, after: pd.DataFrame, columns: Sequence[str] | None = None, *, ignore: Sequence[str] = ()
) -> pd.DataFrame:
    """Return what changed between two frames of one view: one row a cell, and one a row that came or went.

    `before` may come from a file: `frames.read_parquet` and pickle give it as it was. Both are to be asked for in the
    same way: another `where` or project has other rows. Rows are of the same thing when the view's keys are the same,
    as `project` and `name`; one that is no column by default, as `project`, may be missing where the others are enough.

    Compared are the columns that both frames have, but for those that measure, as memory in use, for they are others at
    every look. `columns` names those to compare, measured or not; `ignore` those to leave out. Not compared either are
    servers that only one look could ask, and what could not be told of a thing: `attrs` says so.

    | column | dtype | |
    |---|---|---|
    | server, project, name … | as in the view | its keys; `server` where several were asked |
    | change | category | `added`, `removed`, `changed` |
    | column | string | whose cell it is; NA for a row that was added or removed |
    | before, after | string | the two values; NA for missing |

    Values of all dtypes share two columns, and go to a file with them, so they are text from which each can be had
    again: text and categories as they are, times in ISO 8601, to the nanosecond; numbers, booleans and lists as JSON.
    Rows are sorted by their keys, a row's cells are in the order of its columns.

    Raises ValueError for frames of two views or of none, without a column that rows are known by, and with two rows of
    one thing; TypeError for a column whose cells are of another kind in each.

    >>> before = frames.instances(lx)
    >>> lx.instances.get("c1").stop(wait=True)
    >>> frames.diff(before, frames.instances(lx), ["status"])[["name", "change", "before", "after"]]
      name   change   before    after
    0   c1  changed  Running  Stopped
    """
    looks = _Look.at("before", before), _Look.at("after", after)
    view = _view(*looks)
    keys = _keys(view, *looks)
    names, words = _compared(view, keys, looks, columns, ignore)
    apart = _not_comparable(looks) if SERVER.name in keys else {}
    words += [f"{name}: not compared, for {why}" for name, why in apart.items()]
    kinds: dict[str, Kind] = {key: _kind(key, looks) for key in keys}
    lacking = [key for key in view.keys if key not in keys]
    rows = looks[0].rows(kinds, apart, lacking), looks[1].rows(kinds, apart, lacking)
    cells = [_cells(view, name, looks) for name in names]
    untold = _Untold(view, keys, looks[0]), _Untold(view, keys, looks[1])
    changes = _changes(rows, cells, untold, words)
    records = [{**dict(zip(keys, key, strict=True)), **change} for key, change in changes]
    # The records are ours here, so each key stands under its name.
    declared = [SERVER if key == SERVER.name else replace(view.columns[key], path="", read=None) for key in keys]
    failed = {f"{look.name}: {what}": why for look in looks for what, why in look.failed.items()}
    made = build("diff", [*declared, *CHANGED], records, failed=failed, words=words)
    whose = {each: looks[1].mark.get(each) or {} for each in ("servers", "projects", "clients")}
    made.attrs["lxdnb"] = json.dumps(marked(made) | whose)
    return made


@dataclass(frozen=True)
class _Look:
    """One of the two frames."""

    name: str
    frame: pd.DataFrame
    mark: Mapping[str, Any]

    @classmethod
    def at(cls, name: str, frame: object) -> _Look:
        if not isinstance(frame, pd.DataFrame):
            raise TypeError(f"{name} is a frame, as frames.instances(…) gives it, not {checks.shown(frame)}")
        if not frame.columns.is_unique:
            raise ValueError(
                f"{name} has two columns of one name: {_listed(frame.columns[frame.columns.duplicated()])}"
            )
        return cls(name, frame, marked(frame))

    @property
    def columns(self) -> list[str]:
        return [str(name) for name in self.frame.columns]

    @property
    def failed(self) -> Mapping[str, str]:
        return self.mark.get("failed") or {}

    @property
    def is_of_all_projects(self) -> bool:
        return bool(self.mark.get("all_projects"))

    @property
    def projects(self) -> Mapping[str, str]:
        return self.mark.get("projects") or {}

    @property
    def servers(self) -> set[str]:
        return set(self.mark.get("servers") or ())

    def rows(self, keys: Mapping[str, Kind], apart: Mapping[str, str], lacking: Sequence[str]) -> dict[Key, int]:
        """Return where the row of each thing stands, without those of the servers that are left apart."""
        parts = [self.cells(key, kind) for key, kind in keys.items()]
        places: dict[Key, int] = {}
        for place, key in enumerate(zip(*parts, strict=True)):
            if key in places:
                told = ", ".join(f"{name} {part!r}" for name, part in zip(keys, key, strict=True))
                hint = f"; in both frames ask for {_listed(lacking)} too, which may tell them apart" if lacking else ""
                raise ValueError(f"{self.name} has two rows of {told}: one row each is compared{hint}")
            places[key] = place
        return {key: place for key, place in places.items() if key[0] not in apart} if apart else places

    def kind(self, name: str) -> Kind:
        found = kind_of(self._column(name))
        if found is None:
            raise TypeError(f"{self.name} has {self.dtype(name)} in {name!r}: no column of a view is like that")
        return found

    def cells(self, name: str, kind: Kind) -> list[Any]:
        return plain(self._column(name), kind)

    def dtype(self, name: str) -> str:
        return str(self._column(name).dtype)

    def _column(self, name: str) -> pd.Series:
        return cast("pd.Series", self.frame[name])


class _Cells(NamedTuple):
    """A column of both frames."""

    name: str
    kind: Kind
    before: list[Any]
    after: list[Any]
    needs: bool
    """Whether more than the list tells of it, which may fail for one thing alone."""


def _view(before: _Look, after: _Look) -> View:
    for look in (before, after):
        if look.mark.get("view") not in VIEWS:
            what = f"a frame of {look.mark['view']}" if look.mark.get("view") else "no frame of lxdnb's"
            raise ValueError(
                f"{look.name} is {what}: views are compared, as frames.instances(…) gives them and parquet and pickle "
                "keep them"
            )
    one, other = before.mark["view"], after.mark["view"]
    if one != other:
        raise ValueError(f"before is a frame of {one}, after of {other}: frames of one view are compared")
    view = VIEWS[one]
    if "project" in view.columns and not all("project" in look.columns for look in (before, after)):
        if before.is_of_all_projects != after.is_of_all_projects:
            every, one = ("before", "after") if before.is_of_all_projects else ("after", "before")
            raise ValueError(f"{every} is of all projects, {one} of one: ask for both in the same way")
        for server, project in before.projects.items():
            if after.projects.get(server, project) != project:
                raise ValueError(
                    f"before is of the project {project!r}, after of {after.projects[server]!r}: frames of one project "
                    "are compared, or both with the column 'project'"
                )
    return view


def _keys(view: View, before: _Look, after: _Look) -> list[str]:
    """Return the columns by which rows are known in both frames: those that are there only on demand may be missing."""
    keys = [SERVER.name] if SERVER.name in {*before.columns, *after.columns} else []
    in_both = {*before.columns} & {*after.columns}
    demanded = [key for key in view.keys if view.columns[key].shown] or view.keys
    keys += [key for key in view.keys if key in demanded or key in in_both]
    for look in (before, after):
        for key in keys:
            if key not in look.columns and key == SERVER.name:
                raise ValueError(
                    f"{look.name} has no column 'server', as the other has: compare frames of the same servers"
                )
            if key not in look.columns:
                raise ValueError(
                    f"{look.name} has no column {key!r}, by which the rows of {view.name} are known: ask for it, "
                    f"columns=[{key!r}, …], and keep it a column"
                )
    return keys


def _compared(
    view: View, keys: Sequence[str], looks: Sequence[_Look], columns: Sequence[str] | None, ignore: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the columns to compare, and words on those that cannot be."""
    before, after = looks
    both = [name for name in before.columns if name in after.columns and name not in keys]
    left_out = _names("ignore", ignore, list(dict.fromkeys([*before.columns, *after.columns])))
    if columns is not None:
        return [name for name in _names("columns", columns, both) if name not in left_out], []
    words = [
        f"{name}: not compared, for only {look.name} has it"
        for look, other in ((before, after), (after, before))
        for name in look.columns
        if name not in other.columns and name not in left_out
    ]
    return [name for name in both if name not in left_out and not _column(view, name).is_measured], words


def _names(what: str, names: object, known: Sequence[str]) -> list[str]:
    if isinstance(names, str) or not isinstance(names, Sequence | set | frozenset | pd.Index):
        raise TypeError(f"{what} is a list of names, as in ['status'], not {checks.shown(names)}")
    told = [checks.text("a column's name", name) for name in names]
    for name in told:
        if name not in known:
            raise ValueError(f"the two frames have no column {name!r} to compare: {closest(name, known)}")
    return list(dict.fromkeys(told))


def _column(view: View, name: str) -> Column:
    try:
        return chosen(view.name, view.columns, view.fields, [name])[0]
    except ValueError:  # somebody's own
        return Column(name)


def _kind(name: str, looks: Sequence[_Look]) -> Kind:
    """Return what a column's cells are in both frames."""
    before, after = looks[0].kind(name), looks[1].kind(name)
    if before != after and "nothing" not in (before, after):
        told = " and ".join(f"{look.dtype(name)} {look.name}" for look in looks)
        raise TypeError(f"{name!r} is {told}: make them of one dtype, or leave it out, ignore=[{name!r}]")
    return after if before == "nothing" else before


def _cells(view: View, name: str, looks: Sequence[_Look]) -> _Cells:
    kind = _kind(name, looks)
    before, after = (look.cells(name, kind) for look in looks)
    return _Cells(name, kind, before, after, needs=bool(_column(view, name).needs))


def _changes(
    rows: tuple[dict[Key, int], dict[Key, int]],
    cells: Sequence[_Cells],
    untold: tuple[_Untold, _Untold],
    words: list[str],
) -> Iterator[tuple[Key, Record]]:
    before, after = rows
    unsure = 0
    for key in _in_order({*before, *after}):
        if key not in before or key not in after:
            look, change = (0, "added") if key not in before else (1, "removed")
            if untold[look].row(key):
                unsure += 1
            else:
                yield key, {"change": change}
            continue
        old, new = before[key], after[key]
        for column in cells:
            one, other = column.before[old], column.after[new]
            if one != other and not (column.needs and (untold[0].cell(key) or untold[1].cell(key))):
                told = {"before": text(one, column.kind), "after": text(other, column.kind)}
                yield key, {"change": "changed", "column": column.name, **told}
    if unsure:
        rows_are = "row that one frame alone has is" if unsure == 1 else "rows that one frame alone has are"
        words.append(f"{unsure:,} {rows_are} left out: the other may lack them for what failed")


def _in_order(keys: set[Key]) -> list[Key]:
    try:
        return sorted(keys)
    except TypeError:  # what is missing comes last
        return sorted(keys, key=lambda key: [(part is None, str(part)) for part in key])


def _not_comparable(looks: Sequence[_Look]) -> dict[str, str]:
    """Return the servers of which not both looks tell, and why."""
    apart: dict[str, str] = {}
    for look, other in (looks, looks[::-1]):
        for name in sorted(look.servers):
            if name in look.failed:
                apart[name] = f"it could not be asked {look.name}: {look.failed[name]}"
            elif other.servers and name not in other.servers:
                apart.setdefault(name, f"only {look.name} asked it")
    return apart


class _Untold:
    """What a look could not tell, by the paths that name what failed: `instances/c1/state`, or `metrics` for all."""

    def __init__(self, view: View, keys: Sequence[str], look: _Look) -> None:
        self._several = SERVER.name in keys
        self._places = [place for place, key in enumerate(keys) if key not in (SERVER.name, "project")]
        self._of_parts = not view.collection or view.rows is not None or view.records is not None
        self._things: set[tuple[str, str]] = set()
        self._wholes: set[tuple[str, str]] = set()
        self._all_cells: set[str] = set()
        self._all_rows: set[str] = set()
        for what in look.failed:
            if what in look.servers:
                continue
            server, _, path = what.partition(": ") if self._several else ("", "", what)
            words = path.split("/")
            self._things |= {(server, word) for word in words[:-1]}
            if len(words) == 3 and OWNERS.get(words[0]) in view.keys:
                self._wholes.add((server, words[1]))
            elif len(words) <= 3:
                self._all_rows.add(server)
            if len(words) < 2 or words[:1] != list(view.collection[:1]):
                self._all_cells.add(server)

    def cell(self, key: Key) -> bool:
        """Whether what takes more than the list may be missing of a row."""
        return self._server(key) in self._all_cells or self._names(key, self._things)

    def row(self, key: Key) -> bool:
        """Whether a row may be missing, as the part of a thing that did not tell its parts."""
        return self._of_parts and (self._server(key) in self._all_rows or self._names(key, self._wholes))

    def _server(self, key: Key) -> str:
        return key[0] if self._several else ""

    def _names(self, key: Key, words: set[tuple[str, str]]) -> bool:
        return any((self._server(key), key[place]) in words for place in self._places)


def _listed(names: Any) -> str:
    return ", ".join(repr(name) for name in names)
