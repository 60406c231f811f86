"""What the shell does by itself: commands that change it, and small ones that need no process."""

from __future__ import annotations

import re

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands import NotExecutable, NotFound, located
from lxdnb.sandbox.commands.printing import echo, printf
from lxdnb.sandbox.commands.testing import bracket, test
from lxdnb.sandbox.nodes import Directory, FileError
from lxdnb.sandbox.shell.expansion import Fault, sum_of
from lxdnb.sandbox.shell.interpreter import BreakLoop, ContinueLoop, ExitShell, ReturnFrom, Shell
from lxdnb.sandbox.shell.table import BUILTINS, builtin
from lxdnb.sandbox.shell.variables import quoted

__all__: list[str] = []


@builtin(":", "true")
def _true(shell: Shell, words: list[str]) -> Steps[int]:
    yield from ()
    return 0


@builtin("false")
def _false(shell: Shell, words: list[str]) -> Steps[int]:
    yield from ()
    return 1


@builtin("echo")
def _echo(shell: Shell, words: list[str]) -> Steps[int]:
    return (yield from echo(shell.process, words))


@builtin("printf")
def _printf(shell: Shell, words: list[str]) -> Steps[int]:
    return (yield from printf(shell.process, words))


@builtin("test")
def _test(shell: Shell, words: list[str]) -> Steps[int]:
    return (yield from test(shell.process, words))


@builtin("[")
def _bracket(shell: Shell, words: list[str]) -> Steps[int]:
    return (yield from bracket(shell.process, words))


@builtin("cd")
def _cd(shell: Shell, words: list[str]) -> Steps[int]:
    process = shell.process
    words = [word for word in words if word not in ("-L", "-P", "--")]
    target = words[0] if words else shell.get("HOME")
    shows = target == "-"
    target = shell.get("OLDPWD") if shows else target
    if not target:
        return 0
    parts: list[str] = []
    for part in process.path(target).split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    path = "/" + "/".join(parts)
    try:
        node = process.tree.find(path, who=process.user)
        if not isinstance(node, Directory):
            raise FileError("ENOTDIR")
        if not process.tree.may(node, 1, process.user):
            raise FileError("EACCES")
    except FileError as error:
        yield from shell.complain(f"cd: can't cd to {target}: {error.text}")
        return 2
    shell.variables["OLDPWD"] = process.directory
    process.directory = shell.variables["PWD"] = path
    if shows:
        yield from process.say(f"{path}\n")
    return 0


@builtin("pwd")
def _pwd(shell: Shell, words: list[str]) -> Steps[int]:
    yield from shell.process.say(f"{shell.process.directory}\n")
    return 0


@builtin("exit")
def _exit(shell: Shell, words: list[str]) -> Steps[int]:
    yield from ()
    raise ExitShell(_count(words, shell.status) & 0xFF)


@builtin("return")
def _return(shell: Shell, words: list[str]) -> Steps[int]:
    yield from ()
    raise ReturnFrom(_count(words, shell.status) & 0xFF)


def _count(words: list[str], default: int) -> int:
    if not words:
        return default
    if not re.fullmatch("-?[0-9]+", words[0]):
        raise Fault(f"Illegal number: {words[0]}")
    return int(words[0])


@builtin("break")
def _break(shell: Shell, words: list[str]) -> Steps[int]:
    yield from ()
    if shell.loops:
        raise BreakLoop(_count(words, 1))
    return 0


@builtin("continue")
def _continue(shell: Shell, words: list[str]) -> Steps[int]:
    yield from ()
    if shell.loops:
        raise ContinueLoop(_count(words, 1))
    return 0


@builtin("shift")
def _shift(shell: Shell, words: list[str]) -> Steps[int]:
    yield from ()
    count = _count(words, 1)
    if count > len(shell.positional):
        return 1
    shell.positional = shell.positional[count:]
    return 0


@builtin("export")
def _export(shell: Shell, words: list[str]) -> Steps[int]:
    return (yield from _marked(shell, words, shell.exported, "export"))


def _marked(shell: Shell, words: list[str], marks: set[str], verb: str) -> Steps[int]:
    words = [word for word in words if word != "-p"]
    if not words:
        for name in sorted(marks):
            value = shell.variables.get(name)
            shown = "" if value is None else f"={quoted(value)}"
            yield from shell.process.say(f"{verb} {name}{shown}\n")
    for word in words:
        name, equals, value = word.partition("=")
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise Fault(f"{verb}: {word}: bad variable name")
        if equals:
            shell.assign(name, value)
        marks.add(name)
    return 0


