"""Words of a script, read character by character: quotes, and what stands behind a dollar sign.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxdnb.sandbox.shell.syntax import Arithmetic, Parameter, Part, Script, Substitution, Text, Word

if TYPE_CHECKING:
    from lxdnb.sandbox.shell.parser import Parser

__all__ = ["NAME", "Incomplete", "SyntaxFault", "WordReader"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL = "@*#?-$!0123456789"
_OPERATORS = (":-", ":=", ":?", ":+", "-", "=", "?", "+", "##", "#", "%%", "%", "//", "/", ":")
_ENDS = frozenset(" \t\n;&|<>()")


class SyntaxFault(Exception):
    """What no shell can read."""


class Incomplete(SyntaxFault):
    """What ends before it is whole."""


class WordReader:
    """Reads words out of a text, from a place on."""

    def __init__(self, text: str, at: int = 0) -> None:
        self.text, self.at = text, at
        self.depth = 0

    def peek(self, length: int = 1) -> str:
        return self.text[self.at : self.at + length]

    def word(self) -> Word | None:
        """Read an unquoted word, or None where none begins."""
        parts: list[Part] = []
        while self.at < len(self.text) and (char := self.text[self.at]) not in _ENDS:
            if char == "\\" and self.peek(2) == "\\\n":
                self.at += 2
                continue
            self._part(parts, char, quoted=False)
        return _joined(parts) if parts else None

    def _part(self, parts: list[Part], char: str, *, quoted: bool) -> None:
        if char == "'" and not quoted:
            end = self.text.find("'", self.at + 1)
            if end < 0:
                raise Incomplete("unterminated quoted string")
            parts.append(Text(self.text[self.at + 1 : end], True))
            self.at = end + 1
        elif char == '"' and not quoted:
            self.at += 1
            parts.append(Text("", True))
            parts.extend(self.quoted('"'))
        elif char == "\\":
            self._escape(parts, quoted=quoted)
        elif char == "$":
            parts.append(self._dollar(quoted))
        elif char == "`":
            parts.append(self._backquoted(quoted))
        else:
            self.at += 1
            parts.append(Text(char, quoted))

    def _escape(self, parts: list[Part], *, quoted: bool) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        if not following:
            parts.append(Text("\\", True))
            self.at += 1
            return
        self.at += 2
        if following == "\n":
            return
        if quoted and following not in '$`"\\':
            following = f"\\{following}"
        parts.append(Text(following, True))

    def quoted(self, end: str) -> list[Part]:
        """Read on as between double quotes, up to an end ("" for the end of the text) and over it."""
        parts: list[Part] = []
        while True:
            if self.at >= len(self.text):
                if end:
                    raise Incomplete("unterminated quoted string")
                return parts
            char = self.text[self.at]
            if char == end:
                self.at += 1
                return parts
            if not end and char == "\\" and self.text[self.at + 1 : self.at + 2] == '"':
                parts.append(Text('\\"', True))  # here-documents know no double quotes
                self.at += 2
                continue
            self._part(parts, char, quoted=True)

    def _dollar(self, quoted: bool) -> Part:
        self.at += 1
        if self.peek(2) == "((":
            begun = self.at
            self.at += 2
            found = self._arithmetic()
            if found is not None:
                return Arithmetic(found, quoted)
            self.at = begun
        if self.peek() == "(":
            self.at += 1
            return Substitution(self._commands(), quoted)
        if self.peek() == "{":
            self.at += 1
            return self._braced(quoted)
        if match := NAME.match(self.text, self.at):
            self.at = match.end()
            return Parameter(match[0], "", (), quoted)
        if self.peek() and self.peek() in _SPECIAL:
            self.at += 1
            return Parameter(self.text[self.at - 1], "", (), quoted)
        return Text("$", quoted)

    def _parser(self, text: str, at: int) -> Parser:
        from lxdnb.sandbox.shell.parser import Parser  # which reads words itself

        made = Parser(text, at)
        made.depth = self.depth + 1
        if made.depth > 50:
            raise SyntaxFault("too deeply nested")
        return made

    def _commands(self) -> Script:
        parser = self._parser(self.text, self.at)
        script = parser.script_until(")")
        self.at = parser.at
        return script

    def _backquoted(self, quoted: bool) -> Part:
        self.at += 1
        inner: list[str] = []
        while True:
            char = self.peek()
            if not char:
                raise Incomplete("unterminated quoted string")
            self.at += 1
            if char == "`":
                return Substitution(self._parser("".join(inner), 0).whole(), quoted)
            if char == "\\" and self.peek() and self.peek() in '$`\\"' and (self.peek() != '"' or quoted):
                char = self.peek()
                self.at += 1
            inner.append(char)

    def _arithmetic(self) -> Word | None:
        """Read up to `))`; None where this is no arithmetic after all."""
        parts: list[Part] = []
        depth = 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == ")":
                if depth == 0:
                    if self.peek(2) != "))":
                        return None
                    self.at += 2
                    return _joined(parts)
                depth -= 1
            elif char == "(":
                depth += 1
            if char == '"':
                self.at += 1
            else:
                self._part(parts, char, quoted=True)
        raise Incomplete("unterminated arithmetic")

    def _braced(self, quoted: bool) -> Part:
        length = self.peek() == "#" and self.peek(2) != "#}"
        if length:
            self.at += 1
        match = NAME.match(self.text, self.at)
        if match:
            name, self.at = match[0], match.end()
        elif digits := re.compile("[0-9]+").match(self.text, self.at):
            name, self.at = digits[0], digits.end()
        elif self.peek() and self.peek() in _SPECIAL:
            name = self.peek()
            self.at += 1
        else:
            raise self._bad()
        if self.peek() == "}":
            self.at += 1
            return Parameter(name, "length" if length else "", (), quoted)
        if length:
            raise self._bad()
        operator = next((each for each in _OPERATORS if self.text.startswith(each, self.at)), None)
        if operator is None:
            raise self._bad()
        self.at += len(operator)
        parts: list[Part] = []
        # Quotes in a pattern are quotes, also where the whole is quoted.
        inner = quoted and operator not in ("#", "##", "%", "%%", "/", "//")
        while self.peek() != "}":
            char = self.peek()
            if not char:
                raise Incomplete("missing '}'")
            if inner and char == '"':
                self.at += 1
                parts.append(Text("", True))
                parts.extend(self.quoted('"'))
            elif inner and char == "\\" and self.text[self.at + 1 : self.at + 2] == "}":
                parts.append(Text("}", True))
                self.at += 2
            else:
                self._part(parts, char, quoted=inner)
        self.at += 1
        return Parameter(name, operator, _joined(parts), quoted)

    def _bad(self) -> SyntaxFault:
        return Incomplete("missing '}'") if self.at >= len(self.text) else SyntaxFault("bad substitution")


def _joined(parts: list[Part]) -> Word:
    """Join texts that stand side by side."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Text) and isinstance(last, Text) and part.quoted == last.quoted:
            joined[-1] = Text(last.text + part.text, part.quoted)
        else:
            joined.append(part)
    return tuple(joined)
