"""What lies in storage pools: how it is listed, and each by a client of its own project and, in a cluster, member."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from lxdnb import checks

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["asked_of_list", "at_its_member", "of_projects"]

R = TypeVar("R", bound=Mapping[str, Any])


def asked_of_list(
    client: Client, all_projects: bool, filter: str | None, extensions: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a list is asked for with. Raises LXDAPIExtensionNotAvailable by the `extensions` that these need."""
    asked: dict[str, Any] = {"recursion": 1}
    if all_projects:
        client.assert_has_api_extension(extensions["all_projects"])
        asked["all-projects"] = "true"
    if filter is not None:
        asked["filter"] = checks.text("filter", filter)
        client.assert_has_api_extension(extensions["filter"])
    return asked


def of_projects(client: Client, records: Iterable[R], all_projects: bool) -> Iterator[tuple[Client, R]]:
    """Yield each record of a list with a client: of its own project where the list is of all projects."""
    clients: dict[str, Client] = {}
    for record in records:
        project = record.get("project") or "default"
        yield clients.setdefault(project, client.use_project(project)) if all_projects else client, record


def at_its_member(client: Client, record: Mapping[str, Any]) -> Client:
    """Return a client of the member that it lies on: another one may have another of its name."""
    location = record.get("location")
    if location and client.server_clustered and client.target is None:
        return client.use_target(location)
    return client
