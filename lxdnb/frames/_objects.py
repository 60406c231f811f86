"""Columns of objects as columns that parquet has: lists of text as such, any other as its JSON, kinds and all.

Pure: values in, values out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd

__all__ = ["OBJECTS", "Objects", "told_objects"]

_MISSING: dict[str, Any] = {"None": None, "NA": pd.NA, "NaT": pd.NaT, "nan": float("nan")}


class Objects(NamedTuple):
    """A way to write a column of objects."""

    written: Callable[[str, Sequence[Any]], list[Any]]
    """The column's name, its values, → what is written. Raises TypeError."""
    read: Callable[[Sequence[Any], dict[str, Any]], list[Any]]
    """What was written, what was told → the values."""
    type: Callable[[Any], Any]
    """pyarrow → the type of what is written."""


def told_objects(values: Sequence[Any]) -> dict[str, Any]:
    """Return how a column of objects is to be written."""
    missing = {word for value in values if (word := _missing(value))}
    lists = all(_is_texts(value) or _missing(value) for value in values)
    if lists and len(missing) < 2:
        return {"as": "lists", "missing": min(missing, default="None")}
    return {"as": "json"}


def _missing(value: Any) -> str:
    if isinstance(value, float):
        return "nan" if math.isnan(value) else ""
    return next((word for word, known in _MISSING.items() if value is known), "")


def _is_texts(value: Any) -> bool:
    return type(value) is tuple and all(type(each) is str for each in value)


def _lists_written(name: str, values: Sequence[Any]) -> list[Any]:
    return [None if _missing(value) else list(value) for value in values]


def _lists_read(values: Sequence[Any], told: dict[str, Any]) -> list[Any]:
    missing = _MISSING[told["missing"]]
    return [missing if value is None else tuple(value) for value in values]


def _json_written(name: str, values: Sequence[Any]) -> list[Any]:
    try:
        return [json.dumps(_tagged(value)) for value in values]
    except TypeError as error:
        raise TypeError(f"column {name!r} has {error}, which a parquet file cannot keep: make it text") from None


def _json_read(values: Sequence[Any], told: dict[str, Any]) -> list[Any]:
    return [_untagged(json.loads(value)) for value in values]


def _tagged(value: Any) -> Any:
    if word := _missing(value):
        return None if value is None else {"missing": word}
    if isinstance(value, float) and math.isinf(value):
        return {"float": str(value)}
    if type(value) in (str, bool, int, float):
        return value
    if type(value) is list:
        return [_tagged(each) for each in value]
    if type(value) is tuple:
        return {"tuple": [_tagged(each) for each in value]}
    if type(value) is dict:
        return {"dict": [[_tagged(key), _tagged(each)] for key, each in value.items()]}
    raise TypeError(f"a {type(value).__name__}")


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(each) for each in value]
    if not isinstance(value, dict):
        return value
    (kind, inside), *_ = value.items()
    if kind == "missing":
        return _MISSING[inside]
    if kind == "float":
        return float(inside)
    parts = _untagged(inside)
    return tuple(parts) if kind == "tuple" else {key: each for key, each in parts}


OBJECTS = {
    "lists": Objects(_lists_written, _lists_read, lambda arrow: arrow.list_(arrow.string())),
    "json": Objects(_json_written, _json_read, lambda arrow: arrow.string()),
}
