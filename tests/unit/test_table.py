"""Frames as tables, in HTML and in text: what people read, and that nothing but text comes of what servers say."""

from __future__ import annotations

import json
import math
import re
import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from lxdnb import frames
from lxdnb.display import human_age, human_duration, human_share, human_size, quantity, table_text, width
from lxdnb.frames._build import build
from lxdnb.frames._columns import Column
from tests.tables import read

COLUMNS = [
    Column("name", what="of the instance"),
    Column("status", "category", unit="status", categories=("Running", "Stopped")),
    Column("memory", "Int64", unit="bytes"),
    Column("share", "Float64", unit="share"),
    Column("received", "Float64", unit="bytes/s"),
    Column("cpu", "Float64", unit="cores"),
    Column("lasted", "Float64", unit="seconds"),
    Column("processes", "Int64"),
    Column("ephemeral", "boolean"),
    Column("image", unit="fingerprint"),
    Column("profiles", "tuple"),
    Column("created_at", "datetime"),
]
RECORD = {
    "name": "web-1",
    "status": "Running",
    "memory": 1536,
    "share": 0.257,
    "received": 2.5 * 2**20,
    "cpu": 0.4567,
    "lasted": 12.345,
    "processes": 12345,
    "ephemeral": False,
    "image": "0123456789abcdef" * 4,
    "profiles": ["default", "web"],
    "created_at": "2020-03-01T12:00:00.123456789Z",
}


MANY = [*COLUMNS, *(Column(f"text-{number}") for number in range(4))]


def made(records: list[dict], columns: list[Column] | None = None, **said) -> pd.DataFrame:
    return build("unit", columns or COLUMNS, records, **said)


def test_values_are_those_that_people_read_and_titles_are_exact():
    page = read(frames.html(made([RECORD])))
    assert [cell.text for cell in page.head] == [column.name for column in COLUMNS]
    years = (pd.Timestamp.now("UTC") - pd.Timestamp("2020-03-01T12:00:00Z")).days / 365.25
    assert [cell.text for cell in page.rows[0]] == [
        "web-1", "●\u00a0Running", "1.5 KiB", "26 %", "2.5 MiB/s", "0.46 cores", "12.3 s", "12345", "no",
        "0123456789ab", "default, web", f"{int(years)} y ago",
    ]  # fmt: skip
    titles = {head.text: cell.title for head, cell in zip(page.head, page.rows[0], strict=True)}
    assert titles["memory"] == "1,536 bytes"
    assert titles["share"] == "0.257"
    assert titles["received"] == "2,621,440.0 bytes/s"
    assert titles["cpu"] == "0.4567 cores"
    assert titles["lasted"] == "12.345 s"
    assert titles["image"] == RECORD["image"]
    assert titles["created_at"] == "2020-03-01T12:00:00.123456789+00:00"
    assert titles["name"] == titles["processes"] == ""
    assert page.head[0].title == "of the instance · name · string"
    assert page.head[2].title == "memory · Int64 · bytes"
    to_the_right = {"memory", "share", "received", "cpu", "lasted", "processes"}
    nothing = read(frames.html(made([{}]))).rows[0]
    for cells in (page.head, page.rows[0], nothing):
        assert {head.text for head, cell in zip(page.head, cells, strict=True) if "n" in cell.classes} == to_the_right


def test_what_is_not_known_is_a_dash_and_what_is_empty_is_empty():
    page = read(frames.html(made([{}, {"name": "", "profiles": []}])))
    assert {head.text for head, cell in zip(page.head, page.rows[0], strict=True) if cell.text != "—"} == {"profiles"}
    assert all("f" in cell.classes for cell in page.rows[0] if cell.text == "—")
    assert page.column("name")[1].text == page.column("profiles")[1].text == ""


