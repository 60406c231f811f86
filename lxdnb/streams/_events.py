"""The server's events: one dict each, none lost while the reader is busy, and an honest word about when nobody heard.

A thread hears them from the moment of subscribing, since a server gives up on whom it cannot ping, which is within half
a minute, and a person in a notebook takes longer between two cells.
"""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from lxdnb import api, checks
from lxdnb.exceptions import ClientConnectionFailed, LXDAPIException

if TYPE_CHECKING:
    from lxdnb.transport import Channel

SILENCE = 35.0  # seconds: servers ping every 10, so that one from which nothing comes is lost
KEPT = 32 * 1024 * 1024  # characters of events that wait to be taken; beyond that the server is left to wait, or to go
CLOSING = 2.0  # seconds that close() gives each of its threads: a callback to return, an attempt to connect to fail


class EventType(Enum):
    """The kinds of events that a server sends."""

    All = "all"
    Operation = "operation"
    Logging = "logging"
    Lifecycle = "lifecycle"


class Events(Iterator[dict[str, Any]]):
    """The server's events, one dict each, for as long as it is open.

    An event is as the server sent it: `type`, `timestamp`, `metadata`, mostly `project` and `location`. From
    `connect` on none is lost, whenever it is taken. When the server is lost the stream says so and subscribes again, in
    two events of its own: `{"type": "connection", "timestamp": …, "metadata": {"action": "lost"}}`, and `"action":
    "resumed"` with `seconds`, how long it was deaf. What happened meanwhile is not told again: list afresh what you
    keep.

    It is used in one of three ways. Iterated:

    >>> with client.events(event_types=["lifecycle"]) as events:
    ...     client.instances.get("c2").start()
    ...     print(next(events)["metadata"]["action"])
    instance-started

    By a thread that collects them, in `messages`, until `close`:

    >>> events = client.events()
    >>> events.connect()
    >>> threading.Timer(0.5, events.close).start()
    >>> events.run()

    With a callback: see `start`.

    Events are of the project `project`, or with `all_projects` of all. Raises ValueError for a type that there is
    not.

    https://documentation.ubuntu.com/lxd/stable-5.0/events/
    """

    def __init__(
        self,
        root: api.APINode,
        event_types: Iterable[EventType | str] | EventType | str | None = None,
        *,
        project: str | None = None,
        all_projects: bool = False,
    ) -> None:
        names, where = _names(event_types), _where(root, project, all_projects)
        self.resource = root.events.location({"type": ",".join(names), **where} if names else where)
        """The path and query at which a websocket of one's own gets the same events."""
        self.messages: list[dict[str, Any]] = []
        """What `run` has collected, oldest first."""
        # Always named here: a server in debug mode else logs whole answers into the stream.
        wanted = names or sorted(kind.value for kind in EventType if kind is not EventType.All)
        self._listener = _Listener(root, {"type": ",".join(wanted), **where}, project)
        self._caller: threading.Thread | None = None
        # The thread knows the listener and not this, so that a stream that nobody holds any more ends; at exit too.
        self._finalizer = weakref.finalize(self, self._listener.close)

    def __repr__(self) -> str:
        return f"<Events of {self._listener.params['type']}: {self._listener.state}>"

    def connect(self) -> None:
        """Subscribe now, so that nothing from here on is missed; iterating, `run` and `start` do it at their start.

        Raises ClientConnectionFailed, NotFound for a project that there is not, or another LXDAPIException.
        """
        self._listener.connect()

    def run(self) -> None:
        """Collect the events in `messages`, and return when the stream is closed, by another thread.

        Raises LXDAPIException when the server that was lost does not let this client in again.
        """
        for event in self:
            self.messages.append(event)

    def start(self, callback: Callable[[dict[str, Any]], object]) -> Future[None]:
        """Have each event given to `callback`, in a thread of its own, until `close`; return when it is subscribed.

        The Future is done when the thread is, and has what the callback raised, which ends the stream. Raises as
        `connect` does, and RuntimeError when it was started already.

        >>> seen = []
        >>> with client.events(event_types=["lifecycle"]) as events:
        ...     done = events.start(seen.append)
        ...     client.instances.get("c1").stop(wait=True)
        >>> done.result()
        """
        if not callable(callback):
            raise TypeError(f"a callback is a function of an event, not {callback!r}")
        if self._caller is not None:
            raise RuntimeError("these events have a callback already: make another stream for another")
        self.connect()
        ended: Future[None] = Future()
        ended.set_running_or_notify_cancel()
        thread = threading.Thread(target=_call, args=(self, callback, ended), name="lxdnb events callback", daemon=True)
        thread.start()
        self._caller = thread
        return ended

    def close(self) -> None:
        """End the stream, from any thread: iteration and `run` stop, a callback is not called again."""
        self._finalizer()
        for thread in (self._listener.thread, self._caller):
            if thread is not None and thread is not threading.current_thread():
                thread.join(CLOSING)

    def finish(self) -> None:
        """Say goodbye to the server: iteration goes on through what it has sent by then, and stops.

        A server that is not there, or does not answer, is waited for until `close`.
        """
        self._listener.finish()

    def __enter__(self) -> Events:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> dict[str, Any]:
        self.connect()
        event = self._listener.take()
        if event is None:
            raise StopIteration
        return event


