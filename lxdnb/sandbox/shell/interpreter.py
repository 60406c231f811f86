"""The shell itself: runs what was read, in the process that it is, with children of it where they are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Open, Pipe, PipeEnd, Steps
from lxdnb.sandbox.nodes import FileError
from lxdnb.sandbox.shell import patterns
from lxdnb.sandbox.shell.calls import BreakLoop, Caller, ContinueLoop, ExitShell, ReturnFrom
from lxdnb.sandbox.shell.expansion import Fault, fields, pattern_of, text_of
from lxdnb.sandbox.shell.redirects import Redirected
from lxdnb.sandbox.shell.syntax import (
    AndOr,
    Case,
    Command,
    For,
    Function,
    Group,
    If,
    Pipeline,
    Script,
    Simple,
    While,
)
from lxdnb.sandbox.signals import INT, QUIT

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__ = ["BreakLoop", "ContinueLoop", "ExitShell", "ReturnFrom", "Shell"]

OFTEN = 8  # commands between two turns of others


class Shell(Caller):
    """One shell, in a process."""

    def __init__(self, process: Process, name: str = "sh", positional: list[str] | None = None) -> None:
        super().__init__(process, name, positional or [])
        self.substituted: int | None = None
        """The exit code of the last substitution in what it runs now."""
        self._tested = 0
        """How deep it is in conditions, where a failure is no reason to end."""
        self._count = 0

    def copy(self, process: Process) -> Shell:
        """Return a shell that knows what this one does, in a process of its own."""
        made = Shell(process, self.name, [*self.positional])
        made.take_over(self)
        made.functions, made.options = dict(self.functions), dict(self.options)
        made.loops, made.calls = self.loops, self.calls
        made._tested = self._tested
        process.caught.clear()
        return made

    # --- running

    def run(self, script: Script, *, last: bool = False) -> Steps[int]:
        """Run commands one after the other; `last` tells that nothing comes after them."""
        for number, item in enumerate(script.items):
            if item.background:
                self._begin(item, script.text)
                self.status = 0
            else:
                yield from self._and_or(item, last=last and number == len(script.items) - 1)
            if self.process.pending:
                yield from self.run_traps()
        return self.status

    def _begin(self, item: AndOr, text: str) -> None:
        script = Script((AndOr(item.first, item.rest, False),), text)
        null = {} if self.interactive else {0: self.process.open("/dev/null")}
        child = self.fork([*self.process.words], script, null)
        if not self.interactive:
            child.ignored |= {INT, QUIT}
        self.children.append(child)
        self.last_background = child.pid

    def _and_or(self, item: AndOr, *, last: bool) -> Steps[None]:
        if not item.rest:
            yield from self._pipeline(item.first, last=last)
            return
        self._tested += 1
        try:
            yield from self._pipeline(item.first)
        finally:
            self._tested -= 1
        for number, (operator, pipeline) in enumerate(item.rest):
            if (self.status == 0) != (operator == "&&"):
                continue
            final = number == len(item.rest) - 1
            self._tested += not final
            try:
                yield from self._pipeline(pipeline)
            finally:
                self._tested -= not final

    def _pipeline(self, pipeline: Pipeline, *, last: bool = False) -> Steps[None]:
        self._tested += pipeline.negated
        try:
            if len(pipeline.commands) == 1:
                yield from self.command(pipeline.commands[0], last=last and not pipeline.negated)
            else:
                yield from self._piped(pipeline)
        finally:
            self._tested -= pipeline.negated
        if pipeline.negated:
            self.status = int(self.status == 0)
        elif self.status and len(pipeline.commands) > 1:
            self._check()

    def _check(self) -> None:
        """End it after a failure, if that is what it was told to do."""
        if self.status and self.options["e"] and not self._tested:
            raise ExitShell(self.status)

    def _piped(self, pipeline: Pipeline) -> Steps[None]:
        children: list[Process] = []
        before: Open | None = None
        for number, command in enumerate(pipeline.commands):
            given: dict[int, Open] = {} if before is None else {0: before}
            before = None
            if number < len(pipeline.commands) - 1:
                pipe = Pipe()
                before = PipeEnd(pipe, "r")
                given[1] = PipeEnd(pipe, "w")
            script = Script((AndOr(Pipeline((command,), False), (), False),))
            child = self.fork([*self.process.words], script, given)
            if before is not None and child.status is None:
                child.files = {key: file for key, file in child.files.items() if file is not before}
            children.append(child)
        statuses: list[int] = []
        for child in children:
            statuses.append((yield from self.process.wait(child)))
        self.status = statuses[-1]
        if self.options["pipefail"]:
            self.status = next((each for each in reversed(statuses) if each), 0)

    def fork(self, words: list[str], script: Script, files: dict[int, Open]) -> Process:
        """Begin a child that runs commands, with files of its own."""
        tested = self._tested

        def body(process: Process) -> Steps[int]:
            shell = self.copy(process)
            shell._tested = tested
            return shell.to_the_end(lambda: shell.run(script, last=True))

        child = self.spawn(words, body)
        for number, file in files.items():
            child.put(number, file)
        return child

    def to_the_end(self, run: Callable[[], Steps[object]]) -> Steps[int]:
        """Run something as all that this process does, and return its exit code."""
        try:
            yield from run()
        except (ReturnFrom, ExitShell) as leaving:
            self.status = leaving.status
        except (BreakLoop, ContinueLoop):
            pass
        except Fault as fault:
            yield from self.complain(str(fault))
            self.status = 2
        if action := self.traps.pop(0, ""):
            status = self.status
            try:
                yield from self.evaluate(action)
                self.status = status
            except ExitShell as leaving:
                self.status = leaving.status
        return self.status

    def evaluate(self, text: str) -> Steps[int]:
        """Run a text of commands."""
        from lxdnb.sandbox.shell.parser import Parser
        from lxdnb.sandbox.shell.words import SyntaxFault

        parser = Parser(text)
        try:
            while (script := parser.next()) is not None:
                yield from self.run(script)
        except SyntaxFault as fault:
            raise Fault(str(fault)) from None
        return self.status

    def run_traps(self) -> Steps[None]:
        while self.process.pending:
            action = self.traps.get(self.process.pending.pop(0))
            if action:
                status = self.status
                yield from self.evaluate(action)
                self.status = status

    # --- commands

    def command(self, command: Command, *, last: bool = False) -> Steps[None]:
        self._count += 1
        if self._count % OFTEN == 0:
            yield None
        if isinstance(command, Simple):
            yield from self._simple(command, last=last)
            self._check()
            return
        if isinstance(command, Function):
            self.functions[command.name] = command.body
            self.status = 0
            return
        redirected = Redirected(self)
        try:
            yield from redirected.apply(command.redirects)
        except FileError:
            self.status = 1
            self._check()
            return
        try:
            yield from self._compound(command)
        finally:
            redirected.undo()
        if isinstance(command, Group) and command.apart:
            self._check()

    def _compound(self, command: If | While | For | Case | Group) -> Steps[None]:
        if isinstance(command, Group):
            if command.apart:
                child = self.fork([*self.process.words], command.body, {})
                self.status = yield from self.process.wait(child)
            else:
                yield from self.run(command.body)
        elif isinstance(command, If):
            yield from self._if(command)
        elif isinstance(command, For):
            yield from self._for(command)
        elif isinstance(command, While):
            yield from self._while(command)
        else:
            yield from self._case(command)

    def _condition(self, script: Script) -> Steps[bool]:
        self._tested += 1
        try:
            return (yield from self.run(script)) == 0
        finally:
            self._tested -= 1

    def _if(self, command: If) -> Steps[None]:
        for condition, body in command.clauses:
            if (yield from self._condition(condition)):
                yield from self.run(body)
                return
        self.status = 0
        if command.otherwise is not None:
            yield from self.run(command.otherwise)

    def _while(self, command: While) -> Steps[None]:
        status = 0
        self.loops += 1
        try:
            while (yield from self._condition(command.condition)) != command.until:
                if not (yield from self._round(command.body)):
                    status = self.status
                    break
                status = self.status
        except BreakLoop as leaving:
            self._leave(leaving)
            status = 0
        finally:
            self.loops -= 1
        self.status = status

    def _for(self, command: For) -> Steps[None]:
        words = self.positional if command.words is None else (yield from fields(self, command.words))
        self.status = 0
        self.loops += 1
        try:
            for word in [*words]:
                self.assign(command.name, word)
                if not (yield from self._round(command.body)):
                    break
        finally:
            self.loops -= 1

    def _round(self, body: Script) -> Steps[bool]:
        """Run a loop's body once, and return whether the loop goes on."""
        try:
            yield from self.run(body)
        except ContinueLoop as leaving:
            self.status = 0
            if leaving.levels > 1 and self.loops > 1:
                raise ContinueLoop(leaving.levels - 1) from None
        except BreakLoop as leaving:
            self.status = 0
            self._leave(leaving)
            return False
        return True

    def _leave(self, leaving: BreakLoop) -> None:
        if leaving.levels > 1 and self.loops > 1:
            raise type(leaving)(leaving.levels - 1)

    def _case(self, command: Case) -> Steps[None]:
        text = yield from text_of(self, command.word)
        self.status = 0
        for wanted, body in command.items:
            for word in wanted:
                if patterns.matches(text, (yield from pattern_of(self, word))):
                    yield from self.run(body)
                    return

    def _simple(self, command: Simple, *, last: bool) -> Steps[None]:
        self.substituted = None
        words = yield from fields(self, command.words)
        redirected = Redirected(self)
        try:
            yield from redirected.apply(command.redirects)
        except FileError:
            self.status = 1
            return
        if last and not any(self.traps.values()):
            redirected.keep()  # so that nothing is held which nobody will write to
        try:
            if not words:
                for name, word in command.assignments:
                    self.assign(name, (yield from text_of(self, word)))
                if self.options["x"] and command.assignments:
                    shown = [f"{name}={self.get(name)}" for name, _ in command.assignments]
                    yield from self.process.say(f"+ {' '.join(shown)}\n", 2)
                self.status = self.substituted or 0
                return
            given: dict[str, str] = {}
            for name, word in command.assignments:
                given[name] = yield from text_of(self, word)
            if self.options["x"]:
                yield from self.process.say(f"+ {' '.join([*(f'{k}={v}' for k, v in given.items()), *words])}\n", 2)
            if words[0] == "exec":
                redirected.keep()
            self.status = yield from self.call(words, given, last=last)
        finally:
            redirected.undo()
