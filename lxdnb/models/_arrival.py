"""The end of a journey between two servers: done is what both say is done, and a failure of either ends both."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import suppress

from lxdnb.exceptions import ClientConnectionFailed, LXDError, NotFound
from lxdnb.models._offer import Journey
from lxdnb.models.operation import Operation

__all__ = ["arrived"]

LATER = 10.0  # seconds that one server has to see for itself that the other one has failed, or is lost
CANCEL_TIMEOUT = 5.0  # seconds for a server to take note that nobody waits any more
WAKE = 1.0  # seconds between two looks for Ctrl-C, which Windows needs


class _End:
    """The end of one server's operation, awaited in a thread, since only both ends together are an end."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.future: Future[None] = Future()
        self.given_up = False
        self._node = operation._client.api.operations[operation.id]  # pyright: ignore[reportPrivateUsage]
        self._call = operation._client._transport.call()  # pyright: ignore[reportPrivateUsage]
        threading.Thread(target=self._await, name="lxdnb arrival", daemon=True).start()

    def _await(self) -> None:
        try:
            self.operation._wait(call=self._call)  # pyright: ignore[reportPrivateUsage]
        except NotFound as gone:
            # It was asked for at once, and servers forget one only 5 s after its end.
            lost = ClientConnectionFailed(f"a server was started anew, and whether it was done is not known ({gone})")
            self.future.set_exception(lost)
        except BaseException as error:  # raised again where it is waited for
            self.future.set_exception(error)
        else:
            self.future.set_result(None)
        finally:
            self._call.close()

    def give_up(self) -> None:
        """Cancel it, unless it has ended; a server that cannot goes on, and whoever waits does not."""
        if not self.future.done():
            self.given_up = True
            with suppress(LXDError):
                self._node.delete(timeout=CANCEL_TIMEOUT)
            self._call.hang_up()

    @property
    def error(self) -> BaseException | None:
        """What the server says is wrong, or what became of the server."""
        return self.future.exception() if self.future.done() and not self.given_up else None


def arrived(taking: Operation | None, journey: Journey | None) -> None:
    """Wait until both servers say that it has arrived. Raises what the taking one says, else what the giving one.

    Once one has failed, or is lost, and the other one has not noticed for a while, it is cancelled, as both are when
    the wait is interrupted. Of servers that push, neither lets itself be cancelled.
    """
    if journey is None or taking is None:
        if taking is not None:
            taking.wait()
        return
    ends = [_End(taking), _End(journey.giving)]
    futures = [end.future for end in ends]
    try:
        while wait(futures, WAKE, FIRST_EXCEPTION).not_done and not any(end.error for end in ends):
            pass
        wait(futures, LATER)
    finally:
        for end in reversed(ends):  # the giving one first: it is the one that can be cancelled
            end.give_up()
        if journey.relay is not None:
            journey.relay.close()
    errors = [end.error for end in ends if end.error is not None]
    try:
        if errors:
            for other in errors[1:]:
                errors[0].add_note(f"and the server that gives it says: {other}")
            raise errors[0]
    finally:
        del errors, ends, futures  # else an error holds this frame, and this frame the error
