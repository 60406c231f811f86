"""What instances and profiles may be set to: keys of `config` and their values. Devices are beside this file.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/instance_options/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lxdnb.sandbox.flavours import Flavour
from lxdnb.sandbox.replies import Refused

__all__ = ["Config", "Devices", "check_config", "check_value", "expanded", "given", "is_true"]

Config = dict[str, str]
Devices = dict[str, dict[str, str]]

_BOOLEANS = ("", "true", "false", "1", "0", "yes", "no", "on", "off")
_SIZE = re.compile(r"\d+(?:%|B|[kMGTPE]B|[KMGTPE]iB|bit|[kMGTPE]bit|[KMGTPE]ibit)?")
_CPUS = re.compile(r"\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*")
_VOLATILE = "volatile."


def check_config(flavour: Flavour, config: Mapping[str, str], *, of_profile: bool) -> None:
    """Refuse keys that no instance has, and values that a key does not take."""
    for key, value in config.items():
        if key.startswith(_VOLATILE):
            if of_profile:
                raise Refused(500, "Volatile keys can only be set on instances")
            continue
        if key.startswith("image."):
            if of_profile:
                raise Refused(500, "Image keys can only be set on instances")
            continue
        kind = _kind(flavour, key)
        if kind is None:
            raise Refused(500, f"Unknown configuration key: {key}")
        if value:
            check_value(kind, value)


def _kind(flavour: Flavour, key: str) -> Any:
    known = flavour.instance_config
    if key in known:
        return known[key]
    parts = key.split(".")
    for end in range(len(parts) - 1, 0, -1):
        if found := known.get(".".join([*parts[:end], "*"])):
            return found
    return None


def check_value(kind: Any, value: str) -> None:
    if isinstance(kind, list):
        if value not in kind:
            raise Refused(500, f'Invalid value "{value}" (not one of [{" ".join(kind)}])')
    elif kind == "bool":
        if value.lower() not in _BOOLEANS:
            raise Refused(500, f'Invalid value for a boolean "{value}"')
    elif kind == "int64":
        if not re.fullmatch(r"[+-]?\d+", value):
            raise Refused(500, f'Invalid value for an integer "{value}"')
    elif kind == "uint32":
        if not value.isdecimal():
            raise Refused(
                500, f'Invalid value for uint32 "{value}": strconv.ParseUint: parsing "{value}": invalid syntax'
            )
    elif kind == "size":
        if not _SIZE.fullmatch(value):
            raise Refused(500, f"Invalid value: {value}")
    elif kind == "cpus" and not _CPUS.fullmatch(value):
        raise Refused(500, "Invalid CPU limit syntax")


def is_true(value: str) -> bool:
    """Tell whether a setting says yes, in one of the words that servers take for that."""
    return value.lower() in ("true", "1", "yes", "on")


def given(config: Mapping[str, str]) -> Config:
    """Return what is set: a key without a value is one that is not there."""
    return {key: value for key, value in config.items() if value}


def expanded(profiles: list[tuple[Config, Devices]], config: Config, devices: Devices) -> tuple[Config, Devices]:
    """Return what profiles, in their order, and an instance's own settings come to."""
    all_config: Config = {}
    all_devices: Devices = {}
    for profile_config, profile_devices in [*profiles, (config, devices)]:
        all_config |= profile_config
        all_devices |= profile_devices
    return all_config, {name: dict(device) for name, device in all_devices.items()}
