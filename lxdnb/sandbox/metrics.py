"""Metrics of running instances, as Prometheus reads them: https://openmetrics.io

https://documentation.ubuntu.com/lxd/stable-5.0/metrics/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from lxdnb.sandbox.instances import Instance
from lxdnb.sandbox.network_cards import cards_of, counters_of
from lxdnb.sandbox.power import MEMORY
from lxdnb.sandbox.replies import Content, Reply, Request
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.sizes import bytes_of
from lxdnb.sandbox.workload import usage

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_PROCESSORS = 2
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


class _Sample(NamedTuple):
    metric: str
    labels: dict[str, str]
    value: float


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


def _samples(host: Host, instance: Instance) -> Iterator[_Sample]:
    """Yield what is told of a running instance."""
    assert instance.started is not None
    whose = {"name": instance.name, "project": instance.project, "type": instance.kind}
    used = usage(instance.seed, host.clock() - instance.started)
    for processor in range(_PROCESSORS):
        for mode, share in (("system", 0.3), ("user", 0.7)):
            seconds = round(used.cpu / 1e9 * share / _PROCESSORS, 3)
            yield _Sample("cpu_seconds_total", {"cpu": str(processor), "mode": mode, **whose}, seconds)
    yield _Sample("cpu_effective_total", whose, _PROCESSORS)
    disk = {"device": "", "fstype": "ext4", "mountpoint": "/", "name": instance.name, "project": instance.project}
    for what, value in (("avail", _DISK * 0.9), ("free", _DISK * 0.95), ("size", _DISK)):
        yield _Sample(f"filesystem_{what}_bytes", disk, int(value))
    yield from (_Sample(f"memory_{name}_bytes", whose, value) for name, value in _memory(host, instance, used.memory))
    yield _Sample("memory_OOM_kills_total", whose, 0)
    interfaces = {"lo": dict.fromkeys(counters_of(host, instance), 0)}
    interfaces |= {card.interface: counters_of(host, instance) for card in cards_of(host, instance)}
    for way, done in _WAYS.items():
        for count in _COUNTS:
            for interface, counters in interfaces.items():
                value = counters.get(f"{count}_{done}", 0)
                yield _Sample(f"network_{way}_{count}_total", {"device": interface, **whose}, value)
    yield _Sample("procs_total", whose, used.processes)


def _memory(host: Host, instance: Instance, used: int) -> Iterator[tuple[str, int]]:
    limit = instance.expanded(host)[0].get("limits.memory", "")
    total = bytes_of(limit) if limit and not limit.endswith("%") else MEMORY
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


def _line(prefix: str, sample: _Sample) -> str:
    labels = ",".join(f'{key}="{value}"' for key, value in sample.labels.items())
    return f"{prefix}_{sample.metric}{{{labels}}} {sample.value:.16g}"


@route("GET", "/1.0/metrics")
def metrics(host: Host, request: Request) -> Reply:
    wanted = request.query.get("project")
    by_metric: dict[str, list[_Sample]] = {}
    for name, project in sorted(host.projects.items()):
        if wanted in (None, "", name):
            for instance in project.instances.values():
                if instance.started is not None:
                    for sample in _samples(host, instance):
                        by_metric.setdefault(sample.metric, []).append(sample)
    prefix = host.flavour.name
    lines: list[str] = []
    for metric, kind, description in _metrics(host.flavour.incus):
        if found := by_metric.get(metric):
            lines += [f"# HELP {prefix}_{metric} {description}", f"# TYPE {prefix}_{metric} {kind}"]
            lines += [_line(prefix, each) for each in found]
    lines.append("# EOF")
    return Content(("\n".join([*lines, ""]).encode(),), "", "text/plain")
