"""Columns and rows, or fields, made into HTML and text that are safe to show, whatever a server or container put in.

Pure: values in, text out, no requests. In HTML all is escaped, and `$` cannot start mathematics; in both,
control characters and those that turn the direction of writing are shown, not obeyed.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Cell", "escaped", "fields_html", "human_age", "human_size", "table_html", "visible"]

_LABEL = "text-align:left;vertical-align:top;padding:1px 12px 1px 0;font-weight:600"
_VALUE = "text-align:left;vertical-align:top;padding:1px 12px 1px 0"


# Of JupyterLab's theme where there is one, light or dark; else as given.
_DOTS = {
    "Running": "var(--jp-success-color1,#388e3c)",
    "Frozen": "var(--jp-info-color1,#0097a7)",
    "Error": "var(--jp-error-color1,#d32f2f)",
}


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, what hovering tells, and whether a dot in the colour of its status stands before."""

    text: str
    title: str = ""
    dot: bool = False


def human_size(size: int) -> str:
    """Return a number of bytes as people read it.

    >>> human_size(1536)
    '1.5 KiB'
    """
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(amount) < 1024 or unit == "PiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def human_age(seconds: float) -> str:
    """Return an age as people say it.

    >>> human_age(7500)
    '2 h ago'
    """
    if seconds < 0:
        return "in the future"
    for limit, size, unit in (
        (60, 1, "s"),
        (3600, 60, "min"),
        (86400, 3600, "h"),
        (float("inf"), 86400, "d"),
    ):
        if seconds < limit:
            return f"{seconds // size:.0f} {unit} ago"
    raise ValueError(f"{seconds} is no age")


def visible(text: object, keep: str = "") -> str:
    r"""Return text with its control characters made visible, except those in `keep`.

    >>> visible("a\x1b[31mb")
    'a␛[31mb'
    """
    text = str(text)
    if text.isprintable():  # as nearly all is, at a hundredth of the cost
        return text
    return "".join(
        character if character in keep or not _acts(character) else _picture(character) for character in text
    )


def escaped(text: object, keep: str = "") -> str:
    """Return text for HTML: escaped, controls visible, and no `$` that MathJax would take for mathematics.

    >>> escaped("<b>$x$</b>")
    '&lt;b&gt;<span>$</span>x<span>$</span>&lt;/b&gt;'
    """
    return html.escape(visible(text, keep)).replace("$", "<span>$</span>")


def fields_html(title: str, fields: Mapping[str, object]) -> str:
    """Return one thing as a small table: its title, then a row for each field."""
    rows = "".join(
        f'<tr><th style="{_LABEL}">{escaped(name)}</th><td style="{_VALUE}">{escaped(_value(value))}</td></tr>'
        for name, value in fields.items()
    )
    return f'<div><strong>{escaped(title)}</strong><table style="border-collapse:collapse">{rows}</table></div>'


def table_html(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as an HTML table."""
    head = "".join(f'<th style="{_LABEL}">{escaped(column)}</th>' for column in columns)
    body = "".join("<tr>" + "".join(_cell_html(value) for value in row) + "</tr>" for row in rows)
    return f'<table style="border-collapse:collapse"><tr>{head}</tr>{body}</table>'


def _cell_html(value: object) -> str:
    if not isinstance(value, Cell):
        return f'<td style="{_VALUE}">{escaped(_value(value))}</td>'
    title = f' title="{html.escape(visible(value.title))}"' if value.title else ""
    dot = ""
    if value.dot:
        colour = _DOTS.get(value.text, "var(--jp-ui-font-color3,#9e9e9e)")
        dot = f'<span style="color:{colour}">●</span> '
    return f'<td style="{_VALUE}"{title}>{dot}{escaped(value.text)}</td>'


def _value(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _acts(character: str) -> bool:
    # Cc: controls. Cf: invisible ones, among them those that reverse the direction of writing. Zl, Zp: line ends.
    # Cs: lone surrogates, which no UTF-8 can carry to a browser.
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs")


def _picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"\\u{code:04x}"
