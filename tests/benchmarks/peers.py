"""The three that are compared, each as a person uses it: lxdnb here, pylxd in its own process, `lxc` started anew.

Each also gives its lists as pairs of name and status, so that wrong answers are found before they are timed.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lxdnb
from lxdnb import frames
from tests import daemons

from .ruler import measured

ROOT = Path(__file__).resolve().parents[2]
PYTHON_WITH_PYLXD = ROOT / ".venv-bench/bin/python"
BROKEN_AT_MOST = 20  # failures of pylxd's that are taken in a run
PLAIN = ("name", "status", "image")  # columns that need no state

Pairs = set[tuple[str, str]]


class Wrong(Exception):
    """A peer failed or gave another answer than the others."""


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def pointed_at(daemon: daemons.Daemon) -> dict[str, str]:
    """This process's environment, for a program that is to find this daemon and no other."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LXD_", "LXC_", "PYLXD_"))}
    return kept | daemon.environment


@dataclass
class Lxdnb:
    """In this process, with a client that is connected already."""

    daemon: daemons.Daemon

    def __post_init__(self) -> None:
        self.client = lxdnb.Client(str(self.daemon.socket))

    def fresh(self, call: Callable[[lxdnb.Client], object]) -> dict[str, int]:
        """What `call` uses with a client of its own, connecting included."""
        with measured() as used:
            client = lxdnb.Client(str(self.daemon.socket))
            call(client)
        client.close()
        return used

    def pairs(self, columns: Sequence[str] | None = None) -> Pairs:
        frame = frames.instances(self.client, columns)
        return set(zip(frame["name"], frame["status"], strict=True))


@dataclass
class Lxc:
    """The command line program, started for each command."""

    daemon: daemons.Daemon

    def pairs(self, *options: str) -> Pairs:
        printed = self.daemon.cli("list", *options)
        if "json" in options:
            return {(each["name"], each["status"]) for each in json.loads(printed)}
        return {(name, status.capitalize()) for name, status in csv.reader(printed.splitlines())}

    def requests(self, *command: str) -> int:
        """How many it makes, websockets included, as its own log tells."""
        ran = subprocess.run(
            ["lxc", "--debug", *command],
            env=pointed_at(self.daemon),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stderr.count('msg="Sending request to ') + ran.stderr.count('msg="Connected to the websocket')


@dataclass
class Pylxd:
    """The worker, asked over its pipes."""

    process: subprocess.Popen[str]
    version: str = ""
    broken: int = 0
    """How often it failed at what then went well: a command that ends before pylxd closes its input breaks its pipe."""

    def ask(self, do: str, *arguments: str, fresh: bool = False) -> dict[str, Any]:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"do": do, "arguments": arguments, "fresh": fresh}) + "\n")
        self.process.stdin.flush()
        answer = self.read()
        if "BrokenPipeError" in answer.get("error", "") and self.broken < BROKEN_AT_MOST:
            self.broken += 1
            return self.ask(do, *arguments, fresh=fresh)
        if "error" in answer:
            raise Wrong(f"pylxd: {answer['error']}")
        return answer

    def seconds(self, do: str, *arguments: str) -> float:
        return self.ask(do, *arguments)["seconds"]

    def fresh(self, do: str, *arguments: str) -> dict[str, int]:
        """What it uses with a client of its own, connecting included."""
        return self.ask(do, *arguments, fresh=True)

    def pairs(self, do: str) -> Pairs:
        return {(row[0], row[1]) for row in self.ask(do)["answer"]}

    def read(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise Wrong(f"pylxd's process ended, with exit code {self.process.wait()}.")
        return json.loads(line)


@contextmanager
def pylxd(daemon: daemons.Daemon) -> Iterator[Pylxd]:
    """The worker, for as long as the block runs."""
    # PYLXD_WARNINGS: what it warns of costs time and is not what is measured.
    environment = pointed_at(daemon) | {"PYLXD_WARNINGS": "none"}
    command = [str(PYTHON_WITH_PYLXD), "-m", f"{__package__}.pylxd_worker"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for us; the end of its input ends it, whatever becomes of us
    ) as process:
        try:
            worker = Pylxd(process)
            worker.version = worker.read()
            yield worker
        finally:
            process.kill()  # it has nothing to tidy away
