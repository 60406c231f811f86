"""The one ruler for both sides: requests and connections as they go through this process's sockets, and its memory.

Imports the standard library alone, because pylxd's process uses it too. It is laid on untimed runs only.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1\.1\r\n")
_STATUS, _RESET_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass
class Reading:
    """What one run used."""

    request_lines: list[bytes] = field(default_factory=list)
    connections: list[Any] = field(default_factory=list)
    grown: int = 0
    """Bytes by which the peak of the process's memory stood above where it began."""

    def summary(self) -> dict[str, int]:
        return {"requests": len(self.request_lines), "connections": len(self.connections), "grown": self.grown}


@contextmanager
def measured() -> Iterator[Reading]:
    """Count what all threads of this process send and open while the block runs, websockets included."""
    reading = Reading()
    kept = {name: getattr(socket.socket, name) for name in ("connect", "send", "sendall")}

    def connect(self: socket.socket, address: Any) -> Any:
        reading.connections.append(address)
        return kept["connect"](self, address)

    def sending(name: str) -> Callable[..., Any]:
        def send(self: socket.socket, data: Any, *rest: Any) -> Any:
            # A request's head is sent by itself or before its body, hence begins what is sent.
            reading.request_lines.extend(_REQUEST.match(data) and [bytes(data[:200])] or ())
            return kept[name](self, data, *rest)

        return send

    before = _memory("VmRSS")
    _RESET_PEAK.write_text("5")
    for name, counting in {"connect": connect, "send": sending("send"), "sendall": sending("sendall")}.items():
        setattr(socket.socket, name, counting)
    try:
        yield reading
    finally:
        for name in kept:
            delattr(socket.socket, name)  # what was inherited shows again
        reading.grown = max(0, _memory("VmHWM") - before)


def _memory(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
