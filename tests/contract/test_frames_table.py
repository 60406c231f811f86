"""Frames in a shell: tables, as HTML and as text, where they are lxdnb's, and what they were where they are not."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

import lxdnb
from lxdnb import frames
from lxdnb.sandbox import Sandbox
from tests.tables import Read, read

# Of a row's text in JSON: tags, mathematics, the direction of writing, a terminal's colours.
DESCRIPTION = "<img src=x onerror=alert(1)> $x$ \\(y\\) \u202edrow\u202c \u001b[31mred" + "!" * 200
SHOWN = "<img src=x onerror=alert(1)> $x$ \\(y\\) \\u202edrow\\u202c ␛[31mred" + "!" * 200


@pytest.fixture
def shell(client):
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.user_ns.update(lx=client, frames=frames, pd=pd)
    yield shell
    InteractiveShell.clear_instance()


def ran(shell, *cells: str):
    for cell in cells:
        result = shell.run_cell(cell)
        result.raise_error()
    return result.result


def shown(shell, value) -> tuple[Read, list[str]]:
    data, _ = shell.display_formatter.format(value)
    return read(data["text/html"]), data["text/plain"].splitlines()


@pytest.fixture
def two(server):
    server.cli("launch", "busybox", "t-run", "-c", "limits.memory=512MiB")
    server.cli("init", "busybox", "t-idle")
    server.cli("query", "-X", "PATCH", "-d", json.dumps({"description": DESCRIPTION}), "/1.0/instances/t-idle")


def test_what_the_command_line_tells_stands_in_the_table(server, shell, two, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    wanted = '["name", "status", "memory_limit", "profiles", "image", "created_at", "description", "pid"]'
    frame = ran(shell, "%load_ext lxdnb", f"frames.instances(lx, {wanted})")
    told = {record["name"]: record for record in json.loads(server.cli("list", "--format", "json"))}
    page, lines = shown(shell, frame)
    cells = {row[0].text: dict(zip((head.text for head in page.head), row, strict=True)) for row in page.rows}
    assert list(cells) == ["t-idle", "t-run"]
    for name, record in told.items():
        row = cells[name]
        assert row["status"].text == f"●\u00a0{record['status']}"
        assert row["image"].text == record["config"]["volatile.base_image"][:12]
        assert row["image"].title == record["config"]["volatile.base_image"]
        assert row["profiles"].text == ", ".join(record["profiles"])
        assert pd.Timestamp(row["created_at"].title) == pd.Timestamp(record["created_at"])
        assert row["created_at"].text.endswith(" ago")
        assert row["pid"].text == (str(record["state"]["pid"]) if record["status"] == "Running" else "—")
    assert (cells["t-run"]["memory_limit"].text, cells["t-run"]["memory_limit"].title) == (
        "512 MiB",
        "536,870,912 bytes",
    )
    assert cells["t-idle"]["memory_limit"].text == "—"
    assert cells["t-idle"]["description"].title == SHOWN
    assert cells["t-idle"]["description"].text.rstrip("!…") == SHOWN.rstrip("!")
    assert cells["t-idle"]["description"].text.endswith("!…")
    assert "img" not in page.tags
    assert not any("\x1b" in line or "\u202e" in line for line in lines)
    assert lines[0].split() == [head.text for head in page.head]
    assert lines[1].split()[:3] == ["t-idle", "Stopped", "—"]
    assert lines[2].split()[:4] == ["t-run", "Running", "512", "MiB"]


def test_rows_and_columns_that_are_left_keep_the_table(shell, two):
    frame = ran(
        shell,
        "%load_ext lxdnb",
        "df = frames.instances(lx)",
        'df[df["status"] == "Running"][["name", "memory"]]',
    )
    page, lines = shown(shell, frame)
    assert [head.text for head in page.head] == ["", "name", "memory"]
    assert [cell.text for cell in page.rows[0][:2]] == ["1", "t-run"]
    assert page.rows[0][2].title == f"{frame['memory'].iloc[0]:,} bytes"
    assert lines[0].split() == ["name", "memory"]
    empty, lines = shown(shell, ran(shell, "df.head(0)"))
    assert empty.notes == ["nothing here"]
    assert lines[-1] == "nothing here"


def test_a_server_that_is_down_is_named_under_the_table(shell, two):
    with Sandbox() as other:
        shell.user_ns["gone"] = lxdnb.Client(other.endpoint)
    gone = ran(shell, "%load_ext lxdnb", "frames.instances({'here': lx, 'gone': gone}, ['name', 'status'])")
    page, lines = shown(shell, gone)
    assert [[cell.text for cell in row[:2]] for row in page.rows] == [["here", "t-idle"], ["here", "t-run"]]
    assert len(page.notes) == 1
    assert page.notes[0].startswith("●\u00a0gone: ")
    assert other.endpoint in page.notes[0]
    assert lines[3] == page.notes[0].removeprefix("●\u00a0")


def test_a_terminal_shows_the_lines(shell, two, capsys, monkeypatch):
    monkeypatch.setattr(shell.displayhook, "write_output_prompt", lambda: None)
    ran(shell, "%load_ext lxdnb")
    capsys.readouterr()
    ran(shell, 'frames.instances(lx, ["name", "status"])')
    assert capsys.readouterr().out.strip().splitlines() == ["name    status", "t-idle  Stopped", "t-run   Running"]


def test_who_wants_no_html_of_pandas_has_none(shell, two):
    frame = ran(shell, "%load_ext lxdnb", 'frames.instances(lx, ["name", "status"])')
    with pd.option_context("display.notebook_repr_html", False):
        assert shell.display_formatter.format(frame)[0].keys() == {"text/plain"}
    assert shell.display_formatter.format(frame)[0].keys() == {"text/html", "text/plain"}


def test_other_frames_are_shown_as_they_were(shell, two):
    """Also those that somebody else shows, and subclasses that show themselves."""

    class Own(pd.DataFrame):
        def _repr_html_(self):
            return "<p>own</p>"

    others = [
        pd.DataFrame({"a": [1, 2], "b": ["x", "y" * 100]}),
        pd.DataFrame({"a": range(100)}),
        ran(shell, "frames.instances(lx).describe()"),
        ran(shell, "frames.instances(lx).assign(extra=1)"),
        Own({"a": [1]}),
        [pd.DataFrame({"a": [1, 2]})],
    ]
    before = [shell.display_formatter.format(other) for other in others]
    ran(shell, "%load_ext lxdnb")
    assert [shell.display_formatter.format(other) for other in others] == before


def test_who_showed_frames_before_still_shows_the_others(shell, two):
    formatters = shell.display_formatter.formatters
    formatters["text/html"].for_type(pd.DataFrame, lambda frame: "<p>theirs</p>")
    formatters["text/plain"].for_type(pd.DataFrame, lambda frame, printer, cycle: printer.text("theirs"))
    ran(shell, "%load_ext lxdnb", "%reload_ext lxdnb", "%reload_ext lxdnb")
    other, _ = shell.display_formatter.format(pd.DataFrame({"a": [1]}))
    assert other == {"text/html": "<p>theirs</p>", "text/plain": "theirs"}
    page, lines = shown(shell, ran(shell, 'frames.instances(lx, ["name"])'))
    assert [cell.text for cell in page.column("name")] == lines[1:]
    assert sorted(lines[1:]) == ["t-idle", "t-run"]
