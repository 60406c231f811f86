"""poweroff, halt and reboot: the instance that a process is in is turned off, or begins anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.reading import options
from lxdnb.sandbox.commands.registry import Broken, Command, command
from lxdnb.sandbox.power import end_from_within

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []

_DYING = 0.2  # seconds that init gives what runs


def _ending(*, again: bool) -> Command:
    def run(process: Process, words: list[str]) -> Steps[int]:
        found, _ = options(words, "d:nfw")
        if process.user.uid != 0:
            raise Broken("Operation not permitted")
        yield float(found["d"]) if found.get("d", "").isdecimal() else None
        end_from_within(process.machine, again=again, seconds=0.0 if "f" in found else _DYING)
        return 0

    return run


command("/sbin/halt")(_ending(again=False))
command("/sbin/poweroff")(_ending(again=False))
command("/sbin/reboot")(_ending(again=True))