@builtin("readonly")
def _readonly(shell: Shell, words: list[str]) -> Steps[int]:
    return (yield from _marked(shell, words, shell.fixed, "readonly"))


@builtin("local")
def _local(shell: Shell, words: list[str]) -> Steps[int]:
    yield from ()
    if not shell.locals:
        raise Fault("local: not in a function")
    for word in words:
        name, equals, value = word.partition("=")
        shell.locals[-1].setdefault(name, shell.variables.get(name))
        if equals:
            shell.assign(name, value)
    return 0


@builtin("unset")
def _unset(shell: Shell, words: list[str]) -> Steps[int]:
    yield from ()
    functions = words[:1] == ["-f"]
    for word in words:
        if functions:
            shell.functions.pop(word, None)
        elif not word.startswith("-"):
            if word in shell.fixed:
                raise Fault(f"unset: {word}: is read only")
            shell.unset(word)
    return 0


@builtin("set")
def _set(shell: Shell, words: list[str]) -> Steps[int]:
    if not words:
        for name in sorted(shell.variables):
            yield from shell.process.say(f"{name}={quoted(shell.variables[name])}\n")
        return 0
    at = 0
    while at < len(words):
        word = words[at]
        if word in ("--", "-"):
            shell.give(words[at + 1 :])
            return 0
        if word[:1] not in ("+", "-") or len(word) < 2:
            shell.give(words[at:])
            return 0
        at += 1
        if word in ("-o", "+o"):
            named = {"errexit": "e", "nounset": "u", "noglob": "f", "xtrace": "x", "pipefail": "pipefail"}
            option = named.get(words[at] if at < len(words) else "")
            if option is None:
                raise Fault(f"set: illegal option {word} {words[at] if at < len(words) else ''}")
            shell.options[option] = word == "-o"
            at += 1
            continue
        for letter in word[1:]:
            if letter not in shell.options:
                raise Fault(f"set: illegal option -{letter}")
            shell.options[letter] = word[0] == "-"
    return 0


@builtin("eval")
def _eval(shell: Shell, words: list[str]) -> Steps[int]:
    shell.status = 0
    return (yield from shell.evaluate(" ".join(words)))


@builtin(".", "source")
def _source(shell: Shell, words: list[str]) -> Steps[int]:
    if not words:
        return 0
    process = shell.process
    try:
        file = process.open(words[0])
    except FileError:
        raise Fault(f".: can't open '{words[0]}': No such file or directory") from None
    text = bytearray()
    while data := (yield from file.read(65_536)):
        text += data
    file.let_go()
    try:
        return (yield from shell.evaluate(text.decode(errors="surrogateescape")))
    except ReturnFrom as leaving:
        return leaving.status


@builtin("exec")
def _exec(shell: Shell, words: list[str]) -> Steps[int]:
    if not words:
        return 0
    raise ExitShell((yield from shell.become(words, {})))


@builtin("command")
def _command(shell: Shell, words: list[str]) -> Steps[int]:
    if words[:1] in (["-v"], ["-V"]):
        return (yield from _which(shell, words[1:], plain=words[0] == "-v"))
    words = words[1:] if words[:1] in (["-p"], ["--"]) else words
    return (yield from shell.call(words, {}, plain=True)) if words else 0


@builtin("type")
def _type(shell: Shell, words: list[str]) -> Steps[int]:
    return (yield from _which(shell, words, plain=False))


def _which(shell: Shell, words: list[str], *, plain: bool) -> Steps[int]:
    status = 0
    for word in words:
        if word in shell.functions:
            told = word if plain else f"{word} is a function"
        elif word in BUILTINS:
            told = word if plain else f"{word} is a shell builtin"
        else:
            try:
                path = located(shell.process, word, shell.get("PATH"))
                told = path if plain else f"{word} is {path}"
            except (NotFound, NotExecutable):
                status = 127
                if not plain:
                    yield from shell.process.say(f"{word}: not found\n", 2)
                continue
        yield from shell.process.say(f"{told}\n")
    return status


@builtin("let")
def _let(shell: Shell, words: list[str]) -> Steps[int]:
    yield from ()
    value = 0
    for word in words:
        value = sum_of(shell, word)
    return int(value == 0)


@builtin("umask")
def _umask(shell: Shell, words: list[str]) -> Steps[int]:
    if words:
        shell.process.mask = int(words[0], 8) & 0o777
    else:
        yield from shell.process.say(f"{shell.process.mask:04o}\n")
    return 0


@builtin("times")
def _times(shell: Shell, words: list[str]) -> Steps[int]:
    yield from shell.process.say("0m0.00s 0m0.00s\n0m0.00s 0m0.00s\n")
    return 0