def test_a_status_is_a_dot_and_a_word():
    words = ["Running", "Error", "Frozen", "Whatever", "Running"]
    cells = read(frames.html(made([{"status": word} for word in words]))).column("status")
    assert [cell.text for cell in cells] == [f"●\u00a0{word}" for word in words]
    colours = [cell.colour for cell in cells]
    assert colours[0] == colours[4]
    assert len(set(colours)) == 4
    assert all(re.fullmatch(r"color:var\(--jp-[a-z0-9-]+,#[0-9a-f]{6}\)", colour) for colour in colours)
    assert "Running" in frames.text(made([{"status": "Running"}]))
    assert "●" not in frames.text(made([{"status": "Running"}]))


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (human_size(0), "0 B"),
        (human_size(1023), "1023 B"),
        (human_size(1024), "1.0 KiB"),
        (human_size(2**20 - 1), "1.0 MiB"),
        (human_size(-(2**21)), "-2.0 MiB"),
        (human_size(99.99 * 2**30), "100 GiB"),
        (human_size(2**63), "8.0 EiB"),
        (human_size(0.25), "0.2 B"),
        (human_share(0), "0 %"),
        (human_share(1), "100 %"),
        (human_share(0.0999), "10 %"),
        (human_share(0.0123), "1.2 %"),
        (human_share(1e-9), "<0.1 %"),
        (human_share(-0.5), "-50 %"),
        (human_share(12.5), "1250 %"),
        (human_duration(0), "0 s"),
        (human_duration(1e-6), "<1 ms"),
        (human_duration(0.25), "250 ms"),
        (human_duration(0.9996), "1.0 s"),
        (human_duration(59.94), "59.9 s"),
        (human_duration(59.96), "1 min"),
        (human_duration(125), "2 min 5 s"),
        (human_duration(3600), "1 h"),
        (human_duration(86399.6), "1 d"),
        (human_duration(4 * 86400 + 2 * 3600 + 59), "4 d 2 h"),
        (human_duration(-125), "-2 min 5 s"),
        (human_age(0), "0 s ago"),
        (human_age(59.9), "59 s ago"),
        (human_age(3600), "1 h ago"),
        (human_age(86400 * 400), "400 d ago"),
        (human_age(86400 * 800), "2 y ago"),
        (human_age(-7500), "in 2 h"),
        (quantity(1, "cores").text, "1 core"),
        (quantity(2, "cores").text, "2 cores"),
        (quantity(0.004, "cores").text, "0.004 cores"),
        (quantity(12.3456).text, "12.35"),
        (quantity(12.3456).title, "12.3456"),
        (quantity(65536).text, "65536"),
        (quantity(3.0, "packets/s").text, "3 packets/s"),
        (quantity(3.5, "packets/s").text, "3.50 packets/s"),
        (quantity(247390116249.0).text, "247390116249"),
        (quantity(2**62 + 1).text, "4611686018427387905"),
        (quantity(float("inf")).text, "inf"),
    ],
)
def test_numbers_as_people_say_them(said: str, text: str):
    assert said == text


def test_a_unit_may_be_told_row_by_row():
    columns = [Column("value", "Float64", unit="(unit)"), Column("unit")]
    rows = [{"value": 2048.0, "unit": "bytes"}, {"value": 90.0, "unit": "seconds"}, {"value": 3.0}, {"unit": "bytes"}]
    page = read(frames.html(made(rows, columns)))
    assert [cell.text for cell in page.column("value")] == ["2.0 KiB", "1 min 30 s", "3", "—"]
    alone = read(frames.html(made(rows, columns)[["value"]]))
    assert [cell.text for cell in alone.column("value")] == ["2048", "90", "3", "—"]


def test_times_of_a_series_are_told_to_the_second():
    columns = [Column("time", "datetime", unit="UTC")]
    cell = read(frames.html(made([{"time": "2026-03-01T12:34:56.789012345+02:00"}], columns))).rows[0][0]
    assert (cell.text, cell.title) == ("2026-03-01 10:34:56Z", "2026-03-01T10:34:56.789012345+00:00")


def test_the_fewer_texts_a_row_has_the_longer_they_may_be():
    text = "x" * 200
    for names, longest in (("a", 150), ("abc", 100), ("abcdefgh", 50)):
        columns = [*map(Column, names), Column("n", "Int64")]
        cell = read(frames.html(made([dict.fromkeys(names, text)], columns))).rows[0][0]
        assert (cell.text, cell.title) == ("x" * (longest - 1) + "…", text)


