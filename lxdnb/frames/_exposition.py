"""Lines of the text that Prometheus reads, made into samples one by one: quick, for a server of many has millions.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

__all__ = ["END", "Sample", "lines", "samples"]

END = "# EOF"
"""The last line of a whole answer."""

KEPT = 100_000  # labels kept as read: a server's lines of one instance stand apart, between those of all others
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*'
_ONE = re.compile(_LABEL, re.DOTALL)
_LABELS = re.compile(f"(?:{_LABEL}(?:,{_LABEL})*,?)?[ \t]*", re.DOTALL)
_METRIC = re.compile(_NAME)
_ESCAPED = re.compile(r'\\([\\"n])')


class Sample(NamedTuple):
    """One measurement, as `lxdnb.models.Metric`. Samples of the same labels share the dict: it is not to be changed."""

    name: str
    labels: Mapping[str, str]
    value: float


def lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a text that comes in pieces, which may end anywhere: in the midst of a character too."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).rpartition(b"\n")
        if whole[1]:
            yield from whole[0].decode().split("\n")
    if rest:
        yield rest.decode()


def samples(
    lines: Iterable[str],
    wanted: Callable[[str], bool] | None = None,
    typed: Callable[[str, str], object] | None = None,
    *,
    once: bool = False,
) -> Iterator[Sample]:
    """Yield what the lines measure; `wanted` says of which metrics, by name: the others' lines are passed over.

    `typed` is called with the name and the type of each metric whose type is told: `counter`, `gauge` … With `once` a
    metric that is told again with the same labels is passed over.
    Raises ValueError for a line that is none of such a text.
    """
    known: dict[str, dict[str, str]] = {"": {}}
    looked: dict[str, bool] = {}
    told_of: set[tuple[str, str]] = set()
    for line in lines:
        name, brace, rest = line.partition("{")
        if looked.get(name) is False:
            continue
        # The last brace: of those within the values of labels there are none behind it.
        text, closed, told = rest.rpartition("}")
        if line.startswith("#") or not closed:
            plain = line.strip(" \t\r")
            if not plain or plain.startswith("#"):
                if typed is not None and len(words := plain.split(None, 3)) == 4 and words[1] == "TYPE":
                    typed(words[2], words[3])
                continue
            if brace:
                raise _none(line)
            name, _, told = plain.partition(" ") if " " in plain else plain.partition("\t")
            text = ""
        if name not in looked:
            name = name.strip(" \t")
            if name.startswith("#"):
                continue
            if not _METRIC.fullmatch(name):
                raise _none(line)
            looked[name] = wanted is None or wanted(name)
        if not looked[name]:
            continue
        if once:
            if (name, text) in told_of:
                continue
            told_of.add((name, text))
        labels = known.get(text)
        if labels is None:
            if not _LABELS.fullmatch(text):
                raise _none(line)
            if len(known) > KEPT:
                known = {"": known[""]}
            labels = known[text] = {
                key: _ESCAPED.sub(_meant, value) if "\\" in value else value for key, value in _ONE.findall(text)
            }
        try:
            value = float(told)
        except ValueError:
            value = _timed(told, line)
        yield Sample(name, labels, value)


def _timed(told: str, line: str) -> float:
    """Return the value of a line that has a time behind it."""
    try:
        value, time = told.split()
        int(time)
        return float(value)
    except ValueError:
        raise _none(line) from None


def _meant(escaped: re.Match[str]) -> str:
    return "\n" if escaped[1] == "n" else escaped[1]


def _none(line: str) -> ValueError:
    return ValueError(f"this is no line of metrics: {line if len(line) <= 100 else line[:99] + '…'!r}")
