"""Frames to parquet files and back: nothing that was in one is another after it, and no file is half there."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from lxdnb import frames
from lxdnb.frames import _build
from lxdnb.frames._build import build
from lxdnb.frames._columns import Column
from tests.tables import read

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MOMENTS = st.integers(-(2**62), 2**62)  # nanoseconds since 1970
OBJECTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([pd.NA, pd.NaT]),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.lists(inside, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5), inside, max_size=3)
    ),
    max_leaves=6,
)


def _cells(values: st.SearchStrategy, count: int, missing=None) -> st.SearchStrategy[list]:
    return st.lists(st.just(missing) | values, min_size=count, max_size=count)


KINDS = ["string", "Int64", "Float64", "boolean", "category", "datetime", "tuple"]
KINDS += ["str", "int64", "float64", "bool", "us", "timedelta", "object", "numbers"]


@st.composite
def columns(draw, count: int):
    """A column of one of the dtypes that frames have, or that pandas makes of them."""
    kind = draw(st.sampled_from(KINDS))
    if kind == "string":
        return pd.Series(pd.array(draw(_cells(TEXTS, count)), dtype="string"))
    if kind == "str":
        return pd.Series(draw(_cells(TEXTS, count)), dtype="str")
    if kind == "Int64":
        return pd.Series(pd.array(draw(_cells(st.integers(-(2**63), 2**63 - 1), count)), dtype="Int64"))
    if kind in ("Float64", "float64"):
        return pd.Series(pd.array(draw(_cells(st.floats(), count, math.nan)), dtype=kind))
    if kind == "boolean":
        return pd.Series(pd.array(draw(_cells(st.booleans(), count)), dtype="boolean"))
    if kind in ("int64", "bool"):
        values = st.booleans() if kind == "bool" else st.integers(-(2**63), 2**63 - 1)
        return pd.Series(draw(st.lists(values, min_size=count, max_size=count)), dtype=kind)
    if kind in ("category", "numbers"):
        several = st.lists(TEXTS if kind == "category" else st.integers(0, 99), min_size=1, max_size=5, unique=True)
        dtype = pd.CategoricalDtype(draw(several), ordered=draw(st.booleans()))
        return pd.Series(pd.Categorical(draw(_cells(st.sampled_from(list(dtype.categories)), count)), dtype=dtype))
    if kind in ("datetime", "us", "timedelta"):
        dtype = {"datetime": "datetime64[ns, UTC]", "us": "datetime64[us]", "timedelta": "timedelta64[ns]"}[kind]
        numbers = pd.Series(draw(st.lists(MOMENTS, min_size=count, max_size=count)), dtype="int64")
        return numbers.astype(dtype.replace(", UTC", "")).pipe(
            lambda s: s.dt.tz_localize("UTC") if "UTC" in dtype else s
        )
    values = st.lists(TEXTS, max_size=3).map(tuple) if kind == "tuple" else OBJECTS
    made = pd.Series([None] * count, dtype=object)
    for place, value in enumerate(draw(_cells(values, count, draw(st.sampled_from([None, pd.NA, math.nan, ()]))))):
        made.iat[place] = value
    return made


@st.composite
def whole(draw) -> pd.DataFrame:
    count = draw(st.integers(0, 5))
    names = draw(st.lists(TEXTS.filter(lambda name: name != "label"), max_size=5, unique=True))
    frame = pd.DataFrame({name: draw(columns(count)) for name in names}, index=pd.RangeIndex(count))
    labels = draw(st.sampled_from(["plain", "later", "shuffled", "words", "named", "times"]))
    if labels == "later":
        frame.index = pd.RangeIndex(7, 7 + 3 * count, 3)
    if labels == "shuffled":
        frame.index = pd.Index(draw(st.permutations(range(count))), dtype="int64")
    if labels in ("words", "named"):
        words = draw(st.lists(TEXTS, min_size=count, max_size=count))
        frame.index = pd.Index(
            words, dtype="string" if labels == "named" else "str", name="x" * (labels == "named") or None
        )
    if labels == "times":
        frame.index = pd.DatetimeIndex(range(count), tz="UTC").as_unit("ns")
    frame.attrs = draw(st.dictionaries(TEXTS, TEXTS | st.integers() | st.none() | st.lists(TEXTS), max_size=2))
    return frame


def _same(one: object, other: object) -> bool:
    """Return whether two cells are the same, of the same kinds all the way in."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(_same, one.values(), other.values()))
    if isinstance(one, float):
        return repr(one) == repr(other)
    return one is other or one == other


