"""Metrics of running instances, as Prometheus reads them: https://openmetrics.io

https://documentation.ubuntu.com/lxd/stable-5.0/metrics/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from lxdnb.sandbox.hardware import CORES
from lxdnb.sandbox.instances import Instance
from lxdnb.sandbox.network_cards import cards_of, counters_of
from lxdnb.sandbox.replies import Pieces, Refused, Reply, Request
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.workload import memory_limit, usage

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

AUTHENTICATION = "core.metrics_authentication"
_KEPT = 8.0  # seconds for which servers tell the same
_AT_ONCE = 50  # instances between two turns of others
_DISK = 256 * 2**30  # bytes
_WAYS = {"receive": "received", "transmit": "sent"}
_SAID = {"receive": "received", "transmit": "transmitted"}
_COUNTS = {"bytes": "bytes", "drop": "dropped bytes", "errs": "errors", "packets": "packets"}


class _Kind(NamedTuple):
    name: str
    help: str


_MEMORY = (
    _Kind("Active_anon", "The amount of anonymous memory on active LRU list."),
    _Kind("Active_file", "The amount of file-backed memory on active LRU list."),
    _Kind("Active", "The amount of memory on active LRU list."),
    _Kind("Cached", "The amount of cached memory."),
    _Kind("Dirty", "The amount of memory waiting to get written back to the disk."),
    _Kind("Inactive_anon", "The amount of anonymous memory on inactive LRU list."),
    _Kind("Inactive_file", "The amount of file-backed memory on inactive LRU list."),
    _Kind("Inactive", "The amount of memory on inactive LRU list."),
    _Kind("Mapped", "The amount of mapped memory."),
    _Kind("MemAvailable", "The amount of available memory."),
    _Kind("MemFree", "The amount of free memory."),
    _Kind("MemTotal", "The amount of used memory."),
    _Kind("RSS", "The amount of anonymous and swap cache memory."),
    _Kind("Shmem", "The amount of cached filesystem data that is swap-backed."),
    _Kind("Swap", "The amount of used swap memory."),
    _Kind("Unevictable", "The amount of unevictable memory."),
    _Kind("Writeback", "The amount of memory queued for syncing to disk."),
)


def _metrics(incus: bool) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the kind and the description of each metric, in the order in which that server tells them."""
    yield "cpu_seconds_total", "counter", "The total number of CPU time used in seconds."
    if incus:
        yield "cpu_effective_total", "gauge", "The total number of effective CPUs."
    else:
        yield "filesystem_avail_bytes", "gauge", "The number of available space in bytes."
        yield "filesystem_free_bytes", "gauge", "The number of free space in bytes."
        yield "filesystem_size_bytes", "gauge", "The size of the filesystem in bytes."
    for kind in _MEMORY:
        yield f"memory_{kind.name}_bytes", "gauge", kind.help
    if incus:
        yield "memory_OOM_kills_total", "counter", "The number of out of memory kills."
    for way in _WAYS:
        for count, what in _COUNTS.items():
            yield f"network_{way}_{count}_total", "counter", f"The amount of {_SAID[way]} {what} on a given interface."
    yield "procs_total", "gauge", "The number of running processes."


def _samples(host: Host, instance: Instance) -> Iterator[tuple[str, str, float]]:
    """Yield what is told of a running instance: the metric, its labels as they are written, and its value."""
    assert instance.started is not None
    name, project = f'name="{instance.name}"', f'project="{instance.project}"'
    whose = f'{name},{project},type="{instance.kind}"'
    used = usage(instance.seed, host.clock() - instance.started)
    for processor in range(CORES):
        for mode, share in (("system", 0.3), ("user", 0.7)):
            seconds = round(used.cpu / 1e9 * share / CORES, 3)
            yield "cpu_seconds_total", f'cpu="{processor}",mode="{mode}",{whose}', seconds
    yield "cpu_effective_total", whose, CORES
    disk = f'device="",fstype="ext4",mountpoint="/",{name},{project}'
    for what, value in (("avail", _DISK * 0.9), ("free", _DISK * 0.95), ("size", _DISK)):
        yield f"filesystem_{what}_bytes", disk, int(value)
    yield from ((f"memory_{name}_bytes", whose, value) for name, value in _memory(host, instance, used.memory))
    yield "memory_OOM_kills_total", whose, 0
    counters = counters_of(host, instance)
    interfaces = {"lo": dict.fromkeys(counters, 0)} | {card.interface: counters for card in cards_of(host, instance)}
    for way, done in _WAYS.items():
        for count in _COUNTS:
            for interface, told in interfaces.items():
                value = told.get(f"{count}_{done}", 0)
                yield f"network_{way}_{count}_total", f'device="{interface}",{whose}', value
    yield "procs_total", whose, used.processes


