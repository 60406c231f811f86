"""What words of a script come to: variables, commands and sums put in, split into fields, patterns made file names.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_06
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import regex

from lxdnb.sandbox.channels import PIECE, Pipe, PipeEnd, Steps
from lxdnb.sandbox.shell import patterns
from lxdnb.sandbox.shell.arithmetic import ArithmeticFault, evaluate
from lxdnb.sandbox.shell.syntax import Arithmetic, Parameter, Part, Script, Substitution, Text, Word
from lxdnb.sandbox.shell.variables import WORD

if TYPE_CHECKING:
    from lxdnb.sandbox.shell.interpreter import Shell

__all__ = ["Fault", "fields", "pattern_of", "text_of"]

_SPECIAL = frozenset("*?]~")  # of which a word may come to something else
LONGEST = 2**24  # bytes that a substitution may come to
LARGEST = 2**26  # bytes that the words of one command may come to
MOST_FIELDS = 2**20  # that one value may be split into
SECONDS = 0.1  # that a pattern may take for a value
Pieces = list[tuple[str, bool]]


class Fault(Exception):
    """What ends a script: a variable that has to be set and is not, or a sum that is none."""


def fields(shell: Shell, words: tuple[Word, ...]) -> Steps[list[str]]:
    """Return the fields that words come to."""
    found: list[str] = []
    room = LARGEST
    for word in words:
        if shell.process.late:
            yield None
        if len(word) == 1 and isinstance(word[0], Text) and (word[0].quoted or not _SPECIAL & set(word[0].text)):
            found.append(word[0].text)  # most words
            continue
        for pieces in (yield from _split(shell, word)):
            text = "".join(each for each, _ in pieces)
            paths: list[str] = []
            if not shell.options["f"] and patterns.wild(pieces):
                process = shell.process
                paths = yield from patterns.names(process, pieces)
            found += paths or [text]
            if shell.process.late:
                yield None
            room -= len(text) + sum(map(len, paths)) + WORD * (len(paths) or 1)
            if room < 0:
                raise Fault("out of memory")
    return found


def text_of(shell: Shell, word: Word) -> Steps[str]:
    """Return what a word comes to as one text, as in an assignment."""
    pieces = yield from _pieces(shell, word)
    return "".join(text for text, _ in pieces)


def pattern_of(shell: Shell, word: Word) -> Steps[str]:
    """Return the regular expression that a word comes to as a pattern."""
    return patterns.pattern((yield from _pieces(shell, word)))


def _pieces(shell: Shell, word: Word) -> Steps[Pieces]:
    pieces: Pieces = []
    for number, part in enumerate(word):
        if isinstance(part, Text):
            text = part.text if part.quoted or number else _home(shell, part.text)
            pieces.append((text, part.quoted))
        elif isinstance(part, Parameter) and part.operator in (":-", "-", ":+", "+"):
            pieces += yield from _alternative(shell, part)
        else:
            values = yield from _values(shell, part)
            pieces.append((" ".join(values), part.quoted))
    return pieces


def _home(shell: Shell, text: str) -> str:
    match = re.match("~([^/]*)", text)
    if not match:
        return text
    if not match[1]:
        return shell.get("HOME") + text[1:] if shell.get("HOME") else text
    found = shell.accounts.get(match[1])
    return found + text[match.end() :] if found else text


def _split(shell: Shell, word: Word) -> Steps[list[Pieces]]:
    """Return the fields of a word, each as pieces that know whether they were quoted."""
    done: list[Pieces] = []
    current: Pieces | None = None
    separators = shell.variables.get("IFS", " \t\n")
    for number, part in enumerate(word):
        if isinstance(part, Text):
            text = part.text if part.quoted or number else _home(shell, part.text)
            current = [*(current or []), (text, part.quoted)]
            continue
        if isinstance(part, Parameter) and part.operator in (":-", "-", ":+", "+") and not part.quoted:
            other = yield from _chosen(shell, part)
            if other is not None:
                inner = yield from _split(shell, other)
                if inner:
                    current = [*(current or []), *inner[0]]
                    for each in inner[1:]:
                        done.append(current)
                        current = each
                continue
        if isinstance(part, Parameter) and part.name == "@" and part.operator == "" and part.quoted:
            for count, value in enumerate(shell.positional):
                if count:
                    done.append(current or [])
                    current = None
                current = [*(current or []), (value, True)]
                if shell.process.late:
                    yield None
            if not shell.positional and current == [("", True)] and number == len(word) - 1:
                current = None  # "$@" of nothing is nothing
            continue
        values = yield from _values(shell, part)
        if part.quoted:
            star = isinstance(part, Parameter) and part.name == "*" and part.operator == ""
            between = separators[:1] if star else " "
            current = [*(current or []), (between.join(values), True)]
            continue
        for count, value in enumerate(values):
            if count and current is not None:
                done.append(current)
                current = None
            before, pieces, after = _cut(value, separators)
            if before and current is not None:
                done.append(current)
                current = None
            for at, piece in enumerate(pieces):
                if at and current is not None:
                    done.append(current)
                    current = None
                current = [*(current or []), (piece, False)]
            if after and current is not None:
                done.append(current)
                current = None
    if current is not None:
        done.append(current)
    return done


def _cut(value: str, separators: str) -> tuple[bool, list[str], bool]:
    """Cut a value at separators, and tell whether it begins or ends with one."""
    if not separators or not value:
        return False, [value] if value else [], False
    blank = "".join(each for each in separators if each in " \t\n")
    hard = "".join(each for each in separators if each not in " \t\n")
    blanks = f"[{re.escape(blank)}]" if blank else "(?!)"
    stripped = value.lstrip(blank) if blank else value
    before = stripped != value
    value, stripped = stripped, stripped.rstrip(blank) if blank else stripped
    after = stripped != value
    if not stripped:
        return before or after, [], False
    if sum(map(stripped.count, separators)) > MOST_FIELDS:
        raise Fault("out of memory")
    splitter = f"{blanks}*[{re.escape(hard)}]{blanks}*|{blanks}+" if hard else f"{blanks}+"
    pieces = re.split(splitter, stripped)
    if hard and stripped[-1] in hard:
        pieces.pop()
        after = True
    return before, pieces, after


def _values(shell: Shell, part: Part) -> Steps[list[str]]:
    if isinstance(part, Text):
        return [part.text]
    if isinstance(part, Substitution):
        return [(yield from said(shell, part.script))]
    if isinstance(part, Arithmetic):
        text = yield from text_of(shell, part.word)
        return [str(sum_of(shell, text))]
    return (yield from _parameter(shell, part))


def sum_of(shell: Shell, text: str) -> int:
    try:
        return evaluate(text, shell.get, shell.assign)
    except ArithmeticFault as fault:
        raise Fault(str(fault)) from None


def said(shell: Shell, script: Script) -> Steps[str]:
    """Return what commands say, without the line ends at its end."""
    pipe = Pipe()
    reader = PipeEnd(pipe, "r")
    child = shell.fork([*shell.process.words], script, {1: PipeEnd(pipe, "w")})
    kept = bytearray()
    while data := (yield from reader.read(PIECE)):
        kept += data
        if len(kept) > LONGEST:
            child.end(137)
            break
    reader.let_go()
    shell.substituted = yield from shell.process.wait(child)
    return kept.replace(b"\0", b"").decode(errors="surrogateescape").rstrip("\n")


# --- parameters


def _chosen(shell: Shell, part: Parameter) -> Steps[Word | None]:
    """Return the word that stands for a parameter with `-` or `+`; None where it stands for itself."""
    values = shell.parameter(part.name)
    absent = values is None or (part.operator.startswith(":") and not "".join(values))
    yield from ()
    if part.operator.endswith("-"):
        return part.word if absent else None
    return () if absent else part.word


def _alternative(shell: Shell, part: Parameter) -> Steps[Pieces]:
    other = yield from _chosen(shell, part)
    if other is None:
        return [(" ".join(shell.parameter(part.name) or []), part.quoted)]
    return (yield from _pieces(shell, other))


def _parameter(shell: Shell, part: Parameter) -> Steps[list[str]]:
    name, operator = part.name, part.operator
    values = shell.parameter(name)
    if operator in (":-", "-", ":+", "+"):
        other = yield from _chosen(shell, part)
        return (values or []) if other is None else [(yield from text_of(shell, other))]
    absent = values is None or (operator.startswith(":") and not "".join(values))
    if operator in (":=", "="):
        if absent:
            text = yield from text_of(shell, part.word)
            shell.assign(name, text)
            return [text]
        return values or []
    if operator in (":?", "?"):
        if absent:
            text = yield from text_of(shell, part.word)
            raise Fault(f"{name}: {text or 'parameter not set'}")
        return values or []
    if values is None:
        if shell.options["u"] and name not in ("@", "*"):
            raise Fault(f"{name}: parameter not set")
        values = []
    if operator == "":
        return values
    if operator == "length":
        return [str(len(values) if name in ("@", "*") else len("".join(values)))]
    if operator == ":":
        return [_slice((yield from text_of(shell, part.word)), "".join(values), shell)]
    if operator in ("/", "//"):
        return (yield from _replaced(shell, part, values))
    pieces = yield from _pieces(shell, part.word)
    return [patterns.trimmed(value, operator, pieces) for value in values]


def _slice(word: str, value: str, shell: Shell) -> str:
    first, _, second = word.partition(":")
    begin = sum_of(shell, first)
    begin = max(0, len(value) + begin) if begin < 0 else begin
    if not second:
        return value[begin:]
    length = sum_of(shell, second)
    return value[begin : begin + length] if length >= 0 else value[begin : len(value) + length]


def _replaced(shell: Shell, part: Parameter, values: list[str]) -> Steps[list[str]]:
    pieces = yield from _pieces(shell, part.word)
    wanted: Pieces = []
    replacement: list[str] | None = None
    for text, quoted in pieces:
        if replacement is not None:
            replacement.append(text)
        elif "/" in text and not quoted:
            before, _, after = text.partition("/")
            wanted.append((before, False))
            replacement = [after]
        else:
            wanted.append((text, quoted))
    put = "".join(replacement or [])
    expression = patterns.pattern(wanted)
    if not expression:
        return values
    count = 0 if part.operator == "//" else 1
    try:
        return [regex.sub(expression, lambda _: put, value, count=count, timeout=SECONDS) for value in values]
    except TimeoutError:
        raise Fault(f"{part.name}: the pattern takes longer than the sandbox's {SECONDS} s") from None
