"""Instances: the view that most others start from, and what more than the list tells of them."""

from __future__ import annotations

from typing import Any

from lxdnb.frames._columns import Column, Read, Record, mapping
from lxdnb.frames._instance_sources import Host, Leases, State
from lxdnb.frames._sizes import cores, share, size
from lxdnb.frames._snapshots import Counted
from lxdnb.frames._view import INACTIVE, TYPES, View, declared, named_by_url

__all__ = ["INSTANCES", "STATUSES", "addresses", "root_disk"]

STATUSES = ("Running", "Stopped", "Frozen", "Error")


def addresses(record: Record, family: str) -> tuple[str, ...]:
    """Return an instance's addresses of a family, `inet` or `inet6`, other than loopback and link-local."""
    state = record.get("state")
    if not state:
        return ()
    found: list[Any] = []
    try:
        for card in (state["network"] or {}).values():
            if card["type"] != "loopback":
                for address in card["addresses"] or ():
                    if address["family"] == family and address["scope"] not in ("link", "local"):
                        found.append(address["address"])
        return tuple(found)
    except (AttributeError, KeyError, TypeError):
        return _addresses_among_others(record, family)


def _addresses_among_others(record: Record, family: str) -> tuple[Any, ...]:
    """Return them where something of the state is missing, or of a wrong type: of each part what there is."""
    interfaces = mapping(record.get("state")).get("network")
    if not interfaces:
        return ()
    found: list[Any] = []
    for interface in mapping(interfaces).values():
        card = mapping(interface)
        if card.get("type") != "loopback":
            listed = card.get("addresses")
            for told in listed if isinstance(listed, list) else ():
                address = mapping(told)
                if address.get("family") == family and address.get("scope") not in ("link", "local"):
                    found.append(address.get("address"))
    return tuple(found)


def root_disk(record: Record) -> tuple[str, dict[str, Any]]:
    """Return the name and the device of an instance's root disk."""
    for name, told in mapping(record.get("expanded_devices")).items():
        device = mapping(told)
        if device.get("type") == "disk" and device.get("path") == "/":
            return name, device
    return "root", {}


def _of(*path: str) -> Read:
    """Read a number of a state, which is negative where the server does not know it."""

    def read(record: Record) -> Any:
        value: Any = record.get("state")
        if value is None or record.get("status") in INACTIVE:
            return None
        try:
            for word in path:
                value = value[word]
            return value if value >= 0 else None
        except (KeyError, TypeError):
            return _among_others(record["state"], path)

    return read


def _among_others(value: Any, path: tuple[str, ...]) -> Any:
    """Return what a state has where something on the way is missing, or of a wrong type, which is told."""
    for word in path:
        if not isinstance(value, dict):
            return value
        value = value.get(word)
    return value


_memory = _of("memory", "usage")
_cpu = _of("cpu", "usage")


_init = _of("pid")


def _pid(record: Record) -> Any:
    return _init(record) or None


def _cpu_seconds(record: Record) -> Any:
    used = _cpu(record)
    return used / 1e9 if isinstance(used, int) else used


def _disk(record: Record) -> Any:
    disks = mapping(mapping(record.get("state")).get("disk"))
    return mapping(disks.get(root_disk(record)[0])).get("usage") or None  # 0 is what a driver says that cannot tell


def _memory_limit(record: Record) -> int | None:
    text = mapping(record.get("expanded_config")).get("limits.memory")
    part = share(text) if isinstance(text, str) else None
    if part is None:
        return size(text) if isinstance(text, str) else None
    total = record.get("host_memory")
    # In whole per cents, as servers reckon.
    return total // 100 * round(part * 100) if isinstance(total, int) else record.get("kernels_limit")


def _disk_limit(record: Record) -> int | None:
    text = root_disk(record)[1].get("size")
    return size(text) if isinstance(text, str) else None


def _cpu_limit(record: Record) -> int | None:
    text = mapping(record.get("expanded_config")).get("limits.cpu")
    return cores(text) if isinstance(text, str) else None


def _share(used: Read, limit: Read) -> Read:
    def read(record: Record) -> float | None:
        amount, most = used(record), limit(record)
        return amount / most if isinstance(amount, int) and most else None

    return read


def _lease_ipv4(record: Record) -> list[str]:
    return [address for address in record.get("leases", ()) if "." in address]


def _snapshots(record: Record) -> object:
    told = record.get("snapshots", False)
    # `null` where there are none; what is no list is told.
    return None if told is False else len(told or ()) if isinstance(told, list | None) else str(told)


