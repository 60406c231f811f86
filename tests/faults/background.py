"""A call in a thread of its own, whose end is awaited with a bound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from lxdnb.streams import Exec

__all__ = ["SECONDS", "begun", "ended"]

SECONDS = 20.0
"""What a client has to notice that its server is gone: a bound on hanging, no measure of speed."""


def begun(call: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Any]:
    """Call it now and go on; `.result(SECONDS)` and `.exception(SECONDS)` tell how it ended."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(call(*arguments, **options))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="a call of the test", daemon=True).start()
    return future


def ended(running: Exec) -> BaseException | int:
    """How a command ended, within the bound."""
    waiting = begun(running.wait)
    return waiting.exception(SECONDS) or waiting.result()
