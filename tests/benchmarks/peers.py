"""Who is compared, each as a person uses it: lxdnb here, pylxd in its own process, `lxc` or `incus` started anew.

Each also gives its lists as pairs of name and status, so that wrong answers are found before they are timed.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import lxdnb
from lxdnb import frames
from tests import daemons

from .ruler import measured
from .turns import Wrong

ROOT = Path(__file__).resolve().parents[2]
PYTHON_WITH_PYLXD = ROOT / ".venv-bench/bin/python"
PROGRAMS = {"lxd": "lxc", "incus": "incus"}
BROKEN_AT_MOST = 20  # failures of pylxd's that are taken in a run
LONGEST = 600  # seconds that a program may take

Pairs = set[tuple[str, str]]


def pointed_at(daemon: daemons.Daemon) -> dict[str, str]:
    """This process's environment, for a program that is to find this daemon and no other."""
    others = ("LXD_", "LXC_", "INCUS_", "PYLXD_")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)} | daemon.environment


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

    def memory(self, call: Callable[..., object], *arguments: object) -> int:
        """By how much the memory of a new process rises; see `risen`."""
        return risen(self.daemon.socket, call, *arguments)

    def pairs(self, columns: Sequence[str] | None = None) -> Pairs:
        frame = frames.instances(self.client, columns)
        return set(zip(frame["name"], frame["status"], strict=True))


def risen(socket: Path, call: Callable[..., object], *arguments: object) -> int:
    """Return by how many bytes the memory of a new process rises, once it has connected, while it calls that with its
    client: this one may have room left from before, and then would not rise."""
    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        return processes.submit(_peak, str(socket), call, arguments).result()


def _peak(socket: str, call: Callable[..., object], arguments: Sequence[object]) -> int:
    client = lxdnb.Client(socket)
    with measured() as used:
        call(client, *arguments)
    client.close()
    return used["memory"]


@dataclass
class Program:
    """The daemon's command line program, `lxc` or `incus`, started for each command."""

    daemon: daemons.Daemon

    @property
    def name(self) -> str:
        return PROGRAMS[self.daemon.flavour]

    def run(self, *command: str) -> str:
        """Run a command and return its output."""
        return self.daemon.cli(*command, timeout=LONGEST)

    def stream(self, take: Callable[[bytes], object], *command: str) -> None:
        """Run a command and hand on its output as it comes."""
        with subprocess.Popen(
            [self.name, *command], env=pointed_at(self.daemon), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout
            while piece := os.read(process.stdout.fileno(), 2**20):
                take(piece)
        if process.returncode:
            raise Wrong(f"`{self.name} {' '.join(command)}` ended with exit code {process.returncode}.")

    def pairs(self, *options: str) -> Pairs:
        printed = self.run("list", *options)
        if "json" in options:
            return {(each["name"], each["status"]) for each in json.loads(printed)}
        return {(name, status.capitalize()) for name, status in csv.reader(printed.splitlines())}

    def requests(self, *command: str) -> int:
        """How many it makes, websockets included, as its own log tells."""
        ran = subprocess.run(
            [self.name, "--debug", *command],
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

    def ask(self, do: str, *arguments: str, how: str = "timed") -> dict[str, Any]:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"do": do, "arguments": arguments, "how": how}) + "\n")
        self.process.stdin.flush()
        answer = self.read()
        if "BrokenPipeError" in answer.get("error", "") and self.broken < BROKEN_AT_MOST:
            self.broken += 1
            return self.ask(do, *arguments, how=how)
        if "error" in answer:
            raise Wrong(f"pylxd: {answer['error']}")
        return answer

    def seconds(self, do: str, *arguments: str) -> float:
        return self.ask(do, *arguments)["seconds"]

    def used(self, do: str, *arguments: str) -> dict[str, int]:
        """What it uses with a client that is connected already."""
        return self.ask(do, *arguments, how="measured")

    def fresh(self, do: str, *arguments: str) -> dict[str, int]:
        """What it uses with a client of its own, connecting included."""
        return self.ask(do, *arguments, how="fresh")

    def pairs(self, do: str) -> Pairs:
        return {(row[0], row[1]) for row in self.ask(do)["answer"]}

    def told(self) -> str:
        """What is to be said of it beside its figures."""
        broke = f"; its execute() broke {self.broken} times (BrokenPipeError) and was asked again, untimed"
        return f"pylxd {self.version}" + (broke if self.broken else "")

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
