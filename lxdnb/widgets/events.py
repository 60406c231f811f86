"""What happens on a server, as it tells it: the last events as rows, and plainly said when it could not be heard."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from lxdnb.display import escaped, visible
from lxdnb.widgets._panel import FONT, GREEN, MUTED, RED, Screen, View, head_html
from lxdnb.widgets._tail import Bounded

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.streams import Events, EventType

__all__ = ["EventsPanel", "Row", "row"]

BYTES = 1024 * 1024  # of events that are kept: a server in debug mode logs whole answers
CELL = 300  # characters
FAREWELL = 1.0  # seconds in which a server must answer a goodbye


class EventsPanel:
    """The last `lines` events of a server, as they come.

    `types` are some of "lifecycle", "operation" and "logging". It listens from the moment it is made, shown or not,
    until it is closed, or forgotten: keep it in a variable. Times are local. When the server is lost the panel
    says so, and when it is back, for how long it could not listen.

    >>> with EventsPanel(client) as panel:
    ...     client.instances.get("c1").restart(wait=True)
    ...     time.sleep(2)  # events come a moment after what they tell of
    >>> panel.events[-1]["metadata"]["action"]
    'instance-restarted'

    Raises ClientConnectionFailed or LXDAPIException when it cannot subscribe.
    """

    def __init__(self, client: Client, types: Iterable[EventType | str] = ("lifecycle",), lines: int = 200) -> None:
        self._events = events = client.events(event_types=types)
        self._log = _Log(client.endpoint, lines)
        events.connect()
        self._thread = threading.Thread(target=self._log.listen, args=(events,), name="lxdnb events panel", daemon=True)
        self._thread.start()
        # The thread knows the log and not the panel, so that a panel that nobody holds any more ends; at exit too.
        self._finalizer = weakref.finalize(self, events.close)

    def __repr__(self) -> str:
        return f"<EventsPanel of {self._log.server!r}: {len(self.events)} events, {self._log.state}>"

    def __str__(self) -> str:
        return self._log.render().text

    def _ipython_display_(self) -> None:
        self._log.screen.display()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events that are shown, oldest first, each as `Client.events` gives it."""
        return self._log.kept()

    def close(self) -> None:
        """Stop listening, once what the server has sent by now is shown; a server that is gone is not waited for."""
        self._events.finish()
        self._thread.join(FAREWELL)
        self._finalizer()
        self._log.closed()


class Row(NamedTuple):
    """An event as a person reads it."""

    time: str
    what: str
    where: str
    tone: str = ""


class _Log:
    """What an EventsPanel keeps and shows; its thread holds on to this."""

    def __init__(self, server: str, lines: int) -> None:
        self.server = server
        self.state = "listening"
        self._lock = threading.Lock()
        self._events: Bounded[dict[str, Any]] = Bounded(lines, BYTES)
        self.screen = Screen(self.render)

    def listen(self, events: Events) -> None:
        try:
            for event in events:
                with self._lock:
                    self._events.add(event, len(repr(event)))
                    if event.get("type") == "connection":
                        self.state = "connection lost" if _is_loss(event) else "listening"
                    self.screen.touch()  # at once: who sees the event at the end of a cell finds it saved with it
        finally:
            self.closed()  # also when an event cannot be read: never "listening" when nobody listens

    def closed(self) -> None:
        with self._lock:
            if not self.state.startswith("closed"):
                self.state = time.strftime("closed at %H:%M:%S")
        self.screen.end()  # also where another thread is about to

    def kept(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._events)

    def render(self) -> View:
        with self._lock:
            events, dropped, state = list(self._events), self._events.dropped, self.state
        rows = [row(event) for event in events]
        note = f"… {dropped:,} earlier events are not shown" if dropped else "" if rows else "nothing has happened yet"
        colour = RED if state == "connection lost" else GREEN if state == "listening" else MUTED
        faint = f'<tr><td colspan="3" style="{_TD};color:{MUTED}">{note}</td></tr>' if note else ""
        width = max((len(visible(one.what)) for one in rows), default=0)
        text = [visible(f"events of {self.server}  [{state}]"), note]
        text += [visible(f"{one.time}  {one.what.ljust(width)}  {one.where}").rstrip() for one in rows]
        return View(
            head_html("Events", self.server, state, colour),
            f'<table style="border-collapse:collapse;margin:0;{FONT}">{faint}{"".join(map(_tr, rows))}</table>',
            "\n".join(filter(None, text)),
        )


def row(event: Mapping[str, Any]) -> Row:
    """Return an event of any type as a row; pure.

    >>> row({"type": "lifecycle", "metadata": {"action": "instance-started", "source": "/1.0/instances/c1"}})
    Row(time='', what='instance-started', where='instances/c1', tone='')
    """
    when, details = _clock(event.get("timestamp")), event.get("metadata") or {}
    project = event.get("project")
    where = f"  (project {project})" if project not in (None, "", "default") else ""
    kind = event.get("type")
    if kind == "connection":
        if _is_loss(event):
            return Row(when, "connection lost", "what happens from here on is not shown", RED)
        return Row(when, "back", f"after {details.get('seconds', 0):.1f} s; what happened meanwhile is not shown", RED)
    if kind == "operation":
        error = details.get("err")
        what = f"{details.get('description', 'operation')}: {details.get('status', '')}"
        places = " ".join(dict.fromkeys(map(_short, _resources(details)))) + where
        return Row(when, what, f"{places}  {error}" if error else places, RED if error else "")
    if kind == "logging":
        level = str(details.get("level", "log"))
        return Row(when, level, f"{details.get('message', '')}{where}", RED if level in _BAD else "")
    return Row(when, str(details.get("action", kind)), _short(details.get("source")) + where)


_BAD = ("error", "fatal", "panic")  # levels of logging


def _resources(operation: Mapping[str, Any]) -> list[str]:
    named: dict[str, list[str] | None] = dict(operation.get("resources") or {})
    if "instances" in named:
        named.pop("containers", None)  # LXD names them twice
    return [url for urls in named.values() for url in urls or ()]


def _is_loss(event: Mapping[str, Any]) -> bool:
    return event["metadata"].get("action") == "lost"


def _clock(timestamp: object) -> str:
    try:
        return datetime.fromisoformat(str(timestamp)).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return ""


def _short(source: object) -> str:
    """Return the path of a thing without what each of them has: `/1.0/` and the project, which stands beside it."""
    return unquote(urlsplit(str(source or "")).path).removeprefix("/1.0/")


_TD = (
    "text-align:left;vertical-align:top;padding:0 16px 0 0;border:0;background:none;font-size:inherit;line-height:1.35"
)


def _tr(row: Row) -> str:
    tone = f"color:{row.tone};" if row.tone else ""
    what, where = (_cut(text) for text in (row.what, row.where))
    return (
        f'<tr style="background:none;{tone}"><td style="{_TD};color:{MUTED}">{escaped(row.time)}</td>'
        f'<td style="{_TD};white-space:nowrap">{escaped(what)}</td>'
        f'<td style="{_TD};word-break:break-word">{escaped(where)}</td></tr>'
    )


def _cut(text: str) -> str:
    return text if len(text) <= CELL else text[: CELL - 1] + "…"
