"""What the tables of calls are written with: a call, a place for a text, and the things that methods are called on."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from lxdnb.client import Client
from lxdnb.models import Container, Operation, Snapshot
from lxdnb.models.files import FilesManager
from tests.recorder import ID

WORD = "abcd"  # plain for every place, and a fingerprint's beginning as well


class Call(NamedTuple):
    """What is called, with what; `sends` unless it is a matter of this side alone."""

    on: Callable[[Client], Any]
    arguments: Mapping[str, Any] = {}
    sends: bool = True


def c1(client: Client) -> Container:
    return Container._from_record(client, {"name": "c1", "type": "container", "status": "Stopped", "config": {}})


def snapshot(client: Client) -> Snapshot:
    return Snapshot._from_record(client, {"name": "s1"}, instance=c1(client))


def operation(client: Client) -> Operation:
    return Operation.from_record(client, {"id": ID, "status_code": 103, "status": "Running"})


def model(kind: type[Any], **record: Any) -> Callable[[Client], Any]:
    return lambda client: kind._from_record(client, record)


def files(client: Client) -> FilesManager:
    return c1(client).files


def class_of(kind: type[Any]) -> Callable[[Client], Any]:
    """The class, with a client for its class methods."""

    def of(client: Client) -> Any:
        class Bound:
            def __getattr__(self, name: str) -> Any:
                return functools.partial(getattr(kind, name), client)

        return Bound()

    return of


_MODEL: dict[str, dict[str, Any]] = {
    "changes": {},
    "sync": {},
    "rollback": {},
    "save": {},
    "delete": {},
    "marshall": {},
    "to_yaml": {},
    "post": {"json": {"a": "b"}},
    "put": {"put_object": {"a": "b"}},
    "patch": {"patch_object": {"a": "b"}},
    "raw_put": {"put_object": {"a": "b"}},
    "raw_patch": {"patch_object": {"a": "b"}},
}


def of_model(kind: str, on: Callable[[Client], Any]) -> Iterator[tuple[str, Call]]:
    """The calls that each resource's object has."""
    for name, arguments in _MODEL.items():
        yield f"{kind}.{name}", Call(on, arguments, sends=name not in ("changes", "marshall", "to_yaml", "save"))


# --- where a text goes ------------------------------------------------------------------------------------------------

HALVES = re.compile("[\ud800-\udfff]")


def cannot_be_said(text: str) -> bool:
    return "\0" in text or bool(HALVES.search(text))


def no_name(text: str) -> bool:
    return text in ("", ".", "..") or cannot_be_said(text)


def no_segment(text: str) -> bool:
    return no_name(text) or len(text.encode()) > 4000 or unquote(unquote(text)) in (".", "..")


def no_snapshot(text: str) -> bool:
    return "/" in text or no_segment(text)


def no_fingerprint(text: str) -> bool:
    return not re.fullmatch("[0-9a-fA-F]{1,64}", text)


def no_path(text: str) -> bool:
    return "\0" in text or bool(re.search("[\ud800-\udc7f\udd00-\udfff]", text))


def no_variable(text: str) -> bool:
    return not text or "=" in text or cannot_be_said(text)


class Place(NamedTuple):
    """Where a text goes: the argument that it becomes, and which texts are to be refused there."""

    given: Callable[[str], Any]
    refused: Callable[[str], bool]


def itself(text: str) -> str:
    return text


NAME, TEXT = Place(itself, no_segment), Place(itself, cannot_be_said)
SNAPSHOT, FINGERPRINT = Place(itself, no_snapshot), Place(itself, no_fingerprint)
MEMBER = Place(itself, no_name)
PATH = Place(lambda text: f"/{text}", no_path)
LINK = Place(itself, lambda text: not text or no_path(text))
TEXTS, NAMES = Place(lambda text: [text], cannot_be_said), Place(lambda text: [text], no_name)
KEY, VALUE = Place(lambda text: {text: "1"}, cannot_be_said), Place(lambda text: {"user.x": text}, cannot_be_said)
DEVICE = Place(lambda text: {text: {"type": "none"}}, cannot_be_said)
OPTION = Place(lambda text: {"d": {text: "1"}}, cannot_be_said)
VARIABLE = Place(lambda text: {text: "1"}, no_variable)
SECRET = Place(lambda text: f"x{text}", cannot_be_said)
WORDS = Place(lambda text: ["echo", text], cannot_be_said)


BODY = [Place(lambda text: {text: {"b": "c"}}, cannot_be_said), Place(lambda text: {"a": [text]}, cannot_be_said)]
