"""read: a line, cut into variables.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/read.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.shell.interpreter import Shell
from lxdnb.sandbox.shell.table import builtin

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []


@builtin("read")
def _read(shell: Shell, words: list[str]) -> Steps[int]:
    process = shell.process
    raw, seconds, at = False, None, 0
    while at < len(words) and words[at].startswith("-") and len(words[at]) > 1:
        option = words[at]
        at += 1
        if option == "-r":
            raw = True
        elif option in ("-p", "-t", "-n", "-d") and at < len(words):
            if option == "-p":
                yield from process.say(words[at], 2)
            seconds = float(words[at]) if option == "-t" else seconds
            at += 1
    names = words[at:] or ["REPLY"]
    process.breakable = True
    try:
        line, whole = yield from _line(process, raw=raw)
    finally:
        process.breakable = False
    _give(shell, names, line)
    return 0 if whole else 1


def _line(process: Process, *, raw: bool) -> Steps[tuple[list[tuple[str, bool]], bool]]:
    """Read a line, no byte more, and whether its end was there; each character with whether it was escaped."""
    line, escaped = bytearray(), False
    marks: list[bool] = []
    whole = False
    while True:
        byte = yield from process.read(0, 1)
        if not byte:
            break
        if escaped:
            escaped = False
            if byte != b"\n":
                line += byte
                marks.append(True)
        elif byte == b"\\" and not raw:
            escaped = True
        elif byte == b"\n":
            whole = True
            break
        elif byte != b"\0":
            line += byte
            marks.append(False)
    # Escapes are of single bytes: what follows in a character goes with its first.
    text = line.decode("latin-1")
    return [*zip(text, marks, strict=True)], whole


def _give(shell: Shell, names: list[str], line: list[tuple[str, bool]]) -> None:
    separators = shell.variables.get("IFS", " \t\n")
    blanks = "".join(each for each in separators if each in " \t\n")

    def separates(at: int, among: str) -> bool:
        return at < len(line) and not line[at][1] and line[at][0] in among

    at = 0
    while separates(at, blanks):
        at += 1
    for number, name in enumerate(names):
        begun = at
        if number == len(names) - 1:
            end = len(line)
            while end > begun and separates(end - 1, blanks):
                end -= 1
            # One separator alone at the end is not part of the last.
            if (
                end > begun
                and separates(end - 1, separators)
                and not any(separates(each, separators) for each in range(begun, end - 1))
            ):
                end -= 1
            at = len(line)
        else:
            while at < len(line) and not separates(at, separators):
                at += 1
            end = at
            while separates(at, blanks):
                at += 1
            if end < len(line) and line[end][0] in blanks:
                at += separates(at, separators)
            else:
                at = end + 1
            while separates(at, blanks):
                at += 1
        text = "".join(char for char, _ in line[begun:end])
        shell.assign(name, text.encode("latin-1").decode(errors="surrogateescape"))
