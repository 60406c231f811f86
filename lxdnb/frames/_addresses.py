"""The addresses of instances: what the state of each that runs says of its interfaces, one row an address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from lxdnb.frames._columns import Column, Read, Record, mapping
from lxdnb.frames._documented import documented
from lxdnb.frames._fetch import frame_of
from lxdnb.frames._instance_sources import State
from lxdnb.frames._instances import STATUSES
from lxdnb.frames._servers import Clients
from lxdnb.frames._view import View, declared

__all__ = ["ADDRESSES", "addresses"]


def _rows(record: Record) -> Iterator[Record]:
    network = mapping(record.get("state")).get("network")
    for name, card in mapping(network).items():
        # What is of another type is handed on, so that it is told.
        addresses = card.get("addresses") or () if isinstance(card, dict) else [card]
        for address in addresses if isinstance(addresses, list) else [addresses] * bool(addresses):
            yield {**record, "interface": name, "card": card, "of_card": address}


def _told(where: str, field: str) -> Read:
    # "" is what servers say where there is none; what has no fields is no text either, and told.
    return lambda row: (row[where].get(field) if isinstance(row[where], dict) else [row[where]]) or None


def _netmask(row: Record) -> Any:
    bits = _told("of_card", "netmask")(row)
    return int(bits) if isinstance(bits, str) and bits.isdecimal() else bits


def device_of(row: Record) -> tuple[str, dict[str, str]] | None:
    """Return the name and the options of the device that an interface is of, None where that is not known.

    A container's has the name that its device gives it; a virtual machine names its cards itself.
    """
    config, devices = mapping(row.get("config")), mapping(row.get("expanded_devices"))
    cards = {name: card for name, card in devices.items() if mapping(card).get("type") == "nic"}
    host_name, hwaddr = _told("card", "host_name")(row), _told("card", "hwaddr")(row)
    for name, card in cards.items():
        if host_name and host_name == (card.get("host_name") or config.get(f"volatile.{name}.host_name")):
            return name, card
    for name, card in cards.items():
        if row["interface"] == (card.get("name") or config.get(f"volatile.{name}.name")):
            return name, card
    for name, card in cards.items():
        own = card.get("hwaddr") or config.get(f"volatile.{name}.hwaddr")
        if row.get("type") == "virtual-machine" and own and str(own).lower() == hwaddr:
            return name, card
    return None


def _device(row: Record) -> str | None:
    found = device_of(row)
    return found[0] if found else None


def _network(row: Record) -> str | None:
    found = device_of(row)
    return found[1].get("network") or found[1].get("parent") if found else None


_ABOVE = "state.network.*"

ADDRESSES = View(
    "addresses",
    declared(
        Column("instance", what="`instances.name`", path="name"),
        Column("interface", what="its name in the instance", path=_ABOVE, read=lambda row: row["interface"]),
        Column(
            "family",
            "category",
            path=f"{_ABOVE}.addresses.family",
            read=_told("of_card", "family"),
            categories=("inet", "inet6"),
        ),
        Column("address", path=f"{_ABOVE}.addresses.address", read=_told("of_card", "address")),
        Column("netmask", "Int64", "bits of its network", path=f"{_ABOVE}.addresses.netmask", read=_netmask),
        Column(
            "scope",
            "category",
            path=f"{_ABOVE}.addresses.scope",
            read=_told("of_card", "scope"),
            categories=("global", "link", "local"),
        ),
        Column("network", what="that its device is on: `networks.name`", path="expanded_devices.*", read=_network),
        Column("hwaddr", path=f"{_ABOVE}.hwaddr", read=_told("card", "hwaddr")),
        Column("host_name", what="the host's end of it", path=f"{_ABOVE}.host_name", read=_told("card", "host_name")),
        Column("device", what="of the instance, that it is of", path="expanded_devices", read=_device, shown=False),
        Column(
            "type",
            "category",
            "of the interface",
            path=f"{_ABOVE}.type",
            read=_told("card", "type"),
            categories=("broadcast", "loopback", "point-to-point"),
            shown=False,
        ),
        Column(
            "state",
            "category",
            "of the interface",
            path=f"{_ABOVE}.state",
            read=_told("card", "state"),
            categories=("up", "down"),
            shown=False,
        ),
        Column("mtu", "Int64", path=f"{_ABOVE}.mtu", read=_told("card", "mtu"), measured=False, shown=False),
        Column("status", "category", "of the instance", unit="status", categories=STATUSES, shown=False),
        Column("location", what="of the instance", shown=False),
        Column("project", shown=False),
    ),
    keys=("project", "instance", "interface", "address"),
    collection=("instances",),
    fields={
        "config.*": "string",
        "expanded_config.*": "string",
    },
    sources={"state": State()},
    always=("state",),
    rows=_rows,
    of_record=frozenset({"instance", "status", "location", "project", "config", "expanded_config"}),
    feature="always",
    at_once="instance_all_projects",
)


@documented(ADDRESSES)
def addresses(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return the addresses of the instances that run, one row each, loopback and link-local ones too.

    Costs one request, and one for each running instance that conditions on `instance`, `status`, `location`,
    `project` and `config` leave. Fields of `config` are those of the instance.

    >>> lx.instances.get("c1").execute(["ip", "link", "set", "lo", "up"]).exit_code
    0
    >>> frames.addresses(lx, ["instance", "interface", "address", "netmask"], where="instance eq c1 and family eq inet")
      instance interface    address  netmask
    0       c1        lo  127.0.0.1        8
    """
    return frame_of(ADDRESSES, clients, columns, where, all_projects=all_projects)
