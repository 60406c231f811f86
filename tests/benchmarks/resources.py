"""Images, profiles and volumes, many of each, listed with all that the server tells of them, on LXD and on Incus."""

from __future__ import annotations

import io
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor

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
            ours = Lxdnb(daemon)
            say(f"making {MANY} images, profiles and volumes, {SHOWN[flavour]} …")
            fill(ours)
            rows += lists(ours, Program(daemon))
            ours.client.close()
    return Comparison(NOTES, rows)


def fill(ours: Lxdnb) -> None:
    client = ours.client
    pool = client.storage_pools.get("default")

    def one(number: int) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as written:
            add(written, "metadata.yaml", io.BytesIO(described(f"image-{number:03}")))
            add(written, "rootfs/number", io.BytesIO(str(number).encode()))
        client.images.create(archive.getvalue())
        client.profiles.create(f"profile-{number:03}", config={"user.number": str(number)})
        pool.volumes.create({"name": f"volume-{number:03}", "config": {"user.number": str(number)}})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(one, range(MANY)))


def lists(ours: Lxdnb, program: Program) -> list[Row]:
    rows: list[Row] = []
    on, client = SHOWN[program.daemon.flavour], ours.client
    subjects = (
        (f"{MANY} images", "fingerprint", ("image", "list"), client.images),
        (f"{MANY} profiles", "name", ("profile", "list"), client.profiles),
        (
            f"{MANY} volumes",
            "name",
            ("storage", "volume", "list", "default"),
            client.storage_pools.get("default").volumes,
        ),
    )
    for what, key, words, manager in subjects:
        command = (*words, "--format", "json")
        with measured() as used:
            seen = {dict(each)[key] for each in manager.all()}
        theirs = {each[key] for each in json.loads(program.run(*command))}
        if seen != theirs or len(seen) < MANY:
            raise Wrong(f"The list of {what} has {len(seen)} on {on}, that of {' '.join(command)} {len(theirs)}.")
        taken = rounds(
            f"{what}, {on}",
            ROUNDS,
            {
                "all": lambda manager=manager: seconds(manager.all),
                "list": lambda command=command: seconds(lambda: program.run(*command)),
            },
        )
        asked = f"{program.name} {' '.join(command)}"
        rows += [
            timed(f"{what}, {on}", taken["all"], asked, taken["list"], "≤ 1"),
            alone("… requests", used["requests"], "1"),
        ]
    return rows
