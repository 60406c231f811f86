"""What a comparison means for one value, by the type that the value has; pure.

What is written is read once: as a regular expression for texts, as a number, size or share, as a time, as true or
false. An expression that takes too long on some text is an error, and holds up nobody.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import regex

from lxdnb.checks import shown
from lxdnb.frames._sizes import size

__all__ = ["Test", "tester"]

SECONDS = 0.25  # that an expression may take for one text, in which no interrupt is heard
LONGEST = 1_000  # characters of an expression
_REPEATED = 1_000_000  # pieces that an expression with {1000} and the like may come to: the engine writes them all out
_KINDS = (
    "a number, a size such as 1GiB, a share such as 80%, or a time such as 2026-11-29, 2026-11-29T15:00:00Z or now-7d "
    "(s, min, h, d, w)"
)
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,300}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_POSSESSIVE = re.compile(r"(?<!\\)[*+?}]\+")
_HINT = r"put a backslash before what stands for itself, as in c\+\+"
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?P<time>[T ][0-9:]+(?:[.,](?P<fraction>[0-9]+))?.*)?", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86400 * 10**9

Test = Callable[[object], bool]


class _Span(NamedTuple):
    """What a text says of a time: nanoseconds since 1970, which servers tell and datetime has no room for."""

    first: int
    last: int

    def compares(self, moment: int, sign: str) -> bool:
        if sign == "eq":
            return self.first <= moment <= self.last
        if sign in ("gt", "le"):
            return (moment > self.last) == (sign == "gt")
        return (moment >= self.first) == (sign == "ge")


@lru_cache(maxsize=1024)
def tester(field: str, sign: str, text: str) -> Test:
    """Return a test of a value: whether it is equal to what is written, or greater … with `gt ge lt le`.

    Raises ValueError, as the test does, for what cannot be meant.
    """
    return _equal(field, text) if sign == "eq" else _ordered(field, sign, text)


def _equal(field: str, text: str) -> Test:
    fits = _expression(text)

    def test(value: Any) -> bool:
        if isinstance(value, str):
            return fits(value)
        if value is None or value != value:  # NaN, and a time that is none
            return fits("")
        if isinstance(value, list | tuple):
            return any(map(test, value)) if value else fits("")
        if not text:
            return False  # it is there
        if isinstance(value, bool):
            if text.lower() not in ("true", "false"):
                raise ValueError(f"{field} is true or false, and not {shown(text)}")
            return value == (text.lower() == "true")
        if isinstance(value, datetime):
            return _span_for(field, text).compares(_nanoseconds(value), "eq")
        return value == _number_for(field, text, value)

    return test


def _ordered(field: str, sign: str, text: str) -> Test:
    compare = _ORDERS[sign]
    number, part, span = _number(text), _share(text), _span(text)
    if number is None and part is None and span is None:
        raise ValueError(f"{sign} compares with {_KINDS}, which {shown(text)} is not")

    def test(value: Any) -> bool:
        if value is None or value != value:
            return False
        if isinstance(value, bool):
            raise ValueError(f"{field} is true or false: it is compared by eq and ne alone")
        if isinstance(value, list | tuple):
            return any(map(test, value))
        if isinstance(value, datetime):
            return _span_for(field, text).compares(_nanoseconds(value), sign)
        if not isinstance(value, str):
            return compare(value, _number_for(field, text, value))
        if span is not None:
            moment = _span(value)
            return moment is not None and span.compares(moment.first, sign)
        read, other = (_share, part) if number is None else (_number, number)
        own = read(value)
        return own is not None and compare(own, other)

    return test


def _expression(text: str) -> Callable[[str], bool]:
    if len(text) > LONGEST:
        raise ValueError(f"a value of {len(text):,} characters is too long: {LONGEST:,} are the most")
    pieces = len(text)
    for counts in re.findall(r"\{[0-9, ]+\}", text):
        pieces *= max(1, *(int(count) for count in re.findall("[0-9]+", counts)), 1)
    if "[" not in text and _POSSESSIVE.search(text):  # c++ is c, once or more, to this engine alone
        raise ValueError(f"{shown(text)} is no regular expression that servers know; {_HINT}")
    if pieces > _REPEATED:
        raise ValueError(f"{shown(text)} repeats too often: write smaller numbers in its braces")
    try:
        found = regex.compile(_plain(text), regex.IGNORECASE)
    except (regex.error, OverflowError, RecursionError, MemoryError) as error:
        why = f": {error}" if isinstance(error, regex.error) else ", nested too deeply"
        raise ValueError(f"{shown(text)} is no regular expression{why}; {_HINT}") from None
    within = text.startswith("^") or (text.endswith("$") and not text.endswith("\\$"))
    match = found.search if within else found.fullmatch

    def fits(value: str) -> bool:
        try:
            return match(_plain(value), timeout=SECONDS) is not None
        except (TimeoutError, MemoryError):
            raise ValueError(
                f"the regular expression {shown(text)} takes too long on {shown(value)}: write a simpler one"
            ) from None

    return fits


def _plain(text: str) -> str:
    """Return a text in which the engine takes no dotted capital I for an i, which servers do not either."""
    return text.replace("İ", "I\u0307") if "İ" in text else text


def _number(text: str) -> int | float | None:
    if (amount := size(text)) is not None:
        return amount
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if re.search("[.eE]", text) else int(text)


def _share(text: str) -> float | None:
    number = _number(text[:-1]) if text.endswith("%") and text[:-1].isascii() else None
    return None if number is None or "B" in text else number / 100


def _span(text: str) -> _Span | None:
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        first = _nanoseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
    first += int((found["fraction"] or "")[6:9].ljust(3, "0"))  # of which datetime leaves off all after the sixth digit
    return _Span(first, first if found["time"] else first + _DAY - 1)


def _nanoseconds(moment: datetime) -> int:
    whole = datetime(*moment.timetuple()[:6], moment.microsecond, moment.tzinfo)  # pandas' own has its own arithmetic
    since = whole - _EPOCH
    fine: int = getattr(moment, "nanosecond", 0)  # what pandas has more
    return ((since.days * 86400 + since.seconds) * 10**6 + since.microseconds) * 1000 + fine


def _number_for(field: str, text: str, value: Any) -> int | float:
    number = _number(text)
    if number is None and isinstance(value, float):
        number = _share(text)
    if number is None:
        unit = "" if isinstance(value, int) else ", nor a share such as 80%"
        raise ValueError(f"{field} is a number, and {shown(text)} is none{unit}")
    return number


def _span_for(field: str, text: str) -> _Span:
    span = _span(text)
    if span is None:
        example = "as 2026-11-29, or 2026-11-29T15:00:00Z"
        raise ValueError(f"{field} is a time, and {shown(text)} is none: write it {example}")
    return span
