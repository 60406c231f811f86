"""What a `%lxd` line says: the verb, its options, and where its value goes. Pure: text in, a Request out.

`{{expression}}` is the only template. Expressions are hidden before the line is split into words and filled in after,
so that a value never splits a word or becomes an option; `\\{{` is two plain braces.
"""

from __future__ import annotations

import argparse
import difflib
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

__all__ = ["GrammarError", "Help", "Request", "parse"]

_ASSIGNMENT = re.compile(r"\s*([^\W\d]\w*)\s*<<(?!<)(.*)", re.DOTALL)
_ALIASES = {"ls": "list", "rm": "delete"}
_NUMBERS = {"timeout", "user", "group"}
_MARK = "\0"  # around the number of a hidden expression: no word can hold a NUL otherwise


class GrammarError(ValueError):
    """A line that says nothing we understand; its text says what to write instead."""


class Help(Exception):
    """A line that asks for help; its text is the help."""


@dataclass(frozen=True)
class Request:
    """What a line asks for: `options` by their long names, and the variable that takes the value, if one does."""

    verb: str
    options: Mapping[str, Any] = field(default_factory=dict)
    target: str | None = None


def parse(line: str, evaluate: Callable[[str], object], cell: bool = False) -> Request:
    """Return what a line asks for. `evaluate` gives the value of an expression of the person's.

    With `cell`, it is the first line of a cell, whose body mostly is the command: one in the line stands after `--`.

    Raises GrammarError, Help, and whatever `evaluate` raises.

    >>> parse("df << list -c ns", eval)
    Request(verb='list', options={'filters': [], 'columns': 'ns', 'all_projects': False}, target='df')
    """
    if _MARK in line:
        raise GrammarError("a NUL character cannot be part of a command")
    line = line.strip()
    if line.endswith(";") and not line.endswith("\\;"):
        line = line[:-1]  # IPython's way to show no value; find -exec has its own
    hidden, expressions = _hide(line)
    target = None
    if assignment := _ASSIGNMENT.fullmatch(hidden):
        target, hidden = assignment.groups()
    try:
        words = shlex.split(hidden)
    except ValueError as error:
        raise GrammarError(
            f"{str(error).lower()}: a ' or \" is not closed; put a \\ before it if it is meant"
        ) from None
    command = _after_dashes(words)
    verbs = _verbs()
    if not words or words[0] in ("help", "-h", "--help"):
        raise Help(_overview(verbs))
    verb = _ALIASES.get(words[0], words[0])
    if verb not in verbs:
        close = difflib.get_close_matches(verb, [*verbs, *_ALIASES], n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(verbs)}"
        raise GrammarError(f"no such verb: {words[0]!r}; {hint}")
    if command is not None and verb != "exec":
        words += command
    if verb == "exec" and command is None and not cell:
        words, command = _split_command(words)
    # Expressions are still hidden here: whatever their values are, they stand for words, not for options.
    options = vars(verbs[verb].parse_args(words[1:]))
    if verb == "exec":
        options["command"] = command or []
    values = [str(evaluate(expression)) for expression in expressions]
    filled = {name: _number(name, _fill(value, values)) for name, value in options.items()}
    return Request(verb, filled, target)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        verb = self.prog.removeprefix("%lxd ")
        raise GrammarError(f"{verb}: {message}; {self.prog} --help shows how it goes")

    def print_help(self, file: Any = None) -> None:
        raise Help(self.format_help())


