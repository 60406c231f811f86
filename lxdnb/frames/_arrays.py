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
    column: Column, values: list[Any], told: Told, kinds: set[type], fit: Callable[[list[Any]], bool] | None = None
) -> list[Any]:
    """Return the values with None in place of those of other types, or that do not fit."""
    # All together, at the speed of C: nearly always nothing is wrong.
    if set(map(type, values)) <= kinds and (fit is None or fit(values)):
        return values
    good = [type(value) in kinds and (fit is None or fit([value])) for value in values]
    wrong = [value for value, is_good in zip(values, good, strict=True) if not is_good]
    if wrong:
        many = "value" if len(wrong) == 1 else "values"
        told(f"{column.name}: {len(wrong)} {many} of another type, such as {_short(wrong[0])}")
    return [value if is_good else None for value, is_good in zip(values, good, strict=True)]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _in_range(values: list[int | None]) -> bool:
    numbers = [*filter(None, values)] or [0]
    return min(numbers) >= -LARGEST and max(numbers) < LARGEST


def _are_floats(values: list[float | None]) -> bool:
    return all(value is None or type(value) is float or abs(value) <= sys.float_info.max for value in values)


def _of_texts(values: list[Sequence[Any] | None]) -> bool:
    return set(map(type, itertools.chain.from_iterable(filter(None, values)))) <= {str}


def _plain(
    dtype: str, kinds: set[type], fit: Callable[[list[Any]], bool] | None = None
) -> Callable[[Column, list[Any], Told], Any]:
    return lambda column, values, told: pd.array(_fitting(column, values, told, kinds | NONE, fit), dtype=dtype)


def _texts(column: Column, values: list[Any], told: Told) -> Any:
    fitting = _fitting(column, values, told, {str} | NONE)
    dtype = pd.StringDtype()
    if dtype.storage != "pyarrow":
        return pd.array(fitting, dtype=dtype)
    import pyarrow as pa  # here, for without it pandas has another storage

    return pd.arrays.ArrowStringArray(pa.array(fitting, type=pa.large_string()))  # pandas looks at each before


def _integers(column: Column, values: list[Any], told: Told) -> Any:
    fitting = _fitting(column, values, told, {int} | NONE, _in_range)
    # As pandas makes them, which looks at each value several times first.
    numbers = np.array([0 if value is None else value for value in fitting], dtype=np.int64)
    return pd.arrays.IntegerArray(numbers, np.array([value is None for value in fitting], dtype=bool))


def _tuples(column: Column, values: list[Any], told: Told) -> Any:
    fitting = _fitting(column, values, told, LISTS | NONE, _of_texts)
    same: dict[tuple[str, ...], tuple[str, ...]] = {}  # many have the same profiles: one tuple is enough
    tuples = [same.setdefault(many := tuple(value), many) if value else () for value in fitting]
    # Not by the constructors of Series or arrays: they take tuples of one length for rows.
    return pd.Series(np.fromiter(tuples, dtype=object, count=len(tuples)), dtype=object)


def _categories(column: Column, values: list[Any], told: Told) -> Any:
    fitting = _fitting(column, values, told, {str} | NONE)
    words = [*column.categories, *sorted(set(fitting) - {None, *column.categories})]
    codes = {word: code for code, word in enumerate(words)} | {None: -1}
    return pd.Categorical.from_codes(np.array([codes[value] for value in fitting], dtype=np.intp), categories=words)


def _times(column: Column, values: list[Any], told: Told) -> Any:
    fitting = _fitting(column, values, told, {str} | NONE)
    words = [None if not value or value.startswith(column.never) else value for value in fitting]
    # What is no number would be `now`, whenever that is.
    dates = [word if word and word[0].isdecimal() else None for word in words]
    # No cache: hardly any two are the same, and to find that out takes longer than to read them.
    times = pd.to_datetime(pd.Series(dates, dtype=object), utc=True, format="ISO8601", errors="coerce", cache=False)
    if not times.dropna().between(EARLIEST, LATEST).all():
        times = times.where(times.between(EARLIEST, LATEST))
    if int(times.isna().sum()) > words.count(None):
        missed = [place for place, gone in enumerate(times.isna()) if gone and words[place] is not None]
        many = "value is no time" if len(missed) == 1 else "values are no times"
        told(
            f"{column.name}: {len(missed)} {many} from {EARLIEST.year} to {LATEST.year}, such as "
            f"{_short(words[missed[0]])}"
        )
    return times.astype("datetime64[ns, UTC]")


NONE: set[type] = {type(None)}
LISTS: set[type] = {list, tuple}
_MAKE: dict[str, Callable[[Column, list[Any], Told], Any]] = {
    "string": _texts,
    "Int64": _integers,
    "Float64": _plain("Float64", {int, float}, _are_floats),
    "boolean": _plain("boolean", {bool}),
    "tuple": _tuples,
    "category": _categories,
    "datetime": _times,
}
