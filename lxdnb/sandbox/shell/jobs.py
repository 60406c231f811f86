"""trap, wait and jobs: signals that a shell takes, and children that it waits for."""

from __future__ import annotations

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.shell.interpreter import Shell
from lxdnb.sandbox.shell.table import builtin
from lxdnb.sandbox.shell.variables import quoted
from lxdnb.sandbox.signals import NAMES, NUMBERS

__all__ = ["signal_number"]


@builtin("trap")
def _trap(shell: Shell, words: list[str]) -> Steps[int]:
    if not words:
        for number, action in sorted(shell.traps.items()):
            name = NAMES.get(number, "EXIT")
            yield from shell.process.say(f"trap -- {quoted(action)} {name}\n")
        return 0
    words = words[1:] if words[0] == "--" else words
    resets = words[0] == "-" or words[0].isdecimal() or len(words) == 1
    action, names = ("", words[words[0] == "-" :]) if resets else (words[0], words[1:])
    process = shell.process
    for name in names:
        number = signal_number(name)
        if number is None:
            yield from shell.complain(f"trap: {name}: invalid signal specification")
            return 1
        process.caught.discard(number)
        process.ignored.discard(number)
        shell.traps.pop(number, None)
        if resets:
            continue
        shell.traps[number] = action
        (process.caught if action else process.ignored).add(number)
    return 0


def signal_number(name: str) -> int | None:
    """Return the number of a signal, by its name or number; 0 is EXIT."""
    if name.isdecimal():
        return int(name) if int(name) < 65 else None
    return 0 if name == "EXIT" else NUMBERS.get(name.upper().removeprefix("SIG"))


@builtin("wait")
def _wait(shell: Shell, words: list[str]) -> Steps[int]:
    process = shell.process
    pids = [int(word.lstrip("%")) for word in words if word.lstrip("%").isdecimal()]
    waited = [child for child in shell.children if not pids or child.pid in pids]
    status = 127 if pids and not waited else 0
    process.breakable = True
    try:
        for child in waited:
            ended = yield from process.wait(child)
            if process.pending:
                return ended
            status = ended if pids else 0
            shell.children.remove(child)
    finally:
        process.breakable = False
    return status


@builtin("jobs")
def _jobs(shell: Shell, words: list[str]) -> Steps[int]:
    for number, child in enumerate((child for child in shell.children if child.status is None), 1):
        yield from shell.process.say(f"[{number}]+  Running                    {' '.join(child.words)}\n")
    return 0
