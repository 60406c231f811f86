"""Values made into columns of settled dtypes, whatever the server sent: what does not fit is NA, and told.

`string`, `Int64`, `Float64`, `boolean`, `datetime64[ns, UTC]`, `category` with declared categories, and tuples of str
as objects: an empty column has the dtype of a full one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from lxdnb.frames._columns import Column

__all__ = ["array"]

Told = Callable[[str], object]
LARGEST = 2**63


def array(column: Column, values: list[Any], told: Told) -> Any:
    """Return the values of a column as it has them in a frame; `told` is called with a word on each that is NA
    because it was none of the column's dtype."""
    return _MAKE[column.dtype](column, values, told)


def _fitting(column: Column, values: list[Any], told: Told, fits: Callable[[Any], bool]) -> list[Any]:
    if all(value is None or fits(value) for value in values):
        return values
    wrong = next(value for value in values if value is not None and not fits(value))
    count = sum(value is not None and not fits(value) for value in values)
    told(f"{column.name}: {count} {'value' if count == 1 else 'values'} of another type, such as {_short(wrong)}")
    return [value if value is None or fits(value) else None for value in values]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_count(value: Any) -> bool:
    return type(value) is int and -LARGEST <= value < LARGEST


def _is_number(value: Any) -> bool:
    return type(value) is float or type(value) is int


def _is_truth(value: Any) -> bool:
    return type(value) is bool


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(type(each) is str for each in value)


def _plain(dtype: str, fits: Callable[[Any], bool]) -> Callable[[Column, list[Any], Told], Any]:
    return lambda column, values, told: pd.array(_fitting(column, values, told, fits), dtype=dtype)


def _tuples(column: Column, values: list[Any], told: Told) -> Any:
    fitting = _fitting(column, values, told, _is_list)
    made = pd.Series([None] * len(values), dtype=object)
    # Not by the constructor: it takes tuples of one length for rows.
    for place, value in enumerate(fitting):
        made.iat[place] = () if value is None else tuple(value)
    return made


def _categories(column: Column, values: list[Any], told: Told) -> Any:
    fitting = _fitting(column, values, told, _is_text)
    unknown = sorted({value for value in fitting if value is not None} - set(column.categories))
    return pd.Categorical(fitting, categories=[*column.categories, *unknown])


def _times(column: Column, values: list[Any], told: Told) -> Any:
    fitting = _fitting(column, values, told, _is_text)
    words = [None if not value or value.startswith(column.never) else value for value in fitting]
    times = pd.to_datetime(pd.Series(words, dtype=object), utc=True, format="ISO8601", errors="coerce")
    missed = times.isna() & pd.Series([word is not None for word in words], dtype=bool)
    if missed.any():
        told(f"{column.name}: {missed.sum()} no times, such as {_short(words[int(missed.argmax())])}")
    return times.astype("datetime64[ns, UTC]")


_MAKE: dict[str, Callable[[Column, list[Any], Told], Any]] = {
    "string": _plain("string", _is_text),
    "Int64": _plain("Int64", _is_count),
    "Float64": _plain("Float64", _is_number),
    "boolean": _plain("boolean", _is_truth),
    "tuple": _tuples,
    "category": _categories,
    "datetime": _times,
}
