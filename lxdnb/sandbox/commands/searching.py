"""grep: the lines that fit.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/grep.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Open, Steps
from lxdnb.sandbox.commands.expressions import Expression, compiled
from lxdnb.sandbox.commands.reading import Lines, all_of, opened
from lxdnb.sandbox.commands.registry import Broken, command
from lxdnb.sandbox.nodes import Directory, File, FileError

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []

_LETTERS = "EFGHhinqsvcloLwxrRaze:f:m:A:B:C:"


@command("/bin/grep", "/bin/egrep", "/bin/fgrep")
def grep(process: Process, words: list[str]) -> Steps[int]:
    texts: list[str] = []
    found, rest = _options(words, texts)
    if "f" in found:
        file = opened(process, found["f"])
        texts += (yield from all_of(file, process)).decode(errors="surrogateescape").removesuffix("\n").split("\n")
        file.let_go()
    if not texts:
        if not rest:
            raise Broken("usage: grep [-HhnlLoqvsrRiwFE] PATTERN [FILE]...", 2)
        texts = rest.pop(0).split("\n")
    extended = "E" in found or process.words[0].endswith("egrep")
    fixed = "F" in found or process.words[0].endswith("fgrep")
    try:
        expressions = [_expression(text, found, extended, fixed) for text in texts]
    except Broken as broken:
        raise Broken(str(broken), 2) from None
    return (yield from _Search(process, found, expressions).through(rest))


def _options(words: list[str], texts: list[str]) -> tuple[dict[str, str], list[str]]:
    """As `options`, but -e may come more than once."""
    found: dict[str, str] = {}
    rest: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            rest += words[at:]
            break
        if not word.startswith("-") or word == "-":
            rest.append(word)
            continue
        if word.startswith("--"):
            word = {"--color": "", "--count": "-c", "--quiet": "-q", "--ignore-case": "-i"}.get(
                word.split("=")[0], word
            )
        letters = word[1:]
        if letters.isdecimal():
            found["C"] = letters
            continue
        while letters:
            letter, letters = letters[0], letters[1:]
            where = _LETTERS.find(letter)
            if where < 0 or letter == ":":
                raise Broken(f"invalid option -- '{letter}'", 2)
            if _LETTERS[where + 1 : where + 2] != ":":
                found[letter] = ""
                continue
            if not letters:
                if at >= len(words):
                    raise Broken(f"option requires an argument -- '{letter}'", 2)
                letters = words[at]
                at += 1
            value, letters = letters, ""
            if letter == "e":
                texts += value.split("\n")
            found[letter] = value
    return found, rest


def _expression(text: str, found: dict[str, str], extended: bool, fixed: bool) -> Expression:
    plain = compiled(text, extended=extended, ignore="i" in found, fixed=fixed)
    if "x" in found:
        return plain.within(r"\A", r"\Z")
    return plain.within(r"(?<!\w)", r"(?!\w)") if "w" in found else plain


class _Search:
    def __init__(self, process: Process, found: dict[str, str], expressions: list[Expression]) -> None:
        self._process, self._found, self._expressions = process, found, expressions
        self._named = False
        self._any = self._failed = False
        self._gap = False
        self._before = int(found.get("B", found.get("C", "0")))
        self._after = int(found.get("A", found.get("C", "0")))

    def through(self, paths: list[str]) -> Steps[int]:
        found = self._found
        recursive = bool({"r", "R"} & found.keys())
        files = self._files(paths or ["."]) if recursive else (paths or ["-"])
        self._named = ("H" in found or recursive or len(paths) > 1) and "h" not in found
        for path in files:
            try:
                file = opened(self._process, path)
            except Broken as broken:
                self._failed = True
                if "s" not in found:
                    why = str(broken).rpartition(": ")[2]
                    yield from self._process.say(f"grep: {path}: {why}\n", 2)
                continue
            try:
                yield from self._file(file, path)
            except FileError as error:
                self._failed = True
                if "s" not in found:
                    yield from self._process.say(f"grep: {path}: {error.text}\n", 2)
            finally:
                file.let_go()
            if "q" in found and self._any:
                return 0
        if self._failed:
            return 2
        return int(not self._any)

    def _files(self, paths: list[str]) -> list[str]:
        tree = self._process.tree
        files: list[str] = []
        for path in paths:
            node = tree.get(self._process.path(path), who=self._process.user)
            if isinstance(node, Directory):
                files += [each for each, below in tree.walk(path, node) if isinstance(below, File)]
            else:
                files.append(path)
        return files

    def _fits(self, line: str) -> bool:
        return any(each.search(line) for each in self._expressions) != ("v" in self._found)

    def _file(self, file: Open, path: str) -> Steps[None]:
        found, process = self._found, self._process
        name = "(standard input)" if path == "-" else path
        most = int(found["m"]) if "m" in found else None
        count = number = following = 0
        earlier: list[str] = []
        shown = 0
        lines = Lines(file, process)
        while (most is None or count < most) and (some := (yield from lines.some())):
            made: list[str] = []
            for data in some:
                number += 1
                if process.late:
                    yield None
                line = data.removesuffix(b"\n").decode(errors="surrogateescape")
                if self._fits(line):
                    count += 1
                    if "q" in found or "l" in found or "L" in found:
                        break
                    if "c" in found:
                        continue
                    if (self._before or self._after) and shown and number - len(earlier) > shown + 1:
                        made.append("--\n")
                    made += [
                        self._shown(name, number - len(earlier) + at, each, "-") for at, each in enumerate(earlier)
                    ]
                    earlier, following, shown = [], self._after, number
                    made += self._parts(name, number, line)
                    if most is not None and count >= most:
                        break
                elif following:
                    following -= 1
                    shown = number
                    made.append(self._shown(name, number, line, "-"))
                elif self._before:
                    earlier = [*earlier, line][-self._before :]
            if made:
                yield from process.say("".join(made))
            if count and ({"q", "l", "L"} & found.keys()):
                break
        self._any |= count > 0
        if "q" in found:
            return
        if "l" in found or "L" in found:
            if (count > 0) == ("l" in found):
                yield from process.say(f"{name}\n")
        elif "c" in found:
            yield from process.say(f"{name + ':' if self._named else ''}{count}\n")

    def _parts(self, name: str, number: int, line: str) -> list[str]:
        if "o" not in self._found:
            return [self._shown(name, number, line, ":")]
        matches = [match for each in self._expressions for match in each.every(line) if match[0]]
        return [self._shown(name, number, match[0], ":") for match in sorted(matches, key=lambda each: each.start())]

    def _shown(self, name: str, number: int, line: str, mark: str) -> str:
        where = f"{name}{mark}" if self._named else ""
        return f"{where}{f'{number}{mark}' if 'n' in self._found else ''}{line}\n"
