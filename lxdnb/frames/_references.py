"""What uses a thing: the URLs of `used_by`, and of the resources of operations and warnings, taken apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from lxdnb.frames._columns import Column, Record

__all__ = ["TYPES", "USED_BY", "Reference", "reference", "references", "words"]

TYPES = (
    "instance",
    "snapshot",
    "profile",
    "image",
    "pool",
    "volume",
    "volume-snapshot",
    "bucket",
    "network",
    "network-acl",
    "network-zone",
    "project",
    "member",
    "certificate",
)
"""The types of what is used and of what uses it, where they are views or nearly so; of others it is their collection,
without its plural."""

_SINGULAR = {"storage-pools": "pool", "volumes": "volume", "snapshots": "snapshot", "members": "member"} | {
    old: "instance"
    for old in ("containers", "virtual-machines")  # what LXD calls instances as well
}


class Reference(NamedTuple):
    """A thing, as another refers to it: `type` is the singular of its collection, as `instance` or `network-acl`.

    What is part of another is named with it, as `c1/s1` for a snapshot. Of volumes, buckets and their parts `pool` is
    the storage pool, `kind` the type of the volume, as `custom`, and `location` the member of the cluster whose it is.
    """

    type: str
    name: str
    project: str = "default"
    pool: str | None = None
    kind: str | None = None
    location: str | None = None

    def __str__(self) -> str:
        """Return it as one word: `instance c1`, and where it is not in the default project, `instance lab/c1`."""
        parts = (None if self.project == "default" else self.project, self.pool, self.kind, self.name)
        place = f" on {self.location}" if self.location else ""
        return f"{self.type} {'/'.join(part for part in parts if part)}{place}"


def reference(url: str) -> Reference | None:
    """Return what the URL of a thing refers to; None for what is no URL of a server's.

    >>> reference("/1.0/instances/c1/snapshots/s1?project=lab")[:3]
    ('snapshot', 'c1/s1', 'lab')
    """
    parts = urlsplit(url)
    words = [unquote(word) for word in parts.path.split("/")[2:]]
    if len(words) < 2 or not parts.path.startswith("/1.0/"):
        return None
    query = parse_qs(parts.query)
    project, location = query.get("project", ["default"])[0], query.get("target", [None])[0]
    if words[0] == "cluster":
        words = words[1:]
    collection, *names = words
    if collection == "storage-pools" and len(names) > 2:
        return _in_pool(names, project, location)
    # Names and, at every second place, collections of parts: `instances c1 snapshots s1`.
    return Reference(_singular(words[-2 if len(words) % 2 == 0 else -1]), "/".join(names[::2]), project)


def _in_pool(names: list[str], project: str, location: str | None) -> Reference:
    """Return a volume `[pool, volumes, type, name, …]`, or a bucket `[pool, buckets, name, …]`, or a part of these."""
    pool, collection, *rest = names
    kind, rest = (rest[0], rest[1:]) if collection == "volumes" else (None, rest)
    whole = _singular(collection)
    part = f"{whole}-{_singular(rest[-2])}" if len(rest) > 1 else whole
    return Reference(part, "/".join(rest[::2]), project, pool, kind, location)


def _singular(collection: str) -> str:
    return _SINGULAR.get(collection) or collection.removesuffix("s")


def references(urls: Any) -> list[Reference]:
    """Return what URLs refer to, each once: LXD tells of some by an older URL as well."""
    several: Iterable[Any] = urls if isinstance(urls, list) else ()
    found = (reference(url) for url in several if isinstance(url, str))
    return list(dict.fromkeys(each for each in found if each is not None))


def words(urls: Any) -> Any:
    """Return what URLs refer to, as words; what is no list as it is, which is then told as a wrong type."""
    return list(map(str, references(urls))) if isinstance(urls, list) else urls


def _used_by(record: Record) -> Any:
    return words(record.get("used_by"))


USED_BY = Column("used_by", "tuple", "what uses it, as `instance c1`; see `used_by` for one row each", read=_used_by)
