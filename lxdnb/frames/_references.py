"""What uses a thing: the URLs of `used_by` taken apart."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from lxdnb.frames._columns import Column, Record

__all__ = ["USED_BY", "Reference", "reference"]


class Reference(NamedTuple):
    """What uses a thing: `type` is the singular of its collection, as `instance`."""

    type: str
    name: str
    project: str
    pool: str | None = None

    def __str__(self) -> str:
        """Return it as one word: `instance c1`, and where it is not in the default project, `instance lab/c1`."""
        place = f"{self.pool}/" if self.pool else ""
        project = f"{self.project}/" if self.project != "default" else ""
        return f"{self.type} {project}{place}{self.name}"


def reference(url: str) -> Reference | None:
    """Return what the URL of a thing refers to; None for what is no URL of a server's.

    >>> reference("/1.0/instances/c1/snapshots/s1?project=lab")
    Reference(type='snapshot', name='c1/s1', project='lab', pool=None)
    """
    parts = urlsplit(url)
    words = [unquote(word) for word in parts.path.split("/")[2:]]
    if not words or not parts.path.startswith("/1.0/"):
        return None
    project = parse_qs(parts.query).get("project", ["default"])[0]
    collection, *names = words
    if collection == "storage-pools" and len(names) >= 4 and names[1] == "volumes":
        pool, _, kind, *rest = names
        name = "/".join([kind, *(word for word in rest if word != "snapshots")])
        return Reference("snapshot" if "snapshots" in rest else "volume", name, project, pool)
    if len(names) == 3:  # a thing's own things, as an instance's snapshots
        return Reference(_singular(names[1]), f"{names[0]}/{names[2]}", project)
    return Reference(_singular(collection), "/".join(names), project)


def _singular(collection: str) -> str:
    word = collection.replace("-", " ")
    return word.removesuffix("s") if word != "storage pools" else "pool"


def _used_by(record: Record) -> list[str]:
    urls = record.get("used_by") or ()
    return [str(found) for url in urls if isinstance(url, str) and (found := reference(url))]


USED_BY = Column("used_by", "tuple", "what uses it, as `instance c1`; see `used_by` for one row each", read=_used_by)
