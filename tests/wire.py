"""A request line as a server reads it, which cleans the path, splits it, and then unquotes each segment, once.

Independent of how lxdnb quotes: what a name became on the wire is told from the bytes alone.
"""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from hypothesis import strategies as st

__all__ = ["PIECES", "Asked", "hostile", "read"]

PIECES = [
    *(
        "..",
        ".",
        "/",
        "//",
        "\\",
        "?",
        "#",
        "%",
        "%2F",
        "%2f",
        "%2E%2E",
        "%41",
        "%00",
        "%zz",
        "&",
        "=",
        "+",
        ";",
        ":",
        "@",
    ),
    *(" ", "\n", "\r\n", "\t", "\x0b", "\x1b", "\x7f", "\x85", "\u2028", "\0"),
    *(
        "a",
        "x",
        "default",
        "ü",
        "u\u0308",
        "\u202e",
        "名",
        "\U0001f600",
        "\ud800",
        "\udcff",
        "*",
        "_",
        "~",
        "-",
        "'",
        '"',
    ),
    *("?project=other", "&recursion=2", "?target=n2", " HTTP/1.1\r\nHost: x\r\n\r\nDELETE /1.0/instances/c1", "/../c1"),
    *("snapshots", "aliases", "c1", "/1.0/", "http://other/", "{{x}}", "<b>", "x" * 65536, "/" * 65536, "ü" * 4000),
]


def hostile() -> st.SearchStrategy[str]:
    """Names that want to be something else."""
    return st.one_of(
        st.lists(st.sampled_from(PIECES), max_size=5).map("".join),
        st.text(st.characters(), max_size=12),
        st.text("./%2?#&=\\ \r\n", max_size=12),
    )


class Asked(NamedTuple):
    """What was asked for: the segments of the path and the fields of the query, unquoted, as bytes decoded."""

    method: str
    path: list[str]
    query: dict[str, str]


def read(line: str) -> Asked:
    """Return what a server understands by `GET /1.0/…`. Raises AssertionError for what it would take for another."""
    assert re.fullmatch(r"[A-Z]+ /[!-~]*", line), f"no request line: {line!r:.300}"
    method, _, target = line.partition(" ")
    path, _, query = target.partition("?")
    assert "#" not in target
    assert path == posixpath.normpath(path), f"the server would clean {path!r:.300}"
    fields: dict[str, str] = {}
    for pair in query.split("&") if query else []:
        assert ";" not in pair
        key, _, value = pair.partition("=")
        name = _plain(key.replace("+", " "))
        assert name not in fields, f"{key:.100} comes twice"
        fields[name] = _plain(value.replace("+", " "))
    return Asked(method, [_plain(each) for each in path[1:].split("/")], fields)


def _plain(quoted: str) -> str:
    assert not re.search("%(?![0-9A-Fa-f]{2})", quoted), f"not quoted: {quoted!r:.300}"
    return unquote_to_bytes(quoted).decode("utf-8", "surrogateescape")
