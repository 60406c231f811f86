"""pylxd at its work, run by a Python that has it: does what each line of its input names and answers what it took.

One process and one client for the whole run, timing itself, so that neither its start nor pylxd's import counts.
Imports pylxd, the ruler, the crowd and the standard library alone.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import pylxd

from .crowd import crowd
from .ruler import measured


class Operations:
    """What it can do; each returns its answer."""

    def __init__(self) -> None:
        self.client = pylxd.Client()  # the daemon that LXD_DIR names
        self.held: dict[str, Any] = {}

    def statuses(self) -> list[Any]:
        return [(container.name, container.status) for container in self.client.containers.all()]

    def rows(self) -> list[Any]:
        return [_row(container) for container in self.client.containers.all()]

    def rows_at_once(self) -> list[Any]:
        return [_row(container) for container in self.client.containers.all(recursion=1)]

    def paths(self, *names: str) -> list[Any]:
        return [self.client.containers.get(name).name for name in names]

    def crowd(self, *names: str) -> None:
        crowd(self.client.containers.get, names)

    def hold(self, name: str) -> None:
        self.held[name] = self.client.containers.get(name)

    def true(self, name: str) -> int:
        if name not in self.held:
            self.hold(name)
        exit_code = self.held[name].execute(["true"]).exit_code
        if exit_code != 0:
            raise RuntimeError(f"true ended with exit code {exit_code}")
        return exit_code


def _row(container: Any) -> tuple[Any, ...]:
    """The columns of lxdnb's default frame, which has the state of running ones only."""
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
    return tuple(
        address["address"]
        for interface in ((state and state.network) or {}).values()
        if interface["type"] != "loopback"
        for address in interface["addresses"]
        if address["family"] == family and address["scope"] not in ("link", "local")
    )


def main() -> None:
    # A thread of ws4py's sometimes dies of its poll being closed after all is done. What matters is in the answers.
    threading.excepthook = lambda _: None
    operations = Operations()
    print(json.dumps(pylxd.__version__), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if asked["how"] == "fresh":
                with measured() as result:
                    getattr(Operations(), asked["do"])(*asked["arguments"])
            elif asked["how"] == "measured":
                with measured() as result:
                    getattr(operations, asked["do"])(*asked["arguments"])
            else:
                started = time.perf_counter()
                answer = getattr(operations, asked["do"])(*asked["arguments"])
                result = {"seconds": time.perf_counter() - started, "answer": answer}
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
