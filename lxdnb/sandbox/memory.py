"""How much memory the processes of an instance may have, and those of all instances together.

It is counted where it may grow without end: values of variables, and what commands keep of what they read. A process
for which there is no more is killed, as by Linux.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.sizes import bytes_of

if TYPE_CHECKING:
    from lxdnb.sandbox.instances import Instance
    from lxdnb.sandbox.state import Host

__all__ = ["OF_ALL", "Memory", "OutOfMemory", "memory_of"]

OF_ALL = 2**30  # bytes
OF_EACH = 2**28  # at most


class OutOfMemory(Exception):
    """There is no more for a process."""


class Memory:
    """So many bytes, and how many of them are taken; they are taken from those `within` too."""

    def __init__(self, total: int, within: Memory | None = None) -> None:
        self.total, self.used, self._within = total, 0, within

    def take(self, size: int) -> None:
        """Take more, or give back. Raises OutOfMemory."""
        if size > 0 and self.used + size > self.total:
            raise OutOfMemory
        if self._within is not None:
            self._within.take(size)
        self.used += size


def memory_of(host: Host, instance: Instance) -> Memory:
    """Return the memory of an instance's processes, as its limit has it now."""
    limit = instance.expanded(host)[0].get("limits.memory", "")
    share = not limit or limit.endswith("%")  # of a machine that has very much
    return Memory(OF_EACH if share else min(OF_EACH, bytes_of(limit)), host.memory)
