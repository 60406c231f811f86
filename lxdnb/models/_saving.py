"""Saving: a difference is laid on what the server has now, again when somebody comes between, and one at a time.

Servers check If-Match and write in two steps, and an instance's PUT is a background operation that is written after
it was checked: of two saves at once one may be lost. So the threads of a process take turns at a resource, and a
turn begins when the operation of the one before has ended. Between processes it stays a matter of milliseconds.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Hashable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from lxdnb.exceptions import Conflict, LXDAPIException, SaveConflict
from lxdnb.models._changes import Difference, clash, laid_on

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.api import APINode
    from lxdnb.models.operation import Operation

__all__ = ["Turn", "lay_on_server", "turn_at"]

ATTEMPTS = 20  # how often somebody may come between reading and writing before save() gives up
REMEMBERED = 1000  # saves that nobody waited for, whose operations the next save of the same resource waits for


class Turn:
    """Who saves a resource; held by one thread at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pending: Operation | None = None

    def settle(self) -> None:
        """Wait for the save before this one, if nobody did. How it ended is its own saver's to ask."""
        pending, self.pending = self.pending, None
        if pending is not None:
            try:
                pending.wait()
            except LXDAPIException:
                pass  # it has failed, or ended long ago and is forgotten

    def leave(self, operation: Operation) -> None:
        """Leave an operation behind that goes on."""
        self.pending = operation
        _recent.append(self)


_turns: WeakValueDictionary[Hashable, Turn] = WeakValueDictionary()
_recent: deque[Turn] = deque(maxlen=REMEMBERED)
_lock = threading.Lock()


@contextmanager
def turn_at(resource: Hashable) -> Generator[Turn]:
    """Wait for one's turn at a resource, and hold it during the block."""
    with _lock:
        turn = _turns.get(resource)
        if turn is None:
            turn = _turns[resource] = Turn()
    with turn.lock:
        yield turn


def lay_on_server(
    node: APINode, wanted: Difference, read: Callable[[Response], dict[str, Any]], may_change: Callable[[str], bool]
) -> tuple[Response, Mapping[str, Any]]:
    """PUT what the server has now with a difference laid on it; return its answer and the record as it then is.

    `read` takes the record out of an answer, `may_change` says which fields go into a PUT. Raises SaveConflict.
    """
    attempt = 1
    while True:
        response = node.get()
        present = read(response)
        if found := clash(present, wanted):
            path, (theirs, ours) = found
            raise SaveConflict(response, path, theirs, ours)
        record = laid_on(present, wanted)
        body = {name: value for name, value in record.items() if may_change(name)}
        headers = {"If-Match": response.headers["ETag"]} if "ETag" in response.headers else {}
        try:
            return node.put(json=body, headers=headers), record
        except Conflict as error:
            if error.status_code != 412 or attempt == ATTEMPTS:
                raise
        attempt += 1
