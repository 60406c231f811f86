"""Networks, those that the server manages and the interfaces of its host, and the addresses that they gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from lxdnb.exceptions import LXDAPIException, NotFound
from lxdnb.frames._asked import Asked, at_once
from lxdnb.frames._columns import Column, Record, by_path, said
from lxdnb.frames._documented import documented
from lxdnb.frames._fetch import frame_of
from lxdnb.frames._references import USED_BY, references
from lxdnb.frames._servers import Clients
from lxdnb.frames._view import Each, Step, View, declared

__all__ = ["LEASES", "NETWORKS", "leases", "networks"]

TYPES = ("bridge", "macvlan", "sriov", "ovn", "physical", "bond", "vlan", "loopback", "unknown")
STATUSES = ("Created", "Pending", "Errored", "Unknown", "Unavailable")
GIVE = ("bridge", "ovn")  # the types of networks that give addresses: of others servers tell an error


def _subnet(key: str) -> Callable[[Record], Any]:
    def read(record: Record) -> Any:
        value = told(record)
        return None if value in ("none", "") else value

    told = by_path(f"config.{key}")
    return read


def _state(key: str) -> Callable[[Record], Any]:
    told = by_path(f"state.{key}")
    return lambda record: told(record) or None


def _counter(name: str) -> Column:
    return Column(name, "Int64", path=f"state.counters.{name}", needs=("state",), unit=_UNITS[name[0]], shown=False)


_UNITS = {"b": "bytes", "p": ""}

NETWORKS = View(
    "networks",
    declared(
        Column("name"),
        Column("type", "category", categories=TYPES),
        Column("managed", "boolean", "whether it is the server's own"),
        Column(
            "status",
            "category",
            "NA for what is not managed",
            read=said("status"),
            unit="status",
            categories=STATUSES,
        ),
        Column(
            "ipv4",
            what="its address and subnet, as 10.0.0.1/24",
            path="config.ipv4.address",
            read=_subnet("ipv4.address"),
        ),
        Column("ipv6", path="config.ipv6.address", read=_subnet("ipv6.address")),
        USED_BY,
        Column("description"),
        Column("project", shown=False),
        Column("locations", "tuple", "members of the cluster that have it; `none` where there is none", shown=False),
        Column("state", "category", "", "state.state", None, ("state",), shown=False, categories=("up", "down")),
        Column("hwaddr", what="", path="state.hwaddr", read=_state("hwaddr"), needs=("state",), shown=False),
        Column("mtu", "Int64", path="state.mtu", needs=("state",), unit="bytes", shown=False, measured=False),
        *map(_counter, ("bytes_received", "bytes_sent", "packets_received", "packets_sent")),
    ),
    keys=("project", "name"),
    collection=("networks",),
    fields={
        "config.*": "string",
        "config": "json",
        **{f"state.{name}": ("string", "state") for name in ("type", "state", "hwaddr")},
        "state.mtu": ("Int64", "state"),
        "state.counters.*": ("Int64", "state"),
        "state.bridge.id": ("string", "state"),
        "state.bridge.stp": ("boolean", "state"),
        "state.bridge.vlan_filtering": ("boolean", "state"),
        "state.bridge.forward_delay": ("Int64", "state"),
        "state.bridge.vlan_default": ("Int64", "state"),
        "state.bond.mode": ("string", "state"),
        "state.bond.mii_state": ("string", "state"),
        "state.bond.transmit_policy": ("string", "state"),
        "state.bond.up_delay": ("Int64", "state"),
        "state.bond.down_delay": ("Int64", "state"),
        "state.bond.mii_frequency": ("Int64", "state"),
        "state.vlan.lower_device": ("string", "state"),
        "state.vlan.vid": ("Int64", "state"),
        "state.ovn.*": ("string", "state"),
        **{
            path: ("json", "state")
            for path in (
                "state.addresses",
                "state.bridge.upper_devices",
                "state.bond.lower_devices",
                "state.bridge",
                "state.bond",
                "state.counters",
                "state.vlan",
                "state.ovn",
            )
        },
    },
    # A managed network without an interface of its own, as macvlan, has no state.
    sources={"state": Each("state", ("networks", "{name}", "state"), "network", leaves=False)},
    feature="features.networks",
    at_once="networks_all_projects",
)


class _Given:
    """The addresses that a network gave, of which servers tell by the projects of those who have them."""

    def steps(self, why: str) -> Iterator[Step]:
        each = "managed bridge or OVN network, and of all projects each one that uses it"
        yield Step("GET /1.0/networks/{name}/leases", each, why)

    def fill(self, server: Asked, records: list[Record]) -> list[Record]:
        giving = [record for record in records if record.get("managed") and record.get("type") in GIVE]
        parts = [(record, project) for record in giving for project in _projects(server, record)]

        def ask(part: tuple[Record, str]) -> list[Record] | LXDAPIException:
            record, project = part
            try:
                return server.records(("networks", record["name"], "leases"), {"project": project})
            except LXDAPIException as error:
                return error

        for (record, project), answer in zip(parts, at_once(ask, parts), strict=True):
            if isinstance(answer, LXDAPIException):
                if not isinstance(answer, NotFound):  # deleted meanwhile
                    server.failed[f"networks/{record['name']}/leases of project {project}"] = str(answer)
                continue
            record.setdefault("leases", []).extend({**each, "project": project} for each in answer)
        return giving


def _projects(server: Asked, record: Record) -> list[str]:
    if not server.all_projects:
        return [server.client.project or "default"]
    users = (user.project for user in references(record.get("used_by")))
    return list(dict.fromkeys([record.get("project") or "default", *users]))


def _rows(record: Record) -> Iterator[Record]:
    for lease in record.get("leases") or ():
        yield {**lease, "network": record["name"]}


LEASES = View(
    "leases",
    declared(
        Column("network", what="`networks.name`", read=lambda record: record.get("network") or record.get("name")),
        Column("hostname"),
        Column("address"),
        Column("hwaddr", what="`devices.hwaddr`; NA for the network's own address", read=said("hwaddr")),
        Column("type", "category", categories=("static", "dynamic", "gateway")),
        Column("location", what="member of the cluster; `none` where there is none", read=said("location")),
        Column("project", what="of the instance that has it", shown=False),
    ),
    keys=("network", "project", "hwaddr", "address"),
    collection=("networks",),
    sources={"leases": _Given()},
    always=("leases",),
    rows=_rows,
    of_record=frozenset({"network"}),
    feature="features.networks",
    at_once="networks_all_projects",
)


@documented(NETWORKS)
def networks(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return the networks, one row each: those that the server manages, and the interfaces of its host.

    Costs one request, and one more for each network where a column needs its state. In a cluster the state is that of
    the member which answers, or of that of `Client.use_target`.

    >>> frames.networks(lx, columns=["name", "type"], where="name eq lo")
      name      type
    0   lo  loopback
    """
    return frame_of(NETWORKS, clients, columns, where, all_projects=all_projects)


@documented(LEASES)
def leases(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return the addresses that managed networks gave by DHCP, or keep for an instance, one row each.

    Costs one request, and one more for each bridge and OVN network that the server manages; with `all_projects`, for
    each project too that uses one. What an instance gave itself is in `addresses`.

    >>> list(frames.leases(lx, columns=["network", "address"]))
    ['network', 'address']
    """
    return frame_of(LEASES, clients, columns, where, all_projects=all_projects)
