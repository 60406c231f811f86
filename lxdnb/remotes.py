"""Who to talk to: where a local daemon has its socket, by the same rules as `lxc` and `incus`.

Pure: the environment goes in, places come out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

__all__ = ["local_sockets"]

LXD_SOCKETS = ("/var/snap/lxd/common/lxd/unix.socket", "/var/lib/lxd/unix.socket")
INCUS_SOCKETS = ("/var/lib/incus/unix.socket", "/run/incus/unix.socket")


def local_sockets(environment: Mapping[str, str]) -> list[str]:
    """Return the sockets where a local daemon may listen, the likeliest first.

    LXD_SOCKET, LXD_DIR, INCUS_SOCKET and INCUS_DIR name a server: where one is set, only what is set is looked at,
    so that a server that is down is an error and not another server. Else LXD's own places, then Incus's.

    >>> local_sockets({"LXD_DIR": "/srv/lxd"})
    ['/srv/lxd/unix.socket']
    """
    named: list[str] = []
    for product in ("LXD", "INCUS"):
        if environment.get(f"{product}_SOCKET"):
            named.append(environment[f"{product}_SOCKET"])
        elif environment.get(f"{product}_DIR"):
            named.append(str(PurePosixPath(environment[f"{product}_DIR"]) / "unix.socket"))
    return named or [*LXD_SOCKETS, *INCUS_SOCKETS]
