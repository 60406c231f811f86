"""`$(( … ))`: whole numbers of 64 bits, with C's operators and their order.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_06_04
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["ArithmeticFault", "evaluate", "wrapped"]

_TOKEN = re.compile(
    r"\s*(0[xX][0-9a-fA-F]+|[0-9]+|[A-Za-z_]\w*|<<=|>>=|\*\*|\+\+|--|&&|\|\||<<|>>|[<>=!+\-*/%&|^]=|[-+*/%<>=!~&|^?:(),])"
)
_LEVELS = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<=", ">=", "<", ">"), ("<<", ">>"), ("+", "-"),
    ("*", "/", "%"),
)  # fmt: skip


DEEPEST = 30  # brackets within each other


class ArithmeticFault(Exception):
    """What is no number."""


def wrapped(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def evaluate(text: str, get: Callable[[str], str], put: Callable[[str, str], None]) -> int:
    """Return what an expression comes to; `get` and `put` read and change variables. Raises ArithmeticFault."""
    return _Evaluation(text, get, put).whole()


class _Evaluation:
    def __init__(self, text: str, get: Callable[[str], str], put: Callable[[str, str], None], depth: int = 0) -> None:
        self._get, self._put, self._depth = get, put, depth
        self._tokens: list[str] = []
        self._at = 0
        self._idle = self._nested = 0
        """How deep it is in what does not count, such as the other branch of `?:`."""
        at, text = 0, text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match:
                raise ArithmeticFault("arithmetic syntax error")
            self._tokens.append(match[1])
            at = match.end()

    def whole(self) -> int:
        if not self._tokens:
            return 0
        value = self._comma()
        if self._at < len(self._tokens):
            raise ArithmeticFault("arithmetic syntax error")
        return value

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1] if self._at <= len(self._tokens) else ""

    def _comma(self) -> int:
        value = self._assignment()
        while self._peek() == ",":
            self._at += 1
            value = self._assignment()
        return value

    def _assignment(self) -> int:
        name = self._peek()
        operator = self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else ""
        if re.match(r"[A-Za-z_]", name) and operator.endswith("=") and operator not in ("==", "!=", "<=", ">="):
            self._at += 2
            value = self._assignment()
            if operator != "=":
                value = self._binary(operator[:-1], self._variable(name), value)
            return self._set(name, value)
        return self._ternary()

    def _set(self, name: str, value: int) -> int:
        if not self._idle:
            self._put(name, str(value))
        return value

    def _ternary(self) -> int:
        condition = self._level(0)
        if self._peek() != "?":
            return condition
        self._at += 1
        first = self._maybe(bool(condition), self._comma)
        if self._next() != ":":
            raise ArithmeticFault("arithmetic syntax error")
        second = self._maybe(not condition, self._ternary)
        return first if condition else second

    def _maybe(self, counts: bool, read: Callable[[], int]) -> int:
        self._idle += not counts
        try:
            return read()
        finally:
            self._idle -= not counts

    def _level(self, level: int) -> int:
        if level == len(_LEVELS):
            return self._power()
        value = self._level(level + 1)
        while (operator := self._peek()) in _LEVELS[level]:
            self._at += 1
            if operator in ("||", "&&"):
                settled = bool(value) == (operator == "||")
                other = self._maybe(not settled, lambda: self._level(level + 1))
                value = int(settled if operator == "||" and settled else bool(other) and not (settled))
            else:
                value = self._binary(operator, value, self._level(level + 1))
        return value

    def _power(self) -> int:
        value = self._unary()
        if self._peek() == "**":
            self._at += 1
            other = self._power()
            if other < 0:
                raise ArithmeticFault("exponent less than 0")
            return wrapped(pow(value, other, 2**64))
        return value

    def _binary(self, operator: str, left: int, right: int) -> int:
        if operator in ("/", "%"):
            if right == 0:
                if self._idle:
                    return 0
                raise ArithmeticFault("divide by zero")
            whole = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
            return wrapped(whole if operator == "/" else left - whole * right)
        results: dict[str, Callable[[], int]] = {
            "+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right,
            "<<": lambda: left << (right & 63), ">>": lambda: left >> (right & 63), "&": lambda: left & right,
            "|": lambda: left | right, "^": lambda: left ^ right, "==": lambda: int(left == right),
            "!=": lambda: int(left != right), "<": lambda: int(left < right), ">": lambda: int(left > right),
            "<=": lambda: int(left <= right), ">=": lambda: int(left >= right),
        }  # fmt: skip
        return wrapped(results[operator]())

    def _unary(self) -> int:
        self._nested += 1
        if self._nested > DEEPEST:
            raise ArithmeticFault("out of memory")
        try:
            return self._one()
        finally:
            self._nested -= 1

    def _one(self) -> int:
        token = self._next()
        if token in ("++", "--"):
            name = self._next()
            return self._set(name, self._variable(name) + (1 if token == "++" else -1))
        if token in ("+", "-", "!", "~"):
            value = self._unary()
            return {"+": value, "-": wrapped(-value), "!": int(not value), "~": ~value}[token]
        if token == "(":
            value = self._comma()
            if self._next() != ")":
                raise ArithmeticFault("arithmetic syntax error")
            return value
        if token[:1].isdecimal():
            return _number(token)
        if re.match(r"[A-Za-z_]", token):
            value = self._variable(token)
            if self._peek() in ("++", "--"):
                self._set(token, value + (1 if self._next() == "++" else -1))
            return value
        raise ArithmeticFault("arithmetic syntax error")

    def _variable(self, name: str) -> int:
        text = self._get(name).strip()
        if not text:
            return 0
        if re.fullmatch(r"-?[0-9]\w*", text):
            return -_number(text[1:]) if text[0] == "-" else _number(text)
        if self._depth > 20:
            raise ArithmeticFault("expression recursion loop detected")
        return _Evaluation(text, self._get, self._put, self._depth + 1).whole()


def _number(text: str) -> int:
    try:
        if text[:2].lower() == "0x":
            return wrapped(int(text, 16))
        return wrapped(int(text, 8 if text.startswith("0") else 10))
    except ValueError:
        raise ArithmeticFault("arithmetic syntax error") from None
