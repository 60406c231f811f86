"""The machine that the simulated host says that it runs on: a small one, whose parts bear no maker's name.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/server/resources_get
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.replies import Reply, Request, Sync
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.workload import MEMORY

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["CORES"]

CORES = 2
_CACHES = ((1, "Data", 2**15), (1, "Instruction", 2**15), (2, "Unified", 2**20), (3, "Unified", 2**25))
_DISK = 256 * 2**30  # bytes
_OURS = 2**30  # bytes of memory that the host needs by itself
_EACH = 2**25  # and what it reckons for each running instance
_NAMED = {"vendor": "lxdnb", "version": "1", "serial": ""}
_DISK_ADDRESS, _CARD_ADDRESS = "0000:00:02.0", "0000:00:03.0"


def _processor(incus: bool) -> dict[str, Any]:
    cores: list[dict[str, Any]] = []
    for number in range(CORES):
        thread = {"id": number, "numa_node": 0, "thread": 0, "online": True, "isolated": False}
        cores.append({"core": number, "die": 0, "threads": [thread], "frequency": 2400})
        if incus:
            cores[-1]["flags"] = ["fpu", "sse2", "lm", "hypervisor"]
    caches = [{"level": level, "type": kind, "size": size} for level, kind, size in _CACHES]
    socket = {"name": "Simulated CPU", "vendor": "lxdnb", "socket": 0, "cache": caches, "cores": cores}
    return {"architecture": "x86_64", "sockets": [socket], "total": CORES}


def _memory(running: int) -> dict[str, Any]:
    used = min(MEMORY, _OURS + running * _EACH)
    node = {"numa_node": 0, "hugepages_used": 0, "hugepages_total": 0, "used": used, "total": MEMORY}
    huge = {"hugepages_total": 0, "hugepages_used": 0, "hugepages_size": 2**21}
    return {"nodes": [node], **huge, "used": used, "total": MEMORY}


def _disk() -> dict[str, Any]:
    told: dict[str, Any] = {"id": "sda", "device": "8:0", "type": "virtio", "read_only": False, "size": _DISK}
    told |= {"removable": False, "numa_node": 0, "block_size": 512, "rpm": 0, "device_id": "", "partitions": []}
    return {**told, "pci_address": _DISK_ADDRESS}


def _card() -> dict[str, Any]:
    port: dict[str, Any] = {"id": "eth0", "address": "02:00:00:00:00:01", "port": 0, "protocol": "ethernet"}
    port |= {"port_type": "other", "transceiver_type": "internal", "auto_negotiation": False, "link_detected": True}
    told: dict[str, Any] = {"driver": "simulated", "driver_version": "1", "ports": [port], "numa_node": 0}
    return {**told, "pci_address": _CARD_ADDRESS, "vendor_id": "ffff", "product_id": "0003"}


def _device(address: str, product: str) -> dict[str, Any]:
    told: dict[str, Any] = {"driver": "simulated", "driver_version": "1", "numa_node": 0, "pci_address": address}
    number = f"{int(address[-4:-2], 16):04x}"
    told |= {"vendor": "lxdnb", "vendor_id": "ffff", "product": product, "product_id": number}
    return {**told, "iommu_group": 0, "vpd": {}}


def _system() -> dict[str, Any]:
    board = {**_NAMED, "product": "Simulated"}
    told = {**board, "uuid": "", "family": "", "sku": "", "type": "virtual-machine"}
    firmware = {"vendor": "lxdnb", "date": "", "version": "1"}
    return {**told, "firmware": firmware, "chassis": {**_NAMED, "type": "Other"}, "motherboard": board}


@route("GET", "/1.0/resources")
def resources(host: Host, request: Request) -> Reply:
    running = sum(each.started is not None for project in host.projects.values() for each in project.instances.values())
    devices = [_device(_DISK_ADDRESS, "Simulated disk"), _device(_CARD_ADDRESS, "Simulated network card")]
    told: dict[str, Any] = {
        "cpu": _processor(host.flavour.incus),
        "memory": _memory(running),
        "gpu": {"cards": [], "total": 0},
        "network": {"cards": [_card()], "total": 1},
        "storage": {"disks": [_disk()], "total": 1},
        "usb": {"devices": [], "total": 0},
        "pci": {"devices": devices, "total": len(devices)},
        "system": _system(),
    }
    if host.flavour.incus:
        load = round(0.05 * running, 2)
        told["load"] = {f"Average{span}Min": load for span in (1, 5, 10)} | {"Processes": 100 + running * 5}
    return Sync(told)