_COLUMNS = declared(
    Column("name", letter="n"),
    Column("status", "category", "the server's word", letter="s", unit="status", categories=STATUSES),
    Column("type", "category", letter="t", categories=TYPES),
    Column(
        "ipv4",
        "tuple",
        "addresses other than loopback; empty when not running",
        path="state.network.*.addresses",
        read=lambda record: addresses(record, "inet"),
        needs=("state",),
        letter="4",
    ),
    Column(
        "ipv6",
        "tuple",
        "addresses other than loopback and link-local",
        path="state.network.*.addresses",
        read=lambda record: addresses(record, "inet6"),
        needs=("state",),
        letter="6",
    ),
    Column(
        "memory",
        "Int64",
        "in use; NA when not running",
        path="state.memory.usage",
        read=_memory,
        needs=("state",),
        letter="m",
        unit="bytes",
    ),
    Column(
        "processes",
        "Int64",
        "NA when not running",
        path="state.processes",
        read=_of("processes"),
        needs=("state",),
        letter="N",
    ),
    Column(
        "image",
        what="fingerprint of the image that it was made from: `images.fingerprint`",
        path="config.volatile.base_image",
        letter="fF",
        unit="fingerprint",
    ),
    Column("image_description", path="config.image.description"),
    Column("profiles", "tuple", "names, in order", letter="P"),
    Column("created_at", "datetime", letter="c", unit="age"),
    Column("last_used_at", "datetime", "last start; NA for never", letter="l", unit="age"),
    Column("description", letter="d"),
    Column("architecture", letter="a", shown=False),
    Column(
        "cpu",
        "Float64",
        "used since its start; NA when not running",
        path="state.cpu.usage",
        read=_cpu_seconds,
        needs=("state",),
        letter="u",
        unit="seconds",
        shown=False,
    ),
    Column(
        "cpu_limit",
        "Int64",
        "cores that it may use",
        path="expanded_config.limits.cpu",
        read=_cpu_limit,
        unit="cores",
        shown=False,
    ),
    Column(
        "disk",
        "Int64",
        "in use on its root disk; NA where the pool's driver cannot tell",
        path="state.disk.*.usage",
        read=_disk,
        needs=("recursion=2",),
        letter="D",
        unit="bytes",
        shown=False,
    ),
    Column(
        "disk_limit",
        "Int64",
        "size of its root disk",
        path="expanded_devices.*.size",
        read=_disk_limit,
        unit="bytes",
        shown=False,
    ),
    Column(
        "disk_share",
        "Float64",
        "of `disk_limit` in use",
        path="disk / disk_limit",
        read=_share(_disk, _disk_limit),
        needs=("recursion=2",),
        unit="share",
        shown=False,
    ),
    Column("ephemeral", "boolean", shown=False),
    Column(
        "lease_ipv4",
        "tuple",
        "addresses that DHCP gave on managed bridges, which may differ from those in use",
        path="networks/*/leases",
        read=_lease_ipv4,
        needs=("leases",),
        shown=False,
    ),
    Column("location", what="member of the cluster; `none` where there is none", letter="L", shown=False),
    Column(
        "memory_limit",
        "Int64",
        "a share of the host's memory is one in bytes here: exact where a container runs, else some per cent too much",
        path="expanded_config.limits.memory",
        read=_memory_limit,
        needs=("host",),
        unit="bytes",
        shown=False,
        measured=False,
    ),
    Column(
        "memory_share",
        "Float64",
        "of `memory_limit` in use",
        path="memory / memory_limit",
        read=_share(_memory, _memory_limit),
        needs=("state", "host"),
        letter="M",
        unit="share",
        shown=False,
    ),
    Column(
        "pid",
        "Int64",
        "of its init on the host",
        path="state.pid",
        read=_pid,
        needs=("state",),
        letter="p",
        shown=False,
    ),
    Column(
        "pool",
        what="storage pool of its root disk: `pools.name`",
        path="expanded_devices.*.pool",
        read=lambda record: root_disk(record)[1].get("pool"),
        letter="b",
        shown=False,
    ),
    Column("project", letter="e", shown=False),
    Column(
        "snapshots",
        "Int64",
        "how many it has",
        read=_snapshots,
        needs=("snapshots",),
        letter="S",
        shown=False,
        measured=False,
    ),
    Column(
        "started_at",
        "datetime",
        "NA when not running, and where the server does not tell, as LXD 5.0",
        path="state.started_at",
        needs=("state",),
        letter="U",
        unit="age",
        shown=False,
    ),
    Column("stateful", "boolean", "whether it was stopped with its memory kept", shown=False),
)

STATE_FIELDS = {
    "state.status": "string",
    "state.status_code": "Int64",
    "state.pid": "Int64",
    "state.processes": "Int64",
    "state.started_at": "datetime",
    "state.cpu.usage": "Int64",
    "state.cpu.allocated_time": "Int64",
    "state.memory.usage": "Int64",
    "state.memory.usage_peak": "Int64",
    "state.memory.total": "Int64",
    "state.memory.swap_usage": "Int64",
    "state.memory.swap_usage_peak": "Int64",
    "state.network.*.counters.*": "Int64",
    "state.network.*.mtu": "Int64",
    "state.network.*.addresses": "json",
    "state.network.*.hwaddr": "string",
    "state.network.*.host_name": "string",
    "state.network.*.state": "string",
    "state.network.*.type": "string",
    "state.network": "json",
    "state.os_info.*": "string",
    "state.cpu": "json",
    "state.memory": "json",
    "state.os_info": "json",
    "state": "json",
}

INSTANCES = View(
    "instances",
    _COLUMNS,
    keys=("project", "name"),
    collection=("instances",),
    fields={
        "config.*": "string",
        "expanded_config.*": "string",
        "devices.*.*": "string",
        "expanded_devices.*.*": "string",
        "config": "json",
        "expanded_config": "json",
        "devices": "json",
        "expanded_devices": "json",
        "status_code": "Int64",
        "backups": ("json", "recursion=2"),
        # A stopped one's disks have a use too: what else its state says is nothing.
        "state.disk.*.*": ("Int64", "recursion=2"),
        "state.disk": ("json", "recursion=2"),
        **{path: (dtype, "state") for path, dtype in STATE_FIELDS.items()},
    },
    sources={
        "state": State(),
        "host": Host(),
        "leases": Leases(),
        "snapshots": Counted(),
    },
    covers={"recursion=2": ("state", "snapshots")},
    feature="always",  # every project has instances of its own
    at_once="instance_all_projects",
    url=named_by_url("name"),
    of_url=frozenset({"name", "project"}),
)
