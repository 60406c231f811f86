"""The documentation of a view's columns, made of their declarations, so that the two cannot differ."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from lxdnb.frames._columns import Column
from lxdnb.frames._view import View

__all__ = ["documented", "tabled"]

F = TypeVar("F", bound=Callable[..., Any])
_DTYPES = {"datetime": "datetime64[ns, UTC]", "tuple": "object, tuple of str"}
_WHERE = """\
`where` are conditions in LXD's own words, as `{} ne web.*`; `help(frames)` tells them. Raises ValueError for a column,
field or condition that there is none of, before anything is sent, NotFound for a client of a project that is not
there, and ClientConnectionFailed where a sole server is lost; one of several that is lost is named in `attrs`."""


def documented(view: View) -> Callable[[F], F]:
    """Add the table of a view's columns to the documentation of its function."""

    def add(function: F) -> F:
        columns = view.columns.values()
        said = f"Columns by default: {_names(each.name for each in columns if each.shown)}."
        if others := _names(each.name for each in columns if not each.shown):
            said += f" On demand: {others}."
        if fields := _names(view.fields):
            said += f" And any field by its path, with a name in place of `*`: {fields}."
        table = ["| column | dtype | unit | source | |", "|---|---|---|---|---|"]
        table += [f"| {' | '.join(_row(each))} |" for each in columns]
        parts = [
            "\n".join(textwrap.wrap(said, 116, break_on_hyphens=False)),
            "\n".join(table),
            _WHERE.format(view.keys[-1]),
        ]
        added = textwrap.indent("\n\n".join(parts), "    ")
        function.__doc__ = f"{(function.__doc__ or '').rstrip()}\n\n{added}\n    "
        return function

    return add


def tabled(columns: Iterable[Column]) -> Callable[[F], F]:
    """Put the table of a frame's columns where the documentation of its function says `{columns}`."""

    def put(function: F) -> F:
        table = ["| column | dtype | unit | |", "|---|---|---|---|"]
        table += [f"| {name} | {dtype} | {unit} | {what} |" for name, dtype, unit, _, what in map(_row, columns)]
        function.__doc__ = (function.__doc__ or "").replace("{columns}", "\n    ".join(table))
        return function

    return put


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _row(column: Column) -> tuple[str, ...]:
    return column.name, _DTYPES.get(column.dtype, column.dtype), column.unit, f"`{column.source}`", column.what
