"""`sh` as a program: a text given with -c, a file, or what comes in, typed at a terminal or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.registry import command
from lxdnb.sandbox.nodes import FileError
from lxdnb.sandbox.shell import builtins, jobs, lines  # noqa: F401  # pyright: ignore[reportUnusedImport]
from lxdnb.sandbox.shell.expansion import Fault
from lxdnb.sandbox.shell.interpreter import ExitShell, Shell
from lxdnb.sandbox.shell.parser import Parser
from lxdnb.sandbox.shell.words import Incomplete, SyntaxFault
from lxdnb.sandbox.signals import INT, QUIT, TERM

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []


@command("/bin/sh", "/bin/ash")
def sh(process: Process, words: list[str]) -> Steps[int]:
    shell = Shell(process)
    depth = shell.variables.get("SHLVL", "")
    shell.variables["SHLVL"] = str(int(depth) + 1 if depth.isdecimal() else 1)
    shell.exported.add("SHLVL")
    text: str | None = None
    at, gives, login = 0, False, False
    while at < len(words) and words[at][:1] in ("-", "+") and len(words[at]) > 1:
        word = words[at]
        at += 1
        if word == "--":
            break
        if word == "-o":
            at += 1
            continue
        for letter in word[1:]:
            gives |= letter == "c"
            login |= letter == "l"
            shell.interactive |= letter == "i"
            if letter in shell.options:
                shell.options[letter] = word[0] == "-"
    if gives:
        if at >= len(words):
            yield from shell.complain("-c requires an argument")
            return 2
        text = words[at]
        shell.name, shell.positional = (words[at + 1] if at + 1 < len(words) else "sh"), words[at + 2 :]
    elif at < len(words):
        shell.name, shell.positional = words[at], words[at + 1 :]
        try:
            text = yield from _content(process, words[at])
        except FileError as error:
            yield from process.say(f"sh: can't open '{words[at]}': {error.text}\n", 2)
            return 127 if error.word == "ENOENT" else 126
    if text is None:
        on_terminal = 0 in process.files and process.files[0].terminal is not None
        shell.interactive |= on_terminal
        run = _typed if shell.interactive else _streamed
        return (yield from shell.to_the_end(lambda: _begun(shell, run(shell), login)))
    return (yield from shell.to_the_end(lambda: _begun(shell, _text(shell, text), login)))


def _begun(shell: Shell, steps: Steps[None], login: bool) -> Steps[None]:
    """Run what a shell is for, after the profiles if it is somebody's first."""
    for path in ("/etc/profile", f"{shell.get('HOME')}/.profile") if login else ():
        try:
            profile = yield from _content(shell.process, path)
        except FileError:
            continue
        yield from _text(shell, profile, whole=False)
    yield from steps


def _content(process: Process, path: str) -> Steps[str]:
    file = process.open(path)
    held = bytearray()
    while data := (yield from file.read(65_536)):
        held += data
    file.let_go()
    return held.decode(errors="surrogateescape")


def _text(shell: Shell, text: str, *, whole: bool = True) -> Steps[None]:
    """Run a text; `whole` is whether nothing comes after it."""
    parser = Parser(text)
    try:
        script = parser.next()
        while script is not None:
            rest = text[parser.at :].strip()
            if whole and not rest:
                yield from shell.run(script, last=True)
                return
            yield from shell.run(script)
            script = parser.next()
    except SyntaxFault as fault:
        raise Fault(str(fault)) from None


def _line(shell: Shell) -> Steps[str]:
    """Read a line of commands, and no byte more, for what they run reads on from there."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = yield from shell.process.read(0, 1)
        if not byte:
            break
        line += byte
    return line.decode(errors="surrogateescape")


def _streamed(shell: Shell) -> Steps[None]:
    text = ""
    while True:
        line = yield from _line(shell)
        text += line
        if not line and not text:
            return
        try:
            parser = Parser(text)
            script = parser.next()
            if script is not None:
                yield from shell.run(script)
        except Incomplete as fault:
            if line:
                continue
            raise Fault(str(fault)) from None
        except SyntaxFault as fault:
            raise Fault(str(fault)) from None
        text = ""
        if not line:
            return


def _prompt(shell: Shell, more: bool) -> str:
    if more:
        return shell.variables.get("PS2", "> ")
    home, where = shell.get("HOME"), shell.process.directory
    if home and home != "/" and (where == home or where.startswith(f"{home}/")):
        where = f"~{where[len(home) :]}"
    mark = "#" if shell.process.user.uid == 0 else "$"
    own = shell.variables.get("PS1", r"\w \$ ")
    hostname = shell.process.machine.instance.name
    return own.replace(r"\w", where).replace(r"\$", mark).replace(r"\h", hostname).replace(r"\u", shell.get("USER"))


def _typed(shell: Shell) -> Steps[None]:
    process = shell.process
    process.caught |= {INT, QUIT, TERM}
    text = ""
    while True:
        yield from process.say(_prompt(shell, bool(text)) + _typed_ahead(process), 2)
        process.breakable = True
        try:
            line = yield from _command_line(shell)
        finally:
            process.breakable = False
        if line is None:  # ^C
            process.pending.clear()
            yield from process.say("\n", 2)
            text = ""
            continue
        text += line
        if not line:
            if not text:
                yield from process.say("\n", 2)
            return
        try:
            parser = Parser(text)
            while (script := parser.next()) is not None:
                yield from shell.run(script)
        except Incomplete:
            continue
        except SyntaxFault as fault:
            yield from shell.complain(str(fault))
            shell.status = 2
        except ExitShell:
            raise
        except Fault as fault:
            yield from shell.complain(str(fault))
            shell.status = 2
        process.pending.clear()
        text = ""


def _typed_ahead(process: Process) -> str:
    """Return the line that was typed before it was asked for, which a shell shows again where it asks."""
    terminal = process.files[0].terminal if 0 in process.files else None
    return terminal.ahead.decode(errors="replace") if terminal is not None else ""


def _command_line(shell: Shell) -> Steps[str | None]:
    """Read what is typed up to the end of a line; None if ^C came instead."""
    process, line = shell.process, bytearray()
    terminal = process.files[0].terminal if 0 in process.files else None
    while not line.endswith(b"\n"):
        if terminal is not None:
            while not terminal.waiting and not terminal.gone:
                if process.pending:
                    return None
                yield terminal.readable
        byte = yield from process.read(0, 1)
        if not byte:
            break
        line += byte
    return line.decode(errors="surrogateescape")
