"""What a host has at first, as one that somebody has just set up, with a pool, an image and a profile to use them."""

from __future__ import annotations

import time
from collections.abc import Callable

from lxdnb.sandbox.archives import simulated_image
from lxdnb.sandbox.images import add_alias, imported
from lxdnb.sandbox.pools import Pool
from lxdnb.sandbox.state import Host

__all__ = ["first_host"]


def first_host(flavour: str, seed: int = 0, clock: Callable[[], float] = time.time) -> Host:
    """Return a host as it is at first: a pool, a default profile with a disk in it, and one image."""
    host = Host(flavour, clock, seed)
    host.pools["default"] = Pool("default", "dir", config={"source": "/simulated/storage-pools/default"})
    host.profiles("default")["default"].devices = {"root": {"type": "disk", "path": "/", "pool": "default"}}
    image = imported(host, "default", (simulated_image(),))
    add_alias(host, "default", "busybox", image.fingerprint)
    return host
