"""The hardware of servers, one row for each thing; in a cluster that of each member."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from lxdnb.exceptions import LXDAPIException
from lxdnb.frames._asked import Asked, at_once
from lxdnb.frames._columns import Column, Record, mapping, said
from lxdnb.frames._documented import documented
from lxdnb.frames._fetch import frame_of
from lxdnb.frames._servers import Clients
from lxdnb.frames._view import EACH_MEMBER, Step, View, declared

__all__ = ["RESOURCES", "resources", "things"]

KINDS = (
    "system",
    "cpu",
    "memory",
    "memory-node",
    "gpu",
    "network",
    "port",
    "disk",
    "partition",
    "pci",
    "usb",
    "load",
)


def _records(server: Asked, params: Mapping[str, str]) -> list[Record]:
    """Return the hardware of the server, or of each member of a cluster, whose `location` it then has."""
    client = server.client
    client.assert_has_api_extension("resources")
    if not client.server_clustered:
        return [{**server.get(("resources",)), "location": "none"}]
    if client.target:
        return [{**server.get(("resources",)), "location": client.target}]
    names = [record["server_name"] for record in server.records(("cluster", "members"), {"recursion": "1"})]

    def ask(name: str) -> Record | LXDAPIException:
        try:
            return server.get(("resources",), {"target": name})
        except LXDAPIException as error:
            return error

    found: list[Record] = []
    for name, answer in zip(names, at_once(ask, names), strict=True):
        if isinstance(answer, LXDAPIException):
            server.failed[f"resources of {name}"] = str(answer)
        else:
            found.append({**answer, "location": name})
    return found


def _steps(why: str, all_projects: bool) -> Iterator[Step]:
    yield Step("GET /1.0/cluster/members?recursion=1", EACH_MEMBER, "which members there are")
    yield Step("GET /1.0/resources", "server, and in a cluster member", why)


def things(hardware: Record) -> Iterator[Record]:
    """Yield each thing of a server's hardware with its fields as the server tells them, its `kind`, its `id`, and the
    id of what it is a part of as `parent`."""
    place = {"location": hardware.get("location")}
    system, cpu, memory = (mapping(hardware.get(key)) for key in ("system", "cpu", "memory"))
    if system:
        yield {**system, **place, "kind": "system", "id": system.get("uuid") or None}
    for socket in _list(cpu.get("sockets")):
        cores = _list(socket.get("cores"))
        more = {"cores": len(cores), "threads": sum(len(_list(core.get("threads"))) for core in cores)}
        nodes = {thread.get("numa_node") for core in cores for thread in _list(core.get("threads"))}
        more |= {"numa_node": nodes.pop() if len(nodes) == 1 else None, "each_core": cores}
        # A socket tells none of the machine's architecture, which is that of all of them.
        architecture = cpu.get("architecture")
        yield {
            **socket,
            **place,
            **more,
            "architecture": architecture,
            "kind": "cpu",
            "id": _text(socket.get("socket")),
        }
    if memory:
        yield {**memory, **place, "kind": "memory", "id": None}
    for node in _list(memory.get("nodes")):
        yield {**node, **place, "kind": "memory-node", "id": _text(node.get("numa_node"))}
    for card in _list(mapping(hardware.get("gpu")).get("cards")):
        yield {**card, **place, "kind": "gpu", "id": _address(card)}
    for card in _list(mapping(hardware.get("network")).get("cards")):
        yield {**card, **place, "kind": "network", "id": _address(card)}
        for port in _list(card.get("ports")):
            yield {**port, **place, "kind": "port", "parent": _address(card)}
    for disk in _list(mapping(hardware.get("storage")).get("disks")):
        yield {**disk, **place, "kind": "disk"}
        for partition in _list(disk.get("partitions")):
            yield {**partition, **place, "kind": "partition", "parent": disk.get("id")}
    for device in _list(mapping(hardware.get("pci")).get("devices")):
        yield {**device, **place, "kind": "pci", "id": device.get("pci_address")}
    for device in _list(mapping(hardware.get("usb")).get("devices")):
        number = f"{device.get('bus_address')}:{device.get('device_address')}"
        yield {**device, **place, "kind": "usb", "id": number}
    if load := mapping(hardware.get("load")):  # which LXD 5.0 does not tell
        yield {**load, **place, "kind": "load"}


def _list(value: Any) -> list[Record]:
    several: Iterable[Any] = value if isinstance(value, list) else ()
    return [each for each in several if isinstance(each, dict)]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _address(card: Record) -> str | None:
    return card.get("pci_address") or card.get("usb_address") or None


def _name(record: Record) -> Any:
    """Read what its maker calls it; a disk's model, a card's product, a processor's name."""
    nvidia = mapping(record.get("nvidia")).get("model")
    return record.get("name") or record.get("model") or nvidia or record.get("product") or None


