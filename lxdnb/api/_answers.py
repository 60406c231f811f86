"""What an answer of the server means: yes with what it carries, or no as a typed error. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from lxdnb import checks
from lxdnb.api._collecting import uncollected
from lxdnb.exceptions import Conflict, Forbidden, LXDAPIException, NotFound

if TYPE_CHECKING:
    from requests import Response

LARGE = 2**24  # bytes of an answer

_ERRORS: Mapping[int, type[LXDAPIException]] = {
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Conflict,
}
_OPERATION = re.compile(r"(?:.*/operations/)?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:[/?].*)?")


# A list of many instances takes as long to read as the server takes to write it.
_read: WeakKeyDictionary[Response, dict[str, Any]] = WeakKeyDictionary()


def metadata(response: Response) -> Any:
    """Return what an API answer carries; None where it carries nothing."""
    return body(response).get("metadata")


def operation_id(location: str) -> str:
    """Return the UUID in an operation's URL, or the UUID itself. Raises TypeError and ValueError for what is neither.

    >>> operation_id("/1.0/operations/1b3c9e6a-3f0e-4c1a-9d3f-2f3b6b0c9a11?project=default")
    '1b3c9e6a-3f0e-4c1a-9d3f-2f3b6b0c9a11'
    """
    found = _OPERATION.fullmatch(checks.text("an operation's id", location))
    if not found:
        raise ValueError(f"{checks.shown(location)} names no operation")
    return found.group(1)


def checked(response: Response, is_api: bool) -> Response:
    """Return the response if the server said yes, else raise what it said."""
    # A redirect, which is not followed, is no yes: `ok` would take it for one.
    fine = 200 <= response.status_code < 300
    if fine and not is_api:
        return response
    if fine and body(response).get("type") in ("sync", "async"):
        return response
    raise error(response)


def error(response: Response) -> LXDAPIException:
    """Return the error that an answer is, by its code."""
    code = int(body(response).get("error_code") or response.status_code)
    return _ERRORS.get(code, LXDAPIException)(response)


def body(response: Response) -> dict[str, Any]:
    """Return an answer's JSON object, read once however often it is asked for; an empty dict where it is none."""
    read = _read.get(response)
    if read is None:
        is_large = len(response.content) >= LARGE
        try:
            with uncollected() if is_large else nullcontext():
                found: Any = response.json()
        except ValueError:
            found = {}
        read = _read[response] = found if isinstance(found, dict) else {}
    return read
