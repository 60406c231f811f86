"""An image in and out: a large one, on LXD and on Incus."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

import lxdnb
from tests import daemons

from .files import SHOWN
from .peers import Lxdnb, Program
from .ruler import MIB
from .table import Comparison, Row, alone, timed
from .turns import Wrong, rounds, say, seconds

NEEDS = (("lxd", "dir"), ("incus", "dir"))
LARGE = 1024  # MiB
ROUNDS = 3
NOTES = """\
The large image is one file, a tarball of random bytes that nobody compresses, from and to a file here; each import is
of an image that the server does not have. Memory is how far the peak of a new process, which had connected, rose."""

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
    on = SHOWN[program.daemon.flavour]
    fingerprint = digest_of(source)
    places = count()

    def create() -> None:
        _create(ours.client, source)

    def export(to: Path) -> None:
        _export(ours.client, fingerprint, to)

    def gone() -> None:
        ours.client.images.get(fingerprint).delete(wait=True)

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

    say(f"whether a large image comes whole, {on} …")
    create()
    exported(export)
    coming = ours.memory(_export, fingerprint, here / "exported")
    (here / "exported").unlink()
    gone()
    going = ours.memory(_create, source)
    gone()
    taken = rounds(
        f"imports, {on}",
        ROUNDS,
        {
            "create": lambda: imported(create),
            "import": lambda: imported(lambda: program.run("image", "import", str(source))),
        },
        warm=True,
    )
    create()
    taken |= rounds(
        f"exports, {on}",
        ROUNDS,
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
        alone("… memory", going / MIB, "< 32 MiB", " MiB"),
        timed(f"export of {size}", taken["export"], f"{name} image export", taken["image export"], "≤ 1"),
        alone("… memory", coming / MIB, "< 32 MiB", " MiB"),
    ]


def _create(client: lxdnb.Client, source: Path) -> None:
    client.images.create(source)


def _export(client: lxdnb.Client, fingerprint: str, to: Path) -> None:
    client.images.get(fingerprint).export(to=to)


def digest_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
