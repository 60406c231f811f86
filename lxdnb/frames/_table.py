"""Frames of lxdnb's as tables for people: what columns declare decides how their values are shown.

A frame is ours to show as long as its columns are those that were declared, of their dtypes, its rows filtered, sorted
or cut as one likes. What pandas has made of it otherwise is pandas' to show. Only rows that are shown are looked at.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from lxdnb.display import LONGEST, Cell, Note, human_age, list_cell, quantity, table_html, table_text, text_cell
from lxdnb.frames._build import build
from lxdnb.frames._columns import Column
from lxdnb.frames._servers import a_frame, marked
from lxdnb.frames._views import known_columns

__all__ = ["DataFrame", "html", "outcomes", "shown", "text"]

DataFrame = pd.DataFrame  # what IPython asks us to show

SHOWN_ROWS = 50
SHOWN_NOTES = 10
ROOM = (100, 24)  # of a terminal whose size nobody knows
ROOM_FOR_TEXTS, MOST = 300, 150  # characters of all texts of a row together, and of one
FINGERPRINT = 12  # characters of it, as `lxc image list` has
NOTHING, NO_NUMBER = Cell("—", faint=True), Cell("—", faint=True, number=True)

_OUTCOMES = (Column("name"), Column("before", unit="status"), Column("after", unit="status"))
_DTYPES = {"datetime": "datetime64[ns, UTC]", "tuple": "object"}


def outcomes(names: Sequence[str], before: Sequence[str], after: Sequence[str | None]) -> pd.DataFrame:
    """Return what became of instances: `name`, `before` and `after`, their statuses; `after` is NA for what is gone."""
    rows = zip(names, before, after, strict=True)
    return build("outcomes", _OUTCOMES, [{"name": name, "before": was, "after": is_} for name, was, is_ in rows])


def html(frame: pd.DataFrame) -> str | None:
    """Return a frame of lxdnb's as an HTML table for people, or None for any other DataFrame.

    Filtered, sorted and cut, and of some of its columns, a frame is still lxdnb's; the labels of its rows are shown
    where they are no longer 0, 1, 2 …. With other columns, types or named rows it is pandas' to show.

    Sizes, rates, durations and ages are rounded, with the exact value as the cell's title; `—` is NA; long texts are
    cut, with the whole as the title. Rows after the first 50 are counted only. What failed stands under the table.

    >>> "<table>" in frames.html(frames.instances(lx))
    True
    """
    a_frame("what is shown", frame)
    said = _ours(frame)
    if said is None:
        return None
    return table_html(_heads(frame, said), _rows(frame, said), _notes(frame))


def shown(frame: pd.DataFrame) -> str | None:
    """Return what a notebook shows of a frame: its `html`, unless pandas was told to show none."""
    return html(frame) if pd.get_option("display.notebook_repr_html") else None


def text(frame: pd.DataFrame, room: int | None = None) -> str | None:
    """Return a frame of lxdnb's as lines of text for people, or None for any other DataFrame; see `html`.

    `room` is how many columns a line may have, those of the terminal unless given. What is too wide for it is cut:
    texts first, then whole columns, which are named under the table.

    >>> print(frames.text(frames.instances(lx, ["name", "status"])))
    name  status
    c1    Running
    c2    Stopped
    """
    a_frame("what is shown", frame)
    said = _ours(frame)
    if said is None:
        return None
    wide = shutil.get_terminal_size(ROOM).columns if room is None else room
    return table_text(_heads(frame, said), _rows(frame, said), _notes(frame), room=wide)


def _ours(frame: pd.DataFrame) -> Mapping[str, Column] | None:
    """Return the columns that a frame is made of, as they were declared; None where it is not as they have it."""
    view = marked(frame).get("view")
    if not isinstance(view, str) or not frame.columns.is_unique or not len(frame.columns):
        return None
    index = frame.index
    if index.nlevels != 1 or index.name is not None or not pd.api.types.is_integer_dtype(index.dtype):
        return None
    known = known_columns(view)
    found = {name: known[name] for name in frame.columns if name in known}
    fitting = len(found) == len(frame.columns) and all(
        str(dtype) == _DTYPES.get(found[name].dtype, found[name].dtype) for name, dtype in frame.dtypes.items()
    )
    return found if fitting else None


def _labelled(frame: pd.DataFrame) -> bool:
    index = frame.index
    return not (isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1)


def _heads(frame: pd.DataFrame, columns: Mapping[str, Column]) -> list[Cell]:
    labels = [Cell("", number=True)] if _labelled(frame) else []
    return [*labels, *(Cell(name, _told(column), number=_is_number(column)) for name, column in columns.items())]


def _told(column: Column) -> str:
    dtype = _DTYPES.get(column.dtype, column.dtype)
    return " · ".join(filter(None, (column.what, column.source, dtype, column.unit)))


def _is_number(column: Column) -> bool:
    return column.dtype in ("Int64", "Float64")


def _rows(frame: pd.DataFrame, columns: Mapping[str, Column]) -> Iterator[tuple[Cell, ...]]:
    head = frame.head(SHOWN_ROWS)
    made = [[Cell(str(label), number=True, faint=True) for label in head.index]] if _labelled(frame) else []
    texts = sum(column.dtype in ("string", "tuple") and column.unit != "fingerprint" for column in columns.values())
    longest = min(max(ROOM_FOR_TEXTS // max(texts, 1), LONGEST), MOST)
    for name, column in columns.items():
        values, nothing = head[name], NO_NUMBER if _is_number(column) else NOTHING
        units = head[column.unit[1:-1]].tolist() if column.unit[1:-1] in columns else itertools.repeat(pd.NA)
        show = _shower(column, longest)
        each = zip(values.tolist(), values.isna().tolist(), units, strict=False)
        made.append([nothing if missing else show(value, unit) for value, missing, unit in each])
    return zip(*made, strict=True)


def _shower(column: Column, longest: int) -> Callable[[Any, Any], Cell]:
    """Return the function that makes a column's values cells; it takes the unit that the row tells, too."""
    unit = column.unit
    if _is_number(column):
        if unit.startswith("("):
            return lambda value, told: quantity(value, told if isinstance(told, str) else "")
        return lambda value, _: quantity(value, unit)
    if column.dtype == "datetime" and unit == "UTC":
        return lambda value, _: Cell(value.strftime("%Y-%m-%d %H:%M:%SZ"), value.isoformat())
    if column.dtype == "datetime":
        now = pd.Timestamp.now("UTC")
        return lambda value, _: Cell(human_age((now - value).total_seconds()), value.isoformat())
    if column.dtype == "tuple":
        return lambda value, _: list_cell(value, longest) if isinstance(value, tuple) else text_cell(str(value))
    if column.dtype == "boolean":
        return lambda value, _: Cell("yes" if value else "no")
    if unit == "fingerprint":
        return lambda value, _: Cell(value[:FINGERPRINT], value)
    return lambda value, _: text_cell(str(value), dot=unit == "status", longest=longest)


def _notes(frame: pd.DataFrame) -> Iterator[Note]:
    if frame.empty:
        yield Note("nothing here")
    if (more := len(frame) - SHOWN_ROWS) > 0:
        yield Note(f"… {more:,} more")
    said = marked(frame)
    failed, words = said.get("failed"), said.get("words")
    reasons = list(failed.items()) if isinstance(failed, dict) else []
    for name, reason in reasons[:SHOWN_NOTES]:
        yield Note(f"{name}: {reason}", bad=True)
    if (more := len(reasons) - SHOWN_NOTES) > 0:
        yield Note(f"… {more:,} more that failed", bad=True)
    told = words if isinstance(words, list) else []
    for word in told[:SHOWN_NOTES]:
        yield Note(str(word))
    if (more := len(told) - SHOWN_NOTES) > 0:
        yield Note(f"… {more:,} more such remarks")
