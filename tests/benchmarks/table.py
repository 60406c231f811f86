"""A comparison as a line, and lines as an aligned table of plain text. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Row(NamedTuple):
    what: str
    lxdnb: str
    peer: str
    takes: str
    ratio: str
    wanted: str


class Comparison(NamedTuple):
    """What one subject's benchmark found."""

    notes: str
    rows: Sequence[Row]


def timed(what: str, ours: Sequence[float], peer: str, theirs: Sequence[float], wanted: str = "") -> Row:
    """Compare the medians of two series of seconds."""
    ratio = statistics.median(ours) / statistics.median(theirs)
    return Row(what, _spread(ours), peer, _spread(theirs), f"{ratio:.2f}", wanted)


def counted(what: str, ours: float, peer: str, theirs: float, wanted: str = "", unit: str = "") -> Row:
    return Row(what, f"{ours:.0f}{unit}", peer, f"{theirs:.0f}{unit}", f"{ours / theirs:.2f}" if theirs else "", wanted)


def alone(what: str, ours: float, wanted: str, unit: str = "") -> Row:
    """A count that is held against a bound, not against a peer."""
    return Row(what, f"{ours:.0f}{unit}", "", "", "", wanted)


def text(rows: Iterable[Row]) -> str:
    shown = [Row("what", "lxdnb", "peer", "takes", "ratio", "wanted")]
    before = ""
    for row in rows:
        # What is told already is not told again: the table reads in blocks.
        shown.append(row._replace(what="") if row.what == before else row)
        before = row.what
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _spread(seconds: Sequence[float]) -> str:
    low, middle, high = (1000 * each for each in (min(seconds), statistics.median(seconds), max(seconds)))
    return f"{middle:.{1 if middle < 100 else 0}f} ms ({low:.0f}–{high:.0f})"
