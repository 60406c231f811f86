"""What has expired is gone with the next round of the server: snapshots each minute, backups each hour.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/instances_snapshots/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lxdnb.sandbox.backups import drop
from lxdnb.sandbox.clock import moment
from lxdnb.sandbox.operations import Operation, Work

if TYPE_CHECKING:
    from lxdnb.sandbox.instances import Instance
    from lxdnb.sandbox.state import Host

__all__ = ["begin_rounds"]

MINUTE, HOUR = 60.0, 3600.0  # seconds


def begin_rounds(host: Host) -> None:
    """Have a host make its rounds, from now on."""
    _each(host, MINUTE, lambda: _prune_snapshots(host))
    _each(host, HOUR, lambda: _prune_backups(host))


def _each(host: Host, seconds: float, do: Callable[[], None]) -> None:
    def again() -> None:
        do()
        host.agenda.after(seconds, again)

    host.agenda.after(seconds, again)


def _instances(host: Host) -> list[Instance]:
    return [each for project in host.projects.values() for each in project.instances.values()]


def _is_over(host: Host, text: str) -> bool:
    """Tell whether a time has come; year 1 stands for never."""
    due = moment(text)
    return due is not None and 0 < due <= host.clock()


def _prune_snapshots(host: Host) -> None:
    _clean_up(host, "instance snapshots", [
        (lambda instance=instance, name=snapshot.name: _delete(host, instance, name))
        for instance in _instances(host)
        for snapshot in (instance.snapshots or {}).values()
        if _is_over(host, snapshot.expires_at)
    ])  # fmt: skip


def _delete(host: Host, instance: Instance, name: str) -> None:
    if name in (instance.snapshots or {}):
        instance.snapshots = {each.name: each for each in (instance.snapshots or {}).values() if each.name != name}
        host.tell("instance-snapshot-deleted", f"{instance.url}/snapshots/{name}", instance.project, bare=True)


def _prune_backups(host: Host) -> None:
    _clean_up(host, "backups", [
        (lambda instance=instance, backup=backup: drop(host, instance, backup))
        for instance in _instances(host)
        for backup in (instance.backups or {}).values()
        if _is_over(host, backup.expires_at)
    ])  # fmt: skip


def _clean_up(host: Host, what: str, over: list[Callable[[], None]]) -> None:
    """Do away with what is over, as an operation, if there is any."""

    def work(operation: Operation) -> Work:
        yield 0.0
        for do in over:
            do()

    if over:
        host.operations.begin("default", f"Cleaning up expired {what}", {}, work)
