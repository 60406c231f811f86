"""Conditions on rows, in LXD's words: `status eq Running and (config.user.role ne web or not ephemeral eq true)`.

A text becomes a tree of comparisons; a tree is told whether it holds for a thing. `not` binds closer than `and`, which
binds closer than `or`. Pure, and what cannot be understood is refused here, before a server sees it.
https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#filtering
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, NoReturn

from lxdnb import checks
from lxdnb.frames._columns import closest
from lxdnb.frames._compare import tester

__all__ = [
    "And",
    "Comparison",
    "Condition",
    "Not",
    "Or",
    "check",
    "conjuncts",
    "fields",
    "globs",
    "holds",
    "parse",
    "strangers",
]

OPERATORS = ("eq", "ne", "gt", "ge", "lt", "le")
LONGEST, DEEPEST = 10_000, 50
_WORDS = (*OPERATORS, "and", "or", "not")
_SIGNS = {
    "=": "eq", "==": "eq", "===": "eq", "~": "eq", "=~": "eq", "~=": "eq", "is": "eq", "in": "eq", "like": "eq",
    "!=": "ne", "<>": "ne", "≠": "ne", "!~": "ne", "!": "ne", "neq": "ne", ">": "gt", ">=": "ge", "≥": "ge",
    "gte": "ge", "<": "lt", "<=": "le", "≤": "le", "lte": "le", ":": "eq",
}  # fmt: skip
_INNER = ("contains", "has", "includes", "matches", "startswith", "endswith")
_JOINTS = {"&": "and", "&&": "and", ",": "and", ";": "and", "|": "or", "||": "or"}
_GLOB = re.compile(r"(?<=[A-Za-z0-9_-])\*")
_GLUED = re.compile(r"([^=!<>~]+)(===?|!=|<>|>=|<=|=~|!~|[=<>~])(.+)", re.DOTALL)
_TOKEN = re.compile(r"""\s+|(?P<mark>[()])|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[^\s()"'][^\s()]*)""")
_NOW = re.compile(r"now(?: ?([+-]) ?([0-9]{1,6}) ?(s|min|h|d|w))?")
_LENGTHS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_BARE = re.compile(r"""[^\s()"'][^\s()]*""")


@dataclass(frozen=True)
class Comparison:
    """A field compared with a value, as `status eq Running`."""

    field: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{_quoted(self.field)} {self.operator} {_quoted(self.value)}"


@dataclass(frozen=True)
class Not:
    """What must not hold."""

    part: Condition

    def __str__(self) -> str:
        return f"not {_within(self.part, And, Or)}"


@dataclass(frozen=True)
class And:
    """What must hold all together; two parts or more."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(_within(part, And, Or) for part in self.parts)


@dataclass(frozen=True)
class Or:
    """What of which one must hold; two parts or more."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(_within(part, Or) for part in self.parts)


Condition = Comparison | Not | And | Or


def parse(text: str, now: datetime | None = None) -> Condition:
    """Return what a text says. Raises ValueError, which tells where it goes wrong and what to write.

    A value is one word, or stands in single or double quotes, as it must if it has blanks or parentheses in it, or is
    one of `and or not eq ne gt ge lt le`. What comparisons mean: `holds`. After `gt ge lt le`, `now` and what is so
    long before or after it, as `now-7d`, are times: `now` is given, or else when this is called.

    >>> str(parse("name eq c1 or not status eq Running"))
    'name eq c1 or not status eq Running'
    >>> str(parse("created_at lt now-12h", datetime(2026, 11, 29, 15, tzinfo=UTC)))
    'created_at lt 2026-11-29T03:00:00+00:00'
    """
    checks.text("where", text)
    if len(text) > LONGEST:
        raise ValueError(f"where has {len(text):,} characters, of which {LONGEST:,} are the most")
    if not text.strip():
        raise ValueError("where is empty: give a condition, as in 'status eq Running', or leave it out")
    return _Parser(text, datetime.now(UTC) if now is None else now).whole()


def fields(condition: Condition) -> tuple[str, ...]:
    """Return the fields that it speaks of, each once, in order."""
    return tuple(dict.fromkeys(each.field for each in _comparisons(condition)))


def conjuncts(condition: Condition) -> tuple[Condition, ...]:
    """Return the parts of which all must hold."""
    if not isinstance(condition, And):
        return (condition,)
    return tuple(inner for part in condition.parts for inner in conjuncts(part))


def globs(condition: Condition) -> list[str]:
    """Return a word on each value that is written as a shell would have it, `web-*`, and is another expression."""
    return [
        f"{each}: this is an expression, in which * repeats what stands before it: "
        f"write {each.field} {each.operator} {_GLOB.sub('.*', each.value)} for any text there"
        for each in _comparisons(condition)
        if each.operator in ("eq", "ne") and _GLOB.search(each.value)
    ]


