"""Events as the records of a frame's rows: what happened to what, by whom, whichever server says it in whichever way.

Pure. Measured on LXD 5.0.2 and Incus 6.0.4: LXD quotes the paths of its lifecycle events twice, leaves out at times who
asked, and calls an operation's instances containers too; both put the project before a custom volume's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import pandas as pd

from lxdnb import redact
from lxdnb.frames._columns import Column, Record
from lxdnb.frames._references import reference
from lxdnb.models.operation import progress

__all__ = ["EVENTS", "happened", "in_order"]

# An operation's resources are by kind; of several the first of these that it has is what it works on.
MAIN = ("instances", "images", "storage_volumes", "networks", "profiles", "projects")
ALSO_CALLED = {"container": "instances", "storage_volumes": "volumes"}  # of LXD, in resources alone
QUOTED = re.compile(r"(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-F]{2})*", re.ASCII)  # a path as servers quote it


EVENTS = (
    Column("time", "datetime", "by the server's clock; of a `connection` by this machine's", unit="UTC"),
    Column("project", what="NA for what is of none"),
    Column(
        "type",
        "category",
        "`connection` are lxdnb's own",
        categories=("lifecycle", "operation", "logging", "connection"),
    ),
    Column("action", what="as `instance-started`; of an operation its description; `lost`, `resumed`"),
    Column("kind", what="of what it happened to, as `instance`, `snapshot`, `volume`: as in `used_by`"),
    Column("name", what="of what it happened to; what is part of another as `c1/snap0`"),
    Column(
        "status",
        "category",
        "of an operation",
        unit="status",
        categories=("Pending", "Running", "Cancelling", "Success", "Failure", "Cancelled"),
    ),
    Column("progress", "Float64", "how far an operation has come", unit="share"),
    Column("message", what="of a log; of an operation its error, or what it is at; how long nobody heard"),
    Column("username", what="who asked for it, where told: a user, or over HTTPS a certificate's fingerprint"),
    Column("protocol", what="how it was asked for: `unix`, `tls` …"),
    Column("address", what="from where it was asked for"),
    Column("location", what="member of the cluster where it happened; `none` where there is none"),
    Column("level", "category", "of a log", categories=("trace", "debug", "info", "warning", "error", "fatal")),
    Column("pool", what="storage pool of a volume: `pools.name`"),
    Column("operation", what="an operation's id"),
    Column("context", what="what else is told, as JSON; without the secrets of commands and tokens"),
    Column("source", what="URL of what it happened to, as the server tells it"),
)


def happened(event: object, *, product: str | None = None) -> Record:
    """Return an event as a record of the columns of `EVENTS`. `product` is `lxd` or `incus`, whose event it is.

    >>> told = {"type": "lifecycle", "metadata": {"action": "profile-created", "source": "/1.0/profiles/web%25201"}}
    >>> record = happened(told, product="lxd")
    >>> record["action"], record["kind"], record["name"]
    ('profile-created', 'profile', 'web 1')
    """
    if not isinstance(event, Mapping):
        return {"context": _json(event)}
    said = event.get("metadata")
    read = _READ.get(str(event.get("type")))
    if read is None or not isinstance(said, Mapping):
        rest = {key: value for key, value in event.items() if key not in ("type", "timestamp", "project", "location")}
        record: Record = {"context": _json(rest)}
    else:
        record = read(said, product)
    record |= {
        "time": event.get("timestamp"),
        "project": event.get("project") or record.get("project"),
        "location": event.get("location"),
        "type": event.get("type"),
    }
    return record


def in_order(records_by_server: Mapping[str, Sequence[Record]]) -> list[Record]:
    """Return the records of several servers by time, each with its server's name under `server`.

    What a server said before it was lost comes before that it was, and what it said then after it was back, even if its
    clock and ours differ.
    """
    keyed: list[tuple[int, Record]] = []
    for name, records in records_by_server.items():
        keyed += zip(_moments(records), ({"server": name, **record} for record in records), strict=True)
    keyed.sort(key=lambda pair: pair[0])
    return [record for _, record in keyed]


def _moments(records: Sequence[Record]) -> Iterable[int]:
    """Yield the moment by which each record of a server is to be sorted, in nanoseconds since 1970."""
    words = [record.get("time") for record in records]
    times = pd.to_datetime(
        pd.Series([word if isinstance(word, str) else None for word in words], dtype=object),
        utc=True,
        format="ISO8601",
        errors="coerce",
    )
    missing = times.isna()
    ticks = times.astype("datetime64[ns, UTC]").astype("int64")
    earliest = latest = 0
    for record, tick, unknown in zip(records, ticks, missing, strict=True):
        moment = latest if unknown else max(tick, earliest)
        latest = max(latest, moment)
        if record.get("type") == "connection":
            moment = earliest = latest
        yield moment


def _lifecycle(said: Mapping[str, Any], product: str | None) -> Record:
    requestor = said.get("requestor")
    by = requestor if isinstance(requestor, Mapping) else {}
    source = said.get("source")
    return {
        "action": said.get("action"),
        "source": source,
        **_thing(source, product),
        "username": by.get("username"),
        "protocol": by.get("protocol"),
        "address": by.get("address"),
        "context": _json(said.get("context")),
    }


def _operation(said: Mapping[str, Any], product: str | None) -> Record:
    metadata = said.get("metadata")
    told = metadata if isinstance(metadata, Mapping) else {}
    try:
        far = progress(told)
    except ValueError:  # a percentage that is no number
        far = None
    source = _main(said.get("resources"))
    return {
        "action": said.get("description"),
        "status": said.get("status"),
        "operation": said.get("id"),
        "source": source,
        **_thing(source, product),
        "progress": far.percent / 100 if far and far.percent is not None else None,
        "message": _safe(said.get("err")) or (far.text if far else None) or None,
        "context": _json(metadata),
    }


def _logging(said: Mapping[str, Any], _: str | None) -> Record:
    context = said.get("context")
    about = context if isinstance(context, Mapping) else {}
    name = about.get("instance")
    kind = None if not isinstance(name, str) else "snapshot" if "/" in name else "instance"
    return {
        "level": said.get("level"),
        "message": _safe(said.get("message")),
        "kind": kind,
        "name": name,
        "project": about.get("project"),
        "context": _json(context),
    }


def _connection(said: Mapping[str, Any], _: str | None) -> Record:
    seconds = said.get("seconds")
    back = "" if seconds is None else f"nothing was heard for {seconds} s"
    lost = "the server was lost: nothing is heard until it is back"
    rest = {key: value for key, value in said.items() if key != "action"}
    return {"action": said.get("action"), "message": back or lost, "context": _json(rest)}


_READ = {"lifecycle": _lifecycle, "operation": _operation, "logging": _logging, "connection": _connection}


def _main(resources: object) -> str | None:
    """Return the URL of what an operation works on."""
    if not isinstance(resources, Mapping):
        return None
    for kind in (*MAIN, *sorted(map(str, resources))):
        urls = resources.get(kind)
        if isinstance(urls, list) and urls and isinstance(urls[0], str):
            return urls[0]
    return None


def _thing(source: object, product: str | None) -> Record:
    """Return kind, name and pool of what a URL is of."""
    if not isinstance(source, str):
        return {}
    parts = urlsplit(source)
    words = parts.path.split("/")
    if words[:2] != ["", "1.0"]:
        return {}
    if len(words) == 2:
        return {"kind": "server"}
    if product != "incus":
        once = unquote(parts.path)
        # Quoted once it would not be a path any more, unless somebody's name is itself like one that is quoted.
        words = once.split("/") if "%" in once and QUOTED.fullmatch(once) else words
    if words[2:4] == ["images", "aliases"] and len(words) == 5:
        return {"kind": "image-alias", "name": unquote(words[4])}
    words[2] = ALSO_CALLED.get(words[2], words[2])
    found = reference(parts._replace(path="/".join(words)).geturl())
    if found is None:
        return {}
    name = found.name.removeprefix(f"{found.project}_") if found.kind == "custom" else found.name
    return {"kind": found.type, "name": name or None, "pool": found.pool}


def _json(value: Any) -> str | None:
    """Return what was told as JSON, without secrets; None for nothing."""
    if value is None or value == {}:
        return None
    return json.dumps(_safe(redact.record(value)), ensure_ascii=False)


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return redact.text(value)
    if isinstance(value, Mapping):
        return {key: _safe(inner) for key, inner in value.items()}
    return [_safe(inner) for inner in value] if isinstance(value, list) else value
