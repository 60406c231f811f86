"""Files in and out of a running container: a large one, and a folder of many small ones, on LXD and on Incus."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from tests import daemons

from .peers import Lxdnb, Program
from .ruler import MIB, measured
from .table import Comparison, Row, alone, timed
from .turns import Wrong, rounds, say, seconds

NEEDS = (("lxd", "dir"), ("incus", "dir"))
ONE = "c1"
LARGE = 1024  # MiB
FOLDERS, EACH = 20, 100
LARGE_ROUNDS, SMALL_ROUNDS = 2, 3
SMALL_WANTED = {"lxd": "≤ 0.15", "incus": "≤ 0.5"}
SHOWN = {"lxd": "LXD", "incus": "Incus"}
NOTES = """\
One running container on LXD and one on Incus, each with a dir pool. The large file is random bytes, from and to a file
here; small ones have up to 700 bytes. What is written is new each time, in a folder of its own.
Memory is how far the peak of put and of get rose above where it began."""

Step = Callable[[str], object]
"""Brings a file or folder to a place, which it is given."""
Steps = dict[str, Step]
Tree = dict[str, str]
"""Hashes of files by their paths: MD5, since busybox takes 5 s for SHA-256 of a GiB."""


def compare() -> Comparison:
    with tempfile.TemporaryDirectory(prefix="lxdnb-bench-") as folder, ExitStack() as running:
        here = Path(folder)
        say(f"making a file of {LARGE} MiB and {FOLDERS * EACH} small ones …")
        make(here)
        rows: list[Row] = []
        for flavour, pool in NEEDS:
            # Many files are deleted only at the end of all: ext4 takes no inode again whose file was deleted in the
            # last minutes, and looks at all of them for each new file (recently_deleted, Linux's fs/ext4/ialloc.c).
            daemon = running.enter_context(daemons.daemon(flavour, pool=pool))
            daemon.cli("launch", daemons.ALIAS, ONE)
            ours = Lxdnb(daemon)
            sides = Sides(ours, Program(daemon), here)
            rows += [*large(sides), *small(sides)]
            ours.client.close()
        say("removing the files …")
    return Comparison(NOTES, rows)


def make(here: Path) -> None:
    with open(here / "large", "wb") as file:
        for _ in range(LARGE):
            file.write(os.urandom(MIB))
    for folder in range(FOLDERS):
        (here / f"small/{folder}").mkdir(parents=True)
        for number in range(EACH):
            (here / f"small/{folder}/{number}").write_bytes(os.urandom(7 * number))


class Sides:
    """What each does, and what is there then. A place is a folder of one name in the container, in /srv, and here."""

    def __init__(self, ours: Lxdnb, program: Program, source: Path) -> None:
        self.program, self.source = program, source
        self.files = ours.client.containers.get(ONE).files
        self.flavour = program.daemon.flavour
        self.on = SHOWN[self.flavour]
        self.here = source / self.flavour
        self.places = map(str, count())

    def inside(self, script: str) -> str:
        return self.program.run("exec", ONE, "--", "sh", "-c", script)

    def place(self) -> str:
        """Make a new one."""
        name = next(self.places)
        self.inside(f"mkdir -p /srv/{name}")
        (self.here / name).mkdir(parents=True)
        return name

    def free(self, place: str) -> None:
        """Delete the large file in it, which takes much room. Small files stay: see compare()."""
        self.inside(f"rm -f /srv/{place}/large")
        (self.here / place / "large").unlink(missing_ok=True)

    def tree(self, place: str) -> Tree:
        """What is in a place, of which only one side has anything."""
        printed = self.inside(f"cd /srv/{place} && find . -type f -exec md5sum {{}} +")
        there = {path.removeprefix("./"): digest for digest, path in map(str.split, printed.splitlines())}
        return there | tree(self.here / place)


def large(sides: Sides) -> list[Row]:
    files, run, here, name = sides.files, sides.program.run, sides.here, sides.program.name
    local = sides.source / "large"
    source = sides.place()
    steps: Steps = {
        "put": lambda to: files.put(f"/srv/{to}/large", local),
        "push": lambda to: run("file", "push", str(local), f"{ONE}/srv/{to}/large"),
        "get": lambda to: files.get(f"/srv/{source}/large", to=here / to / "large"),
        "pull": lambda to: run("file", "pull", f"{ONE}/srv/{source}/large", f"{here}/{to}/large"),
    }
    say(f"whether large files come whole, {sides.on} …")
    steps["push"](source)
    memory = check(sides, steps, {"large": digest_of(local)})
    taken = turns(f"large files, {sides.on}", LARGE_ROUNDS, sides, steps)
    sides.free(source)
    size = f"{LARGE:,} MiB, {sides.on}"
    return [
        timed(f"put of {size}", taken["put"], f"{name} file push", taken["push"], "≤ 1"),
        alone("… memory", memory["put"], "< 32 MiB", " MiB"),
        timed(f"get of {size}", taken["get"], f"{name} file pull", taken["pull"], "≤ 1"),
        alone("… memory", memory["get"], "< 32 MiB", " MiB"),
    ]


def small(sides: Sides) -> list[Row]:
    files, run, here, name = sides.files, sides.program.run, sides.here, sides.program.name
    local = sides.source / "small"
    source = sides.place()
    steps: Steps = {
        "put": lambda to: files.recursive_put(local, f"/srv/{to}/small"),
        "push": lambda to: run("file", "push", "-r", str(local), f"{ONE}/srv/{to}"),
        "get": lambda to: files.recursive_get(f"/srv/{source}/small", here / to / "small"),
        "pull": lambda to: run("file", "pull", "-r", f"{ONE}/srv/{source}/small", f"{here}/{to}"),
    }
    say(f"whether folders come whole, {sides.on} …")
    steps["push"](source)
    check(sides, steps, {f"small/{path}": digest for path, digest in tree(local).items()})
    taken = turns(f"folders, {sides.on}", SMALL_ROUNDS, sides, steps)
    many, wanted = f"{FOLDERS * EACH:,} small files, {sides.on}", SMALL_WANTED[sides.flavour]
    return [
        timed(f"put of {many}", taken["put"], f"{name} file push -r", taken["push"], wanted),
        timed(f"get of {many}", taken["get"], f"{name} file pull -r", taken["pull"], wanted),
    ]


def check(sides: Sides, steps: Steps, right: Tree) -> dict[str, float]:
    """See that each step brings what is right, and return by how many MiB its memory rose here."""
    memory: dict[str, float] = {}
    for name, step in steps.items():
        place = sides.place()
        with measured() as used:
            step(place)
        memory[name] = used["memory"] / MIB
        found = sides.tree(place)
        if wrong := sorted(dict(right.items() ^ found.items())):
            raise Wrong(f"{name}, {sides.on}: {len(wrong)} files are missing, too many or not as sent: {wrong[:4]} …")
        sides.free(place)
    return memory


def turns(what: str, times: int, sides: Sides, steps: Steps) -> dict[str, list[float]]:
    def turn(step: Step) -> float:
        place = sides.place()
        spent = seconds(lambda: step(place))
        sides.free(place)
        return spent

    return rounds(what, times, {name: lambda step=step: turn(step) for name, step in steps.items()}, warm=True)


def digest_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def tree(folder: Path) -> Tree:
    return {str(path.relative_to(folder)): digest_of(path) for path in folder.rglob("*") if path.is_file()}
