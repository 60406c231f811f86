"""What servers measure: their metrics one row each, and the use of instances made of them, in the place of states.

One request tells of all that run, where states are one request each. In a cluster it is one for each member, for each
measures its own instances alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from lxdnb import api
from lxdnb.exceptions import LXDAPIException, LXDError
from lxdnb.frames._asked import Asked, at_once
from lxdnb.frames._columns import Column, Read, Record
from lxdnb.frames._exposition import END, Sample, lines, samples
from lxdnb.frames._instances import TYPES
from lxdnb.frames._view import EACH_MEMBER, Step, View, declared
from lxdnb.models.project import assert_project

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["METRICS", "TOLD", "UseByMetrics", "use_of", "uses"]

TOLD = (
    "state.cpu.usage",
    "state.memory.usage",
    "state.network.*.counters.*",
    "state.processes",
)
"""The fields of a state that metrics tell."""

T = TypeVar("T")
_PIECE = 2**16  # bytes
_COUNTERS = {
    "network_receive_bytes_total": "bytes_received",
    "network_receive_drop_total": "packets_dropped_inbound",
    "network_receive_errs_total": "errors_received",
    "network_receive_packets_total": "packets_received",
    "network_transmit_bytes_total": "bytes_sent",
    "network_transmit_drop_total": "packets_dropped_outbound",
    "network_transmit_errs_total": "errors_sent",
    "network_transmit_packets_total": "packets_sent",
}
_UNITS = ("bytes", "seconds")
_USES = {"cpu_seconds_total", "memory_MemFree_bytes", "memory_MemTotal_bytes", "procs_total", *_COUNTERS}


def use_of(told: str | Iterable[Sample]) -> dict[tuple[str, str], Record]:
    """Return what metrics tell of the use of each instance, by its project and name, as its state would have it.

    `memory.usage` is what `MemTotal` has more than `MemFree`, and so the same as a state's, to the byte; `processes`
    and the counters of `network` are the same too. `cpu.usage` is the sum over cores and modes, which differs from a
    state's by the kernel's ticks, of some milliseconds. What was not measured is missing, as addresses and disks are.

    >>> use_of('lxd_procs_total{name="c1",project="default",type="container"} 3')
    {('default', 'c1'): {'processes': 3}}
    """
    found: dict[tuple[str, str], Record] = {}
    total: dict[tuple[str, str], int] = {}
    for name, labels, value in samples(told.split("\n"), _is_use) if isinstance(told, str) else told:
        metric = name.partition("_")[2]
        if metric not in _USES or not math.isfinite(value):
            continue
        instance = labels.get("name")
        if instance is None:
            continue
        key = (labels.get("project", "default"), instance)
        use = found.get(key)
        if use is None:
            use = found[key] = {}
        if metric == "cpu_seconds_total":
            # In whole nanoseconds: sums of floats would depend on the order, which changes on Incus.
            use["cpu"] = {"usage": use["cpu"]["usage"] + round(value * 1e9) if "cpu" in use else round(value * 1e9)}
        elif metric == "procs_total":
            use["processes"] = round(value)
        elif metric.startswith("memory"):
            # Total and free come in either order.
            part = round(value) if metric == "memory_MemTotal_bytes" else -round(value)
            if key in total:
                use["memory"] = {"usage": total.pop(key) + part}
            else:
                total[key] = part
        elif (device := labels.get("device")) is not None:
            cards: dict[str, Record] = use.setdefault("network", {})
            if device not in cards:
                cards[device] = {"counters": {}} | ({"type": "loopback"} if device == "lo" else {})
            cards[device]["counters"][_COUNTERS[metric]] = round(value)
    return found


def _is_use(name: str) -> bool:
    return name.partition("_")[2] in _USES


def uses(client: Client, project: str | None, failed: dict[str, str] | None = None) -> dict[tuple[str, str], Record]:
    """Return the use of a server's instances, of one project or of all: those that run, or are frozen.

    Of a cluster, a member that fails is named in `failed` with its reason. Raises LXDError where all fail.
    """
    client.assert_has_api_extension("metrics")
    found: dict[tuple[str, str], Record] = {}
    for told in _of_each(client, lambda member: use_of(_told(client, project, member, _is_use)), failed):
        found |= told
    if not found and project is not None and project == client.project:
        assert_project(client)
    return found


class UseByMetrics:
    """The source of instances' state that `source="metrics"` names."""

    def steps(self, why: str) -> Iterator[Step]:
        """Yield the one request; in a cluster those to its members."""
        yield Step("GET /1.0/cluster/members?recursion=1", EACH_MEMBER, "which members there are")
        yield Step("GET /1.0/metrics", "member, in a cluster", f"{why}; as measured up to 8 seconds before")

    def fill(self, server: Asked, records: list[Record]) -> list[Record]:
        """Put into the records of those that run the part of their state that metrics tell."""
        projects = {str(record.get("project") or "default") for record in records}
        if projects:
            told = uses(server.client, projects.pop() if len(projects) == 1 else None, server.failed)
            for record in records:
                use = told.get((record.get("project") or "default", record["name"]))
                if use is not None:
                    record["state"] = use
        return records


