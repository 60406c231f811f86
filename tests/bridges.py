"""Bridges of tests' own: their names and subnets are at random, since all daemons of a machine share its interfaces.

And by turns: Incus that stops one looks at each interface of the machine, and fails if one is gone meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Bridge", "a_bridge", "by_turns", "makes_bridges"]

_BRIDGED = re.compile(
    r"contract/(manual/test_08_networks|test_(dropin|fields|frames_networks|network_acls|network_forwards|networks"
    r"|readme|refusals|scopes))\.py"
    r"|test_docstrings\.py::test_an_example\[lxdnb\.models\.network"
    r"|test_frames\.py::test_addresses_are_those_that_the_command_line_shows"
    r"|test_frames_apply\.py::test_networks"
    r"|test_frames_metrics\.py::test_an_instances_use_is_that_of_its_state"
    r"|test_launch\.py::test_ready_with_an_address"
    r"|test_told\.py::test_networks"
    r"|\[(lxd|incus)-networks\]|/1\.0/networks"
)


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


def makes_bridges(test: str) -> bool:
    """Return whether a test, by its node's name, makes bridges on this machine."""
    return bool(_BRIDGED.search(test)) and "[sandbox" not in test


@contextlib.contextmanager
def by_turns() -> Iterator[None]:
    """Keep other processes that do the same out of this block while it runs."""
    with Path(__file__).open() as own:
        fcntl.flock(own, fcntl.LOCK_EX)
        yield
