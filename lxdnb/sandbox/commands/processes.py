"""ps, kill, killall, sleep and timeout: processes and time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.accounts import user_name
from lxdnb.sandbox.commands.reading import options
from lxdnb.sandbox.commands.registry import Broken, NotExecutable, NotFound, command, program
from lxdnb.sandbox.power import end_from_within
from lxdnb.sandbox.signals import NAMES, NUMBERS, TERM

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []

_OFF = (NUMBERS["USR1"], NUMBERS["USR2"], TERM)  # what they mean to init
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d*\.?\d+)([smhd]?)", text)
    if not match:
        raise Broken(f"invalid number '{text}'")
    return float(match[1]) * _UNITS[match[2]]


@command("/bin/sleep")
def sleep(process: Process, words: list[str]) -> Steps[int]:
    if not words:
        raise Broken("usage: sleep [N]...")
    yield sum(map(_seconds, words))
    return 0


@command("/bin/usleep")
def usleep(process: Process, words: list[str]) -> Steps[int]:
    if not words:
        raise Broken("usage: usleep N")
    if not words[0].isdecimal():
        raise Broken(f"invalid number '{words[0]}'")
    yield int(words[0]) / 1e6
    return 0


@command("/bin/ps")
def ps(process: Process, words: list[str]) -> Steps[int]:
    wanted = [word for at, word in enumerate(words) if at and words[at - 1] == "-o"]
    wanted += [word[2:] for word in words if re.fullmatch("-o.+", word)]
    columns = ",".join(wanted).split(",") if wanted else ["pid", "user", "args"]
    widths = {
        "pid": 5,
        "ppid": 5,
        "user": 8,
        "group": 8,
        "comm": 16,
        "stat": 4,
        "time": 6,
        "vsz": 6,
        "rss": 4,
        "tty": 6,
    }
    titles = {"args": "COMMAND", "comm": "COMMAND", "tty": "TT"}
    unknown = [name for name in columns if name not in widths and name != "args"]
    if unknown:
        raise Broken(f"bad -o argument '{unknown[0]}'")
    rows = [[titles.get(name, name.upper()) for name in columns]]
    for each in process.machine.processes.values():
        told = {
            "pid": str(each.pid), "ppid": str(each.parent), "user": user_name(process, each.user.uid),
            "group": str(each.user.gid), "comm": each.words[0].rpartition("/")[2], "args": " ".join(each.words),
            "stat": "R" if each is process else "S", "time": "0:00", "vsz": "1000", "rss": "500", "tty": "?",
        }  # fmt: skip
        rows.append([told[name] for name in columns])
    lines: list[str] = []
    for number, row in enumerate(rows):
        cells = [
            cell.rjust(widths[name]) if name in ("pid", "ppid") and number else cell.ljust(widths.get(name, 0))
            for name, cell in zip(columns, row, strict=True)
        ]
        lines.append(" ".join(cells).rstrip())
    yield from process.say("".join(f"{line}\n" for line in lines))
    return 0


def _signal(words: list[str]) -> tuple[int, list[str]]:
    """Return the signal that words begin with, and those after it."""
    if not words or not re.fullmatch("-[A-Za-z0-9]+", words[0]):
        return TERM, words
    name = words[0][1:].upper().removeprefix("SIG")
    found = int(name) if name.isdecimal() else NUMBERS.get(name)
    if found is None:
        raise Broken(f"bad signal name '{words[0][1:]}'")
    return found, words[1:]


@command("/bin/kill")
def kill(process: Process, words: list[str]) -> Steps[int]:
    if words[:1] == ["-l"]:
        yield from process.say("".join(f"{each:2d}) {name}\n" for each, name in NAMES.items()))
        return 0
    if words[:1] == ["-s"] and len(words) > 1:
        words = [f"-{words[1]}", *words[2:]]
    number, words = _signal(words)
    words = words[1:] if words[:1] == ["--"] else words
    if not words:
        raise Broken("you need to specify whom to kill")
    status = 0
    for word in words:
        if not re.fullmatch(r"-?\d+", word):
            status = 1
            yield from process.say(f"kill: invalid number '{word}'\n", 2)
            continue
        pid, machine = int(word), process.machine
        whom = [machine.processes[pid]] if pid in machine.processes else []
        if pid == -1:
            whom = [each for each in machine.processes.values() if each.pid != 1 and each is not process]
        whom = [each for each in whom if process.user.uid in (0, each.user.uid)]
        if not whom:
            status = 1
            yield from process.say(f"sh: can't kill pid {word}: No such process\n", 2)
        for each in whom:
            if each.pid != 1:
                each.signal(number)
            elif number in _OFF:
                end_from_within(machine, again=False, seconds=0.2)
    yield None
    return status


@command("/usr/bin/killall")
def killall(process: Process, words: list[str]) -> Steps[int]:
    status = 0
    quiet = "-q" in words
    words = [word for word in words if word != "-q"]
    number, words = _signal(words)
    if not words:
        raise Broken("you need to specify whom to kill")
    for word in words:
        whom = [each for each in process.machine.processes.values() if each.words[0].rpartition("/")[2] == word]
        whom = [each for each in whom if each is not process and process.user.uid in (0, each.user.uid)]
        if not whom:
            status = 1
            if not quiet:
                yield from process.say(f"killall: {word}: no process killed\n", 2)
        for each in whom:
            each.signal(number)
    yield None
    return status


@command("/bin/pidof")
def pidof(process: Process, words: list[str]) -> Steps[int]:
    found = [str(each.pid) for each in process.machine.processes.values() if each.words[0].rpartition("/")[2] in words]
    if found:
        yield from process.say(" ".join(reversed(found)) + "\n")
    return int(not found)


@command("/usr/bin/timeout")
def timeout(process: Process, words: list[str]) -> Steps[int]:
    at = next((at for at, word in enumerate(words) if re.match(r"\d|\.", word)), len(words))
    found, _ = options(words[:at], "s:k:")
    if at + 1 >= len(words):
        raise Broken("usage: timeout [-s SIG] SECS PROG ARGS")
    name = found.get("s", "TERM").upper().removeprefix("SIG")
    number = int(name) if name.isdecimal() else NUMBERS.get(name, TERM)
    rest = words[at + 1 :]
    try:
        child = process.spawn(rest, lambda made: program(made, rest, by_shell=True))
    except NotFound:
        raise Broken(f"can't execute '{rest[0]}': No such file or directory", 127) from None
    except NotExecutable:
        raise Broken(f"can't execute '{rest[0]}': Permission denied", 126) from None
    late = False

    def end() -> None:
        nonlocal late
        late = child.status is None
        child.signal(number)

    process.machine.host.agenda.after(_seconds(words[at]), end)
    status = yield from process.wait(child)
    return 143 if late and number == TERM else status
