"""A server's own things: the members of its cluster, whom it trusts, what it does, and what it warns of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from cryptography import x509

from lxdnb import redact
from lxdnb.frames._asked import Asked
from lxdnb.frames._columns import Column, Record, said
from lxdnb.frames._documented import documented
from lxdnb.frames._fetch import frame_of
from lxdnb.frames._references import reference, references
from lxdnb.frames._servers import Clients
from lxdnb.frames._view import CLUSTER, Each, Step, View, declared

__all__ = ["CERTIFICATES", "MEMBERS", "OPERATIONS", "WARNINGS", "certificates", "members", "operations", "warnings"]

OPERATION_STATUSES = (
    "Pending",
    "Running",
    "Cancelling",
    "Success",
    "Failure",
    "Cancelled",
    "Operation created",
    "Started",
    "Stopped",
)


def _members(server: Asked, params: Mapping[str, str]) -> list[Record]:
    """Return the members of the cluster; none of a server that stands alone, which answers an error."""
    return server.records(("cluster", "members"), params) if server.client.server_clustered else []


def _members_steps(why: str, all_projects: bool) -> Iterator[Step]:
    yield Step("GET /1.0/cluster/members?recursion=1", CLUSTER, why)


class _MemberState(Each):
    """What a member has and uses, where servers tell it."""

    def fill(self, server: Asked, records: list[Record]) -> list[Record]:
        if records and not server.client.has_api_extension("cluster_member_state"):
            server.words.append("this server tells no state of members: those columns are NA")
            return records
        return super().fill(server, records)


def _expires(what: str) -> Callable[[Record], str | None]:
    def read(record: Record) -> str | None:
        try:
            certificate = x509.load_pem_x509_certificate(str(record.get("certificate")).encode())
        except ValueError:
            return None
        moment: datetime = getattr(certificate, f"not_valid_{what}_utc")
        return moment.isoformat()

    return read


def _operations(server: Asked, params: Mapping[str, str]) -> list[Record]:
    """Return the operations without secrets, each once: a project's list has those of no project too."""
    found: dict[Any, Record] = {}
    for scope, by_status in server.of_scopes(("operations",), "always", "operations_get_query_all_projects", params):
        several = by_status.values() if isinstance(by_status, dict) else ()
        records = [record for each in several if isinstance(each, list) for record in each if isinstance(record, dict)]
        for record in records:
            found.setdefault(record.get("id"), {**redact.record(record), "project": scope.project or "default"})
    return list(found.values())


def _operations_steps(why: str, all_projects: bool) -> Iterator[Step]:
    each = ""
    if all_projects:
        each = "project, unless the server has one list of all"
        yield Step("GET /1.0/projects?recursion=1", why="which projects there are, unless it has one list of all")
    yield Step("GET /1.0/operations?recursion=1", each, why)


def _resources(record: Record) -> list[str]:
    """Read what an operation is about; URLs of LXD 5.0 lack the project, which is that of the list then."""
    told, project = record.get("resources"), record.get("project")
    lists = [urls for urls in told.values() if isinstance(urls, list)] if isinstance(told, dict) else []
    urls = [url for urls in lists for url in urls if isinstance(url, str)]
    own = (each if "project=" in url else each._replace(project=project) for url in urls for each in references([url]))
    return list(dict.fromkeys(map(str, own)))


def _warnings(server: Asked, params: Mapping[str, str]) -> list[Record]:
    # Servers have them in one list, which they filter by a client's project: not where all are asked for.
    everywhere = {"all-projects": "true"} if server.all_projects else {}
    return server.records(("warnings",), {**params, **everywhere})


def _warnings_steps(why: str, all_projects: bool) -> Iterator[Step]:
    yield Step("GET /1.0/warnings?recursion=1", "", why)


def _entity(record: Record) -> str | None:
    found = reference(str(record.get("entity_url") or ""))
    return None if found is None else str(found)