@pytest.mark.parametrize("unit", ["bytes", "bytes/s", "seconds", "share", "cores", "", "packets/s"])
@given(value=st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**63), 2**63 - 1))
def test_any_number_has_its_words(unit: str, value: float):
    cell = quantity(value, unit)
    assert cell.text
    # The exact value is there, in the cell or on hover.
    said = (cell.title or cell.text).removesuffix(unit).removesuffix("core").removesuffix("s").strip().replace(",", "")
    assert type(value)(said) == value or math.isnan(value)


def test_what_is_long_is_cut_with_the_whole_as_its_title():
    name, profiles = "x" * 70, [f"profile-{number}" for number in range(20)]
    page = read(frames.html(made([{"name": name, "profiles": profiles}], MANY)))
    cell = page.column("name")[0]
    assert (cell.text, cell.title) == ("x" * 49 + "…", name)
    cell = page.column("profiles")[0]
    shown, left = re.fullmatch(r"(.*), … (\d+) more", cell.text).groups()
    assert shown.split(", ") == profiles[: 20 - int(left)]
    assert len(cell.text) <= 50
    assert cell.title == ", ".join(profiles)
    sole = read(frames.html(made([{"profiles": [name]}], MANY))).column("profiles")[0]
    assert (sole.text, sole.title) == ("x" * 49 + "…", name)


def test_what_a_command_says_can_be_read():
    columns = [Column("stdout")]
    cells = read(frames.html(made([{"stdout": text} for text in ("Linux\n", "a\nb\n\n", "a", "\n")], columns))).column(
        "stdout"
    )
    assert [cell.text for cell in cells] == ["Linux", "a␊b", "a", ""]
    assert [cell.title for cell in cells] == ["Linux\n", "a\nb\n\n", "", "\n"]
    assert frames.text(made([{"stdout": "a\nb\n"}], columns)).splitlines() == ["stdout", "a␊b"]


def test_rows_after_the_first_fifty_are_counted_alone():
    class Untouched:
        def __getattribute__(self, name: str):
            raise AssertionError("it was looked at")

    frame = made([{"name": f"n{number}"} for number in range(1000)], [Column("name"), Column("profiles", "tuple")])
    frame.loc[50:, "profiles"] = pd.Series([Untouched()] * 950, index=range(50, 1000), dtype=object)
    page = read(frames.html(frame))
    assert [cell.text for cell in page.column("name")] == [f"n{number}" for number in range(50)]
    assert [cell.text for cell in page.foot] == ["name", "profiles"]
    assert page.notes == ["… 950 more"]
    lines = frames.text(frame).splitlines()
    assert [line.split()[0] for line in lines[1:51]] == [f"n{number}" for number in range(50)]
    assert lines[51:] == ["… 950 more"]
    assert read(frames.html(frame.head(50))).notes == read(frames.html(frame.head(20))).foot == []


def test_an_empty_one_says_so():
    page = read(frames.html(made([])))
    assert len(page.head) == len(COLUMNS)
    assert (page.rows, page.notes) == ([], ["nothing here"])
    assert frames.text(made([]), 200).splitlines()[1:] == ["nothing here"]


def test_what_failed_stands_under_the_table():
    failed = {"prod": "connection refused", **{f"c{number}": "no" for number in range(11)}}
    frame = made([RECORD], failed=failed, words=["memory: 1 value of another type"])
    notes = read(frames.html(frame)).notes
    assert notes[0] == "●\u00a0prod: connection refused"
    assert notes[10] == "●\u00a0… 2 more that failed"
    assert notes[11] == "memory: 1 value of another type"
    lines = frames.text(frame, 300).splitlines()
    assert lines[2] == "prod: connection refused"
    assert lines[-1] == "memory: 1 value of another type"


