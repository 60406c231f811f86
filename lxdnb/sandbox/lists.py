"""Lists of things of a kind: by URL or whole, filtered where that server filters them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from lxdnb.sandbox.filters import ABSENT, matcher
from lxdnb.sandbox.replies import Refused, Request, Sync
from lxdnb.sandbox.writing import Records

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["known_project", "listed", "owners"]

T = TypeVar("T")


def listed(
    host: Host,
    request: Request,
    things: Iterable[T],
    url: Callable[[T], str],
    record: Callable[[T], dict[str, Any]],
    *,
    filters: bool,
) -> Sync:
    """Return the answer to a request for a list; `filters` is whether this server filters those."""
    found = [*things]
    text = request.query.get("filter")
    if text and filters:
        matches = matcher(text, host.flavour.incus, _getter)
        found = [each for each in found if matches(record(each))]
    return Sync(Records(found, record if request.recursion else url))


def owners(host: Host, request: Request, feature: str) -> list[str]:
    """Return the names of the projects whose things of a kind are asked for. Raises Refused with 404."""
    if request.of_all_projects:
        if request.query.get("project"):
            raise Refused(400, "Cannot specify a project when requesting all projects")
        return sorted({host.keeper(name, feature).name for name in host.projects if request.caller.may_use(name)})
    return [host.keeper(known_project(host, request.project), feature).name]


def known_project(host: Host, name: str) -> str:
    """Return the name of a project. Raises Refused with 404."""
    if name not in host.projects:
        raise Refused(404, f'Failed to load project "{name}": Project not found')
    return name


def _getter(field: str) -> Callable[[dict[str, Any]], Any]:
    first, _, rest = field.partition(".")
    if not rest:
        return lambda record: record.get(first, ABSENT)
    return lambda record: record[first].get(rest, "") if isinstance(record.get(first), dict) else ABSENT
