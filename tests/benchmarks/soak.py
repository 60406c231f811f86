"""A sandbox that works for minutes: memory stays flat, and nothing is left of what has come and gone.

`LXDNB_SOAK=600 python -m tests.benchmarks soak` takes ten minutes; three unless said.
"""

from __future__ import annotations

import gc
import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lxdnb
from lxdnb.sandbox import Sandbox

from .ruler import MIB
from .table import Comparison, Row
from .turns import Wrong, say

NEEDS: list[tuple[str, str]] = []
SECONDS = float(os.environ.get("LXDNB_SOAK", "180"))
THREADS = 8
BOXES = 4
SETTLED = 0.25  # of the time, until which memory may grow as it likes


def _memory() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def _turn(client: lxdnb.Client, chance: random.Random, number: int) -> str:
    """Do one thing, see that it is right, and return what it was."""
    box = client.instances.get(f"soak-{chance.randrange(BOXES)}")
    what = chance.choice(["exec", "exec", "exec", "killed", "files", "life", "metrics", "events"])
    if what == "exec":
        said = box.execute(["sh", "-c", f"seq {number} $(({number} + 2)) | sort -r | head -n 1"]).stdout
        if said != f"{max(map(str, range(number, number + 3)))}\n":
            raise Wrong(f"A command said {said!r}.")
    elif what == "killed":
        if box.execute(["sh", "-c", "x=a; while :; do x=$x$x; done"]).exit_code != 2:
            raise Wrong("A loop without end has no end.")
    elif what == "files":
        path, data = f"/root/{chance.randrange(20)}", chance.randbytes(chance.randrange(100_000))
        box.files.put(f"{path}-{threading.get_ident()}", data)
        if box.files.get(f"{path}-{threading.get_ident()}") != data:
            raise Wrong("A file holds something else.")
    elif what == "life":
        with client.launch("busybox", f"life-{number}") as made:
            made.snapshots.create("s", wait=True)
    elif what == "metrics":
        client.metrics_text()
    else:
        with client.events(event_types=[lxdnb.EventType.Lifecycle]) as heard:
            box.execute(["true"])
            next(iter(heard))
    return what


def soak() -> Iterator[Row]:
    with Sandbox(seed=7) as simulated:
        host, client = simulated.host, lxdnb.Client(simulated.endpoint)
        for number in range(BOXES):
            client.instances.launch("busybox", f"soak-{number}")
        begun, done, readings = time.monotonic(), dict[str, int](), list[tuple[float, int]]()
        lock = threading.Lock()

        def work(thread: int) -> None:
            chance, number = random.Random(thread), thread * 10**6
            while time.monotonic() < begun + SECONDS:
                number += 1
                what = _turn(client, chance, number)
                with lock:
                    done[what] = done.get(what, 0) + 1
                    if sum(done.values()) % 100 == 0:
                        readings.append((time.monotonic() - begun, _memory()))
                        say(f"{sum(done.values())} things done, {readings[-1][1] // MIB} MiB")

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, range(THREADS)))
        time.sleep(6)  # until operations are forgotten
        gc.collect()
        yield Row("things done", f"{sum(done.values()):,}", "", "", "", ", ".join(f"{n} {w}" for w, n in done.items()))
        settled = [memory for at, memory in readings if at > SECONDS * SETTLED]
        if settled:
            grown = (settled[-1] - settled[0]) / MIB
            yield Row("memory, grown since the first quarter", f"{grown:.0f} MiB", "", "", "", "flat")
        boxes = host.instances("default").values()
        left = {
            "instances": len(host.instances("default")) - BOXES,
            "operations": len(host.operations.all(None)),
            "listeners": len(host.events._listeners),
            "processes": sum(len(each.machine.processes) - 1 for each in boxes if each.machine),
            "bytes of memory": host.memory.used,
        }
        for what, count in left.items():
            yield Row(f"{what} left behind", str(count), "", "", "", "0")
        client.close()


def compare() -> Comparison:
    return Comparison(
        f"a sandbox that {THREADS} threads keep at work for {SECONDS:.0f} s, in one process with them", [*soak()]
    )
