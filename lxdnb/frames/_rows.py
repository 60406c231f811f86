"""The things that the rows of a frame are of, by their names, and the clients that reach them.

A row is never taken for another: where the frame does not say of which project or server it is, though it could be of
several, that is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from lxdnb.client import Client
from lxdnb.frames._build import SERVER
from lxdnb.frames._servers import Clients, client_of, marked, named

__all__ = ["Rows", "Thing", "rows_of", "view_of"]

PROJECT = "project"


class Thing(NamedTuple):
    """What a row is of: its server's name, empty for a sole one, and its keys, such as project and name, and what
    more helps to find it, such as its location."""

    server: str
    keys: Mapping[str, str]
    more: Mapping[str, str] = {}

    def __str__(self) -> str:
        own = (value for key, value in self.keys.items() if (key, value) != (PROJECT, "default"))
        return "/".join(filter(None, (self.server, *own)))


class Rows(NamedTuple):
    """Things, each once, in the order of the rows, and the clients of their servers."""

    things: list[Thing]
    clients: dict[str, Client]


def view_of(frame: pd.DataFrame) -> str | None:
    """Return the view whose things the rows of a frame are of, None where it does not say.

    What `run` and `apply` return has rows of the same things as what they were given.
    """
    said = marked(frame).get("view")
    if said in ("run", "outcomes"):
        return "instances"
    return said.removeprefix("apply ") if isinstance(said, str) else None


def rows_of(
    frame: pd.DataFrame, keys: Sequence[str], what: str, clients: Clients | None = None, maybe: Sequence[str] = ()
) -> Rows:
    """Return what the rows of a frame are of; `what` they are is for errors, as `instances`.

    A frame of one project may lack that column, for it says which it is of. Those of `maybe` are taken where they are.
    Raises ValueError for a frame that does not tell all keys of each row, or whose clients are not known and not given;
    TypeError for a key that is no text.
    """
    said = marked(frame)
    several = SERVER.name in frame.columns
    if not several and set(_mapping(said, "servers")) - {""}:
        raise ValueError(f"these {what} are of several servers: keep the column {SERVER.name!r}")
    if PROJECT in keys and PROJECT not in frame.columns and said.get("all_projects"):
        raise ValueError(f"these {what} are of all projects: keep the column {PROJECT!r}")
    lacking = [key for key in keys if key not in frame.columns and key != PROJECT]
    if lacking:
        columns = ", ".join(map(str, frame.columns)) or "none"
        raise ValueError(f"{what} are known by the column {lacking[0]!r}, which this frame lacks: it has {columns}")
    servers = _texts(frame, SERVER.name) if several else [""] * len(frame)
    found = _clients(frame, servers, _mapping(said, "servers") if several else {}, clients)
    columns = {key: _texts(frame, key) for key in keys if key in frame.columns}
    others = {key: [value if isinstance(value, str) else "" for value in frame[key]] for key in maybe if key in frame}
    asked_of = _mapping(said, "projects")  # the frame's own, whichever client was given to reach them
    things: dict[Any, Thing] = {}
    for place, server in enumerate(servers):
        own = {PROJECT: asked_of.get(server) or found[server].project or "default"}
        values = {key: columns[key][place] if key in columns else own[key] for key in keys}
        more = {key: told[place] for key, told in others.items()}
        things.setdefault((server, *values.values(), *more.values()), Thing(server, values, more))
    return Rows(list(things.values()), found)


def _clients(
    frame: pd.DataFrame, servers: Sequence[str], marks: Mapping[str, Any], clients: Clients | None
) -> dict[str, Client]:
    wanted = list(dict.fromkeys(servers))
    if clients is None:
        if wanted:
            return {server: client_of(frame, server) for server in wanted}
        return {name: client for name in marks if (client := _known(frame, name)) is not None}
    given = named(clients)
    if lacking := [server for server in wanted if server not in given]:
        if lacking == [""]:
            raise ValueError("this frame is of one server: give its client alone")
        raise ValueError(f"no client was given for the server {lacking[0]!r}: give a mapping of names to clients")
    return {server: given[server] for server in wanted}


def _known(frame: pd.DataFrame, server: str) -> Client | None:
    try:
        return client_of(frame, server)
    except ValueError:
        return None


def _texts(frame: pd.DataFrame, name: str) -> list[str]:
    column: Any = frame[name]
    if not isinstance(column, pd.Series):
        raise ValueError(f"this frame has several columns {name!r}")
    values: list[Any] = column.tolist()
    for place, value in enumerate(values):
        if not isinstance(value, str):
            missing = pd.api.types.is_scalar(value) and pd.isna(value)
            told = f"row {frame.index[place]} has no {name}" if missing else f"{name} {value!r} is no text"
            raise (ValueError if missing else TypeError)(told)
    return values


def _mapping(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = said.get(key)
    return found if isinstance(found, dict) else {}