def _memory(host: Host, instance: Instance, used: int) -> Iterator[tuple[str, int]]:
    total = memory_limit(instance.expanded(host)[0])
    used = min(used, total)
    anonymous, file = used * 3 // 5, used - used * 3 // 5
    figures = {
        "Active_anon": anonymous // 2,
        "Active_file": file // 2,
        "Active": anonymous // 2 + file // 2,
        "Cached": file,
        "Inactive_anon": anonymous - anonymous // 2,
        "Inactive_file": file - file // 2,
        "Inactive": used - anonymous // 2 - file // 2,
        "Mapped": file // 3,
        "MemAvailable": total - anonymous,
        "MemFree": total - used,
        "MemTotal": total,
        "RSS": anonymous,
    }
    yield from ((kind.name, figures.get(kind.name, 0)) for kind in _MEMORY)


class _Told:
    """What is told of a project's instances, by metric: made block by block, by all who wait for it together."""

    def __init__(self, host: Host, instances: list[Instance]) -> None:
        self.made: dict[str, list[bytes]] = {}
        self.ready = False
        self._work = self._making(host, instances)

    def advance(self) -> None:
        """Make one block more."""
        next(self._work, None)

    def _making(self, host: Host, instances: list[Instance]) -> Iterator[None]:
        prefix = host.flavour.name
        for at in range(0, len(instances), _AT_ONCE):
            block: dict[str, list[str]] = {}
            for instance in instances[at : at + _AT_ONCE]:
                if instance.started is not None:
                    for metric, labels, value in _samples(host, instance):
                        block.setdefault(metric, []).append(f"{prefix}_{metric}{{{labels}}} {value:.16g}\n")
            for metric, lines in block.items():
                self.made.setdefault(metric, []).append("".join(lines).encode())
            yield
        self.ready = True


def _told(host: Host, project: str) -> _Told:
    """Return what the member whose turn it is tells of a project: as it was told to others up to 8 s ago."""
    key = (host.here.name, project)
    if key not in host.metrics:
        instances = host.projects[project].instances.values()
        host.metrics[key] = _Told(host, [each for each in instances if each.is_on(host)])
    return host.metrics[key]


@route("GET", "/1.0/metrics", for_anybody=True)
def metrics(host: Host, request: Request) -> Reply:
    caller, open_to_all = request.caller, host.config.get(AUTHENTICATION) in ("false", "0", "no", "off")
    if not (caller.trusted or caller.reads_metrics or open_to_all):
        why = "Failed to extract request details: Username not present in request context"
        raise Refused(403, why if host.flavour.incus else "not authorized")
    wanted = request.query.get("project")
    projects = [name for name in sorted(host.projects) if wanted in (None, "", name)]
    told = {(host.here.name, name): _told(host, name) for name in projects}
    # Incus 6.0 tells of itself only beside what it had measured before.
    own = _of_itself(host) if host.flavour.incus and all(each.ready for each in told.values()) else b""
    return Pieces(_written(host, told, own), "text/plain")


def _of_itself(host: Host) -> bytes:
    """Return what it measures of itself, but of the language that it is not written in."""
    counts = {
        "operations_total": (
            "The number of running operations",
            sum(not each.final for each in host.operations.all(None)),
        ),
        "warnings_total": ("The number of active warnings.", len(host.warnings)),
        "uptime_seconds": ("The daemon uptime in seconds.", host.clock() - host.started),
    }
    prefix = host.flavour.name
    return "".join(
        f"# HELP {prefix}_{metric} {description}\n# TYPE {prefix}_{metric} counter\n{prefix}_{metric} {value:.16g}\n"
        for metric, (description, value) in counts.items()
    ).encode()


def _written(host: Host, told: dict[tuple[str, str], _Told], own: bytes) -> Iterator[bytes]:
    for key, each in told.items():
        if not each.ready:
            while not each.ready:
                each.advance()
                yield b""
            host.agenda.after(_KEPT, lambda key=key, each=each: _forget(host, key, each))
    prefix = host.flavour.name
    for metric, kind, description in _metrics(host.flavour.incus):
        found = [block for each in told.values() for block in each.made.get(metric, ())]
        if found:
            yield f"# HELP {prefix}_{metric} {description}\n# TYPE {prefix}_{metric} {kind}\n".encode()
            yield from found
    yield own + b"# EOF\n"


def _forget(host: Host, key: tuple[str, str], told: _Told) -> None:
    if host.metrics.get(key) is told:
        del host.metrics[key]
