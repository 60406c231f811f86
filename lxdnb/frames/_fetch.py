"""A plan carried out: on one server, and on several at the same time, to one frame.

The conditions that the list decides leave out records before more is asked of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lxdnb import checks
from lxdnb.client import Client
from lxdnb.exceptions import LXDAPIException, LXDError
from lxdnb.frames._asked import Asked, at_once
from lxdnb.frames._build import build
from lxdnb.frames._columns import Record, unheard
from lxdnb.frames._filter import globs, strangers
from lxdnb.frames._plan import Plan, plan
from lxdnb.frames._servers import Clients, named
from lxdnb.frames._view import CLUSTER, EACH_MEMBER, Step, View
from lxdnb.models.project import assert_project, with_projects

__all__ = ["explained", "frame_of", "plan_for", "records_of"]


def frame_of(
    view: View,
    clients: Clients,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    *,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return a view of a server, or of several, as a frame; see the function of the view."""
    asked = named(clients)
    checks.flag("all_projects", all_projects)
    plans = {name: plan_for(client, view, columns, where, all_projects) for name, client in asked.items()}
    sole = asked.get("")
    if sole is not None:
        told = Asked(sole, all_projects=all_projects)
        records = records_of(told, plans[""])
        return build(
            view.name,
            plans[""].columns,
            records,
            clients=asked,
            failed=told.failed,
            words=told.words,
            all_projects=all_projects,
        )
    tolds = {name: Asked(client, all_projects=all_projects) for name, client in asked.items()}
    found, failed = _of_each(tolds, plans)
    words: list[str] = []
    records = []
    for name, several in found.items():
        records += [{"server": name, **record} for record in several]
        failed |= {f"{name}: {thing}": reason for thing, reason in tolds[name].failed.items()}
        words += [f"{name}: {word}" for word in tolds[name].words]
    picked = next(iter(plans.values())).columns
    return build(view.name, picked, records, clients=asked, failed=failed, words=words, all_projects=all_projects)


def explained(
    view: View,
    clients: Clients,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    *,
    all_projects: bool = False,
) -> list[Record]:
    """Return the requests that a frame would take, as records of the frame that `explain` returns."""
    checks.flag("all_projects", all_projects)
    rows: list[Record] = []
    for name, client in named(clients).items():
        made = plan_for(client, view, columns, where, all_projects)
        rows += [
            {"server": name, "request": _scoped(step.request, client), "each": step.each or None, "why": step.why}
            for step in made.steps()
            if _is_made(step, client)
        ]
        here = [*made.early, *made.late]
        if here:
            said = ", ".join(map(str, here))
            rows.append({"server": name, "request": None, "each": None, "why": f"here, without a request: {said}"})
    return rows


def _is_made(step: Step, client: Client) -> bool:
    """Return whether a client makes a request that only clusters are asked."""
    if step.each == EACH_MEMBER:
        return client.server_clustered and client.target is None
    return step.each != CLUSTER or client.server_clustered


def _scoped(request: str, client: Client) -> str:
    """Return a request with the project and the member that a client is of, which it asks for in each."""
    for key, value in (("project", client.project), ("target", client.target)):
        is_told = f"{key}=" in request or (key == "project" and "all-projects=" in request)
        if value is not None and not is_told:
            request += f"{'&' if '?' in request else '?'}{key}={value}"
    return request


def records_of(server: Asked, made: Plan) -> list[Record]:
    """Return the records of a server's rows."""
    view, client = made.view, server.client
    if view.extension:
        client.assert_has_api_extension(view.extension)
    try:
        records = _listed(server, made) if view.records is None else view.records(server, made.parameters())
    except LXDAPIException as error:
        raise (with_projects(error, client) if view.feature else error) from None
    if not records and client.project and view.feature and not made.all_projects:
        assert_project(client)
    heard = records
    if not records and made.filter and any(name.startswith("config.") for name in made.known):
        heard = server.listed_again({"recursion": "1"})  # so that a slip in a key is not taken for an empty list
    server.words += unheard([*made.columns, *made.known.values()], heard)
    records = made.kept(made.early, records)
    for need in made.deciding:
        records = view.sources[need].fill(server, records)
    if view.rows is None:
        records = made.kept(made.late, records)
    for need in made.telling:
        records = view.sources[need].fill(server, records)
    if view.rows is None and (made.deciding or made.telling):
        records = made.kept(made.early, records)  # a source that lists anew may find them changed
    if view.rows is not None:
        records = made.kept(made.late, [row for record in records for row in view.rows(record)])
    if not records:
        for part in (*made.early, *made.late):
            server.words += globs(part) + strangers(part, lambda name: made.known[name].categories)
    return records


def _listed(server: Asked, made: Plan) -> list[Record]:
    view, client = made.view, server.client
    params = made.parameters()
    if made.at_once or not (view.feature and made.all_projects):
        everywhere = {"all-projects": "true"} if made.all_projects and view.feature else {}
        project = None if everywhere else client.project
        found = _of_project(server, made, {**params, **everywhere}, project)
        server.listed = None if made.filter else len(found)
        server.listed_again = lambda others: server.records(view.collection, {**others, **everywhere})
        return found
    found: list[Record] = []
    for project, whose in server.projects_with(view.feature).items():
        found += _of_project(server, made, {**params, "project": project}, whose)
    return found


def _of_project(server: Asked, made: Plan, params: Mapping[str, str], project: str | None) -> list[Record]:
    view = made.view
    if made.recursion == 0 and view.url is not None:
        return [view.url(url) for url in server.list(view.collection, params) if isinstance(url, str)]
    records = server.records(view.collection, params)
    if view.feature:
        untold = [record for record in records if not record.get("project")]  # servers do not tell it of all things
        if untold and made.sharing is not None:
            project = server.owner(made.sharing, view.feature)
        for record in untold:
            record["project"] = project or "default"
    return records


def plan_for(client: Client, view: View, columns: Sequence[str] | None, where: str | None, all_projects: bool) -> Plan:
    extensions = client.host_info.get("api_extensions") or ()
    return plan(
        view,
        columns,
        where,
        all_projects=all_projects,
        product=client.product,
        extensions=extensions,
        project=client.project,
    )


def _of_each(tolds: Mapping[str, Asked], plans: Mapping[str, Plan]) -> tuple[dict[str, list[Record]], dict[str, str]]:
    """Return what each server has, and why those fail that do; each is asked in its own thread."""

    def ask(name: str) -> list[Record] | LXDError:
        try:
            return records_of(tolds[name], plans[name])
        except LXDError as error:
            return error

    failed: dict[str, str] = {}
    found: dict[str, list[Record]] = {}
    for name, told in zip(tolds, at_once(ask, tolds, len(tolds)), strict=True):
        if isinstance(told, LXDError):
            failed[name] = str(told)
        else:
            found[name] = told
    return found, failed
