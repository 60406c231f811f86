"""What a host has at first, as one that somebody has just set up, with a pool, an image and a profile to use them."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_interface

from lxdnb.sandbox.archives import simulated_image
from lxdnb.sandbox.certificates import Certificate
from lxdnb.sandbox.cluster import become_cluster, join
from lxdnb.sandbox.identity import new_identity
from lxdnb.sandbox.images import add_alias, imported
from lxdnb.sandbox.listening import HTTPS
from lxdnb.sandbox.members import CLUSTER_ADDRESS, Member
from lxdnb.sandbox.network_settings import filled
from lxdnb.sandbox.networks import Network
from lxdnb.sandbox.pools import Pool
from lxdnb.sandbox.spread import Spread
from lxdnb.sandbox.state import Host

__all__ = ["add_bridge", "first_host"]

_ROOM = 100  # for instances that come later
_PORT = 8443  # of the first member, until they listen elsewhere


def first_host(flavour: str, seed: int = 0, clock: Callable[[], float] = time.time, members: int = 1) -> Host:
    """Return a host as it is at first: a pool, a default profile with a disk in it, and one image.

    With more members than one it is a cluster of so many, n1, n2 and so on.
    """
    host = Host(flavour, clock, seed)
    source = {"source": "/simulated/storage-pools/default"}
    host.pools["default"] = Pool(host, "default", "dir", config=source, spread=Spread({host.here: {}}))
    host.profiles("default")["default"].devices = {"root": {"type": "disk", "path": "/", "pool": "default"}}
    image = imported(host, "default", (simulated_image(),))
    for alias in ("alpine", "busybox"):  # an image that is called so is what people try first
        add_alias(host, "default", alias, image.fingerprint)
    if members > 1:
        _form(host, [f"n{number}" for number in range(1, members + 1)])
    return host


def add_bridge(host: Host, instances: int = 0) -> None:
    """Add a bridge as `lxd init` makes one, with room for so many instances and more, and a card on it for each.

    Raises ValueError for a cluster, and for more instances than have room in 10.0.0.0/8.
    """
    if host.cluster.enabled:
        raise ValueError("a simulated cluster has no bridge at first: `lxc network create` makes one")
    name = "incusbr0" if host.flavour.incus else "lxdbr0"
    config = filled({}, host.random, new=True)
    length = min(24, 31 - (instances + _ROOM).bit_length())
    if length < 8:
        raise ValueError(f"a bridge has no room for {instances} instances")
    subnet = ip_interface(f"{ip_interface(config['ipv4.address']).ip}/{length}").network
    config["ipv4.address"] = f"{subnet[1]}/{length}"
    host.projects["default"].networks[name] = Network(name, "bridge", "default", config=config)
    host.profiles("default")["default"].devices["eth0"] = {"type": "nic", "name": "eth0", "network": name}


def _form(host: Host, names: list[str]) -> None:
    become_cluster(host, names[0])
    host.pools["default"].spread.own[host.here] = {"source": f"/simulated/{names[0]}/storage-pools/default"}
    for name in names[1:]:
        join(host, Member(name))
    for number, member in enumerate(host.cluster.members):
        member.address = f"127.0.0.1:{_PORT + number}"
        member.settings |= {HTTPS: member.address, CLUSTER_ADDRESS: member.address}
        own = new_identity(member.name)
        host.certificates[own.fingerprint] = Certificate(own.fingerprint, own.certificate, "server", member.name)