KEPT = {
    "head": lambda frame: frame.head(2),
    "filtered": lambda frame: frame[frame["memory"] > 1536],
    "queried": lambda frame: frame.query("processes > 5"),
    "sorted": lambda frame: frame.sort_values("memory", ascending=False),
    "columns": lambda frame: frame[["memory", "name"]],
    "without": lambda frame: frame.drop(columns="name"),
    "largest": lambda frame: frame.nlargest(1, "memory"),
    "filled": lambda frame: frame.fillna({"memory": 0}),
    "copied": lambda frame: frame.copy(),
    "numbered": lambda frame: frame.sort_values("memory").reset_index(drop=True),
}
PANDAS = {
    "named rows": lambda frame: frame.set_index("name"),
    "described": lambda frame: frame.describe(),
    "turned": lambda frame: frame.T,
    "grouped": lambda frame: frame.groupby("status", observed=True)[["memory"]].sum(),
    "counted": lambda frame: frame.groupby("status", observed=True, as_index=False)[["memory"]].count(),
    "more columns": lambda frame: frame.assign(gib=frame["memory"] / 2**30),
    "other units": lambda frame: frame.assign(memory=frame["memory"] / 2**20),
    "other types": lambda frame: frame.astype({"memory": "float64"}),
    "words for numbers": lambda frame: frame.assign(memory="x"),
    "twice": lambda frame: pd.concat([frame, frame], axis=1),
    "renamed": lambda frame: frame.rename(columns={"memory": "m"}),
    "missing": lambda frame: frame.isna(),
    "no columns": lambda frame: frame[[]],
    "melted": lambda frame: frame.melt("name"),
    "another": lambda frame: pd.DataFrame({"name": ["x"]}),
    "another mark": lambda frame: _marked(frame, "no JSON"),
    "an unknown view": lambda frame: _marked(frame, json.dumps({"view": "nobody's"})),
    "no object": lambda frame: _marked(frame, "[1]"),
    "of no view": lambda frame: _marked(frame, json.dumps({"view": ["unit"]})),
}
SAME_ROWS = [RECORD | {"memory": size, "name": f"n{size}"} for size in (1536, 4096, 2048)]


def _marked(frame: pd.DataFrame, mark: str) -> pd.DataFrame:
    frame = frame.copy()
    frame.attrs["lxdnb"] = mark
    return frame


@pytest.mark.parametrize("name", KEPT)
def test_of_the_same_columns_it_stays_ours(name: str):
    frame = KEPT[name](made(SAME_ROWS))
    page = read(frames.html(frame))
    labels = list(frame.index) != list(range(len(frame)))
    assert [cell.text for cell in page.head] == ([""] if labels else []) + list(frame.columns)
    if labels:
        assert [row[0].text for row in page.rows] == [str(label) for label in frame.index]
    assert [cell.text for cell in page.column("memory")] == [human_size(size) for size in frame["memory"]]
    assert frames.text(frame, 300).splitlines()[0].split() == list(frame.columns)


@pytest.mark.parametrize("name", PANDAS)
def test_what_pandas_has_made_of_it_is_pandas_to_show(name: str):
    frame = PANDAS[name](made(SAME_ROWS))
    assert frames.html(frame) is None
    assert frames.text(frame) is None


# What could become more than text: of markup, mathematics, terminals and the direction of writing.
PIECES = st.sampled_from(
    ["<img src=x onerror=alert(1)>", "</td>", "</style>", "<!--", "]]>", '"', "'", "&lt;", "&", " onmouseover=x ", "$",
     "$$", "\\(", "\\)", "\\begin{x}", "\x1b[31m", "\x1b]8;;x\x07", "\x00", "\r", "\n", "\t", "\u202e", "\u2066",
     "\u200b", "\u2028", "\ud800", "\x9b", "\x7f", "日本", "e\u0301", "👩‍🚀", "javascript:x", "`", "=", "x" * 40]
)  # fmt: skip
HOSTILE = st.lists(PIECES | st.text(st.characters(), max_size=5), max_size=8).map("".join)


def _acts(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in text)


