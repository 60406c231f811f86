"""One command in fifty containers: `frames.run` beside `xargs -P 8 lxc exec`, whose commands start anew each time."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import lxdnb
from lxdnb import frames
from tests import daemons

from .peers import Lxdnb, pointed_at
from .ruler import MIB
from .table import Comparison, Row, alone, timed
from .turns import Wrong, rounds, say, seconds

NEEDS = (("lxd", "btrfs"),)
RUNNING = [f"r{number:02}" for number in range(50)]
ROUNDS = 10
LONGEST = 30  # seconds after which `lxc exec` is taken to hang, and its round is run again
HANGS_AT_MOST = 10
TALK = 1  # MB of output that each gives
NOTES = """\
{} running containers on LXD with btrfs. Each side finds out by itself that all have ended well; lxdnb also which ones
run, and what each said, as a frame.{}"""


def compare() -> Comparison:
    with daemons.daemon("lxd", pool="btrfs", pool_size="4GiB") as daemon:
        say(f"making {len(RUNNING)} running containers …")
        fill(daemon)
        ours, xargs = Lxdnb(daemon), Xargs(daemon)
        check(ours, xargs)
        rows = [*times(ours, xargs), *usage(ours)]
        ours.client.close()
        say("removing the containers …")
    hung = f" `lxc exec` hung in {xargs.hung} rounds, which were run again." if xargs.hung else ""
    return Comparison(NOTES.format(len(RUNNING), hung), rows)


def fill(daemon: daemons.Daemon) -> None:
    ours = Lxdnb(daemon)

    def make(name: str) -> None:
        source = {"type": "image", "alias": daemons.ALIAS}
        ours.client.containers.create({"name": name, "source": source}, wait=True).start(wait=True)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, RUNNING))
    ours.client.close()


@dataclass
class Xargs:
    """`lxc exec` for each container, eight at a time."""

    daemon: daemons.Daemon
    hung: int = 0

    def run(self, *command: str) -> str:
        """Run a command in all of them and return what they print, in any order."""
        while True:
            with subprocess.Popen(
                ["xargs", "-P", "8", "-I{}", "lxc", "exec", "{}", "--", *command],
                env=pointed_at(self.daemon),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            ) as process:
                try:
                    printed, _ = process.communicate("\n".join(RUNNING), timeout=LONGEST)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    self.hung += 1
                    if self.hung > HANGS_AT_MOST:
                        raise Wrong(f"`lxc exec` hung in {self.hung} rounds.") from None
                    continue
            if process.returncode:
                raise Wrong(f"`xargs lxc exec` ended with exit code {process.returncode}.")
            return printed

    def seconds(self, *command: str) -> float:
        """How long that takes, in a round in which it does not hang."""
        while True:
            before = self.hung
            spent = seconds(lambda: self.run(*command))
            if self.hung == before:
                return spent


def check(ours: Lxdnb, xargs: Xargs) -> None:
    said = frames.run(ours.client, ["hostname"], progress=False)
    by_lxdnb = [line.strip() for line in said["stdout"]]
    xargs.run("hostname")  # its exit code alone: `lxc exec` at times loses what a quick command prints
    if by_lxdnb != RUNNING or not said["exit_code"].eq(0).all():
        raise Wrong(f"frames.run heard {by_lxdnb} of the containers.")
    codes = set(frames.run(ours.client, "exit 3", progress=False)["exit_code"])
    if codes != {3}:
        raise Wrong(f"Commands that exit with 3 were said to have exited with {codes}.")


def times(ours: Lxdnb, xargs: Xargs) -> list[Row]:
    every = frames.instances(ours.client, ["name"])

    def ran(on: object, command: list[str], size: int = 0) -> None:
        found = frames.run(on, command, progress=False)  # pyright: ignore[reportArgumentType]
        if not (found["exit_code"].eq(0).all() and found["stdout"].str.len().eq(size).all() and len(found) == 50):
            raise Wrong(f"frames.run failed:\n{found}")

    much = ["head", "-c", f"{TALK}000000", "/dev/zero"]
    small = rounds(
        "one command in many",
        ROUNDS,
        {
            "lxdnb": lambda: seconds(lambda: ran(ours.client, ["true"])),
            "xargs": lambda: xargs.seconds("true"),
            "of a frame": lambda: seconds(lambda: ran(every, ["true"])),
        },
    )
    large = rounds(
        "much output of many",
        3,
        {
            "lxdnb": lambda: seconds(lambda: ran(ours.client, much, TALK * 1_000_000)),
            "xargs": lambda: xargs.seconds(*much),
        },
    )
    peer = "xargs -P 8 lxc exec"
    return [
        timed('frames.run(lx, ["true"])', small["lxdnb"], peer, small["xargs"], "≤ 0.7"),
        timed("of a frame's rows", small["of a frame"], peer, small["xargs"]),
        timed(f"{TALK} MB of output of each", large["lxdnb"], peer, large["xargs"]),
    ]


def usage(ours: Lxdnb) -> list[Row]:
    """What output takes of which the first 100 kB are kept, 20 MB of each."""
    memory = ours.memory(bounded)
    return [alone("1 GB of output, 5 MB kept: memory", memory / MIB, "≤ 50", unit=" MiB")]


def bounded(client: lxdnb.Client) -> None:
    found = frames.run(client, ["head", "-c", "20000000", "/dev/zero"], kept=100_000, progress=False)
    if not found["stdout"].str.len().eq(100_000).all():
        raise Wrong(f"frames.run failed:\n{found}")
