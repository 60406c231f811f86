"""Paths of the API, to walk and to send requests to: every name is one segment of a path, whatever it holds.

A node of `client.api` is a path; attribute and item access make longer ones; get, post, put, patch and delete send
the request and raise a typed error unless the server said yes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from lxdnb import checks
from lxdnb.api import _answers as answers
from lxdnb.exceptions import ClientConnectionFailed, Forbidden, LXDAPIException

if TYPE_CHECKING:
    import socket

    from requests import Response

    from lxdnb.transport import Call, Channel, Timeout, Transport

__all__ = ["NO_CERTIFICATE", "APINode"]

NO_CERTIFICATE = (
    "this client shows no certificate. Give one as cert=(crt, key), or let `lxc remote add` or `incus remote add` make "
    "one, which is then used here too"
)


class APINode:
    """A path of the API, to walk and to send requests to.

    An attribute is a word of the API, with `_` for its `-`; an item is a name, sent as it is whatever characters it
    has. Raises ValueError for a name that a server would take for another path or name: empty, `.`, `..`, with a
    NUL in it, or longer than any answer could tell. A `json` that is no dict, or has in it what would not arrive as it
    is, is a TypeError or ValueError before anything is sent.

    >>> client.api.instances["c1"].state
    APINode('/1.0/instances/c1/state')
    >>> client.api.storage_pools.get().json()["metadata"]
    ['/1.0/storage-pools/default']

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/
    """

    def __init__(self, transport: Transport, path: str, scope: Mapping[str, str] | None = None) -> None:
        self._transport = transport
        self._path = path
        self._scope = {} if scope is None else scope  # what every request of it asks for: project, target

    def __getattr__(self, name: str) -> APINode:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name.replace("_", "-")]

    def __getitem__(self, name: str) -> APINode:
        return APINode(self._transport, f"{self._path}/{checks.segment(name)}", self._scope)

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

    def head(self, **options: Any) -> Response:
        """HEAD of this path: the headers that a GET would bring."""
        return self._send("HEAD", False, options)

    def post(self, *, is_api: bool = True, target: str | None = None, **options: Any) -> Response:
        """POST to this path; `target` names a cluster member."""
        if target is not None:
            options["params"] = {**(options.get("params") or {}), "target": checks.name(target, "target")}
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
        if silence is not None:
            checks.seconds("silence", silence)
        try:
            return self._transport.websocket(self._path, self._parameters(params), silence)
        except LXDAPIException as refused:
            raise answers.error(refused.response) from None

    def upgrade(self, protocol: str) -> socket.socket:
        """Return a connected socket that speaks another protocol at this path; raises as `open_websocket` does."""
        try:
            return self._transport.upgrade(self._path, protocol, self._parameters(None))
        except LXDAPIException as refused:
            raise answers.error(refused.response) from None

    def pieces(self, response: Response, size: int) -> Iterator[bytes]:
        """Yield the body of an answer that was asked for with `stream=True`, at most `size` bytes at a time."""
        try:
            yield from response.iter_content(size)
        except OSError as error:
            raise self.lost(error) from None

    def lost(self, error: Exception) -> ClientConnectionFailed:
        """Return what the failure of a stream of this path is: the server was lost, and why."""
        return self._transport.failed(error)

    def location(self, params: Mapping[str, str] | None = None) -> str:
        """Return the path and query that this node asks for."""
        query = urlencode(self._parameters(params))
        return f"{self._path}?{query}" if query else self._path

    def open_call(self) -> Call:
        """Return a connection of its own, for an `ask` that another thread may have to end."""
        return self._transport.call()

    def ask(
        self,
        *,
        timeout: Timeout = None,
        params: Mapping[str, Any] | None = None,
        call: Call | None = None,
    ) -> Response:
        """GET this path, unchecked: for answers whose meaning depends on more than their envelope."""
        return self._transport.request("GET", self._path, params=self._parameters(params), timeout=timeout, call=call)

    def _send(self, method: str, is_api: bool, options: dict[str, Any]) -> Response:
        params = self._parameters(options.pop("params", None))
        if options.get("json") is not None:
            checks.body(checks.mapping("json", options["json"]), "json")
        response = self._transport.request(method, self._path, params=params, **options)
        try:
            return answers.checked(response, is_api)
        except Forbidden as error:
            if self.scheme == "https" and not self._transport.cert:
                raise Forbidden(error.response, message=f"{error}: {NO_CERTIFICATE}") from None
            raise

    def _parameters(self, params: Mapping[str, Any] | None) -> dict[str, Any]:
        merged = dict(checks.parameters({} if params is None else params))
        for key, value in self._scope.items():
            # A server refuses a project together with all projects.
            if key != "project" or "all-projects" not in merged:
                merged.setdefault(key, value)
        return merged
