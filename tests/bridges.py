"""Bridges of tests' own: their names and subnets are at random, since all daemons of a machine share its interfaces."""

from __future__ import annotations

import random
from typing import NamedTuple

__all__ = ["Bridge", "a_bridge"]


class Bridge(NamedTuple):
    """What a bridge is made of."""

    name: str
    subnet: str
    """The first three bytes of its addresses, as in 10.200.0."""

    @property
    def config(self) -> dict[str, str]:
        """An address and DHCP, and no more: what would touch the machine's other networks is left out."""
        return {"ipv4.address": f"{self.at(1)}/24", "ipv4.nat": "false", "ipv6.address": "none"}

    @property
    def plain(self) -> dict[str, str]:
        """No address, and so no DHCP, which servers take half a second to start and to start again."""
        return {"ipv4.address": "none", "ipv6.address": "none"}

    def at(self, host: int) -> str:
        """An address in it."""
        return f"{self.subnet}.{host}"


def a_bridge() -> Bridge:
    """A bridge that there is, in all likelihood, not yet."""
    return Bridge(f"nb{random.randrange(16**8):08x}", f"10.{random.randrange(100, 250)}.{random.randrange(250)}")