def _of_each(client: Client, ask: Callable[[str | None], T], failed: dict[str, str] | None) -> list[T]:
    """Return what `ask` gives of each member of a cluster, or of the one server."""
    if client.target is not None or not client.server_clustered:
        return [ask(client.target)]
    members = api.metadata(client.api.cluster.members.get(params={"recursion": 1})) or []

    def tried(member: Record) -> T | LXDError:
        if member.get("status") == "Offline":
            return LXDError(f"it is offline: {member.get('message') or 'no word of it'}")
        try:
            return ask(member["server_name"])
        except LXDError as error:
            return error

    found: list[T] = []
    errors: dict[str, LXDError] = {}
    for member, told in zip(members, at_once(tried, members), strict=True):
        if isinstance(told, LXDError):
            errors[member["server_name"]] = told
        else:
            found.append(told)
    if errors and not found:
        raise next(iter(errors.values()))
    if failed is not None:
        failed |= {f"member {name}": str(error) for name, error in errors.items()}
    return found


def _told(
    client: Client,
    project: str | None,
    member: str | None,
    wanted: Callable[[str], bool] | None = None,
    typed: Callable[[str, str], object] | None = None,
) -> Iterator[Sample]:
    """Yield what a server measured, as its answer comes. Raises LXDAPIException for an answer that is cut short."""
    # A word that servers pass over here, but by it the client leaves out a project of its own.
    params = {"all-projects": "true"} if project is None else {"project": project}
    node = client.api.metrics
    response = node.get(is_api=False, stream=True, params={**params, **({"target": member} if member else {})})
    ended = False

    def noted() -> Iterator[str]:
        nonlocal ended
        for line in lines(node.pieces(response, _PIECE)):
            ended = line == END or (ended and not line)
            yield line

    try:
        # Of all projects, LXD 5.0 tells twice of one whose measurements it still had while others' were too old.
        yield from samples(noted(), wanted, typed, once=project is None)
    except ValueError as error:
        raise LXDAPIException(response, message=str(error)) from None
    finally:
        response.close()
    if not ended:
        raise LXDAPIException(response, message="what the server sent are no metrics, or not all of them")


def _records(server: Asked, params: Mapping[str, str]) -> list[Record]:
    client = server.client
    project = None if server.all_projects else client.project or "default"

    def of_member(member: str | None) -> list[Record]:
        kinds: dict[str, str] = {}
        return [
            {"metric": name, "labels": labels, "value": value, "kind": kinds.get(name), "location": member or "none"}
            for name, labels, value in _told(client, project, member, typed=kinds.__setitem__)
        ]

    records = [record for several in _of_each(client, of_member, server.failed) for record in several]
    # Not of no records at all: a server may tell of itself besides.
    if project is not None and not any("name" in record["labels"] for record in records):
        assert_project(client)
    return records


def _steps(why: str, all_projects: bool) -> Iterator[Step]:
    yield Step("GET /1.0/cluster/members?recursion=1", EACH_MEMBER, "which members there are")
    yield Step(
        "GET /1.0/metrics?all-projects=true" if all_projects else "GET /1.0/metrics", "member, in a cluster", why
    )


def _label(label: str) -> Read:
    # An empty one is the same as none: https://prometheus.io/docs/concepts/data_model/
    return lambda record: record["labels"].get(label) or None


def _unit(record: Record) -> str | None:
    last = record["metric"].removesuffix("_total").rpartition("_")[2]
    return last if last in _UNITS else None


METRICS = View(
    "metrics",
    declared(
        Column(
            "project", path="labels.project", read=_label("project"), what="NA for what the server measures of itself"
        ),
        Column("name", path="labels.name", read=_label("name"), what="of the instance"),
        Column("type", "category", path="labels.type", read=_label("type"), categories=TYPES),
        Column("metric", what="the server's word, which begins with `lxd_` or `incus_`"),
        Column("device", path="labels.device", read=_label("device"), what="interface or disk"),
        Column("cpu", path="labels.cpu", read=_label("cpu"), what="which core"),
        Column("mode", path="labels.mode", read=_label("mode"), what="what a core did: user, system, idle …"),
        Column("value", "Float64", unit="(unit)", measured=True),
        Column("unit", path="metric", what="bytes or seconds; NA for what is counted", read=_unit),
        Column(
            "kind",
            "category",
            "a counter only grows, until its instance starts anew",
            categories=("counter", "gauge"),
            shown=False,
        ),
        Column("location", what="member of the cluster that measured it; `none` where there is none", shown=False),
        Column("fstype", path="labels.fstype", read=_label("fstype"), what="kind of a file system", shown=False),
        Column("mountpoint", path="labels.mountpoint", read=_label("mountpoint"), what="of a file system", shown=False),
    ),
    keys=("project", "name", "metric", "device", "cpu", "mode"),
    fields={"labels.*": "string", "labels": "json"},
    extension="metrics",
    records=_records,
    steps=_steps,
)
