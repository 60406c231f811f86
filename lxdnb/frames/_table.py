"""Frames of lxdnb's as tables for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from lxdnb.display import Cell, human_age, human_size, table_html
from lxdnb.frames._instances import INSTANCES

__all__ = ["html", "outcomes"]

SHOWN_ROWS = 50


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
    units = {column.name: column.unit for column in INSTANCES.columns.values()}
    shown = {name: [_cell(value, units.get(name, "")) for value in head[name]] for name in head.columns}
    table = table_html(list(shown), zip(*shown.values(), strict=True))
    more = len(frame) - len(head)
    if frame.empty:
        return table + "<div>nothing here</div>"
    return table + (f"<div>… {more:,} more</div>" if more else "")


def _as_made(frame: pd.DataFrame) -> bool:
    if not isinstance(frame.index, pd.RangeIndex) or not frame.columns.is_unique:
        return False
    made = {column.name: column.dtype for column in INSTANCES.columns.values()}
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
