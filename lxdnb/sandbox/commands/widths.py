"""cut, tr, fold, nl and paste: columns and characters of lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import PIECE, Open, Steps
from lxdnb.sandbox.commands.printing import escaped
from lxdnb.sandbox.commands.reading import LARGEST, Lines, given, options, taken
from lxdnb.sandbox.commands.registry import Broken, command

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []

_LONGEST = 2**19  # bytes of a line that is cut


def _ranges(text: str) -> list[tuple[int, float]]:
    found: list[tuple[int, float]] = []
    for each in text.split(","):
        match = re.fullmatch(r"(\d*)(-?)(\d*)", each)
        if not match or not (match[1] or match[3]):
            raise Broken(f"invalid range '{each}'")
        first = int(match[1] or 1)
        found.append((first, float(match[3]) if match[3] else float("inf") if match[2] else first))
    return sorted(found)


@command("/usr/bin/cut")
def cut(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "b:c:f:d:sn")
    kind = next((letter for letter in "bcf" if letter in found), None)
    if kind is None:
        raise Broken("expected a list of bytes, characters, or fields")
    ranges = _ranges(found[kind])
    delimiter = found.get("d", "\t")
    between = delimiter.encode(errors="surrogateescape")

    def chosen(at: int) -> bool:
        return any(first <= at <= last for first, last in ranges)

    def one(line: bytes) -> bytes | None:
        if kind == "f":
            if between not in line:
                return None if "s" in found else line
            return between.join(part for at, part in enumerate(line.split(between), 1) if chosen(at))
        if kind == "c":
            text = line.decode(errors="surrogateescape")
            return "".join(char for at, char in enumerate(text, 1) if chosen(at)).encode(errors="surrogateescape")
        return bytes(byte for at, byte in enumerate(line, 1) if chosen(at))

    def each(file: Open, path: str) -> Steps[None]:
        lines = Lines(file, process)
        while some := (yield from lines.some()):
            made: list[bytes] = []
            for line in some:
                if len(line) > _LONGEST:
                    raise Broken("out of memory")
                if (told := one(line.removesuffix(b"\n"))) is not None:
                    made.append(told + b"\n")
                if process.late:
                    yield from process.write(1, b"".join(made))
                    made.clear()
                    yield None
            if made:
                yield from process.write(1, b"".join(made))

    return (yield from given(process, "cut", paths, each))


_CLASSES = {
    "alpha": "A-Za-z", "digit": "0-9", "alnum": "0-9A-Za-z", "upper": "A-Z", "lower": "a-z",
    "space": "\t\n\v\f\r ",
    "blank": "\t ", "punct": "!-/:-@[-`{-~", "xdigit": "0-9A-Fa-f", "cntrl": "\0-\x1f\x7f", "print": " -~",
    "graph": "!-~",
}  # fmt: skip


def _set(text: str) -> bytes:
    named = re.sub(r"\[:(\w+):\]", lambda match: _CLASSES.get(match[1], match[0]).replace("\\", "\\\\"), text)
    data, made, at = escaped(named)[0], bytearray(), 0
    while at < len(data):
        if at + 2 < len(data) and data[at + 1] == 45:
            made += bytes(range(data[at], data[at + 2] + 1))
            at += 3
        else:
            made.append(data[at])
            at += 1
    return bytes(made)


@command("/usr/bin/tr")
def tr(process: Process, words: list[str]) -> Steps[int]:
    found, sets = options(words, "cCdst")
    if not sets:
        raise Broken("missing operand")
    first = _set(sets[0])
    if {"c", "C"} & found.keys():
        first = bytes(byte for byte in range(256) if byte not in first)
    second = _set(sets[1]) if len(sets) > 1 else b""
    table = bytearray(range(256))
    if second and "d" not in found:
        for at, byte in enumerate(first):
            table[byte] = second[min(at, len(second) - 1)]
    squeezed = (second or first) if "s" in found else b""
    last = -1
    while data := (yield from process.read(0, PIECE)):
        data = data.translate(bytes(table), first if "d" in found else b"")
        if squeezed:
            made = bytearray()
            for byte in data:
                if byte != last or byte not in squeezed:
                    made.append(byte)
                last = byte
            data = bytes(made)
        if data:
            yield from process.write(1, data)
    return 0


@command("/usr/bin/nl")
def nl(process: Process, words: list[str]) -> Steps[int]:
    _, paths = options(words, "b:w:s:v:")
    count = 0

    def each(file: Open, path: str) -> Steps[None]:
        nonlocal count
        lines = Lines(file, process)
        while some := (yield from lines.some()):
            for line in some:
                count += line != b"\n"
                yield from process.write(1, b"%6d\t" % count + line if line != b"\n" else b"       \n")

    return (yield from given(process, "nl", paths, each))


@command("/usr/bin/fold")
def fold(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "w:sb")
    width = int(found.get("w", "80"))

    def each(file: Open, path: str) -> Steps[None]:
        lines = Lines(file, process)
        while some := (yield from lines.some()):
            for line in some:
                text = line.decode(errors="surrogateescape")
                body = text.removesuffix("\n")
                pieces = [body[at : at + width] for at in range(0, max(1, len(body)), width)]
                yield from process.say("\n".join(pieces) + text[len(body) :])

    return (yield from given(process, "fold", paths, each))


@command("/usr/bin/paste")
def paste(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "d:s")
    between = escaped(found.get("d", "\t"))[0][:1]
    columns: list[list[bytes]] = []
    size = 0

    def each(file: Open, path: str) -> Steps[None]:
        nonlocal size
        column: list[bytes] = []
        lines = Lines(file, process)
        while some := (yield from lines.some()):
            size += taken(some, process)
            if size > LARGEST:
                raise Broken("out of memory")
            column += [line.removesuffix(b"\n") for line in some]
        columns.append(column)

    status = yield from given(process, "paste", paths, each)
    if "s" not in found:
        longest = max(map(len, columns), default=0)
        columns = [[column[at] if at < len(column) else b"" for column in columns] for at in range(longest)]
    yield from process.write(1, b"".join(between.join(row) + b"\n" for row in columns))
    return status
