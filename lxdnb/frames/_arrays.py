"""Values made into columns of settled dtypes, whatever the server sent: what does not fit is NA, and told.

`string`, `Int64`, `Float64`, `boolean`, `datetime64[ns, UTC]`, `category` with declared categories, and tuples of str
as objects: an empty column has the dtype of a full one.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lxdnb.frames._columns import Column

__all__ = ["array"]

Told = Callable[[str], object]
LARGEST = 2**63
EARLIEST, LATEST = pd.Timestamp("1678-01-01", tz="UTC"), pd.Timestamp("2262-01-01", tz="UTC")  # in 64 bits of ns


def array(column: Column, values: list[Any], told: Told) -> Any:
    """Return the values of a column as it has them in a frame; `told` is called with a word on each that is NA
    because it was none of the column's dtype."""
    try:
        return _MAKE[column.dtype](column, values, told)
    except UnicodeEncodeError:  # where pandas has pyarrow, its texts are of whole characters
        return _MAKE[column.dtype](column, [_whole(value) for value in values], told)


def _whole(value: Any) -> Any:
    """Return a text with U+FFFD for each half of a character, as other readers of JSON have it."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _fitting(
    column: Column, values: list[Any], told: Told, kinds: set[type], fits: Callable[[Any], bool] | None = None
) -> list[Any]:
    """Return the values with None in place of those of other types, or that do not fit."""
    # As sets, at the speed of C: nearly always nothing is wrong.
    if set(map(type, values)) <= kinds and (fits is None or all(map(fits, values))):
        return values
    wrong = [value for value in values if not (type(value) in kinds and (fits is None or fits(value)))]
    if wrong:
        many = "value" if len(wrong) == 1 else "values"
        told(f"{column.name}: {len(wrong)} {many} of another type, such as {_short(wrong[0])}")
    return [value if type(value) in kinds and (fits is None or fits(value)) else None for value in values]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _in_range(value: int | None) -> bool:
    return value is None or -LARGEST <= value < LARGEST


def _is_float(value: float | None) -> bool:
    return value is None or abs(value) <= sys.float_info.max or type(value) is float


def _of_texts(value: Sequence[Any] | None) -> bool:
    return not value or set(map(type, value)) == {str}


def _plain(
    dtype: str, kinds: set[type], fits: Callable[[Any], bool] | None = None
) -> Callable[[Column, list[Any], Told], Any]:
    return lambda column, values, told: pd.array(_fitting(column, values, told, kinds | NONE, fits), dtype=dtype)


def _tuples(column: Column, values: list[Any], told: Told) -> Any:
    parts = itertools.chain.from_iterable(value for value in values if type(value) in LISTS)
    fits = None if set(map(type, parts)) <= {str} else _of_texts
    fitting = _fitting(column, values, told, LISTS | NONE, fits)
    # Not by the constructor of Series: it takes tuples of one length for rows.
    made = np.empty(len(fitting), dtype=object)
    same: dict[tuple[str, ...], tuple[str, ...]] = {}  # many have the same profiles: one tuple is enough
    for place, value in enumerate(fitting):
        made[place] = same.setdefault(many := tuple(value), many) if value else ()
    return pd.Series(made, dtype=object)


def _categories(column: Column, values: list[Any], told: Told) -> Any:
    fitting = _fitting(column, values, told, {str} | NONE)
    words = [*column.categories, *sorted(set(fitting) - {None, *column.categories})]
    codes = {word: code for code, word in enumerate(words)} | {None: -1}
    return pd.Categorical.from_codes([codes[value] for value in fitting], categories=words)


def _times(column: Column, values: list[Any], told: Told) -> Any:
    fitting = _fitting(column, values, told, {str} | NONE)
    words = [None if not value or value.startswith(column.never) else value for value in fitting]
    # What is no number would be `now`, whenever that is.
    dates = [word if word and word[0].isdecimal() else None for word in words]
    times = pd.to_datetime(pd.Series(dates, dtype=object), utc=True, format="ISO8601", errors="coerce")
    if not times.dropna().between(EARLIEST, LATEST).all():
        times = times.where(times.between(EARLIEST, LATEST))
    if int(times.isna().sum()) > words.count(None):
        missed = [place for place, gone in enumerate(times.isna()) if gone and words[place] is not None]
        which = f"{len(missed)} no times from {EARLIEST.year} to {LATEST.year}"
        told(f"{column.name}: {which}, such as {_short(words[missed[0]])}")
    return times.astype("datetime64[ns, UTC]")


NONE: set[type] = {type(None)}
LISTS: set[type] = {list, tuple}
_MAKE: dict[str, Callable[[Column, list[Any], Told], Any]] = {
    "string": _plain("string", {str}),
    "Int64": _plain("Int64", {int}, _in_range),
    "Float64": _plain("Float64", {int, float}, _is_float),
    "boolean": _plain("boolean", {bool}),
    "tuple": _tuples,
    "category": _categories,
    "datetime": _times,
}
