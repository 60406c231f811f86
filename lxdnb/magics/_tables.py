"""Frames that bear lxdnb's mark, shown as tables in a shell, and any other DataFrame as it was before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lxdnb.frames import _table as table

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["show_frames"]


def show_frames(shell: InteractiveShell) -> None:
    """Have a shell show frames of lxdnb's by `frames.html` and `frames.text`; whatever shows others still does."""
    display: Any = shell.display_formatter
    formatters = display.formatters
    for kind, show in (("text/html", _HTML), ("text/plain", _Text)):
        earlier = formatters[kind].for_type(table.DataFrame)
        if not isinstance(earlier, show):
            formatters[kind].for_type(table.DataFrame, show(earlier))


class _HTML:
    def __init__(self, earlier: Callable[[Any], str | None] | None) -> None:
        self._earlier = earlier

    def __call__(self, frame: Any) -> str | None:
        shown = table.shown(frame)
        if shown is not None:
            return shown
        return self._earlier(frame) if self._earlier else frame._repr_html_()


class _Text:
    def __init__(self, earlier: Callable[[Any, Any, bool], None] | None) -> None:
        self._earlier = earlier

    def __call__(self, frame: Any, printer: Any, cycle: bool) -> None:
        shown = table.text(frame)
        if shown is None and self._earlier:
            self._earlier(frame, printer, cycle)
            return
        with printer.group():
            for number, line in enumerate((repr(frame) if shown is None else shown).splitlines()):
                if number:
                    printer.break_()
                printer.text(line)
