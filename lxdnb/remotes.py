"""Who to talk to: where a local daemon has its socket, and who gives images, by the rules of `lxc` and `incus`.

Pure: the environment goes in, places come out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

__all__ = ["image_source", "local_sockets"]

LXD_SOCKETS = ("/var/snap/lxd/common/lxd/unix.socket", "/var/lib/lxd/unix.socket")
INCUS_SOCKETS = ("/var/lib/incus/unix.socket", "/run/incus/unix.socket")

# images.linuxcontainers.org, which older lxc programs still name, has ceased to serve LXD.
PUBLIC_IMAGES = {
    "lxd": {
        "images": "https://images.lxd.canonical.com",
        "ubuntu": "https://cloud-images.ubuntu.com/releases",
        "ubuntu-daily": "https://cloud-images.ubuntu.com/daily",
    },
    "incus": {"images": "https://images.linuxcontainers.org"},
}


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


def image_source(image: str, server: str) -> str | dict[str, str]:
    """Return what a person's name for an image means: one that the server has, or a `source` to fetch it from.

    `images:ALIAS`, `ubuntu:ALIAS` and `ubuntu-daily:ALIAS` are the public servers that the command line of this kind
    of server (`lxd` or `incus`) knows by these names; `local:` is the server itself.

    >>> image_source("alpine", "lxd")
    'alpine'
    >>> image_source("ubuntu:24.04", "lxd")["server"]
    'https://cloud-images.ubuntu.com/releases'
    """
    remote, colon, alias = image.partition(":")
    if not colon:
        return image
    if remote == "local":
        return alias
    known = PUBLIC_IMAGES.get(server, {})
    if remote not in known:
        raise ValueError(f"no image server {remote!r}: there are local, {', '.join(known)}")
    if not alias:
        raise ValueError(f"which image of {image}? As in {remote}:24.04")
    return {
        "type": "image",
        "mode": "pull",
        "protocol": "simplestreams",
        "server": known[remote],
        "alias": alias,
    }
