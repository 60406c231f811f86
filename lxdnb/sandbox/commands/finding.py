"""find, xargs and which."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.reading import all_of, options
from lxdnb.sandbox.commands.registry import Broken, NotExecutable, NotFound, command, located, program
from lxdnb.sandbox.nodes import Device, Directory, Fifo, File, FileError, Link, Node
from lxdnb.sandbox.shell.patterns import matches, pattern

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []

_KINDS: dict[str, type[Node]] = {"f": File, "d": Directory, "l": Link, "c": Device, "p": Fifo}


def run(process: Process, words: list[str]) -> Steps[int]:
    """Run a program as a child, and return its exit code."""
    try:
        child = process.spawn(words, lambda made: program(made, words, by_shell=True))
    except NotFound:
        yield from process.say(f"{process.words[0]}: {words[0]}: No such file or directory\n", 2)
        return 127
    except NotExecutable:
        yield from process.say(f"{process.words[0]}: {words[0]}: Permission denied\n", 2)
        return 126
    return (yield from process.wait(child))


class _Find:
    def __init__(self, process: Process, words: list[str]) -> None:
        self._process, self._words, self._at = process, words, 0
        self._acted = False
        self._least, self._most = 0, 1000
        self._depth_first = False
        self._gathered: dict[int, tuple[list[str], list[str]]] = {}
        self._pruned = False
        self.status = 0

    def limits(self) -> None:
        """Take away what is no test: how deep it goes, and in which order."""
        kept: list[str] = []
        words = iter(self._words)
        for word in words:
            if word in ("-maxdepth", "-mindepth"):
                value = int(next(words, "0"))
                self._least, self._most = (value, self._most) if word == "-mindepth" else (self._least, value)
            elif word in ("-depth", "-xdev"):
                self._depth_first |= word == "-depth"
            else:
                self._depth_first |= word == "-delete"
                kept.append(word)
        self._words = kept

    def through(self, path: str, node: Node, depth: int = 0) -> Steps[None]:
        yield None
        self._pruned = False
        if not self._depth_first and depth >= self._least:
            yield from self._look(path, node)
        if isinstance(node, Directory) and depth < self._most and not self._pruned:
            for name in node.names():
                child = node.get(name)
                if child is not None:
                    yield from self.through(f"{path.rstrip('/')}/{name}", child, depth + 1)
        if self._depth_first and depth >= self._least:
            yield from self._look(path, node)

    def _look(self, path: str, node: Node) -> Steps[None]:
        self._at, self._acted = 0, False
        fits = (yield from self._or(path, node, True)) if self._words else True
        if self._at < len(self._words):
            raise Broken(f"unrecognized: {self._words[self._at]}")
        if fits and not self._acted and not self._acts():
            yield from self._process.say(f"{path}\n")

    def _acts(self) -> bool:
        return any(word in ("-print", "-print0", "-exec", "-delete", "-ok", "-quit") for word in self._words)

    def _or(self, path: str, node: Node, counts: bool) -> Steps[bool]:
        result = yield from self._and(path, node, counts)
        while self._words[self._at : self._at + 1] in (["-o"], ["-or"]):
            self._at += 1
            other = yield from self._and(path, node, counts and not result)
            result = result or other
        return result

    def _and(self, path: str, node: Node, counts: bool) -> Steps[bool]:
        result = yield from self._one(path, node, counts)
        while self._at < len(self._words) and self._words[self._at] not in ("-o", "-or", ")"):
            self._at += self._words[self._at] in ("-a", "-and")
            other = yield from self._one(path, node, counts and result)
            result = result and other
        return result

    def _next(self) -> str:
        if self._at >= len(self._words):
            raise Broken(f"{self._words[-1]}: argument needed")
        self._at += 1
        return self._words[self._at - 1]

    def _one(self, path: str, node: Node, counts: bool) -> Steps[bool]:
        word = self._next()
        if word in ("!", "-not"):
            return not (yield from self._one(path, node, counts))
        if word == "(":
            result = yield from self._or(path, node, counts)
            self._next()
            return result
        if word in ("-exec", "-ok"):
            return (yield from self._exec(path, counts))
        if word in ("-print", "-print0"):
            if counts:
                yield from self._process.say(path + ("\n" if word == "-print" else "\0"))
            return True
        if word == "-delete":
            if counts and path not in (".", "/"):
                tree, where = self._process.tree, self._process.path(path)
                (tree.remove_directory if isinstance(node, Directory) else tree.remove)(where)
            return True
        if word == "-prune":
            self._pruned |= counts
            return True
        return self._test(word, path, node)

    def _test(self, word: str, path: str, node: Node) -> bool:
        if word in ("-name", "-iname", "-path", "-wholename"):
            text = self._next()
            subject = path if word in ("-path", "-wholename") else path.rstrip("/").rpartition("/")[2] or "/"
            if word == "-iname":
                text, subject = text.lower(), subject.lower()
            return matches(subject, pattern([(text, False)]))
        if word == "-type":
            return isinstance(node, _KINDS.get(self._next(), Fifo))
        if word == "-empty":
            return not node.names() if isinstance(node, Directory) else isinstance(node, File) and not node.size
        if word == "-size":
            match = re.fullmatch(r"([-+]?)(\d+)([bckMG]?)", self._next())
            if not match:
                raise Broken("invalid size")
            unit = {"": 512, "b": 512, "c": 1, "k": 1024, "M": 2**20, "G": 2**30}[match[3]]
            return _compared(-(-node.size // unit), match[1], int(match[2]))
        if word in ("-mtime", "-mmin"):
            match = re.fullmatch(r"([-+]?)(\d+)", self._next())
            if not match:
                raise Broken("invalid number")
            age = self._process.machine.host.clock() - node.mtime
            return _compared(int(age // (86_400 if word == "-mtime" else 60)), match[1], int(match[2]))
        if word == "-newer":
            other = self._process.tree.find(self._process.path(self._next()))
            return node.mtime > other.mtime
        if word == "-perm":
            text = self._next()
            wanted = int(text.lstrip("-/"), 8)
            return node.mode & wanted == wanted if text[0] == "-" else node.mode == wanted
        if word in ("-user", "-group", "-uid", "-gid"):
            from lxdnb.sandbox.commands.accounts import groups, number_of, users

            of_user = word in ("-user", "-uid")
            number = number_of((users if of_user else groups)(self._process), self._next())
            return number == (node.uid if of_user else node.gid)
        if word in ("-true", "-false"):
            return word == "-true"
        raise Broken(f"unrecognized: {word}")

    def _exec(self, path: str, counts: bool) -> Steps[bool]:
        begun = self._at
        words: list[str] = []
        while (word := self._next()) not in (";", "+"):
            words.append(word)
        if not counts:
            return True
        if word == "+":
            self._gathered.setdefault(begun, (words, []))[1].append(path)
            return True
        return (yield from run(self._process, [each.replace("{}", path) for each in words])) == 0

    def rest(self) -> Steps[None]:
        for words, paths in self._gathered.values():
            where = words.index("{}") if "{}" in words else len(words)
            yield from run(self._process, [*words[:where], *paths, *words[where + 1 :]])


def _compared(value: int, sign: str, wanted: int) -> bool:
    return value > wanted if sign == "+" else value < wanted if sign == "-" else value == wanted


@command("/usr/bin/find")
def find(process: Process, words: list[str]) -> Steps[int]:
    count = next((at for at, word in enumerate(words) if word[:1] in ("-", "(", "!")), len(words))
    finding = _Find(process, words[count:])
    finding.limits()
    status = 0
    for path in words[:count] or ["."]:
        try:
            node = process.tree.find(process.path(path), follow=False, who=process.user)
            yield from finding.through(path, node)
        except FileError as error:
            status = 1
            yield from process.say(f"find: {path}: {error.text}\n", 2)
    yield from finding.rest()
    return status


@command("/usr/bin/xargs")
def xargs(process: Process, words: list[str]) -> Steps[int]:
    count = 0
    while count < len(words) and words[count].startswith("-"):
        count += 2 if re.fullmatch("-[InPLsEd]", words[count]) else 1
    found, _ = options(words[:count], "0rtpn:I:P:L:s:E:")
    command_words = words[count:] or ["echo"]
    data = (yield from all_of(process.files[0].hold(), process)).decode(errors="surrogateescape")
    if "0" in found:
        items = [item for item in data.split("\0") if item]
    elif "I" in found:
        items = [line.strip() for line in data.split("\n") if line.strip()]
    else:
        items = _items(data)
    status = 0
    for group in _groups(items, found, command_words):
        if "t" in found:
            yield from process.say(f"{' '.join(group)}\n", 2)
        ended = yield from run(process, group)
        if ended in (126, 127):
            return ended
        status = 123 if ended else status
    return status


def _items(data: str) -> list[str]:
    found = re.findall(r"""(?:[^\s'"\\]|\\.|'[^'\n]*'|"[^"\n]*")+""", data)
    return [
        re.sub(r"""\\(.)|'([^']*)'|"([^"]*)\"""", lambda match: match[1] or match[2] or match[3] or "", item)
        for item in found
    ]


def _groups(items: list[str], found: dict[str, str], words: list[str]) -> list[list[str]]:
    if "I" in found:
        return [[word.replace(found["I"], item) for word in words] for item in items]
    most = int(found.get("n", found.get("L", "0"))) or len(items) or 1
    groups = [[*words, *items[at : at + most]] for at in range(0, len(items), most)]
    return groups or ([] if "r" in found else [words])


@command("/usr/bin/which")
def which(process: Process, words: list[str]) -> Steps[int]:
    status = 0
    for word in words:
        if word == "-a":
            continue
        try:
            yield from process.say(f"{located(process, word)}\n")
        except (NotFound, NotExecutable):
            status = 1
    return status
