"""The two servers that the sandbox can be: what LXD 5.0.2 and Incus 6.0.4 tell of themselves, and take as settings.

The lists in lxd.json and incus.json are what real servers of these versions answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["FLAVOURS", "Flavour", "flavour"]

FLAVOURS = ("lxd", "incus")
_VERSIONS = {"lxd": "5.0.2", "incus": "6.0.4"}


@dataclass(frozen=True)
class Flavour:
    """One of them."""

    name: str
    version: str
    api_extensions: tuple[str, ...]
    instance_config: dict[str, Any]
    """The kind of each key that an instance's config takes, or the words that it may be; `*` stands for any ending."""
    kernel_features: dict[str, str]
    lxc_features: dict[str, str]
    device_options: dict[str, list[str]]
    """What may be said of a device, by its type, or by its type and kind, as in nic:bridged."""

    @property
    def incus(self) -> bool:
        return self.name == "incus"

    @property
    def title(self) -> str:
        return "Incus" if self.incus else "LXD"

    @property
    def never(self) -> str:
        """The time that an image has which does not expire."""
        return "0001-01-01T00:00:00Z" if self.incus else "1970-01-01T00:00:00Z"


@cache
def flavour(name: str) -> Flavour:
    """Return a flavour by its name. Raises ValueError."""
    if name not in FLAVOURS:
        raise ValueError(f"flavour is {' or '.join(FLAVOURS)}, not {name!r}")
    told = json.loads(resources.files("lxdnb.sandbox").joinpath(f"{name}.json").read_text("utf-8"))
    return Flavour(
        name,
        _VERSIONS[name],
        tuple(told["api_extensions"]),
        told["instance_config"],
        told["kernel_features"],
        told["lxc_features"],
        told["device_options"],
    )
