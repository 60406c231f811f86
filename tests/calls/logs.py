"""Logs, image metadata and templates of instances."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from lxdnb.client import Client
from lxdnb.models._logs import ExecOutputManager, LogManager
from tests.calls.basis import Call, c1

CLASSES: tuple[type, ...] = (LogManager, ExecOutputManager)
EXTENSIONS = {"console", "container_exec_recording"}


def logs(client: Client) -> LogManager:
    return c1(client).logs


def exec_output(client: Client) -> LogManager:
    return c1(client).exec_output


def _of_logs(kind: str, on: Callable[[Client], Any]) -> dict[str, Call]:
    return {
        f"{kind}.all": Call(on),
        f"{kind}.get": Call(on, {"name": "lxc.log", "to": io.BytesIO()}),
        f"{kind}.delete": Call(on, {"name": "lxc.log"}),
    }


CALLS: dict[str, Call] = {
    **_of_logs("LogManager", logs),
    **_of_logs("ExecOutputManager", exec_output),
    "Container.console_log": Call(c1),
    "Container.clear_console_log": Call(c1),
}
