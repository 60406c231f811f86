"""The sandbox with 100,000 instances in a process of its own; and beside a real LXD, one list of 1,000."""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import lxdnb
from lxdnb.sandbox import Sandbox
from tests import daemons
from tests.watcher import ask, finish

from .ruler import MIB
from .table import Comparison, Row, alone, timed
from .turns import Wrong, say, seconds

NEEDS = [("lxd", "btrfs")]
MANY = 100_000
FEW = 1000
STREAMS = 200
LINES = 100  # that each command says
ROUNDS = 5


class Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("sandbox")
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def got(path: Path, url: str) -> int:
    """Ask for something, and return how many bytes the answer has."""
    connection = Connection(path)
    connection.request("GET", url)
    answer, size = connection.getresponse(), 0
    if answer.status != 200:
        raise Wrong(f"GET {url} was answered with {answer.status}.")
    while piece := answer.read(2**20):
        size += len(piece)
    connection.close()
    return size


@contextmanager
def process(*options: str) -> Iterator[tuple[Path, int, float]]:
    """A sandbox in a process of its own: its socket, its pid, and the seconds until it has answered first."""
    with tempfile.TemporaryDirectory() as folder:
        path, begun = Path(folder) / "unix.socket", time.perf_counter()
        command = [sys.executable, "-m", "lxdnb.sandbox", "--socket", str(path), "--seed", "7", *options]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
            try:
                while True:
                    try:
                        ask(path, "GET", "/1.0")
                        break
                    except OSError:
                        time.sleep(0.01)
                        if running.poll() is not None:
                            raise Wrong("The sandbox does not begin.") from None
                yield path, running.pid, time.perf_counter() - begun
            finally:
                running.terminate()


def peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def worked(pid: int) -> float:
    """How many seconds of a processor a process has had: on a busy machine, fewer than have passed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waits(path: Path, url: str) -> tuple[float, list[float]]:
    """Fetch something long, and return how long that took, and each small request that was made meanwhile."""
    meanwhile: list[float] = []
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(seconds, partial(got, path, url))
        while not long.done():
            meanwhile.append(seconds(lambda: got(path, "/1.0/profiles")))
            time.sleep(0.01)
    return long.result(), meanwhile


def streams(client: lxdnb.Client) -> float:
    """Run so many commands at once, each of which ends only once all have begun, and return how long that took."""
    box = client.instances.launch("busybox", "streams")
    wanted = "".join(f"{number}\n" for number in range(LINES))
    together = threading.Barrier(STREAMS)
    script = f"read go; i=0; while [ $i -lt {LINES} ]; do echo $i; i=$((i+1)); done"

    def one(_: int) -> None:
        def given() -> Iterator[bytes]:
            together.wait(60)  # all of them run now
            yield b"go\n"

        try:
            said = box.execute(["sh", "-c", script], stdin_payload=given())
        except lxdnb.LXDError:
            together.abort()
            raise
        if said.stdout != wanted:
            raise Wrong(f"A command said {said.stdout[-50:]!r} and {said.stderr!r}, and ended with {said.exit_code}.")

    with ThreadPoolExecutor(STREAMS) as pool:
        begun = time.perf_counter()
        list(pool.map(one, range(STREAMS)))
    return time.perf_counter() - begun


def events(client: lxdnb.Client, path: Path, pid: int) -> tuple[float, float]:
    """Have very many instances started by one request, and return the events a second that one listener hears, and
    those a second of the sandbox's work."""
    with client.events(event_types=[lxdnb.EventType.Lifecycle]) as heard:
        seen = iter(heard)
        stopped = [each for each in ask(path, "GET", "/1.0/instances?recursion=1&filter=status+eq+Stopped")["metadata"]]
        begun, had = time.perf_counter(), worked(pid)
        ask(path, "PUT", "/1.0/instances", json.dumps({"state": {"action": "start"}}).encode())
        for _ in range(len(stopped)):
            next(seen)
        return len(stopped) / (time.perf_counter() - begun), len(stopped) / (worked(pid) - had)


def crowd() -> Iterator[Row]:
    with process("--instances", str(MANY)) as (path, pid, up):
        yield Row(f"{MANY:,} instances: up", f"{up:.2f} s", "", "", "", "≤ 5 s")
        yield Row(f"{MANY:,} instances: up, its processor", f"{worked(pid):.2f} s", "", "", "", "≤ 5 s")
        yield alone(f"{MANY:,} instances: memory", peak(pid) / MIB, "≤ 1,536 MiB", " MiB")
        url = "/1.0/instances?recursion=1&filter=name+eq+web-000.*"
        shown = len(ask(path, "GET", url)["metadata"])
        took = [seconds(lambda: got(path, url)) for _ in range(ROUNDS)]
        yield Row(f"recursion=1, filtered to {shown}", _ms(took), "", "", "", "≤ 200 ms")
        for what in ("instances?recursion=1", "instances?recursion=2", "metrics"):
            took_long, meanwhile = waits(path, f"/1.0/{what}")
            yield Row(f"{what} of all", f"{took_long:.1f} s", "", "", "", "")
            yield Row("GET /1.0/profiles meanwhile", _ms(meanwhile), "", "", "", "")
        client = lxdnb.Client(str(path))
        heard, told = events(client, path, pid)
        yield Row("events a second, one listener", f"{heard:,.0f}", "", "", "", "")
        yield Row("events a second of its processor", f"{told:,.0f}", "", "", "", "≥ 10,000")
        had = worked(pid)
        yield Row(f"{STREAMS} commands at once", f"{streams(client):.2f} s", "", "", "", "")
        yield Row(f"{STREAMS} commands at once: its processor", f"{worked(pid) - had:.2f} s", "", "", "", "")
        client.close()
        yield alone("memory after all that", peak(pid) / MIB, "≤ 1,536 MiB", " MiB")


def _ms(found: Sequence[float]) -> str:
    low, middle, high = (1000 * each for each in (min(found), statistics.median(found), max(found)))
    return f"{middle:.0f} ms ({low:.0f}–{high:.0f})"


def beside_lxd() -> Iterator[Row]:
    with daemons.daemon("lxd", pool="btrfs", pool_size="4GiB") as real, Sandbox(instances=FEW, seed=7) as simulated:
        source = {"type": "image", "alias": daemons.ALIAS}

        def made(number: int) -> None:
            body = {"name": f"b{number:04}", "source": source}
            finish(real.socket, ask(real.socket, "POST", "/1.0/instances", json.dumps(body).encode()))

        say(f"making {FEW} containers on a real LXD")
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(made, range(FEW)))
        for what in ("instances", "instances?recursion=1", "instances?recursion=2"):
            ours = [seconds(partial(got, Path(simulated.endpoint), f"/1.0/{what}")) for _ in range(ROUNDS)]
            theirs = [seconds(partial(got, real.socket, f"/1.0/{what}")) for _ in range(ROUNDS)]
            yield timed(f"{FEW}: GET {what}", ours, "lxd", theirs)


def compare() -> Comparison:
    notes = f"a sandbox with {MANY:,} instances in a process of its own, and one with {FEW} beside a real LXD on btrfs"
    return Comparison(notes, [*crowd(), *beside_lxd()])
