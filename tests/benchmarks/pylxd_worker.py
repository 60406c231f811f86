"""pylxd at its work: run by .venv-bench's Python, it does what a line on its input names and answers what that took.

One process with one client for the whole run, measuring itself, so that neither its start nor pylxd's import counts.
Imports pylxd and the standard library alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pylxd

from .ruler import measured


def status(client: Any) -> list[Any]:
    """What its manual shows first."""
    return [(container.name, container.status) for container in client.containers.all()]


def rows(client: Any) -> list[Any]:
    return [_row(container) for container in client.containers.all()]


def rows_at_once(client: Any) -> list[Any]:
    """The best that it can do."""
    return [_row(container) for container in client.containers.all(recursion=1)]


def true(client: Any, name: str) -> list[Any]:
    return list(client.containers.get(name).execute(["true"]))


def paths(client: Any, *names: str) -> list[Any]:
    return [client.containers.get(name).name for name in names]


OPERATIONS: dict[str, Callable[..., list[Any]]] = {each.__name__: each for each in (status, rows, rows_at_once, paths)}


def _row(container: Any) -> tuple[Any, ...]:
    """The columns of lxdnb's default frame, with the state of running ones only."""
    state = container.state() if container.status not in ("Stopped", "Error") else None
    return (
        container.name,
        container.status,
        container.type,
        _addresses(state, "inet"),
        _addresses(state, "inet6"),
        state and state.memory["usage"],
        state and state.processes,
        container.config.get("image.description"),
        tuple(container.profiles),
        container.created_at,
        container.last_used_at,
        container.description,
    )


def _addresses(state: Any, family: str) -> tuple[str, ...]:
    interfaces = (state and state.network) or {}
    return tuple(
        address["address"]
        for interface in interfaces.values()
        if interface["type"] != "loopback"
        for address in interface["addresses"]
        if address["family"] == family and address["scope"] not in ("link", "local")
    )


def main() -> None:
    client = pylxd.Client()  # the daemon that LXD_DIR names
    target: Any = None
    print(json.dumps({"version": pylxd.__version__}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        name, arguments = asked["do"], asked["arguments"]
        started = time.perf_counter()
        if asked["measured"]:
            with measured() as reading:
                answer = OPERATIONS[name](pylxd.Client(), *arguments)
        else:
            answer = OPERATIONS[name](client, *arguments)
        seconds = time.perf_counter() - started


if __name__ == "__main__":
    main()
