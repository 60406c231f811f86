"""Patterns of file names: as regular expressions, and the names that fit them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.filesystem import Tree, User
from lxdnb.sandbox.nodes import Directory, FileError

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__ = ["Pieces", "matches", "names", "pattern", "trimmed", "wild"]

MOST = 2**18  # names that a pattern comes to
Pieces = Iterable[tuple[str, bool]]
"""Text, each piece with whether it was quoted: what is, stands for itself."""
_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": r"\s",
    "blank": r" \t", "punct": r"!-/:-@\[-`{-~", "xdigit": "0-9A-Fa-f", "print": " -~",
    "graph": "!-~", "cntrl": r"\x00-\x1f\x7f",
}  # fmt: skip


def wild(pieces: Pieces) -> bool:
    open_text = "".join(text for text, quoted in pieces if not quoted)
    return "*" in open_text or "?" in open_text or ("[" in open_text and "]" in open_text)


def pattern(pieces: Pieces) -> str:
    """Return the regular expression that a pattern is."""
    first, *rest = _parts(_marked(pieces))
    if not rest:
        return "".join(first)
    return "".join([*first, *map(_next, rest[:-1]), ".*", *rest[-1]])


def trimmed(value: str, operator: str, pieces: Pieces) -> str:
    """Return a value without what fits a pattern at its beginning (`#`) or its end (`%`), the longest if doubled."""
    parts = _parts(_marked(pieces))
    if operator[0] == "%":  # the same, seen from the other end
        value, parts = value[::-1], [part[::-1] for part in reversed(parts)]
    first, *rest = parts
    made = "".join([*first, *map(_next, rest)])
    if rest and len(operator) == 2:
        made = "".join([*first, *map(_next, rest[:-1]), ".*", *rest[-1]])
    match = re.compile(made, re.DOTALL).match(value)
    kept = value[match.end() :] if match else value
    return kept[::-1] if operator[0] == "%" else kept


def _marked(pieces: Pieces) -> str:
    return "".join("".join(f"\\{char}" for char in text) if quoted else text for text, quoted in pieces)


def _next(part: list[str]) -> str:
    # What stands between two stars is taken where it comes first, for good: so no pattern takes longer than
    # its length times that of the text.
    return f"(?>.*?{''.join(part)})"


@lru_cache(1000)
def _parts(marked: str) -> list[list[str]]:
    """Return what stands between the stars of a pattern: expressions, each for one character."""
    parts: list[list[str]] = [[]]
    at = 0
    while at < len(marked):
        char = marked[at]
        at += 1
        if char == "\\" and at < len(marked):
            parts[-1].append(re.escape(marked[at]))
            at += 1
        elif char == "*":
            if parts[-1] or len(parts) == 1:
                parts.append([])
        elif char == "?":
            parts[-1].append(".")
        elif char == "[" and (bracket := _bracket(marked, at)) is not None:
            parts[-1].append(bracket[0])
            at = bracket[1]
        else:
            parts[-1].append(re.escape(char))
    return parts


def _bracket(marked: str, at: int) -> tuple[str, int] | None:
    negated = marked[at : at + 1] in ("!", "^") and marked[at : at + 1] != ""
    at += negated
    inner: list[str] = []
    begun = at
    while at < len(marked):
        char = marked[at]
        if char == "]" and at > begun:
            return f"[{'^' if negated else ''}{''.join(inner)}]", at + 1
        named = re.compile(r"\[:(\w+):\]").match(marked, at)
        if named and named[1] in _CLASSES:
            inner.append(_CLASSES[named[1]])
            at = named.end()
            continue
        if char == "\\" and at + 1 < len(marked):
            at += 1
            char = marked[at]
        # A hyphen between two makes a range, as in the expression.
        inner.append("-" if char == "-" and inner and marked[at + 1 : at + 2] not in ("]", "") else re.escape(char))
        at += 1
    return None


def matches(text: str, expression: str) -> bool:
    try:
        return re.fullmatch(expression, text, re.DOTALL) is not None
    except re.error:
        return False


def names(process: Process, pieces: list[tuple[str, bool]]) -> Steps[list[str]]:
    """Return the paths that fit a pattern, sorted; of very many, the first."""
    parts: list[list[tuple[str, bool]]] = [[]]
    for text, quoted in pieces:
        for number, section in enumerate(text.split("/")):
            if number:
                parts.append([])
            parts[-1].append((section, quoted))
    absolute = len(parts) > 1 and not any(text for text, _ in parts[0])
    found = ["/" if absolute else ""]
    for number, part in enumerate(parts[1:] if absolute else parts):
        last = number == len(parts) - 1 - absolute
        before, found = found, list[str]()
        for base in before:
            found += _step(process.tree, process.directory, base, part, process.user, last=last)
            if process.late:
                yield None
            if len(found) > MOST:
                break
    return sorted(found)


def _step(
    tree: Tree, directory: str, base: str, part: list[tuple[str, bool]], who: User, *, last: bool
) -> Iterable[str]:
    plain = "".join(text for text, _ in part)
    where = base if base.startswith("/") else f"{directory.rstrip('/')}/{base}"
    end = "" if last else "/"
    if not wild(part):
        if not plain:
            yield base if base.endswith("/") or not base else f"{base}/"
        elif tree.get(f"{where}/{plain}", follow=not last, who=who) is not None:
            yield f"{base}{plain}{end}"
        return
    expression = pattern(part)
    try:
        there = tree.names(where, who)
    except FileError:
        return
    for name in there:
        if (name.startswith(".") and not plain.startswith(".")) or not matches(name, expression):
            continue
        if last or isinstance(tree.get(f"{where}/{name}", who=who), Directory):
            yield f"{base}{name}{end}"
