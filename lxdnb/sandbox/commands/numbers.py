"""seq and expr: numbers."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.expressions import compiled
from lxdnb.sandbox.commands.registry import Broken, command
from lxdnb.sandbox.shell.arithmetic import wrapped

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []

_AT_ONCE = 500
_LONGEST_NUMBER = 100  # digits
_LARGEST = 10**18


@command("/usr/bin/seq")
def seq(process: Process, words: list[str]) -> Steps[int]:
    separator, wide, at = "\n", False, 0
    while at < len(words) and re.fullmatch("-[a-z]+", words[at]):
        if words[at] == "-s" and at + 1 < len(words):
            at += 1
            separator = words[at]
        elif words[at] == "-w":
            wide = True
        else:
            raise Broken(f"invalid option -- '{words[at][1:]}'")
        at += 1
    words = words[at:]
    if not 1 <= len(words) <= 3:
        raise Broken("usage: seq [-w] [-s SEP] [FIRST [INC]] LAST")
    try:
        numbers = [Decimal(word) for word in words]
    except InvalidOperation:
        bad = next(word for word in words if not re.fullmatch(r"[-+]?\d*\.?\d+", word))
        raise Broken(f"invalid number '{bad}'") from None
    if any(
        not each.is_finite() or abs(each) > _LARGEST or len(word) > _LONGEST_NUMBER
        for each, word in zip(numbers, words, strict=True)
    ):
        raise Broken(f"invalid number '{words[-1][:_LONGEST_NUMBER]}'")
    last = numbers[-1]
    first = numbers[0] if len(numbers) > 1 else Decimal(1)
    step = numbers[1] if len(numbers) > 2 else Decimal(1)
    if step == 0:
        raise Broken("invalid number '0'")
    places = max((len(word.partition(".")[2]) for word in words[:-1]), default=0)
    count = max(0, int((last - first) / step) + 1) if (last - first) * step >= 0 else 0
    width = max(len(f"{each:.{places}f}") for each in (first, last)) if wide else 0
    for begin in range(0, count, _AT_ONCE):
        end = min(count, begin + _AT_ONCE)
        if places:
            figures = [f"{first + step * number:.{places}f}" for number in range(begin, end)]
        else:
            figures = [
                *map(
                    str,
                    range(
                        int(first + step * begin), int(first + step * (end - 1)) + (1 if step > 0 else -1), int(step)
                    ),
                )
            ]
        figures = [figure.zfill(width) for figure in figures] if wide else figures
        yield from process.say(separator.join(figures) + (separator if end < count else "\n"))
        yield None
    return 0


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise Broken("number is too large", 2)
    return int(text)


@command("/usr/bin/expr")
def expr(process: Process, words: list[str]) -> Steps[int]:
    reading = _Expr(words)
    value = reading.level(0)
    if reading.at < len(words) or not words:
        raise Broken("syntax error", 2)
    yield from process.say(f"{value}\n")
    return int(value in ("", "0"))


class _Expr:
    _levels = (("|",), ("&",), ("=", "==", "!=", "<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"), (":",))

    def __init__(self, words: list[str]) -> None:
        self._words, self.at = words, 0

    def level(self, level: int) -> str:
        if level == len(self._levels):
            return self._one()
        value = self.level(level + 1)
        while self.at < len(self._words) and self._words[self.at] in self._levels[level]:
            operator = self._words[self.at]
            self.at += 1
            value = self._done(value, operator, self.level(level + 1))
        return value

    def _one(self) -> str:
        if self.at >= len(self._words):
            raise Broken("syntax error", 2)
        word = self._words[self.at]
        self.at += 1
        if word == "(":
            value = self.level(0)
            if self._words[self.at : self.at + 1] != [")"]:
                raise Broken("syntax error", 2)
            self.at += 1
            return value
        if word == "length" and self.at < len(self._words):
            return str(len(self._one()))
        return word

    def _done(self, left: str, operator: str, right: str) -> str:
        if operator == "|":
            return left if left not in ("", "0") else right
        if operator == "&":
            return left if left not in ("", "0") and right not in ("", "0") else "0"
        if operator == ":":
            expression = compiled(right)
            match, groups = expression.match(left), expression.groups
            return (match[1] or "" if groups else str(len(match[0]))) if match else "" if groups else "0"
        numeric = all(re.fullmatch("-?[0-9]+", each) for each in (left, right))
        if operator in "+-*/%":
            if not numeric:
                raise Broken("non-numeric argument", 2)
            return str(wrapped(self._sum(_whole(left), operator, _whole(right))))
        one, other = (_whole(left), _whole(right)) if numeric else (left, right)
        results = {"=": one == other, "==": one == other, "!=": one != other}
        if operator in results:
            return str(int(results[operator]))
        less, more = one < other, one > other  # pyright: ignore[reportOperatorIssue]
        return str(int({"<": less, ">": more, "<=": not more, ">=": not less}[operator]))

    def _sum(self, left: int, operator: str, right: int) -> int:
        if operator in "/%":
            if right == 0:
                raise Broken("division by zero", 2)
            whole = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
            return whole if operator == "/" else left - whole * right
        return left + right if operator == "+" else left - right if operator == "-" else left * right
