"""Which program a name is: found along PATH among the files of the instance, run as the one of that name here."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.nodes import Directory, File, FileError

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__ = ["Broken", "Command", "NotExecutable", "NotFound", "command", "located", "names", "program"]

Command = Callable[["Process", list[str]], Steps[int]]
C = TypeVar("C", bound=Command)
_MODULES = (
    "commands.editing", "commands.finding", "commands.listing", "commands.logins", "commands.moving",
    "commands.networking", "commands.numbers", "commands.owning", "commands.powering", "commands.printing",
    "commands.processes", "commands.searching", "commands.sorting", "commands.streaming", "commands.sums",
    "commands.system", "commands.testing", "commands.times", "commands.widths", "shell.program",
)  # fmt: skip
_DEEPEST = 8  # scripts that are run by scripts that …
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_commands: dict[str, Command] = {}
_paths: list[str] = []


class NotFound(Exception):
    status = 127


class NotExecutable(Exception):
    status = 126


class Broken(Exception):
    """A command cannot go on: what it says of that, without its own name, and its exit code."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def command(*paths: str) -> Callable[[C], C]:
    """Have a function be the program at these paths."""

    def registered(function: C) -> C:
        for path in paths:
            _commands[path.rpartition("/")[2]] = function
            _paths.append(path)
        return function

    return registered


@cache
def _load() -> None:
    """Import all that has programs, whichever of it somebody has imported before."""
    for module in _MODULES:
        import_module(f"lxdnb.sandbox.{module}")


def names() -> list[str]:
    """Return the paths that a small system has programs at."""
    _load()
    return [*_paths]


def located(process: Process, name: str, path: str | None = None) -> str:
    """Return the path of a program. Raises NotFound or NotExecutable."""
    tree, refused = process.tree, False
    if not name:
        raise NotFound("Command not found")
    if "/" in name:
        candidates = [process.path(name)]
    else:
        folders = (process.environment.get("PATH", _PATH) if path is None else path).split(":")
        candidates = [process.path(f"{folder or '.'}/{name}") for folder in folders]
    for candidate in candidates:
        node = tree.get(candidate, who=process.user)
        if node is None:
            continue
        if isinstance(node, Directory) or not tree.may(node, 1, process.user):
            refused = True
            continue
        return candidate
    if refused:
        raise NotExecutable("Command not executable")
    raise NotFound("Command not found")


def program(process: Process, words: list[str], *, by_shell: bool = False, depth: int = 0) -> Steps[int]:
    """Return what a program does, ready to begin. Raises NotFound or NotExecutable."""
    _load()
    path = located(process, words[0])
    node = process.tree.find(path, who=process.user)
    head = bytes(memoryview(node.data)[:256]) if isinstance(node, File) else b""
    if head.startswith(b"#!") and depth < _DEEPEST:
        interpreter = head[2:].split(b"\n")[0].decode(errors="replace").split(None, 1)
        script = path if "/" not in words[0] else words[0]
        if not interpreter:
            raise NotExecutable("Command not executable")
        return program(process, [*interpreter, script, *words[1:]], by_shell=by_shell, depth=depth + 1)
    name = path.rpartition("/")[2]
    if name == "busybox":
        words, name = (words[1:], words[1]) if len(words) > 1 else (words, "busybox")
    if not head.startswith(b"\x7fELF") and name not in _commands:
        if not by_shell:
            raise NotExecutable("Command not executable")
        return _commands["sh"](process, [words[0], *words[1:]])
    if name not in _commands:
        raise NotFound("Command not found")
    return _guarded(process, name, words[1:])


def _guarded(process: Process, name: str, words: list[str]) -> Steps[int]:
    """Run a command; what it cannot do is told as busybox tells it."""
    try:
        return (yield from _commands[name](process, words))
    except Broken as broken:
        if str(broken):
            yield from process.say(f"{name}: {broken}\n", 2)
        return broken.status
    except FileError as error:
        yield from process.say(f"{name}: {error.text}\n", 2)
        return 1
