"""Records made into a frame: each column by its reader, settled dtypes, and the mark by which a frame is known as ours.

The mark is JSON in `attrs["lxdnb"]`, for pandas and parquet keep such attrs: the view, the servers, what failed and
words for people, and how to find the clients again.
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

__all__ = ["SERVER", "build", "columns_of"]

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
) -> pd.DataFrame:
    """Return records as a frame of a view. Where several clients were asked, records say theirs under `server`."""
    asked = dict(clients or {})
    told = list(words)
    several = [SERVER] if asked and set(asked) != {""} else []
    made: dict[str, Any] = {}
    kept = _columns.setdefault(view, {})
    for column in [*several, *columns]:
        kept[column.name] = column
        read = column.reader()
        made[column.name] = array(column, [read(record) for record in records], told.append)
    frame = pd.DataFrame(made, index=pd.RangeIndex(len(records)))
    frame.attrs["lxdnb"] = json.dumps(
        {
            "view": view,
            "servers": {name: client.endpoint for name, client in asked.items()},
            "clients": remember(asked),
            "failed": dict(failed or {}),
            "words": told,
        }
    )
    return frame


def columns_of(view: str) -> Mapping[str, Column]:
    """Return the columns that frames of a view were built of in this process, by name; those by a path are of them."""
    return _columns.get(view, {})
