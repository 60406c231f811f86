"""Frames to parquet files and back, unchanged: dtypes, categories and their order, lists, labels and what they say.

Parquet and pandas keep most of it; what they lose stands beside it in the file, as JSON under `lxdnb`. Any reader of
parquet can read the rest. A file appears whole or not at all, and nothing in it is run.
"""

from __future__ import annotations

import importlib
import json
import os
from typing import Any, cast

import pandas as pd

from lxdnb.frames._build import declare
from lxdnb.frames._columns import Column
from lxdnb.frames._objects import OBJECTS, told_objects
from lxdnb.frames._servers import a_frame, marked
from lxdnb.frames._views import known_columns
from lxdnb.models._folder import destination, replaced

__all__ = ["read_parquet", "to_parquet"]

MARK = b"lxdnb"
ATTRS = b"PANDAS_ATTRS"  # where pandas keeps them

Path = str | os.PathLike[str]
Said = dict[str, Any]


def to_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame to a parquet file, from which `read_parquet` has it back unchanged.

    Takes frames of lxdnb's, and what pandas has made of them. The file appears whole or not at all, in place of one of
    that name. Others read it too; `pandas.read_parquet` has arrays for lists, and not always the categories of no row.

    Raises ImportError without pyarrow (`pip install 'lxdnb[parquet]'`), FileNotFoundError where the file's folder is
    not there, ValueError or TypeError, with the column, for what cannot be kept.

    >>> frames.to_parquet(frames.pools(lx), "pools.parquet")
    >>> frames.read_parquet("pools.parquet")["driver"].tolist()
    ['dir']
    """
    a_frame("what is written", frame)
    arrow, parquet = _pyarrow()
    place = destination(path, "")
    for name in frame.columns:
        if not isinstance(name, str):
            raise TypeError(f"columns of a parquet file are named by str, not {name!r}: rename it")
    if not frame.columns.is_unique:
        raise ValueError("two columns have one name, which no parquet file has: rename one")
    told = {name: _told(frame[name]) for name in frame.columns}
    said = {"columns": told, "labels": _told(frame.index), "attrs": _attrs(frame), "declared": _declared(frame)}
    plain = frame.copy(deep=False)
    plain.attrs = {}
    for name, each in told.items():
        if "as" in each:
            written = OBJECTS[each["as"]].written(name, frame[name].tolist())
            plain[name] = pd.Series(written, index=frame.index, dtype=object)
    try:
        table = arrow.Table.from_pandas(plain)
    except (arrow.ArrowException, UnicodeEncodeError) as error:
        raise ValueError(f"a parquet file cannot keep this frame: {error}") from error
    for number, name in enumerate(frame.columns):
        if "as" in told[name]:  # of all that are empty, pyarrow cannot know what they would hold
            kind = OBJECTS[told[name]["as"]].type(arrow)
            table = table.set_column(number, arrow.field(name, kind), table.column(number).cast(kind))
    marks = {MARK: json.dumps(said).encode(), ATTRS: json.dumps(said["attrs"]).encode()}
    table = table.replace_schema_metadata({**table.schema.metadata, **marks})
    with replaced(place) as file:
        parquet.write_table(table, file)


def read_parquet(path: Path) -> pd.DataFrame:
    """Return the frame of a parquet file: one that `to_parquet` has written is as it was.

    Takes any parquet file. In one that pandas has written of a frame of lxdnb's, lists are tuples again, and categories
    those that the columns declare.

    A frame knows its clients in the process that it was made in; elsewhere, give them to what acts on frames.

    Raises ImportError without pyarrow (`pip install 'lxdnb[parquet]'`), and ValueError for what is no parquet file, or
    not the whole of one.
    """
    arrow, parquet = _pyarrow()
    shown = repr(os.fspath(path))
    with open(path, "rb") as file:
        try:
            table = parquet.ParquetFile(file).read()
            metadata = table.schema.metadata or {}
            frame = cast("pd.DataFrame", table.to_pandas())
        except (arrow.ArrowException, OSError) as error:
            raise ValueError(f"{shown} is no parquet file, or not the whole of one: {error}") from error
    try:
        if MARK in metadata:
            return _as_said(frame, json.loads(metadata[MARK]))
        frame.attrs = json.loads(metadata.get(ATTRS, b"{}"))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ValueError(f"{shown} is not as lxdnb writes parquet files: {error}") from error
    return _as_declared(frame) if marked(frame) else frame


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ImportError("parquet files need pyarrow, which is not installed: pip install 'lxdnb[parquet]'") from None


def _told(values: Any) -> Said:
    """Return what a file has to say of a column, or of the rows' labels, besides the values."""
    dtype = values.dtype
    said: Said = {"dtype": str(dtype)}
    if isinstance(dtype, pd.StringDtype):
        said["storage"] = dtype.storage
    if isinstance(dtype, pd.CategoricalDtype):
        categories = dtype.categories.tolist()
        if not set(map(type, categories)) <= {str, int, float, bool}:
            raise TypeError(f"parquet keeps no categories but text and numbers: make column {values.name!r} text")
        said |= {"categories": categories, "ordered": dtype.ordered, "of": _told(dtype.categories)}
    if pd.api.types.is_object_dtype(dtype) and isinstance(values, pd.Series):
        said |= told_objects(values.tolist())
    if isinstance(values, pd.RangeIndex):
        said["range"] = [values.start, values.stop, values.step]
    return said


