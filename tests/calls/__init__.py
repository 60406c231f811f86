"""A good call of each public method, to be made wrong in one argument; none can be forgotten.

The methods are found by looking at the classes; the calls are written by hand, in a file for each kind of resource:
`CLASSES` are its classes, `CALLS` their calls, and where it needs them `PLACES` where in an argument a text goes (else
it goes by the argument's name alone), `WRONG` what is wrong for an annotation that no other file has, `TAKEN` what an
argument takes though its annotation does not say so, `INNER` the methods that take nothing of a person's, `VALUES` the
public classes that methods return and nobody calls, and `EXTENSIONS` what the server must have for it. `missing` tells
what is in none.
"""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import Any

import certifi

import lxdnb
from lxdnb.models._model import Model
from tests.calls import backups, buckets, cluster, copies, core, images, logs, networks, server, storage
from tests.calls.basis import Call, Place

__all__ = [
    "ALL_CALLS",
    "CALLS",
    "CLASSES",
    "EXTENSIONS",
    "METHODS",
    "PLACES",
    "TAKEN",
    "WRONG",
    "call",
    "missing",
    "parameters",
]

FILES = (core, backups, buckets, cluster, copies, images, logs, networks, server, storage)


def _of_all(table: str) -> dict[Any, Any]:
    return {key: value for file in FILES for key, value in getattr(file, table, {}).items()}


CLASSES: tuple[type, ...] = tuple(kind for file in FILES for kind in file.CLASSES)
ALL_CALLS: dict[str, Call] = _of_all("CALLS")
PLACES: dict[str, list[Place]] = _of_all("PLACES")
WRONG: dict[str, list[Any]] = _of_all("WRONG")
TAKEN: dict[tuple[str, str], list[Any]] = _of_all("TAKEN")
TAKEN |= {(f"{kind.__name__}.post", "json"): [None] for kind in CLASSES if issubclass(kind, Model)}
INNER: set[str] = {name for file in FILES for name in getattr(file, "INNER", ())}
INNER |= {f"{kind.__name__}.NotFound" for kind in CLASSES if issubclass(kind, Model)}
VALUES: set[type] = {kind for file in FILES for kind in getattr(file, "VALUES", ())}
EXTENSIONS: set[str] = {name for file in FILES for name in getattr(file, "EXTENSIONS", ())}


def _methods() -> dict[str, Any]:
    return {
        f"{kind.__name__}.{name}": getattr(kind, name)
        for kind in CLASSES
        for name in dir(kind)
        if not name.startswith("_") and callable(getattr(kind, name)) and f"{kind.__name__}.{name}" not in INNER
    }


def _way(name: str) -> tuple[Any, ...]:
    """What a method is, and what it goes through: of several classes that inherit it, it is tried on the first."""
    kind = _KINDS[name.partition(".")[0]]
    model = getattr(kind, "model", kind)
    steps = [getattr(model, step, None) for step in ("_node", "_collection", "_kept", "_read", "_sent")]
    return tuple(getattr(each, "__func__", each) for each in (METHODS[name], *steps))


_KINDS = {kind.__name__: kind for kind in CLASSES}
METHODS = _methods()
CALLS = {
    name: ALL_CALLS[name] for name in {_way(name): name for name in reversed(METHODS)}.values() if name in ALL_CALLS
}


def missing() -> set[str]:
    """The public methods without a call here, and calls of what is no such method."""
    managers = {f"{kind.__name__}.model" for kind in CLASSES}
    return (METHODS.keys() - managers) ^ ALL_CALLS.keys()


def parameters(method: str) -> dict[str, str]:
    """The parameters that a caller gives, with their annotations."""
    given = inspect.signature(METHODS[method]).parameters.values()
    # What a part lies within is made with it.
    skipped = ("self", "cls", "client", getattr(_KINDS[method.partition(".")[0]], "within", None))
    return {
        each.name: str(each.annotation)
        for each in given
        if each.name not in skipped and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    }


def call(client: lxdnb.Client, method: str, **changed: Any) -> Any:
    """Call a method as `ALL_CALLS` has it, but for some arguments."""
    on, arguments, _ = ALL_CALLS[method]
    owner = on(client)
    function = owner if isinstance(owner, functools.partial) else getattr(owner, method.partition(".")[2])
    made: dict[str, Any] = {"new_client": client} if method in ("Container.migrate", "Image.copy") else {}
    if method in ("Certificate.create", "CertificateManager.create"):
        made["cert_data"] = a_certificate()
    return function(**{**arguments, **made, **changed})


@functools.cache
def a_certificate() -> str:
    """Some certificate, as PEM: the first of the public authorities'."""
    text = Path(certifi.where()).read_text()
    start, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return start + text.partition(start)[2].partition(end)[0] + end
