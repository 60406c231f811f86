"""Lists of dicts, as the ports of a forward or the rules of an ACL: each as the server keeps it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

from lxdnb import checks

__all__ = ["rows_as_sent"]

NUMBERS = frozenset({"ttl"})  # which servers take as numbers; all others are texts, ports too


def rows_as_sent(name: str, value: Any) -> list[dict[str, Any]]:
    """Return a list of dicts as the server keeps it: numbers are strings, None is for a key that is not there.

    >>> rows_as_sent("ports", [{"listen_port": 80, "target_port": None}])
    [{'listen_port': '80'}]

    Raises TypeError for anything else, and ValueError for a number that is none.
    """
    if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray | memoryview):
        raise TypeError(f"{name} is a list of dicts, not {type(value).__name__}")
    return [_row(f"{name}[{place}]", row) for place, row in enumerate(value)]


def _row(name: str, row: Any) -> dict[str, Any]:
    filled = {key: inner for key, inner in checks.mapping(name, row).items() if inner is not None}
    return {key: _value(f"{name}[{checks.shown(key)}]", key, inner) for key, inner in filled.items()}


def _value(name: str, key: str, value: Any) -> Any:
    if key in NUMBERS:
        return checks.whole_number(name, int(value) if isinstance(value, str) and value.isdecimal() else value, 0)
    if isinstance(value, list | tuple):
        return checks.texts(name, value)
    if isinstance(value, bool):
        raise TypeError(f"{name} is a text or a number, not {value}")
    return str(value) if isinstance(value, Real) else checks.text(name, value)
