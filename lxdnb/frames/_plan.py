"""Columns, conditions and projects turned into the fewest and cheapest requests; pure.

Names alone are a list without recursion. What is in the list is one with recursion=1. What costs more, as the state of
running instances, is asked for those alone that the cheaper conditions leave; recursion=2, which makes a server look
up the state of stopped instances too, only where a column needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from lxdnb.frames._columns import Column, Record, chosen
from lxdnb.frames._filter import Condition, check, conjuncts, fields, holds, parse
from lxdnb.frames._sent import sent
from lxdnb.frames._view import Step, View

__all__ = ["WHOLE", "Plan", "plan"]

WHOLE = "recursion=2"
_PROJECT = "project"


@dataclass(frozen=True)
class Plan:
    """What is asked for, and in which order what comes is looked at."""

    view: View
    columns: tuple[Column, ...]
    recursion: int
    filter: str | None
    """What the server is to filter by."""
    early: tuple[Condition, ...]
    """The conditions that the list itself decides."""
    deciding: tuple[str, ...]
    """The sources that the other conditions take, asked first."""
    late: tuple[Condition, ...]
    telling: tuple[str, ...]
    """The sources that the columns take besides."""
    known: Mapping[str, Column]
    """The columns that the conditions speak of."""
    all_projects: bool
    at_once: bool
    """Whether the server has the things of all projects in one list."""
    sharing: str | None
    """The project that is asked for and may have none of its own, where it matters whose things are."""

    def kept(self, conditions: Sequence[Condition], records: list[Record]) -> list[Record]:
        """Return the records for which all these conditions hold."""
        if not conditions:
            return records
        readers = {name: _typed(column) for name, column in self.known.items()}
        return [
            record
            for record in records
            if all(holds(condition, lambda name, record=record: readers[name](record)) for condition in conditions)
        ]

    def steps(self) -> Iterator[Step]:
        """Yield the requests that it takes, for people."""
        named = ", ".join(column.name for column in self.columns if not column.needs)
        if self.view.steps is not None:
            for step in self.view.steps(named, self.all_projects):
                whole = step.request if self.recursion else step.request.removesuffix("?recursion=1")
                yield replace(step, request=whole)
        else:
            yield from self._listing(named)
        if self.sharing is not None:
            yield Step(f"GET /1.0/projects/{self.sharing}", why="whose they are, where the list does not tell")
        for need in (*self.deciding, *self.telling):
            wanting = [column.name for column in [*self.known.values(), *self.columns] if need in column.needs]
            why = ", ".join(dict.fromkeys(wanting)) or "the rows"
            yield from self.view.sources[need].steps(why)

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the list's request."""
        return ({"recursion": str(self.recursion)} if self.recursion else {}) | (
            {"filter": self.filter} if self.filter else {}
        )

    def _listing(self, named: str) -> Iterator[Step]:
        path = f"GET /1.0/{'/'.join(self.view.collection)}"
        params = self.parameters()
        each = ""
        if self.all_projects and self.view.feature:
            if self.at_once:
                params["all-projects"] = "true"
            else:
                yield Step("GET /1.0/projects?recursion=1", why="which projects have their own")
                params["project"], each = "…", "project that has its own"
        query = "&".join(f"{key}={value}" for key, value in params.items())
        if self.recursion == 2:
            wanting = [column.name for column in [*self.known.values(), *self.columns] if WHOLE in column.needs]
            named += f"; with the state of all, stopped ones too, for {', '.join(dict.fromkeys(wanting))}"
        yield Step(f"{path}?{query}" if query else path, each, named)


def plan(
    view: View,
    columns: Sequence[str] | None,
    where: str | None = None,
    *,
    all_projects: bool = False,
    product: str = "lxd",
    extensions: Sequence[str] = (),
    project: str | None = None,
) -> Plan:
    """Return what to ask for. Raises ValueError for a column, field or condition that there is none of."""
    picked = chosen(view.name, view.columns, view.fields, columns)
    if columns is None and all_projects and "project" in view.columns and view.columns["project"] not in picked:
        picked = [view.columns["project"], *picked]
    condition = None if where is None else parse(where)
    parts = () if condition is None else conjuncts(condition)
    spoken = [] if condition is None else list(fields(condition))
    known = dict(zip(spoken, chosen(view.name, view.columns, view.fields, spoken), strict=True))
    if condition is not None:
        check(condition, lambda name: known[name].dtype)
    needs = {need for column in [*picked, *known.values()] for need in column.needs} | set(view.always)
    at_list = view.rows is None
    early = tuple(part for part in parts if _is_early(part, view) and not _needs(part, known))
    late = tuple(part for part in parts if part not in early)
    deciding = {need for part in late for need in _needs(part, known)} if at_list else set[str]()
    covered = {other for need in needs for other in view.covers.get(need, ())}
    recursion = 2 if WHOLE in needs else 0 if _told_by_urls(view, [*picked, *known.values()], needs) else 1
    needs -= {WHOLE, *covered}
    deciding -= {WHOLE, *covered}
    paths = {name: None if column.read else column.source for name, column in known.items()}
    filter = sent(early, product, "/".join(view.collection), paths.get) if recursion and early else None
    ordered = [need for need in view.sources if need in needs]
    named = {*known, *(column.name for column in picked)}
    is_shared = view.asks_whose or (view.feature not in ("", "always") and _PROJECT in named)
    return Plan(
        view,
        tuple(picked),
        recursion,
        filter,
        early,
        tuple(need for need in ordered if need in deciding),
        late,
        tuple(need for need in ordered if need not in deciding),
        known,
        all_projects,
        view.at_once in extensions,
        project if is_shared and project != "default" and not all_projects else None,
    )


def _told_by_urls(view: View, columns: Sequence[Column], needs: set[str]) -> bool:
    """Return whether a list of URLs alone is enough."""
    return (
        view.url is not None
        and needs <= view.of_url_sources
        and all(column.needs or column.name in view.of_url for column in columns)
    )


def _is_early(part: Condition, view: View) -> bool:
    return view.rows is None or all(name.split(".")[0] in view.of_record for name in fields(part))


def _needs(part: Condition, known: Mapping[str, Column]) -> set[str]:
    return {need for name in fields(part) for need in known[name].needs}


def _typed(column: Column) -> Callable[[Record], Any]:
    """Return the reader of a column's values as conditions compare them; what is of another type is missing."""
    read = column.reader()
    kinds: dict[str, type | tuple[type, ...]] = {
        "Int64": int,
        "Float64": (int, float),
        "boolean": bool,
        "tuple": (list, tuple),
    }
    if column.dtype == "datetime":

        def moment(record: Record) -> Any:
            value = read(record)
            if not isinstance(value, str) or value.startswith(column.never) or not value[:1].isdecimal():
                return None
            found = pd.to_datetime(value, utc=True, format="ISO8601", errors="coerce")
            return None if pd.isna(found) else found

        return moment
    kind = kinds.get(column.dtype, str)
    numbers = column.dtype in ("Int64", "Float64")

    def plain(record: Record) -> Any:
        value = read(record)
        if isinstance(value, list | tuple) and not all(isinstance(each, str) for each in value):
            return None
        return value if isinstance(value, kind) and not (numbers and isinstance(value, bool)) else None

    return plain
