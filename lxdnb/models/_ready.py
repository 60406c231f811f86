"""When an instance is ready: it runs, has an address if one is wanted, and cloud-init has done its work."""

from __future__ import annotations

import time

from lxdnb.exceptions import NotReady, OperationFailed, OperationTimeout
from lxdnb.models._execute import RunsCommands
from lxdnb.models._state import HasState, InstanceState

__all__ = ["GetsReady"]

RUNNING = (103, 113)  # Running, and Ready, which newer servers call one that has said so itself
PAUSE = (0.05, 0.5)  # seconds between two looks, at first and at most: no event tells of an address


class GetsReady(HasState, RunsCommands):
    """The part of an instance that waits until it can be worked with."""

    def wait_ready(self, timeout: float = 300, *, network: bool = False) -> None:
        """Wait until it runs, with `network` has an address, and its cloud-init, if it has one, is done.

        An address is one of global scope on any interface but the loopback. `timeout` is in seconds. Raises NotReady
        (also a TimeoutError) when it runs out, or at once when the instance has stopped or cloud-init has failed.

        >>> client.instances.get("c1").wait_ready()
        """
        ends = time.monotonic() + timeout
        started = self.operation
        if started is not None and not started.done:
            try:
                started.wait(timeout)
            except OperationTimeout as error:
                raise NotReady(self._name, str(error)) from None
        pause = PAUSE[0]
        while lacks := self._lacks(self.state(), network):
            left = ends - time.monotonic()
            if left <= 0:
                raise NotReady(self._name, f"after {timeout:g} s {lacks}")
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, PAUSE[1])
        self._wait_for_cloud_init(ends)
        self.sync()

    def _lacks(self, state: InstanceState, network: bool) -> str | None:
        """Return what it still lacks. Raises NotReady when it will not come."""
        if state.status_code not in RUNNING:
            raise NotReady(self._name, f"it is {state.status.lower()}; start() starts it")
        if self.type == "virtual-machine" and (state.processes or 0) < 1:
            return "its agent does not answer"
        if network and not any(_addresses(state)):
            return "it has no address"
        return None

    def _wait_for_cloud_init(self, ends: float) -> None:
        waiting = self.start_command(["cloud-init", "status", "--wait"])
        left = max(0.0, ends - time.monotonic())
        if not waiting.join(left):
            waiting.signal(9)
            raise NotReady(self._name, "its cloud-init is still at work")
        try:
            exit_code = waiting.wait()
        except OperationFailed:
            return  # there is no such program
        if exit_code == 1:  # 2 is an error that it recovered from
            raise NotReady(self._name, "its cloud-init failed; `cloud-init status --long` in it tells why")


def _addresses(state: InstanceState) -> list[str]:
    return [
        address["address"]
        for name, interface in (state.network or {}).items()
        if name != "lo"
        for address in interface.get("addresses") or []
        if address.get("scope") == "global"
    ]
