"""How a panel reaches the screen: a widget while it lives; HTML and text for viewers without, and once it has ended.

A panel says when something has changed and renders itself when it is asked; it never sends. One thread for the whole
process asks, at most 20 times a second, and lives only while there is something to send: the Jupyter server drops
messages beyond 1,000 a second, and a browser that gets one for each line stands still.
"""

from __future__ import annotations

import html
import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import ipywidgets
from IPython.core.getipython import get_ipython
from IPython.display import publish_display_data

from lxdnb.display import escaped, visible

__all__ = ["FONT", "GREEN", "MUTED", "RED", "Refresher", "Screen", "View", "head_html", "refresher"]

log = logging.getLogger("lxdnb")

TICK = 0.05  # seconds
SHARE = 30  # messages in a tick, after which the others wait for the next: 600 a second
WEIGHT = 8 * 1024  # characters in a message that weigh as much as a message: a browser has to lay them out

# JupyterLab's theme where there is one, light or dark; else as given.
FONT = (
    "font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px);line-height:1.35;"
    "color:var(--jp-content-font-color1,inherit)"
)
MUTED = "var(--jp-ui-font-color2,#757575)"
RED = "var(--jp-error-color1,#d32f2f)"
GREEN = "var(--jp-success-color1,#388e3c)"

_HEAD = (
    "font-family:var(--jp-ui-font-family,sans-serif);font-size:var(--jp-ui-font-size1,13px);line-height:1.5;"
    "color:var(--jp-ui-font-color1,inherit);display:flex;gap:8px;align-items:baseline"
)
# One line, cut where it is too long; all of it is in the tooltip.
_DETAIL = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap;background:none;color:inherit;padding:0"
_BORDER = "1px solid var(--jp-border-color2,#bdbdbd)"
_HEIGHT = "320px"
# Reversed, so that without any script the end is what is seen, until somebody scrolls up.
_SCROLL = f"display:flex;flex-direction:column-reverse;overflow:auto;max-height:{_HEIGHT};margin-top:2px"


class View(NamedTuple):
    """A panel at one moment: its header and its content as HTML, and both as text."""

    head: str
    body: str
    text: str


def head_html(title: str, detail: str, state: str, colour: str = MUTED) -> str:
    """Return a panel's header: what it shows, of what, and how that stands."""
    return (
        f'<div style="{_HEAD}"><strong style="flex:none">{escaped(title)}</strong>'
        f'<code style="{_DETAIL}" title="{html.escape(visible(detail))}">{escaped(detail)}</code>'
        f'<span style="flex:none;max-width:70%;color:{colour}">{escaped(state)}</span></div>'
    )


class Refresher:
    """The one thread that brings changed screens to the browser: in turn, so many messages a tick for all together."""

    def __init__(self, tick: float = TICK, share: int = SHARE) -> None:
        self._tick, self._share = tick, share
        self._lock = threading.Lock()
        self._changed: dict[Screen, None] = {}  # a set in the order of arrival
        self._thread: threading.Thread | None = None

    def add(self, screen: Screen) -> None:
        """Have a screen flushed soon. From any thread; it never waits for the browser."""
        with self._lock:
            self._changed[screen] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="lxdnb refresher", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while self._anybody():
            started = time.monotonic()
            # Those who were there at the start: each once a tick.
            waiting, sent = len(self._changed), 0
            while waiting and sent < self._share:
                sent += self._flush_next()
                waiting -= 1
            # Rendering may take a third of the time at most: the rest belongs to what is being shown.
            time.sleep(max(self._tick, 2 * (time.monotonic() - started)))

    def _anybody(self) -> bool:
        with self._lock:
            if not self._changed:
                self._thread = None
            return bool(self._changed)

    def _flush_next(self) -> int:
        with self._lock:
            screen = next(iter(self._changed))
            del self._changed[screen]
        try:
            return screen.flush()
        except Exception:  # one broken panel must not stop the others
            log.exception("a panel could not be shown")
            return 1


refresher = Refresher()


