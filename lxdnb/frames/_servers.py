"""One server or several: the clients that a frame is asked of, by name, and the way back from a frame to them."""

from __future__ import annotations

import json
import threading
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from lxdnb import checks
from lxdnb.client import Client

__all__ = ["THE_SERVER", "Clients", "a_frame", "client_of", "marked", "named", "remember"]

THE_SERVER = "the server"  # what a sole one is called in words for people
Clients = Client | Mapping[str, Client] | Iterable[Client]
"""A client, several by name, or several."""

_known: weakref.WeakValueDictionary[str, Client] = weakref.WeakValueDictionary()
_again: dict[str, Callable[[], Client | None]] = {}
"""What makes those anew that are gone, as what `use_project` gives is, for as long as there are the connections."""
_turn = threading.Lock()


def named(clients: Clients) -> dict[str, Client]:
    """Return clients by the names that the `server` column has for them; a sole one by the empty name.

    Of a list, each has the name that its server calls itself, or its endpoint where two are of one name.
    Raises TypeError for what are no clients, ValueError for none at all.
    """
    if isinstance(clients, Client):
        return {"": clients}
    if isinstance(clients, Mapping):
        found = {_named(name): client for name, client in clients.items()}
    else:
        several = _listed(clients)
        _only_clients(several)
        told = [_server_name(client) for client in several]
        found = {
            name if name and told.count(name) == 1 else client.endpoint: client
            for name, client in zip(told, several, strict=True)
        }
        if len(found) < len(several):
            raise ValueError("two of these clients are of one server: give a mapping of names to clients")
    _only_clients(found.values())
    if not found:
        raise ValueError("no client was given: lxdnb.connect(…) gives one")
    return found


def _only_clients(found: Iterable[object]) -> None:
    for client in found:
        if not isinstance(client, Client):
            raise TypeError(f"{client!r} is no Client: lxdnb.connect(…) gives one")


def remember(clients: Mapping[str, Client]) -> dict[str, str]:
    """Return a word for each client by which `client_of` finds it again, in this process: as long as it lives, or
    another that shares its connections."""
    with _turn:
        words = {known: word for word, known in _known.items()}
        told = {name: words.get(client) or uuid.uuid4().hex for name, client in clients.items()}
        for name, client in clients.items():
            word = told[name]
            _known[word] = client
            if word not in _again:
                _again[word] = client._again()  # pyright: ignore[reportPrivateUsage]
                client._ends_with_it(partial(_forget, word))  # pyright: ignore[reportPrivateUsage]
    return told


def _forget(word: str) -> None:
    _again.pop(word, None)


def a_frame(what: str, value: object) -> None:
    """Raise TypeError for what is no DataFrame; `what` it is to be is for the error."""
    if not isinstance(value, pd.DataFrame):
        raise TypeError(f"{what} is a frame, as frames.instances(…) gives it, not {checks.shown(value)}")


def marked(frame: pd.DataFrame) -> dict[str, object]:
    """Return what a frame of lxdnb's says of itself; an empty dict for any other DataFrame."""
    try:
        said = json.loads(frame.attrs["lxdnb"])
    except (KeyError, TypeError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def client_of(frame: pd.DataFrame, server: str = "") -> Client:
    """Return the client that a frame was asked of, by its name in the `server` column.

    Raises ValueError for a frame of another process, or of a client that is no more, as that of
    `frames.instances(lxdnb.connect())`, which nobody kept; TypeError for what is no frame.
    """
    a_frame("what a client is asked for", frame)
    words = marked(frame).get("clients")
    word = words.get(server) if isinstance(words, dict) else None
    found = _known.get(f"{word}") or _again.get(f"{word}", lambda: None)()
    if found is None:
        whose = f"the client of {server!r}" if server else "its client"
        raise ValueError(f"this frame does not know {whose} any more: give the client too")
    return found


def _named(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"servers are named by str, not {name!r}")
    return name


def _listed(clients: object) -> list[Any]:
    if isinstance(clients, pd.DataFrame | pd.Series):
        raise TypeError(f"a {type(clients).__name__} is no Client: lxdnb.connect(…) gives one")
    if isinstance(clients, str) or not isinstance(clients, Iterable):
        raise TypeError(f"a Client, a mapping of names to Clients, or a list of them is asked for, not {clients!r}")
    return list(clients)


def _server_name(client: Any) -> str:
    host_info = getattr(client, "host_info", None) or {}
    environment = host_info.get("environment") or {}
    return str(environment.get("server_name") or "")
