"""Devices of instances and profiles: of which types they may be, and what may be said of each.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/devices/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING

from lxdnb.sandbox.replies import Refused
from lxdnb.sandbox.settings import Devices, check_value

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["check_devices", "check_sources", "set_devices"]

Device = Mapping[str, str]

_TYPES = ("disk", "gpu", "infiniband", "nic", "none", "pci", "proxy", "tpm", "unix-block", "unix-char",
          "unix-hotplug", "usb")  # fmt: skip
_NICS = ("bridged", "ipvlan", "macvlan", "ovn", "p2p", "physical", "routed", "sriov")
_BOOLEANS = ("optional", "readonly", "recursive", "required", "shift")
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


def set_devices(devices: Mapping[str, Device]) -> Devices:
    """Return devices as they are kept: an option without a value is one that is not there."""
    return {name: {key: value for key, value in device.items() if value} for name, device in devices.items()}


def check_devices(host: Host, project: str, devices: Mapping[str, Device], words: str, code: int = 500) -> None:
    """Refuse devices that cannot be; `words` are what is said of one that is wrong, before the reason."""
    for name, device in devices.items():
        try:
            _check(host, project, name, device)
        except Refused as refused:
            raise Refused(
                refused.code if refused.code == 404 else code, f'{words} for "{name}": {refused.words}'
            ) from None


def check_sources(host: Host, project: str, devices: Mapping[str, Device], words: str) -> None:
    """Refuse disks of pools and volumes that are not there, where instances are to have them.

    A path of the host is there, whatever it is: the simulated host has no files.
    """
    owner = host.keeper(project, "storage.volumes").name
    for name, device in devices.items():
        if device.get("type") != "disk" or not device.get("pool") or device.get("path") == "/":
            continue
        failed, pool = f'{words}Failed add validation for device "{name}": ', host.pools.get(device["pool"])
        if pool is None:
            raise Refused(404, f'{failed}Failed to get storage pool "{device["pool"]}": Storage pool not found')
        if (owner, device.get("source", "")) not in pool.on(host.here):
            raise Refused(404, f"{failed}Failed loading custom volume: Storage volume not found")


def _check(host: Host, project: str, name: str, device: Device) -> None:
    kind, loading = device.get("type", ""), f'Failed loading device "{name}": '
    if not kind:
        raise Refused(500, f"{loading}Missing device type in config")
    if kind not in _TYPES:
        raise Refused(500, f"{loading}Unsupported device type")
    if kind == "nic":
        _check_nic(host, project, device, loading)
    _check_options(host, device, _full_kind(device))
    if kind == "disk":
        _check_disk(device)
    elif kind in ("unix-char", "unix-block") and not (device.get("source") or device.get("path")):
        raise Refused(500, 'Unix device entry is missing the required "source" or "path" property')


def _full_kind(device: Device) -> str:
    kind = device["type"]
    if kind == "gpu":
        of = device.get("gputype") or "physical"
        return kind if of == "physical" else f"{kind}:{of}"
    if kind == "infiniband":
        return f"{kind}:{device.get('nictype', '')}"
    if kind == "nic":
        return f"{kind}:{device.get('nictype') or 'bridged'}"
    return kind


def _check_options(host: Host, device: Device, kind: str) -> None:
    options = host.flavour.device_options.get(kind)
    for key in sorted(device):
        value = device[key]
        if key in _BOOLEANS and value and options and key in options:
            try:
                check_value("bool", value)
            except Refused as refused:
                raise Refused(500, f'Invalid value for device option "{key}": {refused.words}') from None
        if key == "size" and value:
            try:
                check_value("size", value)
            except Refused as refused:
                raise Refused(500, f'Invalid value for device option "size": {refused.words}') from None
        if key == "hwaddr" and value and not _MAC.fullmatch(value):
            why = "Invalid MAC address, must be 6 bytes of hex separated by colons"
            raise Refused(500, f'Invalid value for device option "hwaddr": {why}')
        # What a card on a managed network takes is a matter of the network's own type.
        if options is None or key == "type" or key.startswith("user.") or device.get("network"):
            continue
        if key not in options:
            raise Refused(500, f'Invalid device option "{key}"')


def _check_disk(device: Device) -> None:
    path, source, pool = device.get("path", ""), device.get("source", ""), device.get("pool", "")
    if device.get("required") and device.get("optional"):
        raise Refused(500, 'Cannot use both "required" and deprecated "optional" properties at the same time')
    if not source and path != "/":
        raise Refused(500, 'Disk entry is missing the required "source" or "path" property')
    if path == "/" and source:
        raise Refused(500, 'Root disk entry may not have a "source" property set')
    if path == "/" and not pool:
        raise Refused(500, 'Root disk entry must have a "pool" property set')
    if device.get("size") and path != "/":
        raise Refused(500, "Only the root disk may have a size quota")
    if pool and source.startswith("/"):
        raise Refused(500, "Storage volumes cannot be specified as absolute paths")


def _check_nic(host: Host, project: str, device: Device, loading: str) -> None:
    name = device.get("network")
    if not name:
        if device.get("nictype") not in _NICS:
            raise Refused(500, f"{loading}Unsupported device type")
        return
    network = host.keeper(project, "networks").networks.get(name)
    if network is None:
        owner = host.keeper(project, "networks").name
        raise Refused(404, f'{loading}Failed to load network "{name}" for project "{owner}": Network not found')
    for family in ("ipv4", "ipv6"):
        gateway, address = network.gateway(family), device.get(f"{family}.address")
        if address and gateway and address != "none" and ip_address(address) not in gateway.network:
            raise Refused(500, f'Device IP address "{address}" not within network "{name}" subnet')
