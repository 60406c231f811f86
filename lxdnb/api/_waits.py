"""Waiting for an operation's end: in slices, over a cut connection, and told the same of every server."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lxdnb import checks, redact
from lxdnb.api._answers import body as body_of
from lxdnb.api._answers import error
from lxdnb.exceptions import (
    ClientConnectionFailed,
    LXDAPIException,
    NotFound,
    OperationCancelled,
    OperationFailed,
    OperationTimeout,
)
from lxdnb.transport import refusal

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.api._node import APINode
    from lxdnb.transport import Call

WAIT_SLICE = 30  # seconds of one /wait request; LXD sends no byte until it is over
WAIT_MARGIN = 15.0  # seconds that the server may be late with its answer to one
PAUSE = 0.1  # seconds between two questions that a server answers at once
LOOK_AGAIN = 10.0  # seconds in which a server that was lost must be found again, and know the operation still
LOOK_TIMEOUT = 5.0  # seconds for one such look


def wait_for_operation(
    root: APINode,
    identifier: str,
    timeout: float | None = None,
    *,
    every: int | None = None,
    on_record: Callable[[dict[str, Any]], object] | None = None,
    call: Call | None = None,
) -> dict[str, Any]:
    """Wait until an operation has ended well and return its last record, without the secrets of its streams.

    `root` is the node of the API's version, `timeout` seconds (None: as long as it takes). `on_record` is called with
    each record that is seen on the way, at least `every` so many seconds. A connection that is cut is made anew,
    and the wait goes on. Raises OperationFailed, OperationCancelled, OperationTimeout (the operation goes on), NotFound
    where there is no such operation (a server forgets it 5 s after its end), and ClientConnectionFailed where the
    server is lost, or comes back without it. Who hangs up the `call` ends the wait, from another thread.
    """
    node = root.operations[identifier]
    ends = None if timeout is None else time.monotonic() + checks.seconds("timeout", timeout)
    while True:
        left = math.inf if ends is None else ends - time.monotonic()
        seconds = math.floor(min(every or WAIT_SLICE, max(left, 0)))
        try:
            response = node.wait.ask(params={"timeout": seconds}, timeout=(None, seconds + WAIT_MARGIN), call=call)
            found, waited = _record(node, response), body_of(response).get("type") == "sync"
        except ClientConnectionFailed as cut:
            response, found = _found_again(node, cut, max(left, 0), call)
            waited = False
        record: dict[str, Any] = redact.record(found)
        if on_record is not None:
            on_record(record)
        if has_ended(record, response):
            return record
        if left <= seconds:
            raise OperationTimeout(identifier, timeout or 0, record)
        if not waited or not seconds:
            # It was no wait that ran out, or one of less than a second, of which servers know nothing.
            time.sleep(min(PAUSE, left))


def has_ended(record: Mapping[str, Any], response: Response | None = None) -> bool:
    """Return whether an operation has ended well by its record. Raises OperationFailed, OperationCancelled.

    `response` is the answer that brought it, where there is one.
    """
    code = int(record.get("status_code") or 0)
    if code >= 400:
        kind = OperationCancelled if code == 401 else OperationFailed
        raise kind(response or refusal(code, str(record.get("err") or "")), record)
    return code == 200


def _record(node: APINode, response: Response) -> dict[str, Any]:
    """Return the record that an answer to /wait tells of.

    Some servers answer with an error body, for a failure and for a wait that ran out alike. Only the operation
    itself, still there for 5 s, says which it was; and it alone has the exit code of a command that was not found.
    """
    body = body_of(response)
    if body.get("type") == "sync":
        return dict(body["metadata"])
    again = node.ask()
    now = body_of(again)
    if now.get("type") == "sync":
        return dict(now["metadata"])
    if body.get("error_code") == 404 or response.status_code == 404:
        raise NotFound(response)
    if again.status_code >= 500:
        # A server on its way down, or one that has lost the member of its cluster where the operation is. What it says
        # of its database or of a connection says nothing of the operation, not even where it says so with HTTP 200.
        raise ClientConnectionFailed(f"the server cannot tell what became of an operation: {error(again)}")
    return {
        "status": "Failure",
        "status_code": 400,
        "err": body.get("error") or str(LXDAPIException(response)),
    }


def _found_again(
    node: APINode, cut: ClientConnectionFailed, left: float, call: Call | None
) -> tuple[Response, dict[str, Any]]:
    """Return the answer and record of an operation whose server hung up, once it is reached again.

    An operation lives in the daemon's memory: one that was started anew does not know it.
    """
    ends = time.monotonic() + min(LOOK_AGAIN, left)
    pause = 0.05
    while True:
        if call is not None and call.hung_up:
            raise cut
        try:
            response = node.ask(timeout=LOOK_TIMEOUT, call=call)
        except ClientConnectionFailed:
            pass
        else:
            body = body_of(response)
            if body.get("type") == "sync":
                return response, dict(body["metadata"])
            if response.status_code < 500:
                raise ClientConnectionFailed(
                    f"the server was lost while an operation was waited for, and knows it no more: whether it was done "
                    f"is not known ({cut})",
                    cut.tried,
                ) from None
        pause = min(pause * 2, 1.0)
        if time.monotonic() + pause > ends:
            raise cut
        time.sleep(pause)
