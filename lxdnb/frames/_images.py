"""Images: what instances are made from."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lxdnb.frames._columns import Column, Read, Record
from lxdnb.frames._documented import documented
from lxdnb.frames._fetch import frame_of
from lxdnb.frames._servers import Clients
from lxdnb.frames._view import TYPES, View, declared, named_by_url

__all__ = ["IMAGES", "images"]


def _of_aliases(field: str) -> Read:
    def read(record: Record) -> object:
        aliases = record.get("aliases") or ()
        if not isinstance(aliases, list | tuple):
            return aliases
        return [each.get(field) if isinstance(each, dict) else each for each in aliases]

    return read


IMAGES = View(
    "images",
    declared(
        Column("fingerprint", what="`instances.image` of those made from it", letter="fF", unit="fingerprint"),
        Column("aliases", "tuple", "names", path="aliases.*.name", read=_of_aliases("name"), letter="lL"),
        Column("description", path="properties.description", letter="d"),
        Column("os", path="properties.os"),
        Column("release", path="properties.release"),
        Column("architecture", letter="a"),
        Column("type", "category", letter="t", categories=TYPES),
        Column("size", "Int64", letter="s", unit="bytes", measured=False),
        Column("public", "boolean", "whether those who are not trusted may have it", letter="p"),
        Column("cached", "boolean", "whether it was fetched for an instance, and goes again when unused"),
        Column("auto_update", "boolean"),
        Column("profiles", "tuple", "names; those of an instance that names none"),
        Column("created_at", "datetime", "of what is in it, by its maker", unit="age"),
        Column("uploaded_at", "datetime", "when it came to this server", letter="u", unit="age"),
        Column("last_used_at", "datetime", "when the last instance was made from it; NA for never", unit="age"),
        Column("expires_at", "datetime", "NA for never"),
        Column(
            "alias_descriptions", "tuple", path="aliases.*.description", read=_of_aliases("description"), shown=False
        ),
        Column("filename", shown=False),
        Column("project", letter="e", shown=False),
        Column("update_server", what="that it comes from", path="update_source.server", shown=False),
    ),
    keys=("project", "fingerprint"),
    collection=("images",),
    fields={
        "properties.*": "string",
        "properties": "json",
        "update_source.*": "string",
        "update_source": "json",
    },
    feature="features.images",
    at_once="images_all_projects",
    url=named_by_url("fingerprint"),
    of_url=frozenset({"fingerprint", "project"}),
)


@documented(IMAGES)
def images(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return the images, one row each.

    Costs one request; with `all_projects` one for each project that has images of its own, where the server has no
    list of all.

    >>> frames.images(lx, columns=["os", "type", "public"])
            os       type  public
    0  BusyBox  container   False

    Those that no instance was made from:

    >>> images = frames.images(lx, ["fingerprint", "aliases", "size"])
    >>> used = frames.instances(lx, ["image"])["image"]
    >>> len(images[~images["fingerprint"].isin(used)])
    1
    """
    return frame_of(IMAGES, clients, columns, where, all_projects=all_projects)
