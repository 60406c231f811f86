"""Private, real clusters of LXD or Incus for tests: three daemons of `daemons.py`, joined over loopback addresses.

`with cluster("lxd") as c:` gives members n1, n2 and n3, each a `Daemon` with a directory of its own, and one pool,
profile and image. Nothing of them is left, not even when the owner is killed: each member has a watcher. Addresses
are drawn, so that several clusters run side by side.
"""

from __future__ import annotations

import base64
import contextlib
import json
import random
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .daemons import REMOTE, Daemon, DaemonError, free_address, furnish, missing, watch
from .watcher import Watcher, ask, finish

__all__ = ["NAMES", "Cluster", "cluster", "join"]

NAMES = ("n1", "n2", "n3")
_POOL = {"entity": "storage-pool", "name": "default", "key": "source", "value": ""}


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    flavour: str
    """lxd or incus."""
    members: dict[str, Daemon]
    """Its members by their names."""

    def __getitem__(self, name: str) -> Daemon:
        return self.members[name]

    @property
    def first(self) -> Daemon:
        """The member that the others have joined."""
        return self.members[NAMES[0]]

    def clear(self) -> None:
        """Delete what a test left, as `Daemon.clear`. All members must run."""
        self.first.clear()


@contextlib.contextmanager
def cluster(flavour: str) -> Iterator[Cluster]:
    """Run a cluster of three while the block does: ready in about 3 s, and nothing left of it after.

    Raises DaemonError with the reason where none can run (see `daemons.missing`).
    """
    if reason := missing(flavour):
        raise DaemonError(reason)
    watchers = [watch(flavour, clustered=True) for _ in NAMES]  # they start at the same time
    left: list[str] = []
    try:
        first = furnish(flavour, watchers[0], {"driver": "dir", "size": None})  # at the address that certificates name
        finish(first.socket, ask(first.socket, "PUT", "/1.0/cluster", {"server_name": NAMES[0], "enabled": True}))
        first = replace(first, server_certificate=first.directory / "cluster.crt")  # it shows another now
        shutil.copy(first.server_certificate, first.directory / f"client/servercerts/{REMOTE}.crt")
        made = Cluster(flavour, {NAMES[0]: first})
        network = f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}"
        for number, name in enumerate(NAMES[1:], 1):
            made.members[name] = join(first, name, watchers[number], f"{network}.{number}")
        yield made
    finally:
        ends = [threading.Thread(target=lambda watcher=watcher: left.extend(watcher.end())) for watcher in watchers]
        for end in ends:
            end.start()
        for end in ends:
            end.join()
    if left:
        raise DaemonError(f"The {flavour} cluster is gone but these could not be removed: {', '.join(left)}")


def join(first: Daemon, name: str, watcher: Watcher, host: str, token: str | None = None) -> Daemon:
    """Have a new, empty daemon join the cluster of the first, and return it; by a token of its own unless given one."""
    directory = Path(watcher.answer()["directory"])
    address = free_address(host)
    made = replace(
        first,
        directory=directory,
        socket=directory / "unix.socket",
        address=f"https://{address}",
        server_certificate=directory / "cluster.crt",
        environment=first.environment | {f"{first.flavour.upper()}_DIR": str(directory)},
        _watcher=watcher,
    )
    request = {
        "server_name": name,
        "enabled": True,
        "server_address": address,
        "cluster_address": first.address.removeprefix("https://"),
        "cluster_certificate": (first.directory / "cluster.crt").read_text(),
        "cluster_token" if first.flavour == "incus" else "cluster_password": token or _token(first, name),
        "member_config": [_POOL],
    }
    finish(made.socket, ask(made.socket, "PUT", "/1.0/cluster", request))
    return made


def _token(first: Daemon, name: str) -> str:
    """A join token, as `lxc cluster add` prints it."""
    granted = ask(first.socket, "POST", "/1.0/cluster/members", {"server_name": name})
    said: dict[str, Any] = granted["metadata"]["metadata"]
    token = {
        "server_name": said["serverName"],
        "fingerprint": said["fingerprint"],
        "addresses": said["addresses"],
        "secret": said["secret"],
        "expires_at": said.get("expiresAt", "0001-01-01T00:00:00Z"),
    }
    return base64.b64encode(json.dumps(token).encode()).decode()
