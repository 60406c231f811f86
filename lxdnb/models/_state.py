"""What an instance is doing, and the verbs that change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxdnb import api, checks
from lxdnb.exceptions import NotFound
from lxdnb.models._model import Model

__all__ = ["HasState", "InstanceState"]


class InstanceState:
    """What an instance is doing at a moment.

    Each field is as the server sends it: `cpu["usage"]` in nanoseconds, memory and disk in bytes; those that it left
    out are None.

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_state_get
    """

    status: str
    status_code: int
    pid: int
    processes: int
    cpu: dict[str, Any] | None
    memory: dict[str, Any] | None
    network: dict[str, Any] | None
    disk: dict[str, Any] | None

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.__dict__.update(dict.fromkeys(type(self).__annotations__), **record)

    def __repr__(self) -> str:
        return f"<InstanceState {self.status}, {self.processes} processes>"


class HasState(Model):
    """The part of an instance that starts, stops and tells what it is doing."""

    def state(self) -> InstanceState:
        """Return what it is doing now: processes, memory, network, disk."""
        return InstanceState(api.metadata(self.api.state.get()))

    def start(self, timeout: int = 30, force: bool = True, wait: bool = False) -> None:
        """Start it. `timeout` is what the server gives it, in seconds; with `wait`, return when it runs."""
        self._set_state("start", timeout, force, wait)

    def stop(self, timeout: int = 30, force: bool = True, wait: bool = False) -> None:
        """Stop it: at once, or with `force=False` by asking its init and waiting `timeout` seconds."""
        self._set_state("stop", timeout, force, wait)

    def restart(self, timeout: int = 30, force: bool = True, wait: bool = False) -> None:
        """Stop and start it."""
        self._set_state("restart", timeout, force, wait)

    def freeze(self, timeout: int = 30, force: bool = True, wait: bool = False) -> None:
        """Suspend all its processes."""
        self._set_state("freeze", timeout, force, wait)

    def unfreeze(self, timeout: int = 30, force: bool = True, wait: bool = False) -> None:
        """Let its processes go on."""
        self._set_state("unfreeze", timeout, force, wait)

    def _set_state(self, action: str, timeout: int, force: bool, wait: bool) -> None:
        if timeout is not None:  # pyright: ignore[reportUnnecessaryComparison]
            checks.whole_number("timeout", timeout, -1)  # -1 is without an end, for servers
        if force is not None:  # pyright: ignore[reportUnnecessaryComparison]
            checks.flag("force", force)
        request = {"action": action, "timeout": timeout, "force": force}
        self._started(self.api.state.put(json=request), wait)
        if wait:
            try:
                self.sync()
            except NotFound:
                # An ephemeral instance is gone once it is stopped.
                if action != "stop":
                    raise
                self._theirs |= {"status": "Stopped", "status_code": 102}
