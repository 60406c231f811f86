"""Filters of lists, evaluated as each of the two servers does, their silences included.

LXD compares texts alone: whatever is no text, or is not there, is equal to nothing. Incus compares booleans too, and
fails at the rest. https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#filtering
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import regex

from lxdnb.sandbox.patterns import MOST, SECONDS, pieces
from lxdnb.sandbox.replies import Refused

__all__ = ["ABSENT", "Clause", "matcher", "parse"]

ABSENT = object()
"""What a getter returns for a field that things of its kind do not have; what is just not set is an empty text."""

T = TypeVar("T")


class Clause(NamedTuple):
    either: bool
    """Whether it suffices alone, beside what stands before it."""
    negated: bool
    field: str
    operator: str
    value: str


def parse(text: str) -> list[Clause]:
    """Take a filter apart. Raises Refused with 400 for what is none."""
    clauses: list[Clause] = []
    words = re.findall(r'"[^"]*"|\S+', text)
    either = False
    while words:
        negated = words[0] == "not"
        if negated:
            words.pop(0)
        if not words:
            raise Refused(400, "Invalid filter: incomplete not clause")
        field = words.pop(0)
        if not words:
            raise Refused(400, "Invalid filter: clause has no operator")
        operator = words.pop(0)
        if not words:
            raise Refused(400, "Invalid filter: clause has no value")
        clauses.append(Clause(either, negated, field, operator, words.pop(0).strip('"')))
        if words:
            joint = words.pop(0)
            if joint not in ("and", "or"):
                raise Refused(400, "Invalid filter: invalid clause composition")
            if not words:
                raise Refused(400, "Invalid filter: unterminated compound clause")
            either = joint == "or"
    return clauses


def matcher(text: str, incus: bool, getter: Callable[[str], Callable[[T], Any]]) -> Callable[[T], bool]:
    """Return a test of a thing; `getter` gives what reads a field of one. Raises Refused, with that server's code."""
    try:
        clauses = parse(text)
    except Refused as refused:
        raise Refused(400 if incus else 500, refused.words) from None
    tests = [(each.either, each.negated, getter(each.field), _test(each, incus)) for each in clauses]
    if not tests:
        return lambda thing: True
    _, negated, get, test = tests[0]
    rest = tests[1:]
    if not rest:
        return lambda thing: test(get(thing)) != negated

    def matches(thing: T) -> bool:
        result = test(get(thing)) != negated
        for either, turned, read, fits in rest:
            fit = fits(read(thing)) != turned
            result = result or fit if either else result and fit
        return result

    return matches


def _test(clause: Clause, incus: bool) -> Callable[[Any], bool]:
    value = clause.value.translate(_TURKISH)
    pattern = value if "^" in clause.value or "$" in clause.value else f"^{value}$"
    try:
        if pieces(pattern) > MOST:
            raise regex.error("too big")
        expression = regex.compile(pattern, regex.IGNORECASE)
    except (regex.error, OverflowError, RecursionError):
        expression = regex.compile(regex.escape(value), regex.IGNORECASE)

    def fits(text: str) -> bool:
        try:
            return bool(expression.search(text if text.isascii() else text.translate(_TURKISH), timeout=SECONDS))
        except (TimeoutError, MemoryError):
            # Go's engine takes a time in proportion to the text; one that looks back may take for ever.
            raise Refused(500, f"{clause.value} takes longer than the simulated server's {SECONDS} s") from None

    def of_lxd(value: Any) -> bool:
        return (isinstance(value, str) and fits(value)) == (clause.operator == "eq")

    def of_incus(value: Any) -> bool:
        if value is ABSENT:
            raise Refused(500, f'Invalid type "invalid" for field "{clause.field}"')
        if clause.operator not in ("eq", "ne"):
            raise Refused(500, "Unsupported operation")
        if isinstance(value, bool):
            if clause.value not in _BOOLEANS:
                raise _unparsed(f'strconv.ParseBool: parsing "{clause.value}": invalid syntax')
            return (value == _BOOLEANS[clause.value]) == (clause.operator == "eq")
        if isinstance(value, int):
            raise Refused(500, f'Unsupported filter type "int" for field "{clause.field}"')
        if not isinstance(value, str):
            raise _unparsed(f"invalid character {clause.value[:1]!r} looking for beginning of value")
        return fits(value) == (clause.operator == "eq")

    return of_incus if incus else of_lxd


_TURKISH = {0x130: "\ue130", 0x131: "\ue131"}
"""The dotted capital I and the dotless i, which are an i to Python's expressions and to those of Go are not."""

_BOOLEANS = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "FALSE", "false", "False"), False
)


def _unparsed(why: str) -> Refused:
    return Refused(500, f"Failed to parse value: {why}")
