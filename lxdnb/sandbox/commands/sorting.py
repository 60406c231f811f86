"""sort and uniq.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/sort.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.channels import Open, Steps
from lxdnb.sandbox.commands.reading import LARGEST, Lines, given, opened, options, taken
from lxdnb.sandbox.commands.registry import Broken, command

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []

_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def _figure(line: bytes) -> float:
    match = re.match(rb"\s*(-?[0-9]*\.?[0-9]+)", line)
    return float(match[1]) if match else 0.0


def _human(line: bytes) -> tuple[int, float]:
    match = re.match(rb"\s*(-?[0-9]*\.?[0-9]+)([KMGTP]?)", line)
    return (_UNITS[match[2].decode()], float(match[1])) if match else (0, 0.0)


def _version(line: bytes) -> list[tuple[int, Any]]:
    return [(1, int(part[:4000])) if part.isdigit() else (0, part) for part in re.split(rb"(\d+)", line) if part]


class _Key:
    """One -k: from which field to which, and how."""

    def __init__(self, text: str, separator: bytes | None, letters: str) -> None:
        match = re.fullmatch(r"(\d+)(?:\.(\d+))?([a-zA-Z]*)(?:,(\d+)(?:\.(\d+))?([a-zA-Z]*))?", text)
        self.first = int(match[1]) if match else 1
        self.at = int(match[2] or 1) if match else 1
        self.last = int(match[4]) if match and match[4] else None
        own = (match[3] + (match[6] or "")) if match else ""
        self.letters = own or letters
        self._separator = separator

    def __call__(self, line: bytes) -> bytes:
        if self._separator is not None:
            parts, between = line.split(self._separator), self._separator
        else:
            parts, between = re.findall(rb"\s*\S+", line) or [line], b""
        chosen = between.join(parts[self.first - 1 : self.last])
        if "b" in self.letters:
            chosen = chosen.lstrip()
        return chosen[self.at - 1 :]


def _compared(piece: bytes, letters: str) -> Any:
    if "d" in letters:
        piece = re.sub(rb"[^A-Za-z0-9\s]", b"", piece)
    if "n" in letters or "g" in letters:
        return _figure(piece)
    if "h" in letters:
        return _human(piece)
    if "V" in letters:
        return _version(piece)
    return piece.upper() if "f" in letters else piece


@command("/usr/bin/sort")
def sort(process: Process, words: list[str]) -> Steps[int]:
    spread: list[str] = []
    keys_given: list[str] = []
    at = 0
    while at < len(words):  # for -k may come more than once
        match = re.fullmatch(r"-([bcdfghiMnrsuVz]*)k(.*)", words[at])
        if match:
            spread += [f"-{match[1]}"] if match[1] else []
            keys_given.append(match[2] or (words[at + 1] if at + 1 < len(words) else ""))
            at += not match[2]
        else:
            spread.append(words[at])
        at += 1
    found, paths = options(spread, "bcdfghiMnrsuVzo:t:T:S:")
    letters = "".join(letter for letter in "bdfghnV" if letter in found)
    separator = found["t"].encode() if "t" in found else None
    keys = [_Key(text, separator, letters) for text in keys_given]
    held: list[bytes] = []

    size = 0

    def each(file: Open, path: str) -> Steps[None]:
        nonlocal size
        lines = Lines(file, process)
        while some := (yield from lines.some()):
            size += taken(some, process)
            if size > LARGEST:
                raise Broken("out of memory")
            held.extend(line.removesuffix(b"\n") for line in some)

    status = yield from given(process, "sort", paths, each)
    if status:
        return 2
    wholes = [(key, "r" in key.letters or ("r" in found and key.letters == letters)) for key in keys]
    original = [*held]
    if "s" not in found and "u" not in found:
        held.sort(reverse="r" in found)
    if wholes:
        for key, backwards in reversed(wholes):
            held.sort(key=lambda line, key=key: _compared(key(line), key.letters), reverse=backwards)
    else:
        held.sort(key=lambda line: _compared(line.lstrip() if "b" in found else line, letters), reverse="r" in found)
    yield None
    if "c" in found:
        wrong = next((line for line, right in zip(original, held, strict=True) if line != right), None)
        if wrong is not None:
            yield from process.say(f"sort: -:1: disorder: {wrong.decode(errors='replace')}\n", 2)
        return int(wrong is not None)
    if "u" in found:
        held = _once(held, keys, letters)
    made = b"".join(line + b"\n" for line in held)
    if "o" in found:
        target = process.open(found["o"], write=True, truncate=True)
        yield from target.write(made)
        target.let_go()
    elif made:
        yield from process.write(1, made)
    return 0


def _once(lines: list[bytes], keys: list[_Key], letters: str) -> list[bytes]:
    kept: list[bytes] = []
    last: Any = None
    for line in lines:
        now = [_compared(key(line), key.letters) for key in keys] if keys else _compared(line, letters)
        if not kept or now != last:
            kept.append(line)
        last = now
    return kept


@command("/usr/bin/uniq")
def uniq(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "cdiuf:s:w:")
    file = opened(process, paths[0] if paths else "-")
    lines = Lines(file, process)
    target = process.open(paths[1], write=True, truncate=True) if len(paths) > 1 else process.files[1].hold()
    fields, skipped = int(found.get("f", 0)), int(found.get("s", 0))
    width = int(found["w"]) if "w" in found else None

    def key(line: bytes) -> bytes:
        line = re.sub(rb"^(?:\s*\S+(?!\S)){%d}" % fields, b"", line) if fields else line
        line = line[skipped:][:width]
        return line.lower() if "i" in found else line

    def tell(line: bytes, count: int) -> Steps[None]:
        if ("d" in found and count < 2) or ("u" in found and count > 1):
            return
        yield from target.write((b"%7d " % count if "c" in found else b"") + line + b"\n")

    held: bytes | None = None
    count = 0
    while some := (yield from lines.some()):
        for line in some:
            if process.late:
                yield None
            line = line.removesuffix(b"\n")
            if held is not None and key(line) == key(held):
                count += 1
                continue
            if held is not None:
                yield from tell(held, count)
            held, count = line, 1
    if held is not None:
        yield from tell(held, count)
    target.let_go()
    file.let_go()
    return 0
