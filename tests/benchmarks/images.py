"""Images: a large one in and out, and many of them and of profiles listed, on LXD and on Incus."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from tests import daemons

from .files import SHOWN
from .peers import Lxdnb, Program
from .ruler import MIB, measured
from .table import Comparison, Row, alone, timed
from .turns import Wrong, rounds, say, seconds

NEEDS = (("lxd", "dir"), ("incus", "dir"))
LARGE = 1024  # MiB
MANY = 200
LARGE_ROUNDS, LIST_ROUNDS = 2, 7
NOTES = """\
The large image is one file, a tarball of random bytes that nobody compresses, from and to a file here; each import is
of an image that the server does not have. A list has 200 images, or profiles, beside what was there; the program's
output stays text. Memory is how far the peak rose above where it began."""

Step = Callable[[], object]


def compare() -> Comparison:
    with tempfile.TemporaryDirectory(prefix="lxdnb-bench-") as folder:
        here = Path(folder)
        say(f"making an image of {LARGE} MiB …")
        source = here / "large.tar"
        make(source)
        rows: list[Row] = []
        for flavour, pool in NEEDS:
            with daemons.daemon(flavour, pool=pool) as daemon:
                ours, program = Lxdnb(daemon), Program(daemon)
                rows += large(ours, program, source, here)
                fill(ours)
                rows += lists(ours, program)
                ours.client.close()
    return Comparison(NOTES, rows)


def make(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        add(archive, "metadata.yaml", io.BytesIO(described("large")))
        noise = tarfile.TarInfo("rootfs/noise")
        noise.size = LARGE * MIB
        archive.addfile(noise, _Noise())


class _Noise(io.RawIOBase):
    """Random bytes without an end."""

    def read(self, size: int = -1, /) -> bytes:
        return os.urandom(size)


def described(name: str) -> bytes:
    """What an image tells of itself, as JSON, which is YAML."""
    return json.dumps({"architecture": "x86_64", "creation_date": 1_700_000_000, "properties": {"name": name}}).encode()


def add(archive: tarfile.TarFile, name: str, content: io.BytesIO) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content.getvalue())
    archive.addfile(entry, content)


def large(ours: Lxdnb, program: Program, source: Path, here: Path) -> list[Row]:
    images, on = ours.client.images, SHOWN[program.daemon.flavour]
    fingerprint = digest_of(source)
    places = count()

    def gone() -> None:
        images.get(fingerprint).delete(wait=True)

    def imported(step: Step) -> float:
        spent = seconds(step)
        gone()
        return spent

    def exported(step: Callable[[Path], object]) -> float:
        """Export to a new folder, see that it is right, and delete it; the program adds an ending of its own."""
        folder = here / f"{on}-{next(places)}"
        folder.mkdir()
        spent = seconds(lambda: step(folder / "large"))
        found = [*folder.iterdir()]
        if [digest_of(path) for path in found] != [fingerprint]:
            raise Wrong(f"An export on {on} is not what was imported: {found}.")
        found[0].unlink()
        return spent

    def create() -> None:
        images.create(source)

    def export(to: Path) -> None:
        images.get(fingerprint).export(to=to)

    say(f"whether a large image comes whole, {on} …")
    with measured() as going:
        create()
    with measured() as coming:
        exported(export)
    gone()
    taken = rounds(
        f"imports, {on}",
        LARGE_ROUNDS,
        {
            "create": lambda: imported(create),
            "import": lambda: imported(lambda: program.run("image", "import", str(source))),
        },
        warm=True,
    )
    create()
    taken |= rounds(
        f"exports, {on}",
        LARGE_ROUNDS,
        {
            "export": lambda: exported(export),
            "image export": lambda: exported(lambda to: program.run("image", "export", fingerprint, str(to))),
        },
        warm=True,
    )
    gone()
    size, name = f"{LARGE:,} MiB, {on}", program.name
    return [
        timed(f"create of {size}", taken["create"], f"{name} image import", taken["import"], "≤ 1"),
        alone("… memory", going["memory"] / MIB, "< 32 MiB", " MiB"),
        timed(f"export of {size}", taken["export"], f"{name} image export", taken["image export"], "≤ 1"),
        alone("… memory", coming["memory"] / MIB, "< 32 MiB", " MiB"),
    ]


def fill(ours: Lxdnb) -> None:
    say(f"making {MANY} images and profiles …")

    def one(number: int) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as written:
            add(written, "metadata.yaml", io.BytesIO(described(f"image-{number:03}")))
            add(written, "rootfs/number", io.BytesIO(str(number).encode()))
        ours.client.images.create(archive.getvalue())
        ours.client.profiles.create(f"profile-{number:03}", config={"user.number": str(number)})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(MANY)))


def lists(ours: Lxdnb, program: Program) -> list[Row]:
    rows: list[Row] = []
    on, client = SHOWN[program.daemon.flavour], ours.client
    for what, key, manager in (("image", "fingerprint", client.images), ("profile", "name", client.profiles)):
        command = (what, "list", "--format", "json")
        with measured() as used:
            seen = {dict(each)[key] for each in manager.all()}
        theirs = {each[key] for each in json.loads(program.run(*command))}
        if seen != theirs or len(seen) != MANY + 1:
            raise Wrong(f"{what}s.all() gave {len(seen)} on {on}, {' '.join(command)} {len(theirs)}.")
        taken = rounds(
            f"{what} lists, {on}",
            LIST_ROUNDS,
            {
                "all": lambda manager=manager: seconds(manager.all),
                "list": lambda command=command: seconds(lambda: program.run(*command)),
            },
        )
        asked = f"{program.name} {' '.join(command)}"
        rows += [
            timed(f"{MANY} {what}s, {on}", taken["all"], asked, taken["list"], "≤ 1"),
            alone("… requests", used["requests"], "1"),
        ]
    return rows


def digest_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
