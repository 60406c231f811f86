"""A sandbox that is a cluster, in the shape of `clusters.Cluster`: its members are one process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from . import daemons
from .clusters import NAMES, Cluster
from .simulated import simulated
from .watcher import ask

__all__ = ["simulated_cluster"]

STATUS = {"kill": "Offline", "start": "Online"}


@dataclass
class Holder:
    """Has one member be lost and come back: takes the words that `watcher.Watcher` takes."""

    name: str
    other: Path
    """The socket of a member that stays."""
    pid: int

    def say(self, word: str) -> None:
        ask(self.other, "POST", f"/sandbox/members/{self.name}", {"status": STATUS[word]})


@contextlib.contextmanager
def simulated_cluster(flavour: str) -> Iterator[Cluster]:
    """Run a sandbox of three members of that flavour while the block does."""
    with simulated(flavour, "--cluster", str(len(NAMES))) as first:
        variable = daemons.KINDS[flavour].directory
        made = Cluster(flavour, {})
        for name in NAMES:
            folder = first.socket.parent if name == NAMES[0] else first.socket.parent / name
            unix = folder / "unix.socket"
            address = ask(unix, "GET", "/1.0")["metadata"]["config"]["core.https_address"]
            other = first.socket if name != NAMES[0] else first.socket.parent / NAMES[1] / "unix.socket"
            made.members[name] = replace(
                first,
                directory=Path("/simulated", name),  # where it says that its things are
                socket=unix,
                address=f"https://{address}",
                environment=first.environment | {variable: str(folder)},
                _watcher=Holder(name, other, first.pid),
            )
        yield made
