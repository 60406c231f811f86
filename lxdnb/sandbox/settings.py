"""What instances and profiles may be set to: keys of `config` and their values. Devices are beside this file.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/instance_options/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from lxdnb.sandbox.flavours import Flavour
from lxdnb.sandbox.replies import Refused
from lxdnb.sandbox.sizes import bytes_of

__all__ = ["Config", "Devices", "check_config", "check_value", "expanded", "given", "is_true"]

Config = dict[str, str]
Devices = dict[str, dict[str, str]]

_BOOLEANS = ("", "true", "false", "1", "0", "yes", "no", "on", "off")
_SHARE = re.compile("[+-]?[0-9]+")
_CPUS = re.compile("[0-9]+(?:-[0-9]+)?(?:,[0-9]+(?:-[0-9]+)?)*")
_END = 2**63
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
        _check_size(value)
    elif kind == "memory":
        if value.endswith("%"):
            _check_share(value)
        elif _check_size(value) == 0:
            raise Refused(500, "Memory limit can't be 0")
    elif kind in ("cpus", "cpus, one at least"):
        _check_cpus(value, least=0 if kind == "cpus" else 1)


def _check_size(value: str) -> int:
    try:
        return bytes_of(value)
    except ValueError as error:
        raise Refused(500, str(error)) from None


def _check_share(value: str) -> None:
    number = value.removesuffix("%")
    if not _SHARE.fullmatch(number):
        raise Refused(500, f'strconv.ParseInt: parsing "{number}": invalid syntax')
    if len(number.lstrip("+-0")) > 19 or not -_END <= int(number) < _END:
        raise Refused(500, f'strconv.ParseInt: parsing "{number}": value out of range')
    if int(number) == 0:
        raise Refused(500, "Memory limit can't be 0%")


def _check_cpus(value: str, least: int) -> None:
    if not _CPUS.fullmatch(value):
        raise Refused(500, "Invalid CPU limit syntax")
    spans: list[tuple[int, int]] = []
    for part in value.split(","):
        ends = part.split("-")
        if any(len(end.lstrip("0")) > 19 or int(end) >= _END for end in ends):
            raise Refused(500, f"Invalid cpuset value: {part}")
        spans.append((int(ends[0]), int(ends[-1])))
    if value.isdecimal():
        if int(value) < least:
            raise Refused(500, f"Invalid cpuset value: {value}")
        return
    spans = sorted(span for span in spans if span[0] <= span[1])
    if any(after[0] <= before[1] for before, after in pairwise(spans)):
        raise Refused(500, "Cannot define CPU multiple times")


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
