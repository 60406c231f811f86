"""Each field of a record by its path, and what a frame has for it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

__all__ = ["differing", "leaves"]

NEVER = ("0001-", "1970-")


def leaves(record: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return the values of a record by their paths, as `config.user.role`; a list is one value."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        path = f"{above}{name}"
        found |= leaves(value, f"{path}.") if isinstance(value, dict) and value else {path: value}
    return found


def differing(frame: pd.DataFrame, told: Mapping[str, Any], besides: Collection[str] = ()) -> dict[str, Any]:
    """Return those values of a record, by their paths, that are not what the only row of a frame has in these columns:
    a frame has a list of texts as a tuple, other lists as JSON text, and nothing for a time that never was."""
    assert len(frame) == 1
    wrong = {}
    for path, value in told.items():
        cell = frame[path].iloc[0]
        if path not in besides and not _same(cell, value, str(frame[path].dtype)):
            wrong[path] = (value, cell)
    return wrong


def _same(cell: Any, value: Any, dtype: str) -> bool:
    if dtype.startswith("datetime"):
        return bool(pd.isna(cell)) if value.startswith(NEVER) else cell == pd.Timestamp(value)
    if isinstance(cell, tuple):
        return cell == tuple(value or ())
    if value is None:
        return bool(pd.isna(cell))
    if isinstance(value, list | dict):
        return not pd.isna(cell) and json.loads(cell) == value
    return not pd.isna(cell) and type(value)(cell) == cell == value
