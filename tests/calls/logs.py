"""Logs, image metadata, templates and access of instances."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from lxdnb.client import Client
from lxdnb.models import InstanceMetadata
from lxdnb.models._logs import ExecOutputManager, LogManager
from lxdnb.models._metadata import TemplateManager
from tests.calls.basis import Call, Place, c1, itself, no_name, of_model

CLASSES: tuple[type, ...] = (LogManager, ExecOutputManager, InstanceMetadata, TemplateManager)
EXTENSIONS = {"console", "container_edit_metadata", "container_exec_recording", "instance_access"}


def logs(client: Client) -> LogManager:
    return c1(client).logs


def exec_output(client: Client) -> LogManager:
    return c1(client).exec_output


def templates(client: Client) -> TemplateManager:
    return c1(client).templates


def metadata(client: Client) -> InstanceMetadata:
    return c1(client).metadata


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
    "Container.access": Call(c1),
    **{
        name: how._replace(sends=True) if name.endswith(("marshall", "to_yaml")) else how
        for name, how in of_model("InstanceMetadata", metadata)
    },
    "TemplateManager.all": Call(templates),
    "TemplateManager.get": Call(templates, {"name": "a.tpl"}),
    "TemplateManager.put": Call(templates, {"name": "a.tpl", "data": "x"}),
    "TemplateManager.delete": Call(templates, {"name": "a.tpl"}),
}
PLACES = {f"TemplateManager.{verb}(name)": [Place(itself, no_name)] for verb in ("get", "put", "delete")}
