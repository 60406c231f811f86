"""A view: what it is called, its columns and fields, where its records are listed, and what more may be asked of each.

A list is one request. What it lacks, as the state of an instance, a `Source` tells: another request for each record,
or a few for all. A view whose rows are parts of records (the addresses of instances) takes them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from lxdnb.frames._columns import Column, Fields, Record

if TYPE_CHECKING:
    from lxdnb.frames._asked import Asked

__all__ = [
    "CLUSTER", "EACH_MEMBER", "INACTIVE", "TYPES", "Each", "Source", "Step", "View", "declared", "is_active",
    "named_by_url",
]  # fmt: skip

TYPES = ("container", "virtual-machine")
"""Of instances."""
INACTIVE = ("Stopped", "Error")
"""The words for instances that have no state worth asking for."""


CLUSTER, EACH_MEMBER = "cluster", "cluster, of which each member is asked"
"""What a request is made for each of that others need not: a server that stands alone, and a client of one member."""


@dataclass(frozen=True)
class Step:
    """Requests of a plan: what is asked for, of `each` of what, and what it is for."""

    request: str
    each: str = ""
    why: str = ""


class Source(Protocol):
    """What tells of records more than their list does."""

    def steps(self, why: str) -> Iterator[Step]:
        """Yield the requests that it takes, for people; `why` says for which columns."""
        ...

    def fill(self, server: Asked, records: list[Record]) -> list[Record]:
        """Put into the records what it tells, and return those that are still there."""
        ...


@dataclass(frozen=True)
class Each:
    """One request for each record, of those that have it: its answer stands in the record under `key`."""

    key: str
    path: tuple[str, ...]
    """The answer's path; a word in braces is that field of the record, as `{name}`."""
    whose: str
    """Of which things, for people: `running instance`."""
    of: Callable[[Record], bool] = lambda record: True
    params: Mapping[str, str] = field(default_factory=dict)
    leaves: bool = True
    """Whether a record goes whose answer is not found, as of a thing deleted meanwhile; else there is none of it."""

    def steps(self, why: str) -> Iterator[Step]:
        """Yield one step, for each."""
        query = "?" + "&".join(f"{key}={value}" for key, value in self.params.items()) if self.params else ""
        yield Step(f"GET /1.0/{'/'.join(self.path)}{query}", self.whose, why)

    def fill(self, server: Asked, records: list[Record]) -> list[Record]:
        """Ask for each record; one that is gone meanwhile costs its record, what cannot be told is named."""
        return server.each(records, self.key, self._segments, self.of, self.params, leaves=self.leaves)

    def _segments(self, record: Record) -> list[str]:
        return [str(record[word[1:-1]]) if word.startswith("{") else word for word in self.path]


@dataclass(frozen=True)
class View:
    """A kind of thing, one row each."""

    name: str
    columns: Mapping[str, Column]
    keys: tuple[str, ...]
    """The columns that tell one row from another, within a server."""
    collection: tuple[str, ...] = ()
    """Where its records are listed, as `("storage-pools",)`."""
    fields: Fields = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    """By the name that a column's `needs` has."""
    always: tuple[str, ...] = ()
    """The sources without which there are no rows."""
    covers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The needs that another makes needless, as the list with `recursion=2` the state."""
    rows: Callable[[Record], Iterable[Record]] | None = None
    """Takes a record apart into those of the rows."""
    of_record: frozenset[str] = frozenset()
    """The columns and fields, these by their first word, that are the same for all rows of a record, and that it tells
    by itself: conditions on them decide before it is taken apart, and before more is asked of it."""
    feature: str = ""
    """The feature of projects by which they have their own, as `features.images`; empty for what is the server's."""
    at_once: str = ""
    """The API extension by which those of all projects are one list."""
    url: Callable[[str], Record] | None = None
    """What the URL of a thing tells of it, which is all that a list without recursion has."""
    of_url: frozenset[str] = frozenset()
    """The columns that need no more than that."""
    of_url_sources: frozenset[str] = frozenset()
    """The sources that need no more than that."""
    extension: str = ""
    """The API extension that the collection takes."""
    records: Callable[[Asked, Mapping[str, str]], list[Record]] | None = None
    """Gets the records in another way than from the list at `collection`."""
    steps: Callable[[str, bool], Iterator[Step]] | None = None
    """Tells people the requests of `records`: for which columns, and whether of all projects."""
    asks_whose: bool = False
    """Whether `records` asks in any case whose the things are that a client's project has."""


def declared(*columns: Column) -> dict[str, Column]:
    """Return columns by their names."""
    return {column.name: column for column in columns}


def named_by_url(key: str) -> Callable[[str], Record]:
    """Return a function from a URL, `/1.0/instances/c1?project=p`, to the thing's name and project.

    >>> named_by_url("name")("/1.0/instances/c1?project=lab")
    {'name': 'c1', 'project': 'lab'}
    """

    def read(url: str) -> Record:
        parts = urlsplit(url)
        project = parse_qs(parts.query).get("project", ["default"])[0]
        return {key: unquote(parts.path.rsplit("/", 1)[-1]), "project": project}

    return read


def is_active(record: Record) -> bool:
    """Return whether an instance has a state worth asking for: running, frozen, or on its way there."""
    return record.get("status") not in INACTIVE