def there_and_back(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    frames.to_parquet(frame, folder / "frame.parquet")
    assert [each.name for each in folder.iterdir()] == ["frame.parquet"]
    return frames.read_parquet(folder / "frame.parquet")


@settings(max_examples=150)
@given(whole())
def test_a_frame_comes_back_as_it_was(tmp_path_factory, frame: pd.DataFrame):
    before = frame.copy()
    back = there_and_back(frame, tmp_path_factory.mktemp("there"))
    objects = [name for name in frame.columns if frame[name].dtype == object]
    others = frame.columns.difference(objects)
    pd.testing.assert_frame_equal(back[others], frame[others], check_column_type=False)
    assert list(back.columns) == list(frame.columns)
    pd.testing.assert_index_equal(back.index, frame.index, exact=True)
    for name in objects:
        assert back[name].dtype == object
        assert all(map(_same, back[name].tolist(), frame[name].tolist()))
    for name in frame.columns:
        assert back[name].dtype == frame[name].dtype
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            assert list(back[name].cat.categories) == list(frame[name].cat.categories)
    assert back.attrs == frame.attrs == before.attrs  # which a failed write would have emptied


COLUMNS = [
    Column("name"),
    Column("status", "category", unit="status", categories=("Running", "Stopped", "Error")),
    Column("memory", "Int64", unit="bytes"),
    Column("share", "Float64", unit="share"),
    Column("ephemeral", "boolean"),
    Column("profiles", "tuple"),
    Column("none", "tuple"),
    Column("created_at", "datetime"),
]
RECORDS = [
    {
        "name": "a",
        "status": "Stopped",
        "memory": 2**60 + 1,
        "share": 0.1,
        "ephemeral": True,
        "profiles": ["default", "日本"],
        "created_at": "2020-03-01T12:00:00.123456789Z",
    },
    {"name": "b", "status": "Strange"},
]


def made(records: list[dict], **said) -> pd.DataFrame:
    return build("parquet-unit", COLUMNS, records, **said)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_frames_of_ours_come_back_and_are_shown_as_before(tmp_path, count, monkeypatch):
    frame = made(RECORDS[:count], failed={"c": "no"}, words=["a word"])
    shown = frames.text(frame, 200)
    back = there_and_back(frame, tmp_path)
    pd.testing.assert_frame_equal(back, frame)
    assert back.attrs == frame.attrs
    assert all(type(value) is tuple for name in ("profiles", "none") for value in back[name])
    # As in another process, which has built no frame of the like.
    monkeypatch.setattr(_build, "_columns", {})
    assert frames.text(frame) is None
    again = frames.read_parquet(tmp_path / "frame.parquet")
    assert frames.text(again, 200) == shown
    assert read(frames.html(again)).notes[-2:] == ["●\u00a0c: no", "a word"]


def test_half_a_character_of_a_server_costs_no_frame(tmp_path):
    """Pandas has pyarrow's texts where that is installed, and those are UTF-8."""
    frame = made([{"name": "a\ud800b", "status": "\udfff", "profiles": ["default"]}])
    assert frame["name"].tolist() == ["a\ufffdb"]
    assert frame["status"].tolist() == ["\ufffd"]
    pd.testing.assert_frame_equal(there_and_back(frame, tmp_path), frame)


def test_others_read_the_file(tmp_path):
    frame = made(RECORDS)
    frames.to_parquet(frame, tmp_path / "frame.parquet")
    theirs = pd.read_parquet(tmp_path / "frame.parquet")
    assert theirs.attrs == frame.attrs
    lists = ["profiles", "none"]
    pd.testing.assert_frame_equal(theirs.drop(columns=lists), frame.drop(columns=lists))
    assert [list(value) for value in theirs["profiles"]] == [["default", "日本"], []]
    schema = parquet.read_schema(tmp_path / "frame.parquet")
    assert str(schema.field("none").type) == str(schema.field("profiles").type) == "list<element: string>"


@pytest.mark.parametrize("count", [0, 2])
def test_a_file_that_pandas_wrote_of_one_of_ours_is_settled(tmp_path, count):
    frame = made(RECORDS[:count])
    frame.to_parquet(tmp_path / "frame.parquet")
    back = frames.read_parquet(tmp_path / "frame.parquet")
    pd.testing.assert_frame_equal(back, frame)
    assert back.attrs == frame.attrs


def test_any_other_file_is_as_pandas_has_it(tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": [["x"], []]})
    frame.to_parquet(tmp_path / "frame.parquet")
    pd.testing.assert_frame_equal(
        frames.read_parquet(tmp_path / "frame.parquet"), pd.read_parquet(tmp_path / "frame.parquet")
    )


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "frame.parquet"
    frames.to_parquet(made(RECORDS), path)
    was = path.read_bytes()

    def broken(table, file):
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(parquet, "write_table", broken)
    with pytest.raises(OSError, match="no space"):
        frames.to_parquet(made([]), path)
    assert path.read_bytes() == was
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (pd.DataFrame({"a": [object()]}), "column 'a' has a object"),
        (pd.DataFrame({"a": [{"b": [1j]}]}), "column 'a' has a complex"),
        (pd.DataFrame({"a": pd.Categorical([pd.Timestamp(0)])}), "no categories but text and numbers: make column 'a'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns have one name"),
        (pd.DataFrame({1: [1]}), "named by str, not 1"),
        (pd.Series([1]), "what is written is a frame"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_leaves_no_file(tmp_path, frame, says):
    with pytest.raises((ValueError, TypeError), match=says):
        frames.to_parquet(frame, tmp_path / "frame.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("attrs", [{"a": object()}, {"a": (1,)}, {1: "a"}, {"a": math.nan}])
def test_attrs_that_are_no_json_are_refused(tmp_path, attrs):
    frame = made(RECORDS)
    frame.attrs.update(attrs)
    with pytest.raises(TypeError, match="attrs"):
        frames.to_parquet(frame, tmp_path / "frame.parquet")


def test_places_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        frames.to_parquet(made([]), tmp_path / "nowhere" / "frame.parquet")
    with pytest.raises(IsADirectoryError, match="folder"):
        frames.to_parquet(made([]), tmp_path)
    with pytest.raises(FileNotFoundError):
        frames.read_parquet(tmp_path / "frame.parquet")


def test_what_is_no_whole_file_is_said(tmp_path):
    path = tmp_path / "frame.parquet"
    frames.to_parquet(made(RECORDS), path)
    content = path.read_bytes()
    for damaged in (b"", b"PAR1", content[:-20], content[: len(content) // 2], b"name,status\na,Running\n"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"frame\.parquet' is no parquet file, or not the whole of one"):
            frames.read_parquet(path)


@pytest.mark.parametrize("said", [[], {}, {"columns": {"no": {}}}, {"columns": {"name": {"as": "pickle"}}}, "no JSON"])
def test_a_file_of_other_words_than_ours_is_said(tmp_path, said):
    path = tmp_path / "frame.parquet"
    frames.to_parquet(made(RECORDS), path)
    table = parquet.read_table(path)
    mark = said.encode() if isinstance(said, str) else json.dumps(said).encode()
    parquet.write_table(table.replace_schema_metadata({**table.schema.metadata, b"lxdnb": mark}), path)
    with pytest.raises(ValueError, match="not as lxdnb writes"):
        frames.read_parquet(path)


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    frame = made([])  # pandas itself has it
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for call in (lambda path: frames.to_parquet(frame, path), frames.read_parquet):
        with pytest.raises(ImportError, match=r"pip install 'lxdnb\[parquet\]'"):
            call(tmp_path / "frame.parquet")


MIXED = [
    [None, pd.NA, ("a",)],
    [None, float("nan")],
    [float("inf"), ("a",), float("-inf")],
    [{"a": (1, [float("inf"), None, pd.NA])}, 5],
]


@pytest.mark.parametrize("values", MIXED)
def test_objects_of_many_kinds_come_back_as_they_were(tmp_path, values):
    frame = pd.DataFrame({"x": pd.Series([None] * len(values), dtype=object)})
    for place, value in enumerate(values):
        frame.at[place, "x"] = value
    back = there_and_back(frame, tmp_path)
    assert back["x"].dtype == object
    assert all(map(_same, back["x"].tolist(), values))