MEMBERS = View(
    "members",
    declared(
        Column("name", what="`location` of other views", path="server_name"),
        Column("status", "category", unit="status", categories=("Online", "Evacuated", "Offline", "Blocked")),
        Column("roles", "tuple"),
        Column("url"),
        Column("architecture"),
        Column("failure_domain"),
        Column("groups", "tuple"),
        Column("message"),
        Column("description"),
        Column("database", "boolean", "whether it has a part of the database", shown=False),
        Column(
            "memory",
            "Int64",
            "of its host",
            "state.sysinfo.total_ram",
            None,
            ("state",),
            unit="bytes",
            shown=False,
            measured=False,
        ),
        Column(
            "memory_free", "Int64", "of its host", "state.sysinfo.free_ram", None, ("state",), unit="bytes", shown=False
        ),
        Column("processes", "Int64", "of its host", "state.sysinfo.processes", None, ("state",), shown=False),
        Column("uptime", "Int64", "of its host", "state.sysinfo.uptime", None, ("state",), unit="seconds", shown=False),
    ),
    keys=("name",),
    fields={
        "server_name": "string",
        "config.*": "string",
        "config": "json",
        "state.sysinfo.load_averages": ("json", "state"),
        "state.sysinfo.*": ("Int64", "state"),
        "state.storage_pools.*.*.*": ("Int64", "state"),
        "state": ("json", "state"),
    },
    sources={"state": _MemberState("state", ("cluster", "members", "{server_name}", "state"), "member", leaves=False)},
    records=_members,
    steps=_members_steps,
)

CERTIFICATES = View(
    "certificates",
    declared(
        Column("name"),
        Column("type", "category", categories=("client", "server", "metrics")),
        Column("fingerprint", unit="fingerprint"),
        Column("restricted", "boolean", "whether it may do no more than its projects allow"),
        Column("projects", "tuple", "of a restricted one: `projects.name`"),
        Column("issued_at", "datetime", "", "certificate", _expires("before"), unit="age"),
        Column("expires_at", "datetime", "", "certificate", _expires("after"), unit="age"),
        Column("description", what="NA on LXD 5.0, which has none", shown=False),
        Column("certificate", what="PEM", shown=False),
    ),
    keys=("fingerprint",),
    collection=("certificates",),
)

OPERATIONS = View(
    "operations",
    declared(
        Column("id"),
        Column("class", "category", categories=("task", "websocket", "token")),
        Column("description"),
        Column("status", "category", unit="status", categories=OPERATION_STATUSES),
        Column("resources", "tuple", "what it is about, as `instance c1`", read=_resources),
        Column("created_at", "datetime", unit="age"),
        Column("updated_at", "datetime", unit="age"),
        Column("may_cancel", "boolean"),
        Column("err", what="why it failed", read=said("err")),
        Column("location", what="member of the cluster; `none` where there is none", shown=False),
    ),
    keys=("id",),
    fields={"status_code": "Int64", "metadata.*": "json", "metadata": "json"},
    records=_operations,
    steps=_operations_steps,
)

WARNINGS = View(
    "warnings",
    declared(
        Column("type"),
        Column("severity", "category", categories=("low", "moderate", "high")),
        Column("status", "category", unit="status", categories=("new", "acknowledged", "resolved")),
        Column("count", "Int64", "how often it came"),
        Column("last_message", read=said("last_message")),
        Column("first_seen_at", "datetime", unit="age"),
        Column("last_seen_at", "datetime", unit="age"),
        Column("entity", what="what it is about, as `instance c1`; NA for the server", path="entity_url", read=_entity),
        Column("project", read=said("project")),
        Column("location", what="member of the cluster; `none` where there is none"),
        Column("uuid", shown=False),
    ),
    keys=("uuid",),
    fields={"entity_url": "string"},
    extension="warnings",
    records=_warnings,
    steps=_warnings_steps,
)


@documented(MEMBERS)
def members(clients: Clients, columns: Sequence[str] | None = None, *, where: str | None = None) -> pd.DataFrame:
    """Return the members of a cluster, one row each; none of a server that stands alone.

    Costs one request, and one more for each member for what its host has, where the server tells it: LXD 5.0 does not.

    >>> frames.members(lx, columns=["name"])["name"].tolist()
    []
    """
    return frame_of(MEMBERS, clients, columns, where)


@documented(CERTIFICATES)
def certificates(clients: Clients, columns: Sequence[str] | None = None, *, where: str | None = None) -> pd.DataFrame:
    """Return the certificates of whom the server trusts, one row each, by one request.

    >>> frames.certificates(lx, columns=["type"])["type"].tolist()
    ['client']
    """
    return frame_of(CERTIFICATES, clients, columns, where)


@documented(OPERATIONS)
def operations(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return what the server does now, and did in the last five seconds, one row each; without secrets.

    Costs one request; with `all_projects` one for each project where the server lists them in no other way, as LXD 5.0.

    >>> frames.operations(lx, columns=["class", "may_cancel"], where="status eq Pending")["class"].tolist()
    []
    """
    return frame_of(OPERATIONS, clients, columns, where, all_projects=all_projects)


@documented(WARNINGS)
def warnings(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return what the server warns of, one row each, by one request: of the client's project if it has one.

    >>> frames.warnings(lx, columns=["type"], where="severity eq high")["type"].tolist()
    []
    """
    return frame_of(WARNINGS, clients, columns, where, all_projects=all_projects)
