"""Columns and rows, or fields, made into HTML and text that are safe to show, whatever a server or container put in.

Pure: values in, text out, no requests. In HTML all is escaped, and neither `$` nor a backslash can start mathematics;
in both, control characters and those that turn the direction of writing are shown, not obeyed.
"""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = [
    "LONGEST",
    "Cell",
    "Note",
    "escaped",
    "fields_html",
    "human_age",
    "human_duration",
    "human_share",
    "human_size",
    "list_cell",
    "quantity",
    "table_html",
    "table_text",
    "text_cell",
    "visible",
    "width",
]

_LABEL = "text-align:left;vertical-align:top;padding:1px 12px 1px 0;font-weight:600"
_VALUE = "text-align:left;vertical-align:top;padding:1px 12px 1px 0"
LONGEST = 50  # characters of a text in a cell; the whole is its title
LONGEST_TITLE = 2000
NEWLINE = "\n"
YEAR = 365.25 * 86400
NAMED_AGAIN = 25  # rows after which the columns' names are out of sight
NARROWEST = 12  # columns of a terminal that a text is not cut below


# Of JupyterLab's theme where there is one, light or dark; else as given.
_GOOD, _MEANWHILE = "var(--jp-success-color1,#388e3c)", "var(--jp-info-color1,#0097a7)"
_WARNING, _BAD = "var(--jp-warn-color1,#f57c00)", "var(--jp-error-color1,#d32f2f)"
_DOTS = {
    **dict.fromkeys(("Running", "Ready", "Online", "Created", "Success", "Resolved", "resolved"), _GOOD),
    **dict.fromkeys(("Frozen", "Pending", "Starting", "Stopping", "Aborting", "Freezing", "Thawed"), _MEANWHILE),
    **dict.fromkeys(("Evacuated", "Evacuating", "Restoring", "Blocked", "New", "new"), _WARNING),
    **dict.fromkeys(("Error", "Errored", "Failure", "Offline", "Unavailable", "Unknown"), _BAD),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: its text, what hovering tells, and how it is shown.

    `dot` puts a dot in the colour of its status before it, `number` sets it to the right, `faint` tells that there is
    nothing to know.
    """

    text: str
    title: str = ""
    dot: bool = False
    number: bool = False
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A line under a table; `bad` for what went wrong."""

    text: str
    bad: bool = False


def human_size(size: float) -> str:
    """Return a number of bytes as people read it.

    >>> human_size(1536)
    '1.5 KiB'
    """
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        if abs(amount) < 1023.5 or unit == "EiB":
            break
        amount /= 1024
    if unit == "B":
        return f"{amount:.1f} B" if 0 < abs(amount) < 9.95 and not amount.is_integer() else f"{amount:.0f} B"
    return f"{amount:.0f} {unit}" if abs(amount) >= 99.95 else f"{amount:.1f} {unit}"


def human_age(seconds: float) -> str:
    """Return an age as people say it; one below zero is to come.

    >>> human_age(7500), human_age(-7500)
    ('2 h ago', 'in 2 h')
    """
    sizes = ((2 * YEAR, YEAR, "y"), (86400, 86400, "d"), (3600, 3600, "h"), (60, 60, "min"))
    size, unit = next(((size, unit) for least, size, unit in sizes if abs(seconds) >= least), (1, "s"))
    said = f"{abs(seconds) // size:.0f} {unit}"
    return f"in {said}" if seconds < 0 else f"{said} ago"


def human_duration(seconds: float) -> str:
    """Return how long something took or lasts, as people say it.

    >>> human_duration(0.25), human_duration(12.34), human_duration(7500)
    ('250 ms', '12.3 s', '2 h 5 min')
    """
    if seconds < 0:
        return f"-{human_duration(-seconds)}"
    if seconds < 0.9995:
        return "0 s" if seconds == 0 else "<1 ms" if seconds < 0.0005 else f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def human_share(share: float) -> str:
    """Return a share as per cent.

    >>> human_share(0.25), human_share(0.0123)
    ('25 %', '1.2 %')
    """
    percent = share * 100
    if 0 < abs(percent) < 0.05:
        return "<0.1 %" if percent > 0 else ">-0.1 %"
    return f"{percent:.1f} %" if 0 < abs(percent) < 9.95 else f"{percent:.0f} %"


def quantity(value: float, unit: str = "") -> Cell:
    """Return a number with its unit as a cell for people, with the exact value as its title.

    Units are `bytes`, `bytes/s`, `seconds`, `share`, `cores`; any other stands after the number.

    >>> quantity(1536, "bytes")
    Cell(text='1.5 KiB', title='1,536 bytes', dot=False, number=True, faint=False)
    """
    if not math.isfinite(value):
        return Cell(f"{value}", number=True)
    exact = f"{value:,}"
    if unit == "bytes":
        return Cell(human_size(value), f"{exact} bytes", number=True)
    if unit == "bytes/s":
        return Cell(f"{human_size(value)}/s", f"{exact} bytes/s", number=True)
    if unit == "seconds":
        return Cell(human_duration(value), f"{exact} s", number=True)
    if unit == "share":
        return Cell(human_share(value), exact, number=True)
    short = f"{value}" if isinstance(value, int) else _figures(value)
    said = unit[:-1] if unit == "cores" and value == 1 else unit
    rounded = short != f"{value}" and float(short) != value
    return Cell(f"{short} {said}".strip(), f"{exact} {said}".strip() if rounded else "", number=True)


def _figures(value: float) -> str:
    if value.is_integer():
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.2g}"


