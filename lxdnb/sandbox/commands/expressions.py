"""Regular expressions of POSIX, basic and extended, as Python's.

https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap09.html
"""

from __future__ import annotations

import re

from lxdnb.sandbox.commands.registry import Broken

__all__ = ["compiled"]

_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": r" \t\n\r\f\v",
    "blank": r" \t", "punct": r"!-/:-@\[-`{-~", "xdigit": "0-9A-Fa-f", "print": " -~",
    "graph": "!-~", "cntrl": r"\x00-\x1f\x7f",
}  # fmt: skip


def compiled(text: str, *, extended: bool = False, ignore: bool = False, fixed: bool = False) -> re.Pattern[str]:
    """Return an expression. Raises Broken for what is none."""
    made = re.escape(text) if fixed else _translated(text, extended)
    try:
        return re.compile(made, re.IGNORECASE if ignore else 0)
    except (re.error, OverflowError, RecursionError):
        raise Broken(f"bad regex '{text}'") from None


def _translated(text: str, extended: bool) -> str:
    made: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\\" and at < len(text):
            kind = text[at]
            at += 1
            if not extended and kind in "(){}|+?":
                made.append(kind)
            elif kind in "<>":
                made.append(r"\b(?=\w)" if kind == "<" else r"\b(?<=\w)")
            elif kind in "wWsSbB" or kind.isdecimal() or kind == "n":
                made.append(f"\\{kind}")
            elif kind == "t":
                made.append("\t")
            else:
                made.append(re.escape(kind))
        elif char == "[":
            bracket, at = _bracket(text, at)
            made.append(bracket)
        elif not extended and char in "(){}|+?":
            made.append(f"\\{char}")
        elif char == "*" and (not made or made[-1] in ("(", "|", "^")):
            made.append(r"\*")
        elif char == "^" and not extended and made and made[-1] not in ("(", "|", "\n"):
            made.append(r"\^")
        elif char == "$" and not extended and at < len(text) and text[at : at + 2] not in (r"\)", r"\|"):
            made.append(r"\$")
        elif char == "$":
            made.append(r"\Z")
        elif char == "{" and extended and not re.match(r"\d*,?\d*\}", text[at:]):
            made.append(r"\{")
        else:
            made.append(char)
    return "".join(made)


def _bracket(text: str, at: int) -> tuple[str, int]:
    negated = text[at : at + 1] == "^"
    at += negated
    inner: list[str] = []
    begun = at
    while at < len(text):
        char = text[at]
        if char == "]" and at > begun:
            return f"[{'^' if negated else ''}{''.join(inner)}]", at + 1
        if (named := re.compile(r"\[:(\w+):\]").match(text, at)) and named[1] in _CLASSES:
            inner.append(_CLASSES[named[1]])
            at = named.end()
            continue
        if char == "\\" and text[at + 1 : at + 2] in ("n", "t"):
            inner.append(f"\\{text[at + 1]}")
            at += 2
            continue
        range_ = char == "-" and at > begun and text[at + 1 : at + 2] not in ("]", "")
        inner.append("-" if range_ else f"\\{char}" if char in r"\[]^-&~|" else char)
        at += 1
    raise Broken(f"bad regex '{text}': Unmatched [, [^, [:, [., or [=")
