"""Where a host listens besides its unix socket: addresses as servers take and tell them.

Pure: sockets are opened by whoever is the host's doors.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from lxdnb.sandbox.replies import Refused

if TYPE_CHECKING:
    from lxdnb.sandbox.identity import Identity
    from lxdnb.sandbox.state import Host

__all__ = [
    "DEBUG",
    "HTTPS",
    "METRICS",
    "Doors",
    "Offline",
    "address_of",
    "begin_listening",
    "check_address",
    "listen",
    "place_of",
]

HTTPS = "core.https_address"
METRICS = "core.metrics_address"
DEBUG = "core.debug_address"
_SOCKETS = {HTTPS: "network HTTPS", METRICS: "metrics", DEBUG: "debug"}
USUAL_PORT = "8443"
_WILDCARDS = {"": (4, 6), "::": (4, 6), "0.0.0.0": (4,)}


class Doors(Protocol):
    """What opens sockets for a host, each under the key of the setting that wants it."""

    def resolves(self, name: str) -> bool:
        """Tell whether a name is that of an address."""
        ...

    def open(self, key: str, name: str, port: int) -> int:
        """Listen there, and return the port. Raises OSError."""
        ...

    def close(self, key: str) -> None:
        """Listen there no more; who has come already may stay."""
        ...

    def own_addresses(self) -> list[str]:
        """Return those of the machine's addresses that others can reach."""
        ...

    def show(self, identity: Identity) -> None:
        """Have who comes from now on be shown another certificate."""
        ...

    def vanish(self) -> None:
        """Close all of them, and hang up on everybody, as if the process were killed."""
        ...

    def come_back(self) -> None:
        """Open what was open for those on this machine before it vanished."""
        ...


class Offline:
    """The doors of a host without a network: it may listen wherever it likes, and nobody comes."""

    def resolves(self, name: str) -> bool:
        return True

    def open(self, key: str, name: str, port: int) -> int:
        return port

    def close(self, key: str) -> None:
        pass

    def own_addresses(self) -> list[str]:
        return []

    def show(self, identity: Identity) -> None:
        pass

    def vanish(self) -> None:
        pass

    def come_back(self) -> None:
        pass


def place_of(address: str) -> tuple[str, str]:
    """Return the name and the port of an address: `[::1]:8443`, `:8443`, `127.0.0.1`."""
    if address.startswith("["):
        name, _, rest = address[1:].partition("]")
        return name, rest.removeprefix(":") or USUAL_PORT
    if address.count(":") == 1:
        name, _, port = address.partition(":")
        return name, port or USUAL_PORT
    return address, USUAL_PORT


def address_of(name: str, port: int | str) -> str:
    """Return an address of its parts."""
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def check_address(host: Host, key: str, address: str) -> None:
    """Refuse an address whose name is none."""
    name, _ = place_of(address)
    if name and not host.doors.resolves(name):
        raise Refused(400, f"cannot set '{key}' to '{address}': Couldn't resolve \"{address}\"")


def begin_listening(host: Host, address: str) -> None:
    """Have a host listen at an address from the beginning, set as its owner would have. Raises OSError."""
    try:
        check_address(host, HTTPS, address)
        listen(host, HTTPS, address)
    except Refused as refused:
        raise OSError(refused.words) from None
    name, port = place_of(address)
    if port == "0" and host.addresses:
        port = place_of(host.addresses[0])[1]
    host.here.settings[HTTPS] = address_of(name, port)


def listen(host: Host, key: str, address: str) -> None:
    """Listen at the address that a setting has now, and not at the one that it had. Raises Refused."""
    host.doors.close(key)
    name, port = place_of(address)
    told = address_of(name, port)
    if key == HTTPS:
        host.addresses = [told] if address else []
    if not address:
        return
    try:
        opened = host.doors.open(key, name, _number(host, port))
    except OSError as error:
        what = _SOCKETS[key]
        raise Refused(500, f'Cannot listen on {what} socket "{told}": {_why(error, told)}') from None
    if key != HTTPS:
        return
    if name in _WILDCARDS:
        own = [each for each in host.doors.own_addresses() if (6 if ":" in each else 4) in _WILDCARDS[name]]
        host.addresses = [address_of(each, opened) for each in own]
    else:
        host.addresses = [address_of(name, opened)]


def _number(host: Host, port: str) -> int:
    if not port.isdecimal():
        looked_up = "lookup" if host.flavour.incus else "address"
        raise OSError(f"{looked_up} tcp/{port}: unknown port")
    if int(port) > 65535:
        raise OSError(f"address {port}: invalid port")
    return int(port)


def _why(error: OSError, address: str) -> str:
    if error.errno is None:
        return f"listen tcp: {error}"
    return f"listen tcp {address}: bind: {os.strerror(error.errno).lower()}"
