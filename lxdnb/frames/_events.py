"""What happens on servers, listened to for a while and told as a frame: in order, and when nobody heard it says so.

Each server's stream has threads of its own, which put what they hear into one place, in bounded memory; whoever called
waits for the time to be over, and an interrupt ends that at once with what there is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

import pandas as pd

from lxdnb import checks
from lxdnb.client import Client
from lxdnb.exceptions import LXDError
from lxdnb.frames._asked import at_once
from lxdnb.frames._build import SERVER, build
from lxdnb.frames._columns import Record
from lxdnb.frames._documented import tabled
from lxdnb.frames._happenings import EVENTS, happened, in_order
from lxdnb.frames._servers import THE_SERVER, Clients, named
from lxdnb.streams import Events, EventType

__all__ = ["events", "from_events"]

LAST_WORDS = 2.0  # seconds that servers have for what they were saying when the time was over
KEPT = 64 * 1024 * 1024  # characters of messages and contexts that are kept

Event = Mapping[str, Any]


@tabled(EVENTS)
def events(
    clients: Clients,
    seconds: float | None = 30,
    *,
    types: Iterable[EventType | str] | EventType | str | None = ("lifecycle", "operation"),
    all_projects: bool = False,
    limit: int = 10_000,
    until: Callable[[Event], object] | None = None,
) -> pd.DataFrame:
    """Listen for so many seconds and return what happened, one row an event, in order of time.

    With `seconds=None` it listens until it is stopped. Before its time it ends with the event of which `until`, a
    function of the event as the server sent it, is true; with the `limit`th event, or 64 MiB of them; when the cell is
    interrupted, which returns what there is; and when no server is left to listen to. `attrs` says which it was.

    `types` are those of `lxdnb.EventType`, None for all: `logging` too, of which some servers tell very much. Events
    are of the client's project, or with `all_projects` of all.

    When a server is lost it is looked for again, and a row of type `connection` says so: `lost`, and `resumed` with how
    long nobody heard. What happened meanwhile is told by nobody: list afresh what you keep. A server that does not let
    this client in, or not any more, is named in `attrs`; a sole one that is not there at the start raises
    ClientConnectionFailed, a project that is not there NotFound, and `until` what it raises.

    {columns}

    >>> timer = threading.Timer(0.5, lambda: lx.instances.get("c1").stop(wait=True))
    >>> timer.start()
    >>> frame = frames.events(lx, until=lambda event: event["metadata"].get("action") == "instance-stopped")
    >>> frame.loc[frame["type"] == "lifecycle", ["action", "kind", "name"]].tail(1).values.tolist()
    [['instance-stopped', 'instance', 'c1']]
    """
    asked = named(clients)
    for_so_long = None if seconds is None else checks.seconds("seconds", seconds)
    if until is not None and not callable(until):
        raise TypeError(f"until is a function of an event, not {checks.shown(until)}")
    heard = _Heard(asked, checks.whole_number("limit", limit, 1), until)
    streams = {name: client.events(event_types=types, all_projects=all_projects) for name, client in asked.items()}
    try:
        failed = _connected(streams)
        if "" in failed:
            raise failed[""]
        listening = [name for name in streams if name not in failed]
        ends = {name: streams[name].start(partial(heard.put, name)) for name in listening}
        words = _listen(heard, {name: streams[name] for name in listening}, ends, for_so_long)
    finally:
        for stream in streams.values():
            stream.close()
    for name, end in ends.items():
        error = end.exception() if end.done() else None
        if isinstance(error, LXDError):
            failed[name] = error
        elif error is not None:
            raise error
    words += heard.left_alone()
    records = in_order({name: list(several) for name, several in heard.records.items()})
    reasons = {name or THE_SERVER: str(error) for name, error in failed.items()}
    return build("events", EVENTS, records, clients=asked, failed=reasons, words=words)


def from_events(events: Iterable[Event] | Mapping[str, Iterable[Event]]) -> pd.DataFrame:
    """Return events that were collected already as a frame, like that of `frames.events`.

    They are a list of events as servers send them, as in `messages` of an `Events`, or lists by their servers' names.
    Raises TypeError for what is none, and for a stream that is open, which has no end.

    >>> frame = frames.from_events([{"type": "lifecycle", "timestamp": "2026-02-03T04:05:06Z", "metadata":
    ...     {"action": "instance-started", "source": "/1.0/instances/c1?project=lab"}, "project": "lab"}])
    >>> frame[["project", "action", "kind", "name"]].values.tolist()
    [['lab', 'instance-started', 'instance', 'c1']]
    """
    if isinstance(events, Mapping):
        told = {checks.text("a server's name", name): _collected(each) for name, each in events.items()}
        return build("events", [SERVER, *EVENTS], in_order(told))
    return build("events", EVENTS, in_order({"": _collected(events)}))


class _Heard:
    """What was heard so far, of all servers, and whether that is the end."""

    def __init__(self, clients: Mapping[str, Client], limit: int, until: Callable[[Event], object] | None) -> None:
        self.records: dict[str, list[Record]] = {name: [] for name in clients}
        self.why = ""
        """Why it ended before its time."""
        self.ended = threading.Event()
        self._products = {name: client.product for name, client in clients.items()}
        self._limit, self._until = limit, until
        self._count = self._size = 0
        self._turn = threading.Lock()

    def put(self, server: str, event: Event) -> None:
        """Take an event; none after the last one."""
        with self._turn:
            if self.ended.is_set():
                return
            record = happened(event, product=self._products[server])
            self.records[server].append(record)
            self._count += 1
            self._size += sum(len(record.get(field) or "") for field in ("message", "context"))
            if self._is_last(event):
                self.end("")
            elif self._count >= self._limit:
                self.end(f"listened no longer than for {self._count:,} events: more may have happened (limit=)")
            elif self._size >= KEPT:
                self.end(f"listened no longer than for {self._count:,} events, which are large: more may have happened")

    def _is_last(self, event: Event) -> bool:
        try:
            return self._until is not None and bool(self._until(event))
        except BaseException:  # raised again by the stream's Future
            self.ended.set()
            raise

    def end(self, why: str) -> None:
        """Take no more events."""
        self.why = why
        self.ended.set()

    def left_alone(self) -> list[str]:
        """Return words on the servers that were lost at the end."""
        lost = [
            name
            for name, records in self.records.items()
            if next((each["action"] for each in reversed(records) if each["type"] == "connection"), "") == "lost"
        ]
        return [f"{name or THE_SERVER}: lost, and not back by the end" for name in lost]


def _connected(streams: Mapping[str, Events]) -> dict[str, LXDError]:
    """Subscribe to all at the same time; return why those fail that do."""

    def connect(stream: Events) -> LXDError | None:
        try:
            stream.connect()
        except LXDError as error:
            return error
        return None

    found = at_once(connect, streams.values(), len(streams))
    return {name: error for name, error in zip(streams, found, strict=True) if error is not None}


def _listen(
    heard: _Heard, streams: Mapping[str, Events], ends: Mapping[str, Future[None]], seconds: float | None
) -> list[str]:
    """Wait until the time is over, or it ends before; return words on that."""
    left = len(ends)
    turn = threading.Lock()

    def one_less(_: object) -> None:
        nonlocal left
        with turn:
            left -= 1
            if not left:
                heard.ended.set()

    for end in ends.values():
        end.add_done_callback(one_less)
    began = time.monotonic()
    try:
        if ends and not heard.ended.wait(seconds):
            for stream in streams.values():
                stream.finish()
            wait(ends.values(), LAST_WORDS)
            heard.ended.set()
    except KeyboardInterrupt:
        heard.ended.set()
        return [f"interrupted after {time.monotonic() - began:.1f} s"]
    return [heard.why] if heard.why else []


def _collected(events: object) -> list[Record]:
    if isinstance(events, Events):
        raise TypeError("a stream has no end: give the events that it has collected, as in its messages")
    if isinstance(events, str | bytes | Mapping) or not isinstance(events, Iterable):
        raise TypeError(f"events are a list of those that a server sent, not {checks.shown(events)}")
    told: list[Any] = list(events)
    for event in told:
        if not isinstance(event, Mapping):
            raise TypeError(f"an event is what a server sent, as a dict, not {checks.shown(event)}")
    return [happened(event) for event in told]
