"""What a command's first word calls: a function, something that the shell does by itself, or a program."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands import NotExecutable, NotFound, program
from lxdnb.sandbox.nodes import FileError
from lxdnb.sandbox.shell.expansion import Fault
from lxdnb.sandbox.shell.syntax import Command
from lxdnb.sandbox.shell.table import BUILTINS, SPECIAL
from lxdnb.sandbox.shell.variables import Variables
from lxdnb.sandbox.signals import HUP, INT, KILL, QUIT, SEGV, TERM

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__ = ["BreakLoop", "Caller", "ContinueLoop", "ExitShell", "ReturnFrom"]

MOST_GIVEN = 2**21  # bytes of words and environment that a program takes, as Linux has it
LONGEST_GIVEN = 2**17
DEEPEST = 100  # calls of functions within each other
_DEATHS = {HUP: "Hangup", QUIT: "Quit", KILL: "Killed", SEGV: "Segmentation fault", TERM: "Terminated"}


class ExitShell(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


class ReturnFrom(ExitShell):
    """Leaves a function."""


class BreakLoop(Exception):
    def __init__(self, levels: int) -> None:
        self.levels = levels


class ContinueLoop(BreakLoop):
    """Goes on with the next round."""


class Caller(Variables, ABC):
    """A shell, as far as it calls things."""

    def __init__(self, process: Process, name: str, positional: list[str]) -> None:
        super().__init__(process, name, positional)
        self.functions: dict[str, Command] = {}
        self.traps: dict[int, str] = {}
        self.interactive = False
        self.loops = self.calls = 0

    def complain(self, text: str) -> Steps[None]:
        yield from self.process.say(f"{self.name}: {text}\n", 2)

    def spawn(self, words: list[str], body: Callable[[Process], Steps[int]]) -> Process:
        """Begin a child. Raises Fault where there are too many already."""
        try:
            return self.process.spawn(words, body)
        except FileError as error:
            raise Fault(f"can't fork: {error.text}") from None

    @abstractmethod
    def command(self, command: Command, *, last: bool = False) -> Steps[None]:
        """Run a command; `last` tells that nothing comes after it."""

    def call(self, words: list[str], given: dict[str, str], *, last: bool = False, plain: bool = False) -> Steps[int]:
        """Run a function, a builtin or a program; `plain` passes functions over."""
        name = words[0]
        if name in self.functions and not plain:
            return (yield from self._called(self.functions[name], words, given))
        if name in BUILTINS:
            kept = {} if name in SPECIAL else {key: self.variables.get(key) for key in given}
            for key, value in given.items():
                self.assign(key, value)
            try:
                return (yield from BUILTINS[name](self, words[1:]))
            except FileError as error:
                yield from self.complain(f"{name}: {error.text}")
                return 1
            finally:
                self.restore(kept)
        return (yield from self._program(words, given, last=last))

    def _called(self, body: Command, words: list[str], given: dict[str, str]) -> Steps[int]:
        if self.calls >= DEEPEST:
            raise Fault("function calls are nested too deeply")
        for key, value in given.items():
            self.assign(key, value)
        positional, self.positional = self.positional, words[1:]
        loops, self.loops = self.loops, 0
        self.calls += 1
        self.locals.append({})
        try:
            yield from self.command(body)
        except ReturnFrom as leaving:
            self.status = leaving.status
        finally:
            self.calls -= 1
            self.positional, self.loops = positional, loops
            self.restore(self.locals.pop())
        return self.status

    def _program(self, words: list[str], given: dict[str, str], *, last: bool) -> Steps[int]:
        if last and not any(self.traps.values()):
            return (yield from self.become(words, given))
        environment = self.environment() | given

        def body(process: Process) -> Steps[int]:
            process.environment = environment
            process.caught.clear()
            process.pending.clear()
            return started(process, words, self.name)

        child = self.spawn(words, body)
        status = yield from self.process.wait(child)
        if child.killer == INT and self.interactive:
            yield from self.process.say("\n", 2)
        elif child.killer in _DEATHS:
            yield from self.process.say(f"{_DEATHS[child.killer]}\n", 2)
        return status

    def become(self, words: list[str], given: dict[str, str]) -> Steps[int]:
        """Run a program in this process, instead of the shell."""
        process = self.process
        process.environment = self.environment() | given
        process.words = words
        process.caught.clear()
        return (yield from started(process, words, self.name))


def started(process: Process, words: list[str], shell: str) -> Steps[int]:
    """Run a program, or say why it cannot be."""
    given = [*words, *(f"{key}={value}" for key, value in process.environment.items())]
    if sum(map(len, given)) > MOST_GIVEN or max(map(len, given)) > LONGEST_GIVEN:
        yield from process.say(f"{shell}: {words[0]}: Argument list too long\n", 2)
        return 126
    try:
        body = program(process, words, by_shell=True)
    except NotFound:
        yield from process.say(f"{shell}: {words[0]}: not found\n", 2)
        return 127
    except NotExecutable:
        yield from process.say(f"{shell}: {words[0]}: Permission denied\n", 2)
        return 126
    return (yield from body)