def strangers(condition: Condition, words_of: Callable[[str], Sequence[str]]) -> list[str]:
    """Return a word on a comparison that fits none of the words which a field is known to have, `status eq Runing`.

    `words_of` tells those of a field: none of one that may have any.
    """
    if not isinstance(condition, Comparison) or condition.operator != "eq" or not condition.value:
        return []
    known = words_of(condition.field)
    fits = tester(condition.field, "eq", condition.value)
    if not known or any(map(fits, known)):
        return []
    return [f"{condition}: fits no {condition.field} that is known here: {closest(condition.value, known)}"]


def holds(condition: Condition, value_of: Callable[[str], object]) -> bool:
    """Return whether it holds for a thing, of which `value_of` tells the value of a field: None for what is missing.

    A text is compared as LXD does it: the value is a regular expression, of which small and capital letters are the
    same, for the whole of the text; one that begins with `^` or ends with `$` is looked for in it. A number is one in
    decimal, a size as `1GiB` or, where shares are, `80%`; of a time, ISO 8601, in UTC unless it says another zone, and
    a date alone is that whole day. `true` and `false` are those. Of a list one member suffices. What is missing, and
    an empty list, is an empty text, as it is to servers: `config.user.role ne web` holds where there is no role,
    `config.user.role eq ""` there alone, and so does `last_used_at eq ""`. `ne` is always the contrary of `eq`.

    `gt`, `ge`, `lt`, `le` compare numbers, sizes, shares and times, of texts such as `config.limits.memory` too, and
    hold for nothing that is missing, or is no such thing.

    Raises ValueError where a value is none of the field's kind, and for a regular expression that takes too long.
    """
    if isinstance(condition, Comparison):
        operator = condition.operator
        if operator == "ne":
            return not tester(condition.field, "eq", condition.value)(value_of(condition.field))
        return tester(condition.field, operator, condition.value)(value_of(condition.field))
    if isinstance(condition, Not):
        return not holds(condition.part, value_of)
    if isinstance(condition, And):
        return all(holds(part, value_of) for part in condition.parts)
    return any(holds(part, value_of) for part in condition.parts)


_EXAMPLES = {"Int64": 0, "Float64": 0.5, "boolean": True, "datetime": datetime(2026, 1, 1, tzinfo=UTC)}


def check(condition: Condition, dtype_of: Callable[[str], str]) -> None:
    """Refuse, before anything is sent, to compare a field with what is none of its kind. Raises ValueError.

    `dtype_of` gives the dtype that a column declares, as `Int64`.
    """
    for each in _comparisons(condition):
        if (example := _EXAMPLES.get(dtype_of(each.field))) is not None:
            holds(each, lambda _, example=example: example)


def _comparisons(condition: Condition) -> Iterator[Comparison]:
    if isinstance(condition, Comparison):
        yield condition
    else:
        for part in (condition.part,) if isinstance(condition, Not) else condition.parts:
            yield from _comparisons(part)


def _quoted(word: str) -> str:
    if _BARE.fullmatch(word) and word not in _WORDS:
        return word
    return f"'{word}'" if '"' in word else f'"{word}"'


def _within(part: Condition, *loose: type) -> str:
    return f"({part})" if isinstance(part, loose) else str(part)


class _Token(NamedTuple):
    kind: str
    """`word`, `text` for a word in quotes, `(` or `)`, `end`."""
    text: str
    place: int

    @property
    def is_word(self) -> bool:
        """Whether it can be a field or a value."""
        return self.kind == "text" or (self.kind == "word" and self.text not in _WORDS)

    def says(self, *words: str) -> bool:
        return self.kind == "word" and self.text in words


