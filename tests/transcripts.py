"""Transcripts of `lxc` and `incus`: what somebody typed at a real server and what came back, to be had again anywhere.

A transcript is a text of commands (`$ lxc list`), under each what it printed, indented, and its exit code where that is
not 0 (`[1]`); blank lines are left out, for a program's progress leaves some behind. Lines in no such shape are
remarks. `python -m tests.transcripts lxd` writes those of a flavour anew, from a real server: the outputs under
tests/contract/commands are nobody's opinion of what is right.

What varies by nature is made alike here, and nowhere else.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from . import daemons
from .bridges import a_bridge

__all__ = ["FOLDER", "PATIENCE", "Likener", "Step", "missing", "names", "play", "read"]

SECONDS = 20.0  # that a command has
UNENDED = "(It did not end.)"
PATIENCE = 3  # of 600 quick commands in instances real servers lose the output of 7, and more when they are busy
FOLDER = Path(__file__).parent / "contract" / "commands"


class Step(NamedTuple):
    """A command, and what came back."""

    command: str
    output: list[str]

    def text(self) -> str:
        return "\n".join([f"$ {self.command}", *(f"  {line}".rstrip() for line in self.output)])


def missing(flavour: str) -> str | None:
    """Return why nobody can type here, in a sentence that says what to do; None when one can."""
    program = daemons.KINDS[flavour].cli
    if shutil.which(program) is None:
        return f"No {program} program found: as root on Debian `python -m tests.install` installs it."
    return None


def names(flavour: str) -> list[str]:
    """Return the names of a flavour's transcripts."""
    return sorted(each.stem for each in FOLDER.joinpath(flavour).glob("*.txt"))


def _path(flavour: str, name: str) -> Path:
    return FOLDER / flavour / f"{name}.txt"


def read(flavour: str, name: str) -> list[Step | str]:
    """Return a transcript's steps, and the remarks between them."""
    parts: list[Step | str] = []
    for line in _path(flavour, name).read_text().splitlines():
        if line.startswith("$ "):
            parts.append(Step(line[2:], []))
        elif parts and isinstance(parts[-1], Step) and re.match(r"  |\[\d+\]$", line):
            parts[-1].output.append(line.removeprefix("  "))
        else:
            parts.append(line)
    return parts


# --- what varies by nature -------------------------------------------------------------------------------

