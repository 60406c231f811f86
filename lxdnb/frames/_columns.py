"""What a column is, declared once: its name, dtype, unit, where its value stands in a record, and what it costs.

A record is what the server sends of one thing, with what further requests told of it under keys of its own: an
instance's `state`, a pool's `resources`. Pure: no requests, no pandas.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lxdnb import checks

__all__ = ["Column", "Fields", "Read", "Record", "at", "by_path", "chosen", "closest", "mapping", "said", "unheard"]

Record = dict[str, Any]
Read = Callable[[Record], Any]


@dataclass(frozen=True)
class Column:
    """A column of a view.

    `dtype` is one of `string`, `Int64`, `Float64`, `boolean`, `datetime`, `category`, `tuple`. `path` is where the
    value stands in a record, the column's name unless said; `read` is a function of a record in its place, where the
    value is made of several fields, which `path` then tells to people. `needs` are the sources beyond the list that it
    takes, as `state`. Of `letter` each letter is one that the command line's own list has for it.
    Zero times that start with one of `never` mean that it never was.
    `unit` is a word that tables know, as `bytes`, of a time `age` or `UTC`; or the column that tells it, as `(unit)`.
    `measured` says whether it is a use or a counter, which no two looks find the same; unless said, a number is that
    takes more than the list.
    """

    name: str
    dtype: str = "string"
    what: str = ""
    path: str = ""
    read: Read | None = field(default=None, compare=False)
    needs: tuple[str, ...] = ()
    letter: str | None = None
    unit: str = ""
    shown: bool = True
    categories: tuple[str, ...] = ()
    never: tuple[str, ...] = ("0001", "1970")
    measured: bool | None = None

    @property
    def source(self) -> str:
        """Where its value stands."""
        return self.path or self.name

    @property
    def is_measured(self) -> bool:
        """Whether it is a use or a counter."""
        if self.measured is not None:
            return self.measured
        return self.dtype in ("Int64", "Float64") and bool(self.needs)

    def reader(self) -> Read:
        """Return the function that takes its value out of a record: None for what is missing."""
        return self.read or by_path(self.source)

    def values(self, records: Sequence[Record]) -> list[Any]:
        """Return its values of many records."""
        read = self.reader()
        if self.read is not None:
            return list(map(read, records))
        first, _, key = self.source.partition(".")
        if not key:
            return [record.get(first) for record in records]  # without a call for each
        return [
            found[key] if isinstance(found := record.get(first), dict) and key in found else read(record)
            for record in records
        ]


Fields = Mapping[str, str | tuple[str, str]]
"""The fields of a view's records and their dtypes, as `state.memory.usage`; `*` stands for one name or key, whatever
it has in it, as in `config.*`; `json` is for what has fields in it, and gives its JSON text as `string`; a pair is a
dtype and the source that the field needs. The first that fits holds."""


def by_path(path: str) -> Read:
    """Return a function from a record to the value at a path, None where there is none.

    Names and keys may have dots in them, `config.user.role` is the key `user.role` of `config`.
    """
    first, *rest = path.split(".")
    if not rest:
        return lambda record: record.get(first)
    whole = ".".join(rest)

    def read(record: Record) -> Any:
        found = record.get(first)
        if not isinstance(found, dict):
            return None
        if whole in found:
            return found[whole]
        value: Any = found
        for word in rest:
            if not isinstance(value, dict) or word not in value:
                return at(found, rest) if len(rest) > 1 else None
            value = value[word]
        return value

    return read


def at(value: Any, words: Sequence[str]) -> Any:
    """Return what stands at the end of a path of words, of which several together may be one key."""
    if not words:
        return value
    if not isinstance(value, dict):
        return None
    for taken in range(len(words), 0, -1):
        key = ".".join(words[:taken])
        if key in value and (found := at(value[key], words[taken:])) is not None:
            return found
    return None


def said(key: str) -> Read:
    """Return a function that reads what is empty where there is none, and then missing."""
    return lambda record: record.get(key) or None


def mapping(value: object) -> dict[str, Any]:
    """Return what a server sent as a mapping of names; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def closest(name: str, known: Iterable[str]) -> str:
    """Return what may have been meant by a name that is not known, as the end of a sentence."""
    names = [each for each in dict.fromkeys(known) if each != name]  # as `config.`, made of a pattern, would be
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(each) for each in close) + "?"
    return f"there is {names[0]!r} alone" if len(names) == 1 else f"there are {', '.join(names)}"


def chosen(view: str, columns: Mapping[str, Column], fields: Fields, asked: Sequence[str] | None) -> list[Column]:
    """Return the columns asked for, by name or by the path of a field; without any, those that are shown by default.

    Raises TypeError for what is no list of names, ValueError for a name that there is none of, with the closest.
    """
    if asked is None:
        return [column for column in columns.values() if column.shown]
    if isinstance(asked, str):
        raise TypeError(f"columns is a list of names, as in [{asked!r}]")
    names = [checks.text("a column's name", name) for name in asked]
    return [columns.get(name) or field_at(view, name, columns, fields) for name in dict.fromkeys(names)]


def unheard(columns: Iterable[Column], records: Sequence[Record]) -> list[str]:
    """Return a word on each key of a configuration that none of these records has, while they have one much like it.

    Keys are anybody's, so that a slip in one is no error, and would be a column of nothing.
    """
    words: list[str] = []
    for column in dict.fromkeys(columns):
        field, _, key = column.source.partition(".")
        if column.read is None and field in ("config", "expanded_config") and key:
            told = (record.get(field) for record in records)
            keys = {each for settings in told if isinstance(settings, dict) for each in settings}
            close = [] if key in keys else difflib.get_close_matches(key, keys, n=1, cutoff=0.8)
            words += [f"{column.name}: none of them has it; did you mean {f'{field}.{each}'!r}?" for each in close]
    return words


def field_at(view: str, path: str, columns: Iterable[str], fields: Fields) -> Column:
    """Return a column for the field at a path. Raises ValueError where a record has no such field."""
    if "*" in path.split("."):
        whole = path.partition(".*")[0]
        kind = fields.get(whole, "")
        hint = f", or {whole!r} for all of them" if "json" in (kind, *kind[:1]) else ""
        raise ValueError(f"* in {path!r} stands for a name: write one in its place{hint}")
    for pattern, kind in fields.items():
        if _pattern(pattern).fullmatch(path):
            dtype, needs = (kind, ()) if isinstance(kind, str) else (kind[0], (kind[1],))
            if dtype == "json":
                return Column(path, "string", read=_as_json(path), needs=needs, shown=False)
            return Column(path, dtype, needs=needs, shown=False)
    known = [*columns, *fields]
    # A name within a pattern is somebody's own, and no ground for a guess: compared with that name in its place.
    words = path.split(".")
    known += [_alike(pattern, words) for pattern in fields if "*" in pattern]
    raise ValueError(f"there is no column or field {path!r} in {view}: {closest(path, known)}")


def _as_json(path: str) -> Read:
    read = by_path(path)

    def text(record: Record) -> str | None:
        value = read(record)
        return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)

    return text


def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".+"), re.DOTALL)


def _alike(pattern: str, words: Sequence[str]) -> str:
    """Return a pattern with the names that stand at its stars in a path; the last one takes the rest of it."""
    parts = pattern.split(".")
    taken = [words[place] if part == "*" and place < len(words) else part for place, part in enumerate(parts)]
    return ".".join([*taken, *words[len(parts) :]] if parts[-1] == "*" else taken)