def _verbs() -> dict[str, _Parser]:
    parsers: dict[str, _Parser] = {}

    def verb(name: str, description: str) -> _Parser:
        parsers[name] = _Parser(prog=f"%lxd {name}", description=description, allow_abbrev=False)
        return parsers[name]

    def many(parser: _Parser, everything: bool) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME")
        if everything:
            parser.add_argument("--all", action="store_true", help="all instances of the project")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    listing = verb("list", "Return the instances as a DataFrame.")
    listing.add_argument("filters", nargs="*", metavar="FILTER", help="beginning of a name or a regular expression")
    listing.add_argument("-c", "--columns", help="letters as of lxc list, names or fields: ns4m or name,user.role")
    listing.add_argument("--all-projects", action="store_true")

    launch = verb("launch", "Create an instance and start it; return it.")
    launch.add_argument("image", metavar="IMAGE", help="alias or fingerprint, or images:ALIAS")
    launch.add_argument("name", nargs="?", metavar="NAME")
    launch.add_argument("-p", "--profile", action="append", dest="profiles")
    launch.add_argument("--no-profiles", action="store_true")
    launch.add_argument("-c", "--config", action="append", default=[], metavar="KEY=VALUE")
    launch.add_argument("-d", "--device", action="append", default=[], metavar="NAME,KEY=VALUE…")
    launch.add_argument("-s", "--storage", metavar="POOL")
    launch.add_argument("-n", "--network")
    launch.add_argument("-e", "--ephemeral", action="store_true")
    launch.add_argument("--vm", action="store_true", help="a virtual machine")
    launch.add_argument("--target", metavar="MEMBER")

    many(verb("start", "Start instances."), everything=True)
    stop = verb("stop", "Stop instances.")
    many(stop, everything=True)
    stop.add_argument("-f", "--force", action="store_true", help="at once, without asking their init")
    stop.add_argument("--timeout", metavar="SECONDS")
    delete = verb("delete", "Delete instances.")
    many(delete, everything=False)
    delete.add_argument("-f", "--force", action="store_true", help="also if it is running")

    run = verb("exec", "Run a command in an instance: its output appears as it comes. %%lxd runs the cell in sh.")
    run.usage = "%%lxd exec [--env KEY=VALUE] [--cwd DIRECTORY] [--user UID] [--group GID] NAME [--] COMMAND…"
    for flag in ("-T", "-n"):
        run.add_argument(flag, action="store_true", help=argparse.SUPPRESS)  # lxc's: no terminal, no input; so it is
    run.add_argument("--env", action="append", default=[], metavar="KEY=VALUE")
    run.add_argument("--cwd", metavar="DIRECTORY")
    run.add_argument("--user", metavar="UID")
    run.add_argument("--group", metavar="GID")
    run.add_argument("name", metavar="NAME")
    return parsers


def _hide(line: str) -> tuple[str, list[str]]:
    """Return the line with a mark for each `{{expression}}`, and the expressions."""
    shown, expressions = "", []
    while (start := line.find("{{")) >= 0:
        if line[:start].endswith("\\"):
            shown, line = shown + line[: start - 1] + "{{", line[start + 2 :]
            continue
        expression, line_after = _expression(line[start + 2 :])
        shown, line = shown + line[:start] + f"{_MARK}{len(expressions)}{_MARK}", line_after
        expressions.append(expression)
    return shown + line, expressions


def _expression(text: str) -> tuple[str, str]:
    """Split text at the first `}}` that ends a whole expression, so that dicts may stand inside."""
    end = text.find("}}")
    while end >= 0:
        candidate = text[:end].strip()
        try:
            compile(candidate, "{{…}}", "eval")
        except SyntaxError:
            end = text.find("}}", end + 1)
        else:
            return candidate, text[end + 2 :]
    shown = text.partition("}}")[0].strip()
    raise GrammarError(f"{{{{{shown}}}}} is not a Python expression; for two plain braces write \\{{{{")


def _fill(value: Any, values: list[str]) -> Any:
    if isinstance(value, list):
        return [_fill(part, values) for part in value]
    if isinstance(value, str):
        return re.sub(f"{_MARK}(\\d+){_MARK}", lambda match: values[int(match[1])], value)
    return value


def _number(name: str, value: Any) -> Any:
    # Not argparse's `type`: an expression has no value yet when argparse looks.
    if name not in _NUMBERS or value is None:
        return value
    try:
        return int(value)
    except ValueError:
        raise GrammarError(f"--{name} takes a number, not {value!r}") from None


def _after_dashes(words: list[str]) -> list[str] | None:
    """Take what stands after the first `--` out of the words and return it."""
    if "--" not in words:
        return None
    place = words.index("--")
    command = words[place + 1 :]
    del words[place:]
    return command


def _split_command(words: list[str]) -> tuple[list[str], list[str]]:
    """Split `exec` and its options, as lxc takes them around the name, from the command that follows it."""
    place, named = 1, False
    while place < len(words):
        word = words[place]
        if word in ("--env", "--cwd", "--user", "--group"):
            place += 1  # and its value
        elif not word.startswith("-"):
            if named:
                break
            named = True
        place += 1
    return words[:place], words[place:]


def _overview(verbs: Mapping[str, _Parser]) -> str:
    width = max(map(len, verbs))
    lines = [f"  {name.ljust(width)}  {parser.description}" for name, parser in verbs.items()]
    return "%lxd VERB …; %lxd VERB --help tells more.\n" + "\n".join(lines)