_TIME = r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|UTC|[+-]\d\d:?\d\d)( UTC)?)?"
_NEVER = r"(?!0001|1970|2[1-9]\d\d)"  # times that are no times
_COUNTED = "usage|usage_peak|bytes_received|bytes_sent|packets_received|packets_sent|processes|pid|total|used|mtime"
_VARIES: tuple[tuple[str, str], ...] = (
    (rf"\b{_NEVER}{_TIME}", "TIME"),
    (r"\b[A-Z][a-z]{2} \d+, 20\d\d at \d+:\d\d[ap]m \(UTC\)", "TIME"),
    (r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b", "MAC"),
    (r"\bfe80::[0-9a-f:]+|\bfd42:[0-9a-f:]+", "IPV6"),
    (r"\b127\.0\.0\.1:\d{4,}", "ADDRESS"),
    (r"\bveth[0-9a-f]{8}\b|\bmac[0-9a-f]{8}\b", "HOST_CARD"),
    (r"\b\d+(\.\d+)?([kKMGT]i?B/s)", "SPEED"),
    (r"\b\d+\.\d\d?([kKMGT]i?)?B\b", "SIZE"),  # the programs' own; what somebody asked for has no decimals
    (rf'\b({_COUNTED})("?: )-?\d+', r"\1\2NUMBER"),
    (r"\b(PID|Processes|CPU usage \(in seconds\)): \d+", r"\1: NUMBER"),
    (r"(last_state\.idmap\"?: )(\S+)", r"\1IDMAP"),  # whether the machine's disk needs its owners changed
    (r'(Hostid|Maprange)(\\?":)\d+', r"\1\2NUMBER"),
    (r"(?m)(^lxc \S+ \d{14}\.\d{3} .*\n)+", "LOG\n"),
    (r"Try `(lxc|incus) info --show-log \S+` for more info\n", ""),  # not where the failure came before the wait
    (r"\b(x86_64|aarch64)\b", "ARCHITECTURE"),
    (r"\bBusyBox \d+[.\d]+", "BusyBox RELEASE"),
    (r"\bbusybox-\d+[.\d]+", "busybox-RELEASE"),
    (r'(release"?: )"?\d+\.\d+\.\d+"?', r"\1RELEASE"),
)
_UUID = re.compile(r"\b[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\b")
_HASH = re.compile(r"\b([0-9a-f]{64}|[0-9a-f]{12})\b")


def _lines_at_the_end(printed: str) -> Iterator[str]:
    """Give the lines that a terminal shows in the end: progress has come and gone."""
    for line in printed.removesuffix("\n").split("\n"):
        shown = line.rpartition("\r")[2]
        if shown == line or shown.strip():
            yield f"{shown}\n"


def _spread(printed: str) -> str:
    """Return JSON with a line for each of its values."""
    if printed.startswith(("[{", "{")):
        try:
            return "".join(json.dumps(json.loads(each), indent=1) + "\n" for each in printed.splitlines())
        except ValueError:
            pass
    return printed


class Likener:
    """Makes outputs of one run alike to those of another; what has a name of chance keeps one through the run."""

    def __init__(self, places: dict[str, str]) -> None:
        self._places = places
        self._known: dict[str, str] = {}

    def _named(self, kind: str, key: str) -> str:
        same = sum(each.startswith(kind) for each in self._known.values())
        return self._known.setdefault(key, f"{kind}-{same + 1}")

    def _hash(self, text: str) -> str:
        looks_so = len(text) == 64 or not (text.isdecimal() or text.isalpha())
        return self._named("HASH", text[:12]) if looks_so or text in self._known else text

    def lines(self, printed: str) -> list[str]:
        for place, name in self._places.items():
            printed = printed.replace(place, name)
        printed = "".join(_lines_at_the_end(printed))
        printed = _spread(printed)
        printed = re.sub(r"\b8000\.[0-9a-f]{12}\b", "8000.MAC", printed)
        printed = _UUID.sub(lambda found: self._named("UUID", found[0]), printed)
        printed = _HASH.sub(lambda found: self._hash(found[0]), printed)
        for pattern, alike in _VARIES:
            printed = re.sub(pattern, alike, printed)
        return [self._narrowed(line) for line in printed.splitlines() if line.strip()]

    @staticmethod
    def _narrowed(line: str) -> str:
        """Return a line without what widths of columns do to it."""
        line = line.replace("\t", "    ").rstrip()
        if line.startswith("+-"):
            return re.sub("-+", "-", line)
        return re.sub(r"(?<=\S) {2,}", "  ", line) if not line.startswith("|") else re.sub(" +", " ", line)


# --- playing one -----------------------------------------------------------------------------------------


def _typed(command: str, folder: Path, environment: dict[str, str]) -> tuple[str, int]:
    """Run a command in a shell, and return what it says and its exit code. What does not end is ended."""
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        printed, _ = process.communicate()
        printed += f"\n{UNENDED}\n".encode()
    return printed.decode(errors="replace"), process.returncode


def play(server: daemons.Daemon, steps: Iterable[Step], *, patience: int = 0) -> Iterator[Step]:
    """Type the commands of steps at a server, one after the other, in an empty folder, and give what came back of each.

    `patience` is how often a command is typed again that has not said what it says in its step, in an instance, where
    the most that it has said is what came back, or elsewhere, where it has not ended.
    """
    kind = daemons.KINDS[server.flavour]
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder, "client")
        own.mkdir()
        (own / "config.yml").write_text("{}\n")  # else the first command welcomes a new user
        work = Path(folder, "work")
        work.mkdir()
        bridge = a_bridge()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LXD_", "INCUS_"))}
        environment |= {"PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin:/usr/bin:/bin"}
        environment |= {**server.environment, kind.configuration: str(own), "BRIDGE": bridge.name}
        environment |= {"SUBNET": bridge.subnet, "EDITOR": "false", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        environment["GOMAXPROCS"] = "1"  # a fifth of their time would go into threads
        places = {folder: "$HERE", str(server.directory): "$SERVER", "/simulated": "$SERVER"}
        likener = Likener({**places, bridge.name: "$BRIDGE", bridge.subnet: "$SUBNET"})
        for command, wanted in steps:
            output: list[str] = []
            for _ in range(patience + 1):
                output = [] if UNENDED in output else output
                printed, code = _typed(command, work, environment)
                output = max(output, likener.lines(printed) + ([f"[{code}]"] if code else []), key=len)
                if output == wanted or not (re.search(" (exec|shell) ", command) or UNENDED in output):
                    break
            yield Step(command, output)


def _record(server: daemons.Daemon, name: str) -> None:
    parts = read(server.flavour, name)
    played = play(server, [each for each in parts if isinstance(each, Step)], patience=PATIENCE)
    written = [next(played).text() if isinstance(each, Step) else each for each in parts]
    _path(server.flavour, name).write_text("\n".join(written) + "\n")


def main() -> None:
    """Write transcripts anew, from real servers."""
    parser = argparse.ArgumentParser(prog="python -m tests.transcripts", description=main.__doc__)
    parser.add_argument("flavour", choices=daemons.FLAVOURS)
    parser.add_argument("names", nargs="*", help="which; all of them, unless said")
    options = parser.parse_args()
    with daemons.daemon(options.flavour) as server:
        for name in options.names or names(options.flavour):
            _record(server, name)
            server.clear()


if __name__ == "__main__":
    main()
