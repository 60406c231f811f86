"""When an instance is ready: it runs, has an address if one is wanted, and cloud-init has done its work."""

from __future__ import annotations

import time

from lxdnb import checks
from lxdnb.exceptions import LXDAPIException, NotFound, NotReady, OperationFailed, OperationTimeout
from lxdnb.models._execute import RunsCommands
from lxdnb.models._state import HasState, InstanceState

__all__ = ["GetsReady"]

RUNNING = (103, 113)  # Running, and Ready, which newer servers call one that has said so itself
STARTING = (105, 106)  # Pending, Starting
FROZEN = 110
ABSENT = (126, 127)  # what a shell, too, says of a program that is not there or cannot be run
KILLED = 128  # and more: a signal ended the command
STOPPING_SECONDS = 5  # that a server may take to notice that an instance, whose processes were killed, has stopped
PAUSE = (0.05, 0.5)  # seconds between two looks, at first and at most: no event tells of an address


class GetsReady(HasState, RunsCommands):
    """The part of an instance that waits until it can be worked with."""

    def wait_ready(self, timeout: float = 300, *, network: bool = False) -> None:
        """Wait until it runs, with `network` has an address, and its cloud-init, if it has one, is done.

        An address is one of global scope on any interface but the loopback. `timeout` is in seconds. Raises NotReady
        (also a TimeoutError) when it runs out, or at once when it has stopped or is gone, when it could not be
        started, or cloud-init has failed. What cloud-init has recovered from is no failure.

        >>> client.instances.get("c1").wait_ready()
        """
        checks.seconds("timeout", timeout)
        ends = time.monotonic() + timeout
        failure = self._wait_for_start(timeout)
        pause = PAUSE[0]
        while lacks := self._lacks(network, failure):
            left = ends - time.monotonic()
            if left <= 0:
                raise NotReady(self._name, f"after {timeout:g} s {lacks}")
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, PAUSE[1])
        self._wait_for_cloud_init(ends)
        self.sync()

    def _wait_for_start(self, timeout: float) -> str:
        """Wait for what was begun through this object last, and return how it failed, or an empty text."""
        started = self.operation
        if started is None or started.done:
            return ""
        try:
            started.wait(timeout)
        except OperationTimeout as error:
            raise NotReady(self._name, str(error)) from None
        except OperationFailed as error:
            return f"{started.description} failed: {error}"
        except NotFound:
            pass  # it ended so long ago that the server has forgotten it
        return ""

    def _lacks(self, network: bool = False, failure: str = "") -> str | None:
        """Return what it still lacks. Raises NotReady when that will not come; `failure` is why, if it is known."""
        try:
            state = self.state()
        except NotFound:
            raise NotReady(self._name, "it is gone") from None
        if state.status_code in STARTING:
            return "it is starting"
        if state.status_code == FROZEN:
            raise NotReady(self._name, "it is frozen; unfreeze() lets it go on")
        if state.status_code not in RUNNING:
            raise NotReady(self._name, f"it is {state.status.lower()}; {failure or 'start() starts it'}")
        if self.type == "virtual-machine" and (state.processes or 0) < 1:
            return "its agent does not answer"
        if network and not any(_addresses(state)):
            return "it has no address"
        return None

    def _wait_for_cloud_init(self, ends: float) -> None:
        try:
            exit_code = self._status_of_cloud_init(max(1.0, ends - time.monotonic()))
        except LXDAPIException as error:
            if _is_absent(error):
                return
            self._see_it_stop(0)  # which says more
            raise
        if exit_code == 1:
            raise NotReady(self._name, "its cloud-init failed; `cloud-init status --long` in it tells why")
        if exit_code not in (0, 2):  # 2 is an error that it recovered from
            self._see_it_stop(STOPPING_SECONDS if exit_code > KILLED else 0)
            raise NotReady(self._name, f"`cloud-init status --wait` in it ended with exit code {exit_code}")

    def _see_it_stop(self, seconds: float) -> None:
        """Raise NotReady if it has stopped, or does within so many seconds."""
        ends = time.monotonic() + seconds
        while True:
            try:
                self._lacks()
            except LXDAPIException:
                pass  # Incus fails to tell the state of one whose processes go at that moment
            if time.monotonic() >= ends:
                return
            time.sleep(PAUSE[0])

    def _status_of_cloud_init(self, seconds: float) -> int:
        waiting = self.start_command(["cloud-init", "status", "--wait"])
        ended = False
        try:
            ended = waiting.join(seconds)
        finally:
            if not ended:
                waiting.signal(9)
        if not ended:
            raise NotReady(self._name, "its cloud-init is still at work")
        return waiting.wait()


def _is_absent(error: LXDAPIException) -> bool:
    """Return whether a command failed because there is no such program."""
    if not isinstance(error, OperationFailed):
        return False
    code = (error.operation.get("metadata") or {}).get("return")
    return code in ABSENT or "command not found" in str(error).lower()


def _addresses(state: InstanceState) -> list[str]:
    return [
        address["address"]
        for name, interface in (state.network or {}).items()
        if name != "lo"
        for address in interface.get("addresses") or []
        if address.get("scope") == "global"
    ]