def text_cell(text: str, *, dot: bool = False, longest: int = LONGEST) -> Cell:
    """Return a text as a cell: one that is too long is cut, with the whole, line by line, as its title.

    >>> text_cell("Linux\\n").text
    'Linux'
    """
    line = text.rstrip("\n")  # with which the output of nearly each command ends
    shown = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return Cell(shown, text if shown != text or "\n" in shown else "", dot=dot)


def list_cell(items: Sequence[object], longest: int = LONGEST) -> Cell:
    """Return a list as a cell: as many of its items as there is room for, with all as its title.

    >>> list_cell(["default", "web"]).text
    'default, web'
    """
    texts = [str(item) for item in items]
    whole = ", ".join(texts)
    if len(whole) <= longest:
        return Cell(whole)
    shown = text_cell(texts[0], longest=longest).text
    kept = 1
    while kept < len(texts) and len(shown) + len(texts[kept]) + len(", , … 999 more") <= longest:
        shown, kept = f"{shown}, {texts[kept]}", kept + 1
    return Cell(f"{shown}, … {len(texts) - kept} more" if kept < len(texts) else shown, whole)


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
    """Return text for HTML: escaped, controls visible, and no `$` or `\\(` that MathJax would take for mathematics.

    >>> escaped("<b>$x$</b>")
    '&lt;b&gt;<span>$</span>x<span>$</span>&lt;/b&gt;'
    """
    safe = html.escape(visible(text, keep))
    if "$" in safe or "\\" in safe:
        safe = safe.replace("$", "<span>$</span>").replace("\\", "<span>\\</span>")
    return safe


def fields_html(title: str, fields: Mapping[str, object]) -> str:
    """Return one thing as a small table: its title, then a row for each field."""
    rows = "".join(
        f'<tr><th style="{_LABEL}">{escaped(name)}</th><td style="{_VALUE}">{escaped(_value(value))}</td></tr>'
        for name, value in fields.items()
    )
    return f'<div><strong>{escaped(title)}</strong><table style="border-collapse:collapse">{rows}</table></div>'


def table_html(columns: Sequence[Cell | str], rows: Iterable[Sequence[object]], notes: Iterable[Note] = ()) -> str:
    """Return rows as an HTML table, with notes under it. Of many rows, the columns' names stand below them again."""
    head = "".join(_heading_html(column) for column in columns)
    lines = ["<tr>" + "".join(_cell_html(value) for value in row) + "</tr>" for row in rows]
    foot = f"<tfoot><tr>{head}</tr></tfoot>" if len(lines) > NAMED_AGAIN else ""
    under = "".join(f"<div>{_dot(_BAD) if note.bad else ''}{escaped(note.text)}</div>" for note in notes)
    # Both classes against mathematics: MathJax 2 has the one, MathJax 3 the other.
    return (
        f'<div class="lxdnb tex2jax_ignore mathjax_ignore"><style>{_STYLE}</style><div class="lxdnb-table">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>{foot}</table></div>{under}</div>"
    )


