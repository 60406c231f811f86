"""What a server notes of an instance's network cards once they are there: hardware addresses, and names inside.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/instance_options/#volatile-internal-data
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from itertools import count
from random import Random

from lxdnb.sandbox.settings import Config, Devices

__all__ = ["host_name", "host_names", "with_cards"]

_PAIRED = ("bridged", "p2p", "routed")
_PREFIXES = {"lxd": "00:16:3e", "incus": "10:66:6a"}


def host_name(seed: int, name: str, device: Mapping[str, str]) -> str:
    """Return what the host calls its end of an instance's card: as that is set, else by chance."""
    return device.get("host_name") or f"veth{sha256(f'{seed} {name}'.encode()).hexdigest()[6:14]}"


def host_names(seed: int, devices: Devices) -> Config:
    """Return the notes of the host's ends of cards, which are there while their instance runs."""
    return {
        f"volatile.{name}.host_name": host_name(seed, name, device)
        for name, device in devices.items()
        if device.get("type") == "nic" and (device.get("network") or device.get("nictype") in _PAIRED)
    }


def with_cards(
    flavour: str,
    chance: Random,
    kind: str,
    config: Config,
    devices: Devices,
    before: Mapping[str, object] | None = None,
) -> Config:
    """Return the config with a note of each card that has none and was not there `before`.

    `devices` are all that it has, those by its profiles too.
    """
    cards = {name: device for name, device in devices.items() if device.get("type") == "nic"}
    new = {name: device for name, device in cards.items() if (before or {}).get(name) != device}
    noted: Config = {}
    inside = {device.get("name") or config.get(f"volatile.{name}.name", "") for name, device in cards.items()}
    for name, device in new.items():
        if not device.get("hwaddr") and not config.get(f"volatile.{name}.hwaddr"):
            ends = ":".join(f"{chance.getrandbits(8):02x}" for _ in range(3))
            noted[f"volatile.{name}.hwaddr"] = f"{_PREFIXES[flavour]}:{ends}"
        if kind == "container" and not device.get("name") and not config.get(f"volatile.{name}.name"):
            free = next(each for number in count() if (each := f"eth{number}") not in inside)
            inside.add(free)
            noted[f"volatile.{name}.name"] = free
    return {**config, **noted} if noted else config