def _size(record: Record) -> Any:
    return record.get("total") if record["kind"].startswith("memory") else record.get("size")


def _speed(record: Record) -> Any:
    """Read the speed of a link in Mbit/s; 0 and less are none."""
    speed = record.get("link_speed")
    return None if isinstance(speed, int) and speed <= 0 else speed


_TEXTS = (
    "vendor_id", "product", "product_id", "model", "serial", "driver_version", "firmware_version", "usb_address",
    "device", "device_id", "device_path", "type", "wwn", "address", "port_type", "protocol", "transceiver_type",
    "link_duplex", "family", "sku", "uuid", "version", "name",
)  # fmt: skip
_NUMBERS = (
    "block_size", "rpm", "partition", "port", "socket", "total", "frequency_minimum", "frequency_turbo",
    "hugepages_size", "hugepages_total", "hugepages_used", "iommu_group", "bus_address", "device_address",
)  # fmt: skip
_LISTS = (
    "cache", "each_core", "nodes", "ports", "partitions", "interfaces", "supported_modes", "supported_ports", "vpd",
    "drm", "nvidia", "mdev", "sriov", "vdpa", "infiniband", "chassis", "firmware", "motherboard",
)  # fmt: skip
_INNER = {
    "drm.id": "Int64",
    "sriov.current_vfs": "Int64",
    "sriov.maximum_vfs": "Int64",
    "sriov.vfs": "json",
    "mdev.*": "json",
    "vpd.entries.*": "string",
    "vpd.entries": "json",
    **{
        f"{key}.*": "string"
        for key in ("drm", "nvidia", "vdpa", "infiniband", "chassis", "firmware", "motherboard", "vpd")
    },
}

RESOURCES = View(
    "resources",
    declared(
        Column("kind", "category", categories=KINDS),
        Column("id", what="of a port or disk its name, as eth0; else its address or number"),
        Column("name", what="as its maker calls it", read=_name),
        Column("vendor", read=said("vendor")),
        Column("size", "Int64", "of memory, disks, partitions", "size, total", _size, unit="bytes"),
        Column("used", "Int64", "of memory", unit="bytes", measured=True),
        Column("numa_node", "Int64"),
        Column("driver", read=said("driver")),
        Column("pci_address", read=said("pci_address")),
        Column("parent", what="`id` of what it is a part of, as of a partition's disk"),
        Column("location", what="member of the cluster; `none` where there is none", shown=False),
        Column("architecture", what="of a cpu", shown=False),
        Column("cores", "Int64", "of a cpu", "cores", shown=False),
        Column("threads", "Int64", "of a cpu", "cores.*.threads", lambda record: record.get("threads"), shown=False),
        Column("frequency", "Int64", "of a cpu now, in MHz", shown=False, measured=True),
        Column("link_speed", "Int64", "of a port, in Mbit/s", read=_speed, shown=False),
        Column("link_detected", "boolean", "of a port", shown=False),
        Column("removable", "boolean", "of a disk", shown=False),
        Column("read_only", "boolean", "of a disk or partition", shown=False),
    ),
    keys=("location", "kind", "parent", "id"),
    fields={
        **dict.fromkeys(_TEXTS, "string"),
        **dict.fromkeys(_NUMBERS, "Int64"),
        "auto_negotiation": "boolean",
        "speed": "Float64",
        **dict.fromkeys(("Average1Min", "Average5Min", "Average10Min"), "Float64"),
        "Processes": "Int64",
        **_INNER,
        **dict.fromkeys(_LISTS, "json"),
    },
    rows=things,
    records=_records,
    steps=_steps,
)


@documented(RESOURCES)
def resources(clients: Clients, columns: Sequence[str] | None = None, *, where: str | None = None) -> pd.DataFrame:
    """Return the hardware of the server's host, one row for each thing; in a cluster that of each member.

    Costs one request, and in a cluster one for the list of members and one for each of them.

    >>> frames.resources(lx, columns=["kind", "architecture"], where="kind eq cpu")["architecture"].unique()[0] != ""
    True
    """
    return frame_of(RESOURCES, clients, columns, where)