class _Parser:
    def __init__(self, text: str, now: datetime) -> None:
        self._now = now
        self._tokens = list(_tokens(text))
        self._at = 0

    def whole(self) -> Condition:
        condition = self._or(0)
        token = self._next
        if token.kind == ")":
            _refuse(token, "this ) closes nothing: take it away, or put a value with parentheses in quotes")
        if token.kind != "end":
            self._refuse_joint(token)
        return condition

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += token.kind != "end"
        return token

    def _or(self, depth: int) -> Condition:
        parts = [self._and(depth)]
        while self._next.says("or"):
            self._take()
            parts.append(self._and(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _and(self, depth: int) -> Condition:
        parts = [self._not(depth)]
        while self._next.says("and"):
            self._take()
            parts.append(self._not(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _not(self, depth: int) -> Condition:
        token = self._next
        if depth > DEEPEST:
            _refuse(token, f"nested more than {DEEPEST} deep: write it with fewer parentheses")
        if token.says("not"):
            self._take()
            return Not(self._not(depth + 1))
        if token.kind == "(":
            self._take()
            condition = self._or(depth + 1)
            if self._next.kind == "end":
                _refuse(token, "this ( is not closed: a ) is missing")
            if self._next.kind != ")":
                self._refuse_joint(self._next)
            self._take()
            return condition
        return self._comparison()

    def _comparison(self) -> Comparison:
        field = self._take()
        if not field.is_word:
            found = "it ends" if field.kind == "end" else f"{_shown(field.text)} stands"
            _refuse(field, f"{found} where a condition should be, as in 'status eq Running'")
        if not field.text:
            _refuse(field, "the name of a field is not empty")
        operator = self._take()
        if not operator.says(*OPERATORS):
            _refuse_operator(field, operator)
        value = self._take()
        if not value.is_word:
            after = f"after {_shown(field.text)} {operator.text}"
            if value.kind == "end":
                _refuse(value, f'a value is missing {after}; an empty one is ""')
            _refuse(
                value, f"{_shown(value.text)} stands {after} where a value should be: if it is one, quotes around it"
            )
        said = value.text
        if operator.text not in ("eq", "ne") and (since := _NOW.fullmatch(said)):
            said = _moment(since, self._now) or _refuse(value, f"{_shown(said)} is too far away")
        try:
            tester(field.text, "eq" if operator.text == "ne" else operator.text, said)
        except ValueError as error:
            _refuse(value, str(error))
        return Comparison(field.text, operator.text, said)

    def _refuse_joint(self, token: _Token) -> NoReturn:
        if token.kind == "(":
            _refuse(token, "a value with parentheses stands in quotes, and before others stands and, or or")
        word = token.text
        meant = word.lower() if word.lower() in ("and", "or") else _JOINTS.get(word)
        if meant and token.kind == "word":
            _refuse(token, f"{_shown(word)} joins nothing: write {meant}")
        before = self._tokens[self._at - 1]
        one = f", or, if {_shown(f'{before.text} {word}')} is one value, quotes around it" if before.is_word else ""
        _refuse(token, f"{_shown(word)} stands where and, or or the end should be{one}")


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            _refuse(_Token("", "", place), f"this {text[place]} opens a value that nothing closes")
        kind = found.lastgroup
        if kind == "mark":
            yield _Token(found["mark"], found["mark"], place)
        elif kind == "word":
            yield _Token("word", found["word"], place)
        elif kind:
            yield _Token("text", found[kind], place)
            after = text[found.end() : found.end() + 1]
            if after and not after.isspace() and after not in "()":
                _refuse(_Token("", "", found.end()), "a blank is missing after the quotes")
        place = found.end()
    yield _Token("end", "", len(text))


def _moment(since: re.Match[str], now: datetime) -> str | None:
    """Return the time that is so long before or after now; None where there is none."""
    sign, amount, unit = since.groups()
    try:
        length = timedelta(**{_LENGTHS[unit]: int(sign + amount)}) if unit else timedelta()
        return (now + length).isoformat(timespec="seconds")
    except OverflowError:
        return None


def _refuse(token: _Token, why: str) -> NoReturn:
    raise ValueError(f"where, at character {token.place + 1}: {why}")


def _refuse_operator(field: _Token, token: _Token) -> NoReturn:
    name, word = _shown(field.text), token.text
    if field.kind == "word" and (glued := _GLUED.fullmatch(field.text)):
        clear = Comparison(glued[1], _SIGNS[glued[2]], glued[3])
        _refuse(field, f"{name} is one word: write {_shown(str(clear), '')}")
    if token.kind == "end":
        _refuse(token, f"after {name} {', '.join(OPERATORS[:-1])} or {OPERATORS[-1]} is missing, and a value")
    if word == "not":
        _refuse(token, f"not stands before the field: write not {field.text} eq …")
    if word.lower() in _INNER:
        _refuse(
            token, f"after {name} {_shown(word)} compares nothing: write eq, and an expression as value, as in .*web.*"
        )
    meant = word.lower() if word.lower() in OPERATORS else _SIGNS.get(word)
    if meant is None and (glued := re.fullmatch(r"([=!<>~]+)(.+)", word, re.DOTALL)):
        meant = _SIGNS.get(glued[1])
    close = [meant] if meant else difflib.get_close_matches(word.lower(), OPERATORS, n=1)
    hint = f"write {close[0]}, with a blank on both sides" if close else f"there are {', '.join(OPERATORS)}"
    _refuse(token, f"after {name} {_shown(word)} compares nothing: {hint}")


def _shown(text: str, mark: str = "'") -> str:
    said = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:60])
    return f"{mark}{said}{'…' if len(text) > 60 else ''}{mark}"
