"""test and [: conditions on texts, numbers and files.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/test.html
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.registry import command

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__ = ["bracket", "test"]

_KINDS = {
    "f": stat.S_IFREG,
    "d": stat.S_IFDIR,
    "c": stat.S_IFCHR,
    "p": stat.S_IFIFO,
    "b": stat.S_IFBLK,
    "S": stat.S_IFSOCK,
}
_NUMBERS = ("-eq", "-ne", "-lt", "-le", "-gt", "-ge")
_TEXTS = ("=", "==", "!=", "<", ">", "-nt", "-ot", "-ef")


class _Wrong(Exception):
    pass


@command("/usr/bin/test")
def test(process: Process, words: list[str]) -> Steps[int]:
    yield from ()
    try:
        return int(not _Test(process, words).whole())
    except _Wrong as wrong:
        yield from process.say(f"sh: {wrong}\n", 2)
        return 2


@command("/usr/bin/[")
def bracket(process: Process, words: list[str]) -> Steps[int]:
    if words[-1:] != ["]"]:
        yield from process.say("sh: missing ]\n", 2)
        return 2
    return (yield from test(process, words[:-1]))


class _Test:
    def __init__(self, process: Process, words: list[str]) -> None:
        self._process, self._words, self._at = process, words, 0

    def whole(self) -> bool:
        words = self._words
        if not words:
            return False
        if len(words) == 1:
            return words[0] != ""
        if len(words) == 3 and words[1] in _NUMBERS + _TEXTS:
            return self._binary(*words)
        if len(words) == 4 and words[0] == "!" and words[2] in _NUMBERS + _TEXTS:
            return not self._binary(*words[1:])
        result = self._or()
        if self._at < len(words):
            raise _Wrong(f"{words[self._at]}: unknown operand")
        return result

    def _peek(self, ahead: int = 0) -> str | None:
        at = self._at + ahead
        return self._words[at] if at < len(self._words) else None

    def _or(self) -> bool:
        result = self._and()
        while self._peek() == "-o":
            self._at += 1
            result = self._and() or result
        return result

    def _and(self) -> bool:
        result = self._not()
        while self._peek() == "-a":
            self._at += 1
            result = self._not() and result
        return result

    def _not(self) -> bool:
        if self._peek() == "!" and self._peek(1) is not None:
            self._at += 1
            return not self._not()
        return self._primary()

    def _primary(self) -> bool:
        word = self._peek()
        if word is None:
            raise _Wrong("argument expected")
        operator = self._peek(1)
        if operator in _NUMBERS + _TEXTS and self._peek(2) is not None:
            self._at += 3
            return self._binary(word, operator or "", self._words[self._at - 1])
        if word == "(":
            self._at += 1
            result = self._or()
            if self._peek() != ")":
                raise _Wrong("closing paren expected")
            self._at += 1
            return result
        if len(word) == 2 and word[0] == "-" and word[1] in "bcdefghkLnOGprsStuwxz" and operator is not None:
            self._at += 2
            return self._unary(word[1], operator)
        self._at += 1
        return word != ""

    def _binary(self, left: str, operator: str, right: str) -> bool:
        if operator in _NUMBERS:
            first, second = (self._number(each) for each in (left, right))
            return {
                "-eq": first == second, "-ne": first != second, "-lt": first < second,
                "-le": first <= second, "-gt": first > second, "-ge": first >= second,
            }[operator]  # fmt: skip
        if operator in ("-nt", "-ot", "-ef"):
            one, other = (self._process.tree.get(self._process.path(each)) for each in (left, right))
            if operator == "-ef":
                return one is not None and one is other
            if operator == "-ot":
                one, other = other, one
            return one is not None and (other is None or one.mtime > other.mtime)
        return {"=": left == right, "==": left == right, "!=": left != right, "<": left < right}.get(
            operator, left > right
        )

    def _number(self, text: str) -> int:
        try:
            return int(text.strip())
        except ValueError:
            raise _Wrong(f"{text}: bad number") from None

    def _unary(self, operator: str, word: str) -> bool:
        if operator in "nz":
            return (word != "") == (operator == "n")
        process = self._process
        if operator == "t":
            file = process.files.get(int(word)) if word.isdecimal() else None
            return file is not None and file.terminal is not None
        node = process.tree.get(process.path(word), follow=operator not in "hL", who=process.user) if word else None
        if node is None:
            return False
        if operator in _KINDS:
            return node.kind == _KINDS[operator]
        if operator in "hL":
            return node.kind == stat.S_IFLNK
        if operator in "rwx":
            return process.tree.may(node, {"r": 4, "w": 2, "x": 1}[operator], process.user)
        bits = {"u": stat.S_ISUID, "g": stat.S_ISGID, "k": stat.S_ISVTX}
        if operator in bits:
            return bool(node.mode & bits[operator])
        owned = {"O": node.uid == process.user.uid, "G": node.gid == process.user.gid, "s": node.size > 0}
        return owned.get(operator, True)
