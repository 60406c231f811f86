"""sed: a stream of lines, edited as it passes.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/sed.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import regex

from lxdnb.sandbox.channels import Open, Steps
from lxdnb.sandbox.commands.edits import Address, Edit, edits_of
from lxdnb.sandbox.commands.expressions import Expression
from lxdnb.sandbox.commands.reading import Lines, all_of, opened
from lxdnb.sandbox.commands.registry import Broken, command
from lxdnb.sandbox.nodes import FileError

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []

_LONGEST = 2**24  # characters that a line may grow to


class _Jump(Exception):
    def __init__(self, label: str) -> None:
        self.label = label


class _NextCycle(Exception):
    """Goes on with the next line; `keeps` without reading one."""

    def __init__(self, keeps: bool = False, quits: int | None = None, silent: bool = False) -> None:
        self.keeps, self.quits, self.silent = keeps, quits, silent


class _Editor:
    def __init__(self, process: Process, edits: list[Edit], quiet: bool) -> None:
        self._process, self._edits, self._quiet = process, edits, quiet
        self._pattern = self._hold = ""
        self._end = "\n"
        self._number = 0
        self._substituted = False
        self._made: list[str] = []
        self._appended: list[str] = []
        self._waiting: list[str] = []
        self._lines: Lines | None = None

    def through(self, file: Open, out: Open) -> Steps[int]:
        """Edit a file, and return the exit code."""
        self._lines = Lines(file, self._process)
        self._waiting = []
        keeps = False
        while keeps or (yield from self._read()):
            keeps = False
            try:
                try:
                    yield from self._run()
                except _Jump:
                    pass
                self._print()
            except _NextCycle as over:
                keeps = over.keeps
                if over.quits is not None:
                    if not over.silent:
                        self._print()
                    yield from self._flush(out)
                    return over.quits
            self._made += self._appended
            self._appended = []
            if len(self._made) > 200 or self._process.late:
                yield from self._flush(out)
        yield from self._flush(out)
        return 0

    def _flush(self, out: Open) -> Steps[None]:
        made, self._made = "".join([*self._made, *self._appended]), []
        self._appended = []
        if made:
            yield from out.write(made.encode(errors="surrogateescape"))

    def _print(self) -> None:
        if not self._quiet:
            self._made.append(self._pattern + self._end)

    def _fill(self) -> Steps[bool]:
        if not self._waiting and self._lines is not None:
            some = yield from self._lines.some()
            self._waiting = [line.decode(errors="surrogateescape") for line in reversed(some)]
        return bool(self._waiting)

    def _read(self) -> Steps[bool]:
        if not (yield from self._fill()):
            return False
        line = self._waiting.pop()
        self._pattern = line.removesuffix("\n")
        self._end = line[len(self._pattern) :]
        self._number += 1
        self._substituted = False
        return True

    def _is_last(self) -> Steps[bool]:
        return not (yield from self._fill())

    def _run(self) -> Steps[None]:
        edits, rounds = self._edits, 0
        while True:
            try:
                yield from self._each(edits)
                return
            except _Jump as jump:
                rounds += 1
                if rounds % 50 == 0 or self._process.late:
                    yield None
                if not jump.label:
                    return
                where = [at for at, each in enumerate(self._edits) if each.name == ":" and each.text == jump.label]
                if not where:
                    raise Broken(f"can't find label for jump to '{jump.label}'") from None
                edits = self._edits[where[0] :]

    def _each(self, edits: list[Edit]) -> Steps[None]:
        for edit in edits:
            if (yield from self._chosen(edit)) != edit.negated:
                if edit.name == "{":
                    yield from self._each(edit.body)
                else:
                    yield from self._do(edit)

    def _at(self, address: Address) -> Steps[bool]:
        if isinstance(address, int):
            return address == self._number
        if isinstance(address, Expression):
            return address.search(self._pattern) is not None
        if address == "$":
            return (yield from self._is_last())
        first, _, step = address.partition("~")
        if step and int(step):
            return self._number >= int(first) and (self._number - int(first)) % int(step) == 0
        return self._number == int(first)

    def _chosen(self, edit: Edit) -> Steps[bool]:
        if edit.first is None:
            return True
        if edit.last is None:
            return (yield from self._at(edit.first))
        if not edit.inside:
            if not (yield from self._at(edit.first)):
                return False
            relative = isinstance(edit.last, str) and edit.last.startswith("+")
            edit.until = self._number + int(edit.last) if relative and isinstance(edit.last, str) else 0
            ends = isinstance(edit.last, int) and edit.last <= self._number
            edit.inside = not ends
            return True
        if edit.until:
            edit.inside = self._number < edit.until
        elif isinstance(edit.last, int):
            edit.inside = self._number < edit.last
            return self._number <= edit.last
        elif (yield from self._at(edit.last)):
            edit.inside = False
        return True

    def _do(self, edit: Edit) -> Steps[None]:
        name = edit.name
        if name == "s":
            yield from self._substitute(edit)
        elif name == "d":
            raise _NextCycle
        elif name == "D":
            _, newline, after = self._pattern.partition("\n")
            self._pattern = after
            raise _NextCycle(keeps=bool(newline))
        elif name in "pP":
            self._made.append((self._pattern if name == "p" else self._pattern.partition("\n")[0]) + "\n")
        elif name in "nN":
            yield from self._advance(name)
        elif name == "y":
            self._pattern = self._pattern.translate(str.maketrans(edit.text, edit.flags))
        elif name in "gGhHx":
            self._exchange(name)
        elif name == "a":
            self._appended.append(edit.text)
        elif name == "i":
            self._made.append(edit.text)
        elif name == "c":
            if edit.last is None or not edit.inside:
                self._made.append(edit.text)
            raise _NextCycle
        elif name == "=":
            self._made.append(f"{self._number}\n")
        elif name in "qQ":
            raise _NextCycle(quits=int(edit.text or 0), silent=name == "Q")
        elif name == "b" or (name in "tT" and self._substituted == (name == "t")):
            self._substituted = False
            raise _Jump(edit.text)
        elif name == "r":
            try:
                file = self._process.open(edit.text)
                self._appended.append((yield from all_of(file, self._process)).decode(errors="surrogateescape"))
                file.let_go()
            except FileError:
                pass
        elif name == "l":
            self._made.append(self._pattern.encode("unicode_escape").decode() + "$\n")

    def _advance(self, name: str) -> Steps[None]:
        if (yield from self._is_last()):
            raise _NextCycle(quits=0)
        before = self._pattern
        if name == "n":
            self._print()
        self._made += self._appended
        self._appended = []
        yield from self._read()
        if name == "N":
            self._pattern = f"{before}\n{self._pattern}"
            if len(self._pattern) > _LONGEST:
                raise Broken("out of memory")

    def _exchange(self, name: str) -> None:
        if name == "x":
            self._pattern, self._hold = self._hold, self._pattern
        elif name in "gG":
            self._pattern = self._hold if name == "g" else f"{self._pattern}\n{self._hold}"
        else:
            self._hold = self._pattern if name == "h" else f"{self._hold}\n{self._pattern}"
        if len(self._pattern) + len(self._hold) > _LONGEST:
            raise Broken("out of memory")

    def _substitute(self, edit: Edit) -> Steps[None]:
        if edit.expression is None:
            return
        made: list[str] = []
        count = at = size = 0
        for match in edit.expression.every(self._pattern):
            if self._process.late:
                yield None
            count += 1
            if count < edit.number:
                continue
            made += [self._pattern[at : match.start()], _replacement(edit.text, match)]
            at = match.end()
            size += len(made[-2]) + len(made[-1])
            if size > _LONGEST:
                raise Broken("out of memory")
            if "g" not in edit.flags:
                break
        if count >= edit.number:
            self._pattern = "".join([*made, self._pattern[at:]])
            self._substituted = True
            if "p" in edit.flags:
                self._made.append(f"{self._pattern}\n")


def _replacement(text: str, match: regex.Match[str]) -> str:
    made: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "&":
            made.append(match[0])
        elif char == "\\" and at < len(text):
            kind = text[at]
            at += 1
            if kind.isdecimal():
                made.append(match[int(kind)] or "" if int(kind) <= len(match.groups()) else "")
            else:
                made.append({"n": "\n", "t": "\t"}.get(kind, kind))
        else:
            made.append(char)
    return "".join(made)


@command("/bin/sed")
def sed(process: Process, words: list[str]) -> Steps[int]:
    texts: list[str] = []
    paths: list[str] = []
    quiet = extended = inplace = False
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "-i":
            inplace = True
        elif word in ("-e", "-f") and at < len(words):
            if word == "-e":
                texts.append(words[at])
            else:
                file = opened(process, words[at])
                texts.append((yield from all_of(file, process)).decode(errors="surrogateescape"))
            at += 1
        elif re.fullmatch("-[nErsi]+", word):
            quiet |= "n" in word
            extended |= "E" in word or "r" in word
            inplace |= "i" in word
        else:
            paths.append(word)
    if not texts:
        if not paths:
            raise Broken("no script")
        texts.append(paths.pop(0))
    edits = edits_of("\n".join(texts), extended=extended)
    editor = _Editor(process, edits, quiet)
    status = 0
    if inplace:
        for path in paths:
            status = max(status, (yield from _in_place(process, edits, quiet, path)))
        return status
    for path in paths or ["-"]:
        try:
            file = opened(process, path)
        except Broken as broken:
            status = 1
            why = str(broken).rpartition(": ")[2]
            yield from process.say(f"sed: {path}: {why}\n", 2)
            continue
        code = yield from editor.through(file, process.files[1])
        file.let_go()
        if code:
            return code
    return status


def _in_place(process: Process, edits: list[Edit], quiet: bool, path: str) -> Steps[int]:
    try:
        source = process.open(path)
        held = yield from all_of(source, process)
        source.let_go()
    except FileError as error:
        yield from process.say(f"sed: {path}: {error.text}\n", 2)
        return 1
    spare = process.open("/tmp/.sed", write=True, truncate=True)
    yield from spare.write(held)
    spare.let_go()
    target = process.open(path, write=True, truncate=True)
    source = process.open("/tmp/.sed")
    process.tree.remove("/tmp/.sed")
    code = yield from _Editor(process, edits, quiet).through(source, target)
    source.let_go()
    target.let_go()
    return code
