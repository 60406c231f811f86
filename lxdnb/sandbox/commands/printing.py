"""echo, printf, yes, true and false: what says something and reads nothing.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/printf.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import PIECE, Steps
from lxdnb.sandbox.commands.registry import command

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__ = ["echo", "escaped", "printf"]

WIDEST = 100_000  # characters of one figure

_ESCAPES = {
    "a": b"\a",
    "b": b"\b",
    "f": b"\f",
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\v",
    "\\": b"\\",
    "e": b"\x1b",
}
_FORMAT = re.compile(r"%([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d*))?[hlqLjzt]*([a-zA-Z%])")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def escaped(text: str, *, zero: bool = False) -> tuple[bytes, bool]:
    """Return what a text with escapes stands for, and whether `\\c` ends all there; `zero` wants \\0 before octals."""
    made, at = bytearray(), 0
    while at < len(text):
        char = text[at]
        at += 1
        if char != "\\" or at >= len(text):
            made += _bytes(char)
            continue
        kind = text[at]
        at += 1
        if kind == "c":
            return bytes(made), True
        if kind in _ESCAPES:
            made += _ESCAPES[kind]
        elif kind == "x" and (match := re.compile("[0-9a-fA-F]{1,2}").match(text, at)):
            made.append(int(match[0], 16))
            at = match.end()
        elif kind in "01234567" and (match := re.compile("0[0-7]{0,3}" if zero else "[0-7]{1,3}").match(text, at - 1)):
            made.append(int(match[0], 8) & 255)
            at = match.end()
        else:
            made += _bytes(f"\\{kind}")
    return bytes(made), False


@command("/bin/echo")
def echo(process: Process, words: list[str]) -> Steps[int]:
    newline, escapes, at = True, False, 0
    while at < len(words) and re.fullmatch("-[neE]+", words[at]):
        newline &= "n" not in words[at]
        for letter in words[at][1:]:
            escapes = {"e": True, "E": False}.get(letter, escapes)
        at += 1
    text = " ".join(words[at:])
    data, cut = escaped(text, zero=True) if escapes else (_bytes(text), False)
    yield from process.write(1, data if cut or not newline else data + b"\n")
    return 0


@command("/usr/bin/printf")
def printf(process: Process, words: list[str]) -> Steps[int]:
    words = words[1:] if words[:1] == ["--"] else words
    if not words:
        yield from process.say("usage: printf FORMAT [ARGUMENT...]\n", 2)
        return 2
    writing = _Printf(words[1:])
    try:
        while True:
            before = len(writing.rest)
            done = writing.once(words[0])
            yield from process.write(1, bytes(writing.made))
            writing.made.clear()
            if done or not writing.rest or len(writing.rest) == before:
                break
    finally:
        complaints, writing.complaints = writing.complaints, []
    for complaint in complaints:
        yield from process.say(f"printf: {complaint}\n", 2)
    return 1 if complaints else 0


class _Printf:
    def __init__(self, arguments: list[str]) -> None:
        self.rest = arguments
        self.made = bytearray()
        self.complaints: list[str] = []

    def once(self, form: str) -> bool:
        """Write the format out once, and return whether that was all."""
        at = 0
        while at < len(form):
            if form[at] == "\\":
                end = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.?)", re.DOTALL).match(form, at)
                text = end[0] if end else form[at]
                data, cut = escaped(text)
                self.made += data
                at += len(text)
                if cut:
                    return True
            elif form[at] == "%" and (match := _FORMAT.match(form, at)):
                at = match.end()
                if self._convert(match):
                    return True
            elif form[at] == "%":
                self.complaints.append(f"{form[at:]}: invalid format")
                return True
            else:
                self.made += _bytes(form[at])
                at += 1
        return False

    def _next(self) -> str | None:
        return self.rest.pop(0) if self.rest else None

    def _convert(self, match: re.Match[str]) -> bool:
        flags, width, precision, kind = match[1], match[2], match[3], match[4]
        if kind == "%":
            self.made += b"%"
            return False
        size = self._integer(self._next()) if width == "*" else int(width or 0)
        digits = (
            self._integer(self._next()) if precision == "*" else int(precision or 0) if precision is not None else None
        )
        if max(abs(size), digits or 0) > WIDEST:
            self.complaints.append(f"%{kind}: invalid format")
            return True
        if size < 0:
            flags, size = f"{flags}-", -size
        word = self._next()
        cut = False
        if kind in "sbc":
            if kind == "b":
                data, cut = escaped(word or "", zero=False)
            else:
                data = _bytes(word or "")
            data = data[:1] if kind == "c" else data[:digits]
            self.made += data.ljust(size) if "-" in flags else data.rjust(size)
            return cut
        if kind in "diouxX":
            text = self._whole(kind, self._integer(word), flags, digits)
            flags = flags.replace("0", "") if digits is not None else flags
        elif kind in "feEgG":
            number = self._real(word)
            sign = "+" if "+" in flags else " " if " " in flags else ""
            text = f"{number:{sign}.{6 if digits is None else digits}{kind}}"
        else:
            self.complaints.append(f"%{kind}: invalid format")
            return True
        if "-" in flags:
            text = text.ljust(size)
        elif "0" in flags:
            text = text.zfill(size)
        self.made += text.rjust(size).encode()
        return False

    def _whole(self, kind: str, number: int, flags: str, digits: int | None) -> str:
        if kind in "ouxX":
            number %= 2**64
        text = format(abs(number), {"o": "o", "x": "x", "X": "X"}.get(kind, "d")).rjust(digits or 0, "0")
        if "#" in flags and number:
            text = {"x": "0x", "X": "0X", "o": "0"}.get(kind, "") + text
        sign = "-" if number < 0 else "+" if "+" in flags and kind in "di" else " " if " " in flags else ""
        return sign + text

    def _integer(self, word: str | None) -> int:
        if not word:
            return 0
        if word[0] in "'\"":
            return ord(word[1]) if len(word) > 1 else 0
        match = re.fullmatch(r"\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[0-9]+)", word)
        if not match:
            self.complaints.append(f"invalid number '{word}'")
            found = re.match(r"\s*[+-]?\d+", word)
            return int(found[0]) if found else 0
        digits = match[2]
        base = 16 if digits[:2].lower() == "0x" else 8 if digits[0] == "0" and len(digits) > 1 else 10
        return -int(digits, base) if match[1] == "-" else int(digits, base)

    def _real(self, word: str | None) -> float:
        try:
            return float(word or 0)
        except ValueError:
            self.complaints.append(f"invalid number '{word}'")
            return 0.0


@command("/usr/bin/yes")
def yes(process: Process, words: list[str]) -> Steps[int]:
    line = _bytes(" ".join(words or ["y"])) + b"\n"
    piece = line * max(1, min(PIECE, 8192) // len(line))
    while True:
        yield from process.write(1, piece)
        yield None


@command("/bin/true")
def true(process: Process, words: list[str]) -> Steps[int]:
    yield from ()
    return 0


@command("/bin/false")
def false(process: Process, words: list[str]) -> Steps[int]:
    yield from ()
    return 1
