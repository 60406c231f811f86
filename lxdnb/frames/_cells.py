"""The cells of a frame as plain values to compare, and as text from which each value can be had again.

A frame may come from a file or from another hand: a list is then an array, text a category or an object. What is
compared is what a cell says, and never how it is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from pandas.api import types

__all__ = ["Kind", "kind_of", "plain", "text"]

_as_json = json.JSONEncoder(ensure_ascii=False).encode

Kind = Literal["text", "list", "truth", "number", "time", "nothing"]


def kind_of(column: pd.Series) -> Kind | None:
    """Return what the cells of a column are, `nothing` where all of them are missing; None for what is none of these.

    >>> kind_of(pd.Series([("a",), ("b", "c")]))
    'list'
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return kind_of(pd.Series(dtype.categories, dtype=object))
    if types.is_bool_dtype(dtype):
        return "truth"
    if types.is_integer_dtype(dtype) or types.is_float_dtype(dtype):
        return "number"
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "time"
    if isinstance(dtype, pd.StringDtype):
        return "text"
    if not types.is_object_dtype(dtype):
        return None
    kinds = {_KINDS.get(kind) or _kind(value) for kind, value in _one_each(column)} - {"nothing"}
    return cast("Kind | None", kinds.pop() if len(kinds) == 1 else None if kinds else "nothing")


def plain(column: pd.Series, kind: Kind) -> list[Any]:
    """Return the cells of a column as values that compare: str, tuple, bool, int, float, and for times the nanoseconds
    since 1970; None for missing. A missing list is an empty one, as parquet has it."""
    if kind == "list":
        return [value if type(value) is tuple else () if _is_missing(value) else tuple(value) for value in column]
    if kind == "time":
        ticks = column.dt.as_unit("ns").astype("int64").tolist()
        return [None if missing else tick for tick, missing in zip(ticks, column.isna(), strict=True)]
    values = column.astype(object).tolist()
    return [None if missing else value for value, missing in zip(values, column.isna(), strict=True)]


def text(value: Any, kind: Kind) -> str | None:
    """Return such a value as text: as it is, a time in ISO 8601, all else as JSON.

    >>> text(("web", "db"), "list"), text(1790, "number"), text("", "text"), text(0, "time")
    ('["web", "db"]', '1790', '', '1970-01-01T00:00:00+00:00')
    """
    if value is None or isinstance(value, str):
        return value
    if kind == "time":
        return pd.Timestamp(value, tz="UTC").isoformat()
    return _as_json(value)


_KINDS: dict[type, Kind] = {str: "text", tuple: "list"}


def _one_each(column: pd.Series) -> Iterable[tuple[type, object]]:
    """Return the types of the values of a column, with one value of each; of floats all, of which NaN is missing."""
    values = column.tolist()
    floats = [(float, value) for value in values if type(value) is float]
    return [*dict(zip(map(type, values), values, strict=True)).items(), *floats]


def _kind(value: object) -> str | None:
    if isinstance(value, str):
        return "text"
    if isinstance(value, tuple | list | np.ndarray):
        return "list"
    return "nothing" if _is_missing(value) else None


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)
