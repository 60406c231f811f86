"""Images, profiles and volumes, many of each, listed with all that the server tells of them, on LXD and on Incus."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from tests import daemons

from .files import SHOWN
from .images import add, described
from .peers import Lxdnb, Program
from .ruler import measured
from .table import Comparison, Row, alone, timed
from .turns import Wrong, rounds, say, seconds

NEEDS = (("lxd", "dir"), ("incus", "dir"))
MANY = 200
ROUNDS = 7
NOTES = """\
Each list has 200 of what was made for it, beside what was there; volumes are those of one pool. The program's output
stays text."""


def compare() -> Comparison:
    rows: list[Row] = []
    for flavour, pool in NEEDS:
        with daemons.daemon(flavour, pool=pool) as daemon:
            ours, program = Lxdnb(daemon), Program(daemon)
            client = ours.client
            disks = client.storage_pools.get("default").volumes
            # Volumes first: LXD asks each profile for each volume whether it uses that, which takes it seconds.
            rows += lists(program, "volumes", "name", ("storage", "volume", "list", "default"), disks, volume)
            rows += lists(program, "images", "fingerprint", ("image", "list"), client.images, image)
            rows += lists(program, "profiles", "name", ("profile", "list"), client.profiles, profile)
            client.close()
    return Comparison(NOTES, rows)


def volume(manager: Any, number: int) -> None:
    manager.create({"name": f"volume-{number:03}", "config": {"user.number": str(number)}})


def image(manager: Any, number: int) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as written:
        add(written, "metadata.yaml", io.BytesIO(described(f"image-{number:03}")))
        add(written, "rootfs/number", io.BytesIO(str(number).encode()))
    manager.create(archive.getvalue())


def profile(manager: Any, number: int) -> None:
    manager.create(f"profile-{number:03}", config={"user.number": str(number)})


def lists(
    program: Program, what: str, key: str, words: tuple[str, ...], manager: Any, make: Callable[[Any, int], None]
) -> list[Row]:
    """Make many of a kind, and list them."""
    on, command = SHOWN[program.daemon.flavour], (*words, "--format", "json")
    say(f"making {MANY} {what}, {on} …")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(partial(make, manager), range(MANY)))
    with measured() as used:
        seen = {dict(each)[key] for each in manager.all()}
    theirs = {each[key] for each in json.loads(program.run(*command))}
    if seen != theirs or len(seen) < MANY:
        raise Wrong(f"The list of {what} has {len(seen)} on {on}, that of {' '.join(command)} {len(theirs)}.")
    sides = {"all": lambda: seconds(manager.all), "list": lambda: seconds(lambda: program.run(*command))}
    taken = rounds(f"{MANY} {what}, {on}", ROUNDS, sides)
    asked = f"{program.name} {' '.join(command)}"
    return [
        timed(f"{MANY} {what}, {on}", taken["all"], asked, taken["list"], "≤ 1"),
        alone("… requests", used["requests"], "1"),
    ]
