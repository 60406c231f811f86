"""Files in and out of a running container: a large one, and a folder of many small ones, on LXD and on Incus."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
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
here; small ones have up to 700 bytes. What is written is new each time: it is removed between the turns, untimed.
Memory is how far the peak of put and of get rose above where it began."""

Tree = dict[str, str]
"""Hashes of files by their paths: MD5, since busybox takes 5 s for SHA-256 of a GiB."""


def compare() -> Comparison:
    with tempfile.TemporaryDirectory(prefix="lxdnb-bench-") as folder:
        here = Path(folder)
        say(f"making a file of {LARGE} MiB and {FOLDERS * EACH} small ones …")
        make(here)
        rows = [row for flavour, _ in NEEDS for row in compare_on(flavour, here)]
    return Comparison(NOTES, rows)


def make(here: Path) -> None:
    with open(here / "large", "wb") as file:
        for _ in range(LARGE):
            file.write(os.urandom(MIB))
    for folder in range(FOLDERS):
        (here / f"small/{folder}").mkdir(parents=True)
        for number in range(EACH):
            (here / f"small/{folder}/{number}").write_bytes(os.urandom(7 * number))


def compare_on(flavour: str, here: Path) -> list[Row]:
    with daemons.daemon(flavour) as daemon:
        daemon.cli("launch", daemons.ALIAS, ONE)
        ours = Lxdnb(daemon)
        sides = Sides(ours, Program(daemon), here)
        rows = [*large(sides), *small(sides)]
        ours.client.close()
    return rows


class Sides:
    """What each does, and what is there then."""

    def __init__(self, ours: Lxdnb, program: Program, here: Path) -> None:
        self.program, self.here = program, here
        self.files = ours.client.containers.get(ONE).files
        self.on = SHOWN[program.daemon.flavour]

    def inside(self, script: str) -> str:
        return self.program.run("exec", ONE, "--", "sh", "-c", script)

    def there(self, path: str) -> Tree:
        """The files of a container's folder, or a file, as its own programs see them."""
        printed = self.inside(f"cd {path} && find . -type f -exec md5sum {{}} +")
        return {path.removeprefix("./"): digest for digest, path in map(str.split, printed.splitlines())}

    def clear(self, *names: str) -> None:
        """Remove what a turn wrote, on either side."""
        self.inside("; ".join(f"rm -rf /srv/{name}; mkdir -p /srv/{name}" for name in names))
        for name in names:
            shutil.rmtree(self.here / name, ignore_errors=True)
            (self.here / name).mkdir()


def large(sides: Sides) -> list[Row]:
    files, run, here, name = sides.files, sides.program.run, sides.here, sides.program.name
    steps = {
        "put": lambda: files.put("/srv/ours/large", here / "large"),
        "push": lambda: run("file", "push", f"{here}/large", f"{ONE}/srv/theirs/large"),
        "get": lambda: files.get("/srv/source/large", to=here / "ours/large"),
        "pull": lambda: run("file", "pull", f"{ONE}/srv/source/large", f"{here}/theirs/large"),
    }
    say(f"whether large files come whole, {sides.on} …")
    sides.clear("ours", "theirs", "source")
    run("file", "push", f"{here}/large", f"{ONE}/srv/source/large")
    right = {"large": digest_of(here / "large")}
    memory = []
    for step in ("put", "get"):
        with measured() as used:
            steps[step]()
        memory.append(used["memory"] / MIB)
    steps["push"]()
    steps["pull"]()
    same(right, {f"{place} on {sides.on}": sides.there(f"/srv/{place}") for place in ("source", "ours", "theirs")})
    same(right, {f"{place} from {sides.on}": tree(here / place) for place in ("ours", "theirs")})
    taken = turns(f"large files, {sides.on}", LARGE_ROUNDS, sides, steps)
    sides.clear("ours", "theirs", "source")
    size = f"{LARGE:,} MiB, {sides.on}"
    return [
        timed(f"put of {size}", taken["put"], f"{name} file push", taken["push"], "≤ 1"),
        alone("… memory", memory[0], "< 32 MiB", " MiB"),
        timed(f"get of {size}", taken["get"], f"{name} file pull", taken["pull"], "≤ 1"),
        alone("… memory", memory[1], "< 32 MiB", " MiB"),
    ]


def small(sides: Sides) -> list[Row]:
    files, run, here, name = sides.files, sides.program.run, sides.here, sides.program.name
    steps = {
        "put": lambda: files.recursive_put(here / "small", "/srv/ours/small"),
        "push": lambda: run("file", "push", "-r", f"{here}/small", f"{ONE}/srv/theirs"),
        "get": lambda: files.recursive_get("/srv/source/small", here / "ours/small"),
        "pull": lambda: run("file", "pull", "-r", f"{ONE}/srv/source/small", f"{here}/theirs"),
    }
    say(f"whether folders come whole, {sides.on} …")
    sides.clear("ours", "theirs", "source")
    run("file", "push", "-r", f"{here}/small", f"{ONE}/srv/source")
    for step in steps.values():
        step()
    right = tree(here / "small")
    there = {f"{place} on {sides.on}": sides.there(f"/srv/{place}/small") for place in ("source", "ours", "theirs")}
    same(right, there | {f"{place} from {sides.on}": tree(here / place / "small") for place in ("ours", "theirs")})
    taken = turns(f"folders, {sides.on}", SMALL_ROUNDS, sides, steps)
    sides.clear("ours", "theirs", "source")
    many, wanted = f"{FOLDERS * EACH:,} small files, {sides.on}", SMALL_WANTED[sides.program.daemon.flavour]
    return [
        timed(f"put of {many}", taken["put"], f"{name} file push -r", taken["push"], wanted),
        timed(f"get of {many}", taken["get"], f"{name} file pull -r", taken["pull"], wanted),
    ]


def turns(what: str, count: int, sides: Sides, steps: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    def turn(step: Callable[[], object]) -> float:
        sides.clear("ours", "theirs")
        return seconds(step)

    return rounds(what, count, {name: lambda step=step: turn(step) for name, step in steps.items()}, warm=True)


def digest_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def tree(folder: Path) -> Tree:
    return {str(path.relative_to(folder)): digest_of(path) for path in folder.rglob("*") if path.is_file()}


def same(right: Tree, seen: dict[str, Tree]) -> None:
    for where, found in seen.items():
        wrong = sorted(dict(right.items() ^ found.items()))
        if wrong:
            raise Wrong(f"{where}: {len(wrong)} files are missing, too many or not what was sent: {wrong[:4]} …")