# As particular as JupyterLab's own rules, and more.
_STYLE = (
    ".lxdnb .lxdnb-table{overflow-x:auto;margin-bottom:2px}"
    ".lxdnb .lxdnb-table table{border-collapse:collapse;margin:0}"
    ".lxdnb .lxdnb-table table th,.lxdnb .lxdnb-table table td"
    "{text-align:left;vertical-align:top;padding:3px 14px 3px 4px;white-space:nowrap}"
    ".lxdnb .lxdnb-table table th{font-weight:600}"
    ".lxdnb .lxdnb-table table tfoot th{border-top:1px solid var(--jp-border-color1,#bdbdbd)}"
    ".lxdnb .lxdnb-table table .n{text-align:right;font-variant-numeric:tabular-nums}"
    ".lxdnb .lxdnb-table table .f{opacity:.6}"
)


def table_text(
    columns: Sequence[Cell | str], rows: Iterable[Sequence[object]], notes: Iterable[Note] = (), *, room: int = 80
) -> str:
    """Return rows as lines of text in aligned columns, none longer than `room`, with notes under them.

    Where there is too little room, texts are cut, the longest first; then columns are left out from the right, and
    named under the table.
    """
    heads = [_as_cell(column) for column in columns]
    lines = [heads, *([_as_cell(value) for value in row] for row in rows)]
    texts = [[visible(cell.text) for cell in line] for line in lines]
    wide = [max(width(line[place]) for line in texts) for place in range(len(heads))]
    fixed = [head.number for head in heads]
    kept = len(heads)
    while kept > 1 and _least(wide[:kept], fixed) > room:
        kept -= 1
    wide = _narrowed(wide[:kept], fixed, room)
    written = [
        "  ".join(
            _set(text, size, number) for text, size, number in zip(line[:kept], wide, fixed, strict=False)
        ).rstrip()
        for line in texts
    ]
    under = [visible(note.text) for note in notes]
    if kept < len(heads):
        under.insert(0, f"not shown: {', '.join(texts[0][kept:])}")
    return "\n".join([*written, *under])


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for each wide character of East Asia.

    >>> width("abc"), width("日本")
    (3, 4)
    """
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _least(wide: Sequence[int], fixed: Sequence[bool]) -> int:
    sizes = (size if number else min(size, NARROWEST) for size, number in zip(wide, fixed, strict=False))
    return sum(sizes) + 2 * (len(wide) - 1)


def _narrowed(wide: Sequence[int], fixed: Sequence[bool], room: int) -> list[int]:
    """Return the columns' widths, those of texts made as narrow as the room wants, the widest first."""
    sizes = list(wide)
    most = max(sizes, default=0)
    while sum(sizes) + 2 * (len(sizes) - 1) > room and most > NARROWEST:
        most -= 1
        sizes = [size if number else min(size, most) for size, number in zip(wide, fixed, strict=False)]
    return sizes


def _set(text: str, size: int, number: bool) -> str:
    """Return a text that takes just so many columns."""
    taken = width(text)
    if taken > size:
        text, taken = _cut(text, size - 1) + "…", 0
        taken = width(text)
    space = " " * (size - taken)
    return space + text if number else text + space


def _cut(text: str, size: int) -> str:
    taken = 0
    for place, character in enumerate(text):
        taken += _width(character)
        if taken > size:
            return text[:place]
    return text


def _as_cell(value: object) -> Cell:
    return value if isinstance(value, Cell) else Cell(str(_value(value)))


def _dot(colour: str) -> str:
    return f'<span style="color:{colour}">●</span>\u00a0'


def _title(title: str) -> str:
    if not title:
        return ""
    cut = title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"
    return f' title="{html.escape(visible(cut, keep=NEWLINE)).replace(NEWLINE, "&#10;")}"'


def _heading_html(column: Cell | str) -> str:
    cell = _as_cell(column)
    kind = ' class="n"' if cell.number else ""
    return f"<th{kind}{_title(cell.title)}>{escaped(cell.text)}</th>"


def _cell_html(value: object) -> str:
    cell = _as_cell(value)
    kind = " ".join(["n"] * cell.number + ["f"] * cell.faint)
    classes = f' class="{kind}"' if kind else ""
    dot = _dot(_DOTS.get(cell.text, "var(--jp-ui-font-color3,#9e9e9e)")) if cell.dot else ""
    return f"<td{classes}{_title(cell.title)}>{dot}{escaped(cell.text)}</td>"


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
