"""ls, stat, df and du: what is told of files."""

from __future__ import annotations

import re
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.accounts import group_name, user_name
from lxdnb.sandbox.commands.reading import options
from lxdnb.sandbox.commands.registry import Broken, command
from lxdnb.sandbox.nodes import Directory, File, FileError, Link, Node

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []

_KINDS = {
    stat.S_IFREG: "regular file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symbolic link",
    stat.S_IFCHR: "character special file", stat.S_IFIFO: "fifo",
}  # fmt: skip
_RECENT = 180 * 86_400  # seconds


def _human(size: int) -> str:
    if size < 1024:
        return str(size)
    power = min((size.bit_length() - 1) // 10, 4)
    return f"{size / 1024**power:.1f}{' KMGT'[power]}"


@command("/bin/ls")
def ls(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "1AaCxdLHRFplinshrSXvctukTwgo", ("color=", "full-time"))
    listing = _Listing(process, found)
    return (yield from listing.all(paths or ["."]))


class _Listing:
    def __init__(self, process: Process, found: dict[str, str]) -> None:
        self._process, self._found = process, found
        self._long = bool({"l", "n", "g", "o"} & found.keys())
        terminal = process.files[1].terminal if 1 in process.files else None
        self._width = terminal.width if terminal is not None and "1" not in found else 0
        self._status = 0

    def all(self, paths: list[str]) -> Steps[int]:
        files: list[tuple[str, Node]] = []
        folders: list[tuple[str, Directory]] = []
        for path in paths:
            try:
                follow = not (self._long or {"d", "F"} & self._found.keys()) or "L" in self._found or path.endswith("/")
                node = self._process.tree.find(self._process.path(path), follow=follow, who=self._process.user)
            except FileError as error:
                self._status = 1
                yield from self._process.say(f"ls: {path}: {error.text}\n", 2)
                continue
            if isinstance(node, Directory) and "d" not in self._found:
                folders.append((path, node))
            else:
                files.append((path, node))
        if files:
            yield from self._show(self._sorted(files))
        titled = len(paths) > 1 or "R" in self._found
        first = not files
        folders.sort(key=lambda each: each[0])
        for path, folder in folders:
            yield from self._folder(path, folder, titled, first)
            first = False
        return self._status

    def _folder(self, path: str, folder: Directory, titled: bool, first: bool) -> Steps[None]:
        process = self._process
        if titled:
            yield from process.say(f"{'' if first else chr(10)}{path}:\n")
        if not process.tree.may(folder, 4, process.user):
            self._status = 1
            yield from process.say(f"ls: can't open '{path}': Permission denied\n", 2)
            return
        entries = [(name, folder.get(name)) for name in folder.names()]
        there = [(name, node) for name, node in entries if node is not None]
        if not {"a", "A"} & self._found.keys():
            there = [(name, node) for name, node in there if not name.startswith(".")]
        inner = self._sorted(there)
        if "a" in self._found:
            above = process.tree.get(process.path(f"{path}/..")) or folder
            there = [(".", folder), ("..", above), *there]
        if self._long or "s" in self._found:
            total = sum(_blocks(node) for _, node in there) // 2
            yield from process.say(f"total {_human(total * 1024) if 'h' in self._found else total}\n")
        yield from self._show(self._sorted(there))
        if "R" in self._found:
            for name, node in inner:
                if isinstance(node, Directory):
                    yield from self._folder(f"{path.rstrip('/')}/{name}", node, True, False)

    def _sorted(self, entries: list[tuple[str, Node]]) -> list[tuple[str, Node]]:
        made = sorted(entries, key=lambda each: each[0])
        if "t" in self._found:
            made.sort(key=lambda each: -each[1].mtime)
        elif "S" in self._found:
            made.sort(key=lambda each: -each[1].size)
        return made[::-1] if "r" in self._found else made

    def _show(self, entries: list[tuple[str, Node]]) -> Steps[None]:
        if self._long:
            lines = [self._line(name, node) for name, node in entries]
        else:
            names = [self._named(name, node) for name, node in entries]
            lines = self._columns(names) if self._width or "C" in self._found else names
        if lines:
            yield from self._process.say("".join(f"{line}\n" for line in lines))

    def _named(self, name: str, node: Node) -> str:
        inode = f"{id(node) % 10**7:7d} " if "i" in self._found else ""
        if "F" in self._found:
            run = isinstance(node, File) and node.mode & 0o111
            name += "/" if isinstance(node, Directory) else "@" if isinstance(node, Link) else "*" if run else ""
        elif "p" in self._found and isinstance(node, Directory):
            name += "/"
        return inode + name

    def _columns(self, names: list[str]) -> list[str]:
        wide = max(map(len, names), default=0) + 2
        count = max(1, (self._width or 80) // wide)
        rows = -(-len(names) // count) if names else 0
        return ["".join(name.ljust(wide) for name in names[row::rows]).rstrip() for row in range(rows)]

    def _line(self, name: str, node: Node) -> str:
        numeric = "n" in self._found
        owner = str(node.uid) if numeric else user_name(self._process, node.uid)
        group = str(node.gid) if numeric else group_name(self._process, node.gid)
        size = _human(node.size) if "h" in self._found else str(node.size)
        when = datetime.fromtimestamp(node.mtime, UTC)
        recent = abs(self._process.machine.host.clock() - node.mtime) < _RECENT
        if "full-time" in self._found:
            shown = when.strftime("%Y-%m-%d %H:%M:%S %z")
        else:
            shown = when.strftime("%b %e %H:%M" if recent else "%b %e  %Y")
        target = f" -> {node.target}" if isinstance(node, Link) else ""
        mode = stat.filemode(node.whole_mode)
        wide = 11 if "h" in self._found else 9
        return f"{mode} {links(node):4d} {owner:<8} {group:<8} {size:>{wide}} {shown} {self._named(name, node)}{target}"


def links(node: Node) -> int:
    """Return how many names it has."""
    if isinstance(node, Directory):
        return 2 + sum(isinstance(node.get(name), Directory) for name in node.names())
    return node.links


def _blocks(node: Node) -> int:
    """Return how many blocks of 512 bytes it takes."""
    return 8 if isinstance(node, Directory) else -(-node.size // 4096) * 8 if isinstance(node, File) else 0


@command("/bin/stat")
def stat_(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "c:Ltf")
    status = 0
    for path in paths:
        try:
            node = process.tree.find(process.path(path), follow="L" in found, who=process.user)
        except FileError as error:
            status = 1
            yield from process.say(f"stat: can't stat '{path}': {error.text}\n", 2)
            continue
        if "c" in found:
            yield from process.say(_formatted(process, found["c"], path, node) + "\n")
        else:
            yield from process.say(_described(process, path, node))
    if not paths:
        raise Broken("missing operand")
    return status


def _when(seconds: float) -> str:
    fraction = int(seconds % 1 * 1e9)
    return datetime.fromtimestamp(seconds // 1, UTC).strftime("%Y-%m-%d %H:%M:%S") + f".{fraction:09} +0000"


def _formatted(process: Process, form: str, path: str, node: Node) -> str:
    target = f" -> '{node.target}'" if isinstance(node, Link) else ""
    kind = "regular empty file" if isinstance(node, File) and not node.size else _KINDS.get(node.kind, "weird file")
    values = {
        "n": path, "N": f"'{path}'{target}", "s": node.size, "a": f"{node.mode:o}", "A": stat.filemode(node.whole_mode),
        "f": f"{node.whole_mode:x}", "F": kind, "u": node.uid, "g": node.gid, "U": user_name(process, node.uid),
        "G": group_name(process, node.gid), "h": links(node), "i": id(node) % 10**7, "b": _blocks(node), "B": 512,
        "o": 4096, "d": 1, "D": "1", "t": 0, "T": 0, "m": "/",
        "Y": int(node.mtime), "y": _when(node.mtime), "X": int(node.mtime), "x": _when(node.mtime),
        "Z": int(node.mtime), "z": _when(node.mtime), "%": "%",
    }  # fmt: skip
    return re.sub(r"%(-?\d*)([a-zA-Z%])", lambda match: _padded(str(values.get(match[2], "?")), match[1]), form)


def _padded(text: str, width: str) -> str:
    return text.ljust(int(width[1:])) if width.startswith("-") else text.rjust(int(width or 0))


def _described(process: Process, path: str, node: Node) -> str:
    form = "  File: %n\n  Size: %-10s\tBlocks: %-10b IO Block: 4096   %F\nDevice: 1h/1d\tInode: %-10i  Links: %h\n"
    owners = "Access: (%04a/%A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\n"
    times = "Access: %x\nModify: %y\nChange: %z\n"
    shown = f"{path} -> {node.target}" if isinstance(node, Link) else path
    form = form.replace("%n", shown.replace("%", "%%"))
    owners = owners.replace("%04a", f"{node.mode:04o}")
    return _formatted(process, form + owners + times, path, node)


@command("/bin/df")
def df(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "PkmhTaiB:t:")
    for path in paths:
        process.tree.find(process.path(path))
    total, used = process.tree.space.total, process.tree.space.used
    scale = {"m": 2**20}.get(next((letter for letter in "m" if letter in found), ""), 1024)
    if "h" in found:
        title, figures = "Size      Used Available", [_human(each) for each in (total, used, total - used)]
        first = f"{'/simulated':<20} {figures[0]:>9} {figures[1]:>9} {figures[2]:>9}"
        head = f"{'Filesystem':<20} {'Size':>9} {'Used':>9} {'Available':>9}"
    else:
        title = "1M-blocks" if scale > 1024 else "1K-blocks"
        first = f"{'/simulated':<20} {total // scale:>9} {used // scale:>9} {(total - used) // scale:>9}"
        head = f"{'Filesystem':<20} {title:>9} {'Used':>9} {'Available':>9}"
    yield from process.say(f"{head} Use% Mounted on\n{first} {used * 100 // total:>3}% /\n")
    return 0


@command("/usr/bin/du")
def du(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "aHLdclsxhmkb")
    for path in paths or ["."]:
        try:
            node = process.tree.find(process.path(path), follow=False)
        except FileError as error:
            yield from process.say(f"du: {path}: {error.text}\n", 2)
            return 1
        yield from _sizes(process, found, path, node, top=True)
    return 0


def _sizes(process: Process, found: dict[str, str], path: str, node: Node, *, top: bool) -> Steps[int]:
    blocks = _blocks(node)
    if isinstance(node, Directory):
        for name in node.names():
            child = node.get(name)
            if child is not None:
                blocks += yield from _sizes(process, found, f"{path.rstrip('/')}/{name}", child, top=False)
    if top or ("s" not in found and (isinstance(node, Directory) or "a" in found)):
        size = _human(blocks * 512) if "h" in found else str(blocks // (2048 if "m" in found else 2))
        yield from process.say(f"{size}\t{path}\n")
    return blocks