def hostile(words: list[str]) -> pd.DataFrame:
    first, second, third, fourth = words
    record = {"name": first, "status": second or None, "profiles": [third, fourth], "image": fourth, "config.x": third}
    asked = first.encode("utf-8", "ignore").decode()  # where pandas has pyarrow, names are UTF-8
    columns = [*COLUMNS, Column(f"config.{asked}", what=second, path="config.x")]
    return made([RECORD | record], columns, failed={first: second}, words=[third, fourth])


@given(st.lists(HOSTILE, min_size=4, max_size=4))
def test_html_is_text_whatever_a_server_says(words: list[str]):
    shown = frames.html(hostile(words))
    page = read(shown)
    assert page.tags == {"div", "style", "table", "thead", "tbody", "tr", "th", "td", "span"}
    assert page.attributes <= {"class", "title", "style"}
    assert len(page.rows) == 1
    assert len(page.rows[0]) == len(page.head) == len(COLUMNS) + 1
    assert not _acts(shown)
    everything = [*page.head, *page.rows[0]]
    assert not any(_acts(cell.text + cell.title.replace("\n", "")) for cell in everything)
    # MathJax finds nothing: it joins no text over elements, and a delimiter is alone in its own.
    assert all(node == "$" for node in page.nodes if "$" in node)
    assert all(node == "\\" for node in page.nodes if "\\" in node)
    name = page.column("name")[0]
    assert _holds(name.title or name.text, words[0])
    assert _holds(page.head[-1].text, f"config.{words[0]}")
    assert _holds(page.head[-1].title, words[1])


def _holds(shown: str, word: str) -> bool:
    """Return whether what can be read of a word is all there, in order."""
    rest = iter(shown)
    return all(character in rest for character in word if not _acts(character))


@given(st.lists(HOSTILE, min_size=4, max_size=4), st.integers(20, 200))
def test_text_is_text_whatever_a_server_says(words: list[str], room: int):
    frame = hostile(words)
    lines = frames.text(frame, room).split("\n")
    assert not any(_acts(line) for line in lines)
    notes = 3 + lines[2].startswith("not shown: ")
    assert len(lines) == 2 + notes
    assert all(width(line) <= room for line in lines[:2])


def test_columns_of_text_are_aligned():
    names = ["c1", "日本語", "e\u0301tude"]
    frame = made([{"name": name, "memory": 1024 * place} for place, name in enumerate(names)], COLUMNS[:3])
    head, *lines = frames.text(frame).splitlines()
    assert head == "name    status   memory"
    assert [line.rsplit("  ")[-1] for line in lines] == ["0 B", "1.0 KiB", "2.0 KiB"]
    assert {wcswidth(line) for line in lines} == {len(head)}


@pytest.mark.parametrize("text", ["", "abc", "日本語", "e\u0301", "ｆｕｌｌ", "한국어", "🚀", "αβγ", "—…●"])
def test_widths_are_those_of_a_terminal(text: str):
    assert width(text) == wcswidth(text)


def test_where_there_is_no_room_texts_are_cut_then_columns_left_out():
    heads, row = ["name", "description", "note", "more"], ["web-1", "a" * 50, "b" * 30, "c" * 5]
    whole = table_text(heads, [row], room=100)
    assert whole.splitlines()[1] == f"web-1  {'a' * 50}  {'b' * 30}  ccccc"
    cut = table_text(heads, [row], room=60).splitlines()
    assert cut[1] == f"web-1  {'a' * 21}…  {'b' * 21}…  ccccc"
    less = table_text(heads, [row], room=30).splitlines()
    assert less[0].split() == ["name", "description"]
    assert less[1] == f"web-1  {'a' * 22}…"
    assert less[2:] == ["not shown: note, more"]
    assert table_text(["name"], [["x" * 50]], room=5).splitlines()[1] == "x" * 11 + "…"


def test_every_other_row_has_its_label():
    page = read(frames.html(made([RECORD] * 4).iloc[::2]))
    assert [row[0].text for row in page.rows] == ["0", "2"]
    assert [cell.text for cell in page.head][1:] == [column.name for column in COLUMNS]
