"""One ruler for both sides: requests and connections through this process's sockets, its warnings and its memory.

Imports the standard library alone, because pylxd's process uses it too. It is laid on untimed runs only.
"""

from __future__ import annotations

import logging
import re
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1\.1\r\n")
MIB = 2**20


@contextmanager
def measured() -> Iterator[dict[str, int]]:
    """Give a dict that has, after the block, what all threads of this process did in it, websockets included:
    `requests` sent, `connections` opened, `warnings` given or logged, and `memory`, the bytes by which it peaked above
    where it began.
    """
    reading: dict[str, int] = {}
    requests: list[None] = []  # lists, since threads may append to them at once
    connections: list[None] = []
    kept = {name: getattr(socket.socket, name) for name in ("connect", "send", "sendall")}

    def connect(self: socket.socket, address: Any) -> Any:
        connections.append(None)
        return kept["connect"](self, address)

    def counting(name: str) -> Callable[..., Any]:
        def send(self: socket.socket, data: Any, *flags: Any) -> Any:
            if REQUEST.match(data):  # a request's head is sent alone or with its body behind it
                requests.append(None)
            return kept[name](self, data, *flags)

        return send

    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    for name, replacement in {"connect": connect, "send": counting("send"), "sendall": counting("sendall")}.items():
        setattr(socket.socket, name, replacement)
    try:
        with _warnings() as given:
            yield reading
    finally:
        for name in kept:
            delattr(socket.socket, name)  # what the class inherits shows again
        peak = max(0, _memory("VmHWM") - before)
        reading.update(requests=len(requests), connections=len(connections), warnings=len(given), memory=peak)


@contextmanager
def _warnings() -> Iterator[list[Any]]:
    """Give a list of what is warned of meanwhile, in the log too: there urllib3 tells of connections thrown away."""
    handler = logging.Handler(logging.WARNING)
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        handler.emit = given.append
        logging.getLogger().addHandler(handler)
        try:
            yield given
        finally:
            logging.getLogger().removeHandler(handler)


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
