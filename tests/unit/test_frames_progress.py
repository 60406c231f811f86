"""The line that tells how many have ended."""

from __future__ import annotations

import io
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from lxdnb.frames._progress import Line, teller


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_line_is_written_over_and_not_too_often():
    to, clock = Terminal(), Clock()
    line = Line(to, "ended", clock)
    line(0, 12_000)
    assert to.getvalue() == ""  # it may be over in a moment
    for _ in range(100):
        clock.now += 0.01
        line(1234, 12_000)
    assert to.getvalue() == "\rended: 1,234 of 12,000" * 3
    clock.now += 2
    line(12_000, 12_000)
    assert to.getvalue().endswith("\rended: 12,000 of 12,000, 3.0 s\n")


def test_a_line_that_is_not_full_is_ended():
    to, clock = Terminal(), Clock()
    with Line(to, "stop", clock) as line:
        clock.now += 1
        line(3, 5)
    assert to.getvalue() == "\rstop: 3 of 5\n"


def test_what_is_over_in_a_moment_has_no_line():
    to, clock = Terminal(), Clock()
    line = Line(to, "ended", clock)
    line(0, 2)
    clock.now += 0.4
    line(2, 2)
    assert to.getvalue() == ""


@pytest.mark.parametrize(("stream", "shown"), [(Terminal(), True), (io.StringIO(), False), (None, False)])
def test_a_line_is_for_who_looks(monkeypatch, stream, shown):
    monkeypatch.setattr(sys, "stderr", stream)
    assert isinstance(teller(True, "ended"), Line) is shown
    assert not isinstance(teller(False, "ended"), Line)


def test_a_notebook_shows_it_as_no_error(tmp_path):
    # A real kernel: what it sends to the page says in which of the two it is.
    cell = """
import time
from lxdnb.frames._progress import SOON, teller
with teller(True, "ended") as told:
    time.sleep(SOON)
    told(1, 2)
    told(2, 2)
"""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    NotebookClient(book, timeout=60, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = book.cells[0].outputs
    assert {each.name for each in outputs} == {"stdout"}
    assert "".join(each.text for each in outputs).splitlines()[-1].startswith("ended: 2 of 2, ")


def test_a_function_is_told_itself_and_nothing_else_will_do():
    with teller(print, "ended") as told:
        assert told is print
    for wrong in (None, 1, "yes"):
        with pytest.raises(TypeError, match="progress is True, False, or a function"):
            teller(wrong, "ended")
