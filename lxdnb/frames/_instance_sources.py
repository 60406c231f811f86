"""What tells of instances more than their list does: their states, their hosts' memory, and the leases of DHCP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lxdnb.exceptions import LXDAPIException
from lxdnb.frames._asked import Asked
from lxdnb.frames._columns import Record, mapping
from lxdnb.frames._exposition import samples
from lxdnb.frames._sizes import share
from lxdnb.frames._view import Each, Step, is_active

__all__ = ["Host", "Leases", "State"]

PAGE = 4096  # bytes: a limit is of whole pages
OTHERS = ("host_memory", "kernels_limit", "leases")  # what the other sources may have told already
FEW = 8  # running instances, whose states are asked one by one in any case


class State:
    """The state of those that run: asked of each, or by one list of all with recursion=2 where few are stopped.

    That list costs a server some 4.4 ms for a running and 2.9 ms for a stopped one, a request for one state 6 ms:
    measured on LXD 5.0 and Incus 6.0 with two processors, a btrfs pool and four requests at a time.
    """

    each = Each("state", ("instances", "{name}", "state"), "running instance", is_active)

    def steps(self, why: str) -> Iterator[Step]:
        for step in self.each.steps(why):
            yield replace(step, why=f"{why}; where three in five run, one list with recursion=2 in their place")

    def fill(self, server: Asked, records: list[Record]) -> list[Record]:
        running = sum(map(is_active, records))
        if running < FEW or server.listed is None or 3 * (server.listed - running) > 2 * running:
            return self.each.fill(server, records)
        wanted = {_identity(record): {key: record[key] for key in OTHERS if key in record} for record in records}
        records.clear()  # of very many, both lists would not be held at once
        again = server.listed_again({"recursion": "2"})
        found: list[Record] = []
        for record in again:
            others = wanted.get(_identity(record))
            if others is not None:
                record.update(others)
                found.append(record)
        return found


def _identity(record: Record) -> tuple[Any, Any]:
    return record.get("project") or "default", record.get("name")


class Host:
    """What a server takes for the memory of a host, of which a limit may be a share: asked only where one is.

    That is a thousand bytes for each kB of the kernel's, which only the metrics of a container tell that has no limit,
    as the one number among theirs that is of no whole pages. Where none runs, those that have a limit tell their own;
    and of others it is a guess, for the memory that `resources` have is that of the modules, some per cent more.
    """

    def steps(self, why: str) -> Iterator[Step]:
        yield Step("GET /1.0/metrics", "member with an instance whose limit is a share", why)
        yield Step("GET /1.0/resources", "member with such an instance of which the metrics do not tell", why)

    def fill(self, server: Asked, records: list[Record]) -> list[Record]:
        asked: dict[tuple[str, str], dict[str, int]] = {}
        guessed: dict[str, Any] = {}
        for record in records:
            if not _is_share(record):
                continue
            place, project = record.get("location") or "", record.get("project") or "default"
            target = {"target": place} if server.client.server_clustered and place else {}
            if (place, project) not in asked:
                asked[place, project] = _limits(server, {**target, "project": project})
            limits = asked[place, project]
            record["host_memory"] = next((told for told in limits.values() if told % PAGE), None)
            record["kernels_limit"] = limits.get(f"{record['name']}")
            if record["host_memory"] is None and record["kernels_limit"] is None:
                if place not in guessed:
                    guessed[place] = _modules(server, target)
                record["host_memory"] = guessed[place]
        return records


def _limits(server: Asked, params: dict[str, str]) -> dict[str, int]:
    """Return what metrics have as the memory of each container, by its name."""
    if not server.client.has_api_extension("metrics"):
        return {}
    try:
        text = server.client.api.metrics.get(is_api=False, params=params).text
        told = samples(text.split("\n"), lambda metric: metric.endswith("_memory_MemTotal_bytes"))
        return {each.labels.get("name", ""): int(each.value) for each in told if each.labels.get("type") == "container"}
    except (LXDAPIException, ValueError) as error:
        server.failed["metrics"] = str(error)
        return {}


def _modules(server: Asked, params: dict[str, str]) -> Any:
    try:
        return mapping(mapping(server.get(("resources",), params)).get("memory")).get("total")
    except LXDAPIException as error:
        server.failed["resources"] = str(error)
        return None


def _is_share(record: Record) -> bool:
    text = mapping(record.get("expanded_config")).get("limits.memory")
    return isinstance(text, str) and share(text) is not None


class Leases:
    """The addresses that DHCP gave on managed bridges, by the cards' hardware addresses."""

    def steps(self, why: str) -> Iterator[Step]:
        yield Step("GET /1.0/networks?recursion=1", "project", why)
        yield Step("GET /1.0/networks/{name}/leases", "managed bridge", why)

    def fill(self, server: Asked, records: list[Record]) -> list[Record]:
        given: dict[str, list[str]] = {}
        for project in dict.fromkeys(record["project"] for record in records):
            networks = server.records(("networks",), {"recursion": 1, "project": project})
            bridges = [each for each in networks if each.get("managed") and each.get("type") == "bridge"]
            for bridge in bridges:
                bridge["project"] = project
            server.each(bridges, "leases", lambda each: ["networks", each["name"], "leases"], lambda _: True, {})
            for bridge in bridges:
                told = bridge.get("leases")
                for lease in map(mapping, told if isinstance(told, list) else ()):
                    given.setdefault(str(lease.get("hwaddr")).lower(), []).append(str(lease.get("address")))
        for record in records:
            addresses = [address for card in _cards(record) for address in given.get(card, ())]
            record["leases"] = list(dict.fromkeys(addresses))
        return records


def _cards(record: Record) -> list[str]:
    """Return the hardware addresses of an instance's cards: those that it was given, or that its devices name."""
    config, devices = mapping(record.get("config")), mapping(record.get("expanded_devices"))
    given = [value for key, value in config.items() if key.startswith("volatile.") and key.endswith(".hwaddr")]
    named = [mapping(device).get("hwaddr") for device in devices.values()]
    return [address.lower() for address in [*given, *named] if isinstance(address, str)]
