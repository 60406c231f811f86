"""What goes wrong on purpose with a request before anything is answered: it waits, or is answered with an error."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lxdnb.sandbox.replies import Refused

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["suffered"]


async def suffered(host: Host, method: str, path: str) -> dict[str, float]:
    """Return what is to go wrong later with a request, and how much. Raises Refused for one that is to fail."""
    faults = {each.fault: each.amount for each in host.faults.take(method, path)}
    if "delay" in faults:
        await asyncio.sleep(faults["delay"])
    if "error" in faults:
        raise Refused(int(faults["error"]), "a fault of the sandbox wants it")
    return faults