def _dtype(said: Said) -> Any:
    """Return the dtype that `_told` has told."""
    if "storage" in said:
        missing = pd.NA if said["dtype"] == "string" else float("nan")
        return pd.StringDtype(said["storage"], na_value=missing)
    if "categories" in said:
        return pd.CategoricalDtype(pd.Index(said["categories"], dtype=_dtype(said["of"])), said["ordered"])
    return said["dtype"]


def _as_said(frame: pd.DataFrame, said: Said) -> pd.DataFrame:
    for name, each in said["columns"].items():
        values: Any = frame[name]
        if "as" in each:
            made = OBJECTS[each["as"]].read(values.tolist(), each)
            frame[name] = pd.Series(made, index=frame.index, dtype=object)
        elif values.dtype != (dtype := _dtype(each)):
            frame[name] = values.astype(dtype)
    if not said["columns"] and "range" in said["labels"]:  # else a file of no columns has no rows
        frame = frame.reindex(pd.RangeIndex(*said["labels"]["range"]))
    labels = _dtype(said["labels"])
    if frame.index.nlevels == 1 and frame.index.dtype != labels:
        frame.index = frame.index.astype(labels)
    frame.attrs = said["attrs"]
    declare(said["declared"]["view"], (Column(**each) for each in said["declared"]["columns"]))
    return frame


def _as_declared(frame: pd.DataFrame) -> pd.DataFrame:
    """Give lists and categories of a frame of ours that pandas has written their own dtypes again."""
    known = known_columns(str(marked(frame).get("view")))
    for name in frame.columns:
        values: Any = frame[name]
        column = known.get(name)
        if values.dtype == object and column is not None and column.dtype == "tuple":
            made = [tuple(value) if hasattr(value, "__iter__") else () for value in values]
            frame[name] = pd.Series([*made], index=frame.index, dtype=object)
        if column is not None and column.dtype == "category":
            there = [each for each in values.cat.categories if each not in column.categories]
            frame[name] = values.astype(pd.CategoricalDtype([*column.categories, *there]))
    return frame


def _attrs(frame: pd.DataFrame) -> Said:
    attrs = cast("Said", frame.attrs)
    try:
        if json.loads(json.dumps(attrs)) == attrs:
            return attrs
    except (TypeError, ValueError):
        pass
    raise TypeError("a parquet file keeps in attrs only what JSON has: text, numbers, lists, and dicts by text")


def _declared(frame: pd.DataFrame) -> Said:
    """Return what the columns of a frame declare, for tables in another process."""
    view = str(marked(frame).get("view") or "")
    known = known_columns(view)
    return {"view": view, "columns": [_as_json(known[name]) for name in frame.columns if name in known]}


def _as_json(column: Column) -> Said:
    return {name: getattr(column, name) for name in ("name", "dtype", "what", "path", "unit")}
