"""Which handler a request goes to: by its method and the parts of its path, each part unquoted once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import unquote

from lxdnb.sandbox.access import check_access, check_door
from lxdnb.sandbox.older_paths import of_instances
from lxdnb.sandbox.replies import Refused, Reply, Request
from lxdnb.sandbox.targets import carries_out, told_of

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Handler", "route", "route_changes", "routes", "take"]

Handler = Callable[..., Reply]
H = TypeVar("H", bound=Handler)

_table: dict[str, Any] = {}
_HANDLERS = "\0"  # no part of a path


class _Route(NamedTuple):
    handler: Handler
    extension: str | None
    for_anybody: bool


def route(method: str, template: str, *, extension: str | None = None, for_anybody: bool = False) -> Callable[[H], H]:
    """Have a function handle a method of a path, in which `*` stands for any one part; it is given those parts.

    `extension` is the API extension by which servers have that path at all; `for_anybody` is what those may ask too
    whom they do not trust.
    """

    def registered(handler: H) -> H:
        node = _table
        for part in template.strip("/").split("/"):
            node = node.setdefault(part, {})
        node.setdefault(_HANDLERS, {})[method] = _Route(handler, extension, for_anybody)
        return handler

    return registered


def route_changes(template: str, *, extension: str | None = None) -> Callable[[H], H]:
    """Have a function handle PUT of a path, and PATCH, for which `keep` is True: what that does not name stays."""

    def registered(handler: H) -> H:
        route("PUT", template, extension=extension)(partial(handler, keep=False))
        route("PATCH", template, extension=extension)(partial(handler, keep=True))
        return handler

    return registered


def routes() -> Iterator[tuple[str, str]]:
    """Yield the method and the template of all that is answered."""

    def below(node: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
        for part, inner in node.items():
            if part == _HANDLERS:
                yield from ((method, path or "/") for method in inner)
            else:
                yield from below(inner, f"{path}/{part}" if part else path)

    return below(_table, "")


def take(host: Host, request: Request) -> Reply:
    """Answer a request. Raises Refused."""
    check_door(request)
    request = of_instances(host, request)
    routes, parts = _find(request.path)
    found = routes.get(request.method)
    if found is not None and found.extension and found.extension not in host.flavour.api_extensions:
        raise Refused(404, "not found")
    if found is None or not found.for_anybody:
        request.caller.check_trusted()
    if found is None:
        raise Refused(501, "not implemented")
    check_access(host, request)
    host.here = carries_out(host, request)
    with host.asked_by(request.caller):
        return told_of(host, request, found.handler(host, request, *parts))


def _find(path: str) -> tuple[dict[str, _Route], list[str]]:
    node, parts = _table, list[str]()
    for part in path.strip("/").split("/"):
        if part in node and part != "*":
            node = node[part]
        elif "*" in node and part:
            node = node["*"]
            parts.append(unquote(part))
        else:
            raise Refused(404, "not found")
    if _HANDLERS not in node:
        raise Refused(404, "not found")
    return node[_HANDLERS], parts
