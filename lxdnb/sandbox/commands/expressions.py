"""Regular expressions of POSIX, basic and extended, as Python's, by an engine that gives up after a time.

An expression such as `(a+)+$` takes for ever on what does not fit: of `re`, that would hold the whole server. An engine
of linear time has no references back, as `\\1`, which grep and sed have.

https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap09.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import regex

from lxdnb.sandbox.commands.registry import Broken
from lxdnb.sandbox.patterns import MOST, SECONDS, pieces

__all__ = ["Expression", "compiled"]

_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": r" \t\n\r\f\v",
    "blank": r" \t", "punct": r"!-/:-@\[-`{-~", "xdigit": "0-9A-Fa-f", "print": " -~",
    "graph": "!-~", "cntrl": r"\x00-\x1f\x7f",
}  # fmt: skip


class Expression:
    """One of them."""

    def __init__(self, text: str, pattern: str, *, ignore: bool = False) -> None:
        self._text, self.pattern, self._ignore = text, pattern, ignore
        if pieces(pattern) > MOST:
            raise Broken("Regular expression too big", 2)
        try:
            self._compiled = regex.compile(pattern, regex.IGNORECASE if ignore else 0)
        except (regex.error, OverflowError, RecursionError):
            raise Broken(f"bad regex '{text}'") from None
        self.groups = self._compiled.groups

    def within(self, before: str, after: str) -> Expression:
        """Return it between two others."""
        return Expression(self._text, f"{before}(?:{self.pattern}){after}", ignore=self._ignore)

    def search(self, text: str, at: int = 0) -> regex.Match[str] | None:
        """Return where it first fits, from a place on. Raises Broken where that takes too long."""
        return self._timed(lambda: self._compiled.search(text, at, timeout=SECONDS))

    def every(self, text: str) -> Iterator[regex.Match[str]]:
        """Yield where it fits, one after the other; nothing right behind another is none."""
        at, last = 0, -1
        while at <= len(text) and (found := self.search(text, at)) is not None:
            if found.end() > found.start() or found.start() != last:
                yield found
            last = found.end()
            at = last + (found.end() == found.start())

    def match(self, text: str) -> regex.Match[str] | None:
        """Return how it fits at the beginning."""
        return self._timed(lambda: self._compiled.match(text, timeout=SECONDS))

    def _timed(self, find: Callable[[], regex.Match[str] | None]) -> regex.Match[str] | None:
        try:
            return find()
        except TimeoutError:
            raise Broken(f"'{self._text}' takes longer than the sandbox's {SECONDS} s for a line", 2) from None
        except MemoryError:
            raise Broken("out of memory", 2) from None


def compiled(text: str, *, extended: bool = False, ignore: bool = False, fixed: bool = False) -> Expression:
    """Return an expression. Raises Broken for what is none."""
    return Expression(text, re.escape(text) if fixed else _translated(text, extended), ignore=ignore)


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
