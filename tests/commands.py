"""What tests of commands share: a shell, and who runs here and there."""

from __future__ import annotations

import threading

from lxdnb.models import Container

__all__ = ["SH", "processes", "threads"]

SH = ["sh", "-c"]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lxdnb exec")]


def processes(server, container: Container) -> str:
    return server.output_of(container.name, "--", "ps", "-o", "args")
