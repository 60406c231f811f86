"""Scripts of sed, read: each command with the lines that it is for.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/sed.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxdnb.sandbox.commands.expressions import Expression, compiled
from lxdnb.sandbox.commands.registry import Broken

__all__ = ["Address", "Edit", "edits_of"]

Address = int | str | Expression


@dataclass
class Edit:
    """One command of a script. `inside` tells whether it is within its range of lines."""

    name: str
    first: Address | None = None
    last: Address | None = None
    negated: bool = False
    text: str = ""
    expression: Expression | None = None
    flags: str = ""
    number: int = 1
    body: list[Edit] = field(default_factory=list["Edit"])
    inside: bool = False
    until: int = 0


class _Reader:
    """Reads a script."""

    def __init__(self, text: str, extended: bool) -> None:
        self.text, self.extended, self.at = text, extended, 0
        self._last: Expression | None = None

    def edits(self, within: bool = False) -> list[Edit]:
        made: list[Edit] = []
        while True:
            self._skip(" \t\n;")
            if self.at >= len(self.text):
                if within:
                    raise Broken("unmatched '{'")
                return made
            if self.text[self.at] == "}":
                if not within:
                    raise Broken("unexpected '}'")
                self.at += 1
                return made
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
                continue
            made.append(self._edit())

    def _skip(self, among: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in among:
            self.at += 1

    def _edit(self) -> Edit:
        first = self._address()
        last: Address | None = None
        self._skip(" \t")
        if first is not None and self.text[self.at : self.at + 1] == ",":
            self.at += 1
            self._skip(" \t")
            last = self._address()
            if last is None:
                raise Broken("no address after comma")
        self._skip(" \t")
        negated = self.text[self.at : self.at + 1] == "!"
        self.at += negated
        self._skip(" \t!")
        if self.at >= len(self.text):
            raise Broken("missing command")
        edit = Edit(self.text[self.at], first, last, negated)
        self.at += 1
        if edit.name == "{":
            edit.body = self.edits(within=True)
        elif edit.name == "s":
            self._substitution(edit)
        elif edit.name == "y":
            mark = self.text[self.at]
            self.at += 1
            edit.text, edit.flags = self._until(mark, raw=True), self._until(mark, raw=True)
        elif edit.name in "aic":
            self._skip(" \t")
            if self.text[self.at : self.at + 1] == "\\":
                self.at += 1
                self._skip(" \t")
                self.at += self.text[self.at : self.at + 1] == "\n"
            match = re.compile(r"(?:[^\\\n]|\\.)*", re.DOTALL).match(self.text, self.at)
            edit.text = re.sub(r"\\(.)", r"\1", match[0] if match else "", flags=re.DOTALL) + "\n"
            self.at = match.end() if match else self.at
        elif edit.name in ":btTrw":
            ends = "\n" if edit.name in "rw" else "\n;}"
            self._skip(" \t")
            begun = self.at
            while self.at < len(self.text) and self.text[self.at] not in ends:
                self.at += 1
            edit.text = self.text[begun : self.at].strip()
        elif edit.name in "qQ":
            match = re.compile(r"\s*(\d*)").match(self.text, self.at)
            edit.text = match[1] if match else ""
            self.at = match.end() if match else self.at
        elif edit.name not in "dDpPnNgGhHxl=":
            raise Broken(f"unsupported command {edit.name}")
        self._skip(" \t")
        if (
            edit.name != "{"
            and self.at < len(self.text)
            and self.text[self.at] not in "\n;}#"
            and edit.name not in "aic"
        ):
            raise Broken(f"extra characters after command: '{self.text[self.at :]}'")
        return edit

    def _address(self) -> Address | None:
        char = self.text[self.at : self.at + 1]
        if char == "$":
            self.at += 1
            return "$"
        if char == "+" or char.isdecimal():
            match = re.compile(r"\+?\d+(~\d+)?").match(self.text, self.at)
            text = match[0] if match else "1"
            self.at += len(text)
            return text if not text.isdecimal() else int(text)
        if char in ("/", "\\") and char:
            self.at += 1
            if char == "\\":
                char = self.text[self.at : self.at + 1]
                self.at += 1
            text = self._until(char)
            ignore = self.text[self.at : self.at + 1] == "I"
            self.at += ignore
            return self._expression(text, ignore)
        return None

    def _expression(self, text: str, ignore: bool) -> Expression:
        if text:
            self._last = compiled(text, extended=self.extended, ignore=ignore)
        if self._last is None:
            raise Broken("no previous regexp")
        return self._last

    def _until(self, mark: str, *, raw: bool = False) -> str:
        made: list[str] = []
        bracket = False
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char == "\\" and self.at < len(self.text):
                following = self.text[self.at]
                self.at += 1
                if following == mark:
                    made.append(mark)
                elif raw and following == "n":
                    made.append("\n")
                else:
                    made.append(following if raw and following == "\\" else f"\\{following}")
                continue
            if not bracket and char == mark:
                return "".join(made)
            if not raw:
                bracket = (
                    (char == "[" and self.text.find("]", self.at) >= 0)
                    if not bracket
                    else char != "]" or made[-1:] in (["["], ["^"])
                )
            made.append(char)
        raise Broken(f"unterminated {mark}")

    def _substitution(self, edit: Edit) -> None:
        mark = self.text[self.at : self.at + 1]
        if mark in ("", "\n", "\\"):
            raise Broken("bad substitution delimiter")
        self.at += 1
        wanted = self._until(mark)
        begun = self.at
        while True:
            if self.at >= len(self.text):
                raise Broken(f"unterminated {mark}")
            if self.text[self.at] == mark:
                break
            self.at += 2 if self.text[self.at] == "\\" else 1
        edit.text = self.text[begun : self.at]
        if mark not in "&\\":
            edit.text = edit.text.replace(f"\\{mark}", mark)
        self.at += 1
        match = re.compile(r"[gpIiew0-9]*").match(self.text, self.at)
        edit.flags = match[0] if match else ""
        self.at += len(edit.flags)
        digits = re.search(r"\d+", edit.flags)
        edit.number = int(digits[0]) if digits else 1
        edit.expression = self._expression(wanted, "I" in edit.flags or "i" in edit.flags)


def edits_of(text: str, *, extended: bool) -> list[Edit]:
    """Return the commands of a script. Raises Broken."""
    return _Reader(text, extended).edits()
