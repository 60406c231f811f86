"""Records made into a frame: each column by its reader, settled dtypes, and the mark by which a frame is known as ours.

The mark is JSON in `attrs["lxdnb"]`, for pandas and parquet keep such attrs: the view, the servers, the clients'
projects, what failed and words for people, and how to find the clients again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from lxdnb.client import Client
from lxdnb.frames._arrays import array
from lxdnb.frames._columns import Column, Record
from lxdnb.frames._servers import remember

__all__ = ["SERVER", "build", "columns_of", "declare"]

NEAR = 200  # records that a processor keeps at hand while each column reads them
SERVER = Column("server", what="name of the server, where several were asked")

_columns: dict[str, dict[str, Column]] = {}


def build(
    view: str,
    columns: Iterable[Column],
    records: Sequence[Record],
    *,
    clients: Mapping[str, Client] | None = None,
    failed: Mapping[str, str] | None = None,
    words: Iterable[str] = (),
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return records as a frame of a view. Where several clients were asked, records say theirs under `server`.

    `all_projects` is noted: without its column `project` nobody could tell which one such a row is of.
    """
    asked = dict(clients or {})
    told = list(words)
    several = [SERVER] if asked and set(asked) != {""} else []
    every = [*several, *columns]
    _columns.setdefault(view, {}).update({column.name: column for column in every})
    values: list[list[Any]] = [[] for _ in every]
    for start in range(0, len(records), NEAR):
        near = records[start : start + NEAR]
        for column, kept in zip(every, values, strict=True):
            kept += column.values(near)
    made = {column.name: array(column, kept, told.append) for column, kept in zip(every, values, strict=True)}
    frame = pd.DataFrame(made, index=pd.RangeIndex(len(records)), copy=False)
    frame.attrs["lxdnb"] = json.dumps(
        {
            "view": view,
            "servers": {name: client.endpoint for name, client in asked.items()},
            "projects": {name: client.project or "default" for name, client in asked.items()},
            "clients": remember(asked),
            "failed": dict(failed or {}),
            "words": told,
        }
        | ({"all_projects": True} if all_projects else {})
    )
    return frame


def declare(view: str, columns: Iterable[Column]) -> None:
    """Have columns known of a view as long as no frame is built of their like here: those of a frame from elsewhere."""
    known = _columns.setdefault(view, {})
    for column in columns:
        known.setdefault(column.name, column)


def columns_of(view: str) -> Mapping[str, Column]:
    """Return the columns that frames of a view were built of in this process, by name; those by a path are of them."""
    return _columns.get(view, {})