class Screen:
    """Where a panel appears: nothing until it is displayed, then a widget and, in the same bundle, HTML and text.

    `render` makes the View; it is called from several threads. `tools` makes widgets that stand beside the header
    while the panel lives. All methods but `display` may be called from any thread.
    """

    def __init__(self, render: Callable[[], View], tools: Callable[[], Sequence[Any]] = tuple) -> None:
        self._render, self._tools = render, tools
        self._lock = threading.RLock()
        self._display_id = ""
        self._widget: _Widget | None = None
        self._ended = False
        self._changed = False  # since the browser was last brought up to date
        self._saved = False  # nothing has changed since the last bundle

    def display(self) -> None:
        """Display the panel here and now; without a notebook as text, once."""
        shell: Any = get_ipython()
        if getattr(shell, "kernel", None) is None:
            print(self._render().text)
            return
        with self._lock:
            # Before anything is rendered: changes count from here on.
            self._display_id = self._display_id or uuid.uuid4().hex
            if not self._ended and self._widget is None:
                self._widget = _Widget(self._tools())
            self._publish(update=False)
        _unsaved.add(self)
        shell.events.register("post_run_cell", _at_end_of_cell)

    def touch(self) -> None:
        """Say that something has changed."""
        self._saved = False
        if self._display_id and not self._changed:
            self._changed = True
            refresher.add(self)

    def end(self) -> None:
        """Say that nothing will change any more: the widget becomes plain HTML, which needs no kernel to be seen."""
        self._ended = True
        if self._display_id:
            refresher.add(self)

    def flush(self) -> int:
        """Bring the browser up to date, with as little as possible, and return how many messages' worth that took."""
        self._changed = False  # before rendering: what changes from here on counts as changed again
        with self._lock:
            if self._widget is None:
                return 0
            if not self._ended:
                return self._widget.show(self._render())
            return self._publish(update=True)

    def save(self) -> bool:
        """Renew what a saved notebook holds of the panel; return whether that is final."""
        with self._lock:
            ended = self._ended  # once: it may end meanwhile, and then this was not its final state yet
            if ended or not self._saved:
                self._publish(update=True)
            return ended

    def _publish(self, update: bool) -> int:
        self._saved = True  # before rendering, as above
        ended, view, messages = self._ended, self._render(), 1
        bundle: dict[str, Any] = {"text/plain": view.text, "text/html": _static(view)}
        if self._widget is not None and not ended:
            messages += self._widget.show(view)
            bundle |= self._widget.reference()
        publish_display_data(bundle, transient={"display_id": self._display_id}, update=update)
        if self._widget is not None and ended:
            messages += self._widget.close()
            self._widget = None
        return messages


class _Widget:
    """What a living panel is in the browser: a header with its tools, and a scrolling content."""

    def __init__(self, tools: Sequence[Any]) -> None:
        # A block, that may be narrower than its text: else a long command pushes the tools out.
        self._head = ipywidgets.HTML(layout={"display": "block", "flex": "1 1 0", "min_width": "0", "margin": "0"})
        self._body = ipywidgets.HTML(layout={"flex": "0 0 auto", "margin": "0"})
        # What scrolls is not what is replaced, so that it stays where somebody has scrolled to.
        scroll = {"flex_flow": "column-reverse", "overflow": "auto", "max_height": _HEIGHT, "margin": "2px 0 0"}
        tail = ipywidgets.Box([self._body], layout=scroll)
        top = ipywidgets.HBox([self._head, *tools], layout={"align_items": "center", "margin": "0"})
        frame = {"border": _BORDER, "padding": "2px 8px 4px", "margin": "0"}
        self._whole = ipywidgets.VBox([top, tail], layout=frame)
        self._all: list[Any] = [self._whole, top, tail, self._head, self._body, *tools]

    def show(self, view: View) -> int:
        messages = 0
        for part, text in ((self._head, view.head), (self._body, view.body)):
            if part.value != text:
                part.value = text
                messages += 1 + len(text) // WEIGHT
        return messages

    def reference(self) -> dict[str, Any]:
        """Return the part of a bundle that shows the widget."""
        kind = "application/vnd.jupyter.widget-view+json"
        return {kind: {"version_major": 2, "version_minor": 0, "model_id": self._whole.model_id}}

    def close(self) -> int:
        # ipywidgets keeps every widget until it is closed, and closes none of its parts.
        parts = [part for one in self._all for part in (one, one.layout, getattr(one, "style", None)) if part]
        for part in parts:
            part.close()
        return len(parts)


# Displayed, and not yet known to be saved in their final state.
_unsaved: set[Screen] = set()


def _at_end_of_cell(_result: object = None) -> None:
    # nbclient, and with it nbconvert and papermill, takes messages only while a cell runs, and as that cell's. What a
    # thread has sent may be lost, this is not: an executed notebook holds each panel as it was at the end of a cell.
    for screen in list(_unsaved):
        if screen.save():
            _unsaved.discard(screen)
    if not _unsaved:
        shell: Any = get_ipython()
        shell.events.unregister("post_run_cell", _at_end_of_cell)


def _static(view: View) -> str:
    return (
        f'<div style="border:{_BORDER};padding:2px 8px 4px">{view.head}'
        f'<div style="{_SCROLL}"><div>{view.body}</div></div></div>'
    )
