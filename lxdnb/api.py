"""From a path of the REST API to an answer that is checked: quoting, envelopes, errors, and waits on operations.

A node of `client.api` is a path; attribute and item access make longer ones; get, post, put, patch and delete send
the request and raise a typed error unless the server said yes. Each server's ways of saying no (an error body, HTTP
200 with an error body, a failed operation in a good body, plain text) end here.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from lxdnb.exceptions import (
    Conflict,
    Forbidden,
    LXDAPIException,
    NotFound,
    OperationCancelled,
    OperationFailed,
    OperationTimeout,
)

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.transport import Channel, Timeout, Transport

__all__ = ["NO_CERTIFICATE", "APINode", "metadata", "operation_id", "wait_for_operation"]

WAIT_SLICE = 30  # seconds of one /wait request; LXD sends no byte until it is over
WAIT_MARGIN = 15.0  # seconds that the server may be late with its answer to one

NO_CERTIFICATE = (
    "this client shows no certificate. Give one as cert=(crt, key), or let `lxc remote add` or `incus remote add` make "
    "one, which is then used here too"
)

_ERRORS: Mapping[int, type[LXDAPIException]] = {
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Conflict,
}
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class APINode:
    """A path of the API, to walk and to send requests to.

    An attribute is a word of the API, with `_` for its `-`; an item is a name, sent as it is whatever characters it
    has. Raises ValueError for a name that a server would take for another path: empty, `.` and `..`.

    >>> client.api.instances["c1"].state
    APINode('/1.0/instances/c1/state')
    >>> client.api.storage_pools.get().json()["metadata"]
    ['/1.0/storage-pools/default']

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/
    """

    def __init__(self, transport: Transport, path: str, project: str | None = None) -> None:
        self._transport = transport
        self._path = path
        self._project = project

    def __getattr__(self, name: str) -> APINode:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name.replace("_", "-")]

    def __getitem__(self, name: str) -> APINode:
        # Servers clean paths before they route them: /instances/.. would be everything, /instances/ the list.
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a name is a str, not {type(name).__name__}")
        if name in ("", ".", ".."):
            raise ValueError(f"{name!r} is no name of anything")
        return APINode(self._transport, f"{self._path}/{quote(name, safe='')}", self._project)

    def __repr__(self) -> str:
        return f"APINode({self._path!r})"

    @property
    def scheme(self) -> str:
        """`http+unix`, `https` or `http`."""
        return urlsplit(self._transport.base).scheme

    @property
    def netloc(self) -> str:
        """`host:port`, or the quoted path of the socket."""
        return urlsplit(self._transport.base).netloc

    def get(self, *, is_api: bool = True, **options: Any) -> Response:
        """GET this path. With `is_api=False` the answer may be any body, such as a file, not an API envelope.

        `options` are those of `requests`: params, headers, stream, timeout …
        """
        return self._send("GET", is_api, options)

    def post(self, *, is_api: bool = True, target: str | None = None, **options: Any) -> Response:
        """POST to this path; `target` names a cluster member."""
        if target is not None:
            options["params"] = {**(options.get("params") or {}), "target": target}
        return self._send("POST", is_api, options)

    def put(self, *, is_api: bool = True, **options: Any) -> Response:
        """PUT to this path."""
        return self._send("PUT", is_api, options)

    def patch(self, *, is_api: bool = True, **options: Any) -> Response:
        """PATCH this path."""
        return self._send("PATCH", is_api, options)

    def delete(self, *, is_api: bool = True, **options: Any) -> Response:
        """DELETE this path."""
        return self._send("DELETE", is_api, options)

    def open_websocket(self, params: Mapping[str, str] | None = None, silence: float | None = None) -> Channel:
        """Open a websocket at this path. Raises ClientConnectionFailed, or what the server refuses it with."""
        try:
            return self._transport.websocket(self._path, self._parameters(params), silence)
        except LXDAPIException as refused:
            raise _error(refused.response) from None

    def ask(self, *, timeout: Timeout = None, params: Mapping[str, Any] | None = None) -> Response:
        """GET this path, unchecked: for answers whose meaning depends on more than their envelope."""
        return self._transport.request("GET", self._path, params=self._parameters(params), timeout=timeout)

    def _send(self, method: str, is_api: bool, options: dict[str, Any]) -> Response:
        params = self._parameters(options.pop("params", None))
        response = self._transport.request(method, self._path, params=params, **options)
        try:
            return _checked(response, is_api)
        except Forbidden as error:
            if self.scheme == "https" and not self._transport.cert:
                raise Forbidden(error.response, message=f"{error}: {NO_CERTIFICATE}") from None
            raise

    def _parameters(self, params: Mapping[str, Any] | None) -> dict[str, Any]:
        merged = dict(params or {})
        # A server refuses a project together with all projects.
        if self._project is not None and "all-projects" not in merged:
            merged.setdefault("project", self._project)
        return merged


def metadata(response: Response) -> Any:
    """Return what an API answer carries."""
    return response.json()["metadata"]


def operation_id(location: str) -> str:
    """Return the UUID in an operation's URL.

    >>> operation_id("/1.0/operations/1b3c9e6a-3f0e-4c1a-9d3f-2f3b6b0c9a11?project=default")
    '1b3c9e6a-3f0e-4c1a-9d3f-2f3b6b0c9a11'
    """
    found = _UUID.search(location)
    if not found:
        raise ValueError(f"{location!r} names no operation")
    return found.group()


def wait_for_operation(
    root: APINode,
    identifier: str,
    timeout: float | None = None,
    *,
    every: int | None = None,
    on_record: Callable[[dict[str, Any]], object] | None = None,
) -> dict[str, Any]:
    """Wait until an operation has ended well and return its last record.

    `root` is the node of the API's version, `timeout` seconds (None: as long as it takes). `on_record` is called with
    each record that is seen on the way, at least `every` so many seconds. Raises OperationFailed, OperationCancelled,
    OperationTimeout (the operation goes on), NotFound where there is no such operation: a server forgets it 5 s after
    its end.
    """
    node = root.operations[identifier]
    ends = None if timeout is None else time.monotonic() + timeout
    while True:
        left = math.inf if ends is None else ends - time.monotonic()
        if 0 < left < 1:
            time.sleep(left)  # servers take whole seconds only
            left = 0
        seconds = math.floor(min(every or WAIT_SLICE, max(left, 0)))
        response = node.wait.ask(params={"timeout": seconds}, timeout=(None, seconds + WAIT_MARGIN))
        record = _operation_record(node, response)
        # The secrets of a command's streams are nobody's to read in an error or a log.
        (record.get("metadata") or {}).pop("fds", None)
        if on_record is not None:
            on_record(record)
        code = int(record.get("status_code") or 0)
        if code == 200:
            return record
        if code == 401:
            raise OperationCancelled(response, record)
        if code >= 400:
            raise OperationFailed(response, record)
        if left <= seconds:
            raise OperationTimeout(identifier, timeout or 0, record)
        if _json(response).get("type") != "sync":
            time.sleep(min(0.2, left))  # it was no wait that ran out: do not ask without a pause


def _operation_record(node: APINode, response: Response) -> dict[str, Any]:
    """Return the record that an answer to /wait tells of.

    Some servers answer with an error body, for a failure and for a wait that ran out alike. Only the operation
    itself, still there for 5 s, says which it was; and it alone has the exit code of a command that was not found.
    """
    body = _json(response)
    if body.get("type") == "sync":
        return dict(body["metadata"])
    again = node.ask()
    now = _json(again)
    if now.get("type") == "sync":
        return dict(now["metadata"])
    if body.get("error_code") == 404 or response.status_code == 404:
        raise NotFound(response)
    return {
        "status": "Failure",
        "status_code": 400,
        "err": body.get("error") or str(LXDAPIException(response)),
    }


def _checked(response: Response, is_api: bool) -> Response:
    """Return the response if the server said yes, else raise what it said."""
    if response.ok and not is_api:
        return response
    if response.ok and _json(response).get("type") in ("sync", "async"):
        return response
    raise _error(response)


def _error(response: Response) -> LXDAPIException:
    code = int(_json(response).get("error_code") or response.status_code)
    return _ERRORS.get(code, LXDAPIException)(response)


def _json(response: Response) -> dict[str, Any]:
    try:
        body: Any = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