class _Listener:
    """What hears the events and keeps them until they are taken."""

    def __init__(self, root: api.APINode, params: dict[str, str], project: str | None) -> None:
        self.params = params
        self._root = root
        self._project = project
        self._changed = threading.Condition()
        self._connecting = threading.Lock()
        self._events: deque[tuple[int, dict[str, Any]]] = deque()
        self._size = 0
        self.thread: threading.Thread | None = None
        self._channel: Channel | None = None
        self._closed = threading.Event()
        self._finishing = False
        self._ended: BaseException | bool = False

    @property
    def state(self) -> str:
        if self._closed.is_set() or self._ended:
            return "closed"
        return "not connected" if self.thread is None else "listening" if self._channel else "connection lost"

    def connect(self) -> None:
        with self._connecting:
            if self.thread is not None or self._closed.is_set():
                return
            channel = self._open()
            thread = threading.Thread(target=self._listen, args=(channel,), name="lxdnb events", daemon=True)
            thread.start()
            self.thread = thread

    def close(self) -> None:
        with self._changed:
            self._closed.set()
            channel = self._channel
            self._changed.notify_all()
        if channel is not None:
            channel.close()

    def finish(self) -> None:
        with self._changed:
            self._finishing = True
            channel = self._channel
        if channel is None:
            self.close()
        else:
            channel.say_goodbye()

    def take(self) -> dict[str, Any] | None:
        """Return the next event, None at the end. Raises what ended the stream, once all that came is taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._ended or self._closed.is_set())
            if self._closed.is_set():
                return None
            if self._events:
                size, event = self._events.popleft()
                self._size -= size
                self._changed.notify_all()
                return event
        if isinstance(self._ended, BaseException):
            raise self._ended
        return None

    def _listen(self, channel: Channel) -> None:
        try:
            while not self._closed.is_set():
                message = channel.receive()
                if message:
                    self._put(len(message), json.loads(message))
                elif message is None and self._finishing:
                    break
                elif message is None and not self._closed.is_set():
                    heard_at, self._channel = channel.heard_at, None
                    channel.close()
                    self._put(0, _notice("lost"))
                    again = self._open_again()
                    if again is None:
                        return
                    channel = again
                    self._put(0, _notice("resumed", seconds=round(time.time() - heard_at, 3)))
            self._ended = True
        except Exception as error:
            self._ended = error
        finally:
            channel.close()
            with self._changed:
                self._changed.notify_all()

    def _put(self, size: int, event: dict[str, Any]) -> None:
        with self._changed:
            # A server that is not read from goes away after a while: told as any other loss, when somebody reads on.
            self._changed.wait_for(lambda: self._size <= KEPT or self._closed.is_set())
            self._events.append((size, event))
            self._size += size
            self._changed.notify_all()

    def _open(self) -> Channel:
        try:
            channel = self._root.events.open_websocket(self.params, SILENCE)
        except LXDAPIException as refused:
            if self._project is not None and refused.status_code >= 500:
                self._root.projects[self._project].get()  # LXD has no code of its own for one that is not there
            raise
        with self._changed:
            self._channel = channel
            closed = self._closed.is_set()
        if closed:  # meanwhile, by another thread
            channel.close()
        return channel

    def _open_again(self) -> Channel | None:
        pause = 0.1
        while not self._closed.is_set():
            try:
                return self._open()
            except ClientConnectionFailed:
                pass
            except LXDAPIException as refused:
                if refused.status_code < 500:  # it says no for good; one that is starting or stopping says 5xx
                    raise
            self._closed.wait(pause)
            pause = min(pause * 2, 5.0)
        return None


def _call(events: Events, callback: Callable[[dict[str, Any]], object], ended: Future[None]) -> None:
    """Give each event to a callback, and tell how that ended. Holds the stream, so that it lives until it is closed."""
    try:
        try:
            for event in events:
                callback(event)
        finally:
            events.close()
    except BaseException as error:  # the caller's: raised again by the Future
        ended.set_exception(error)
    else:
        ended.set_result(None)


def _names(event_types: Iterable[EventType | str] | EventType | str | None) -> list[str]:
    """Return the names of types, sorted; none of them for all."""
    kinds: Any = event_types
    if kinds is not None and not isinstance(kinds, Iterable | EventType):
        raise TypeError(f"event_types are types of events, as in ['lifecycle'], not {checks.shown(event_types)}")
    given = [event_types] if isinstance(event_types, EventType | str) else list(event_types or ())
    choices = [kind.value for kind in EventType]
    names: set[str] = set()
    for kind in given:
        name = kind.value if isinstance(kind, EventType) else kind
        if name not in choices:
            raise ValueError(f"{checks.shown(name)} is no type of events: choose from {', '.join(choices)}")
        names.add(name)
    return [] if "all" in names else sorted(names)


def _where(root: api.APINode, project: str | None, all_projects: bool) -> dict[str, str]:
    """Return the parameters that say of which projects events are asked for."""
    if all_projects and project is not None:
        raise ValueError("either one project or all_projects, not both")
    if all_projects:
        return {"all-projects": "true"}
    if project is None:
        return {}
    _ = root.projects[project]  # raises for what can be no project's name
    return {"project": project}


def _notice(action: str, **details: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"type": "connection", "timestamp": now, "metadata": {"action": action, **details}}
