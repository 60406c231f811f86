"""Whatever a name holds, a path of the API has it as one segment, or it is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings

from lxdnb import checks
from lxdnb.api import APINode, operation_id
from tests.wire import hostile, read

ID = "1b3c9e6a-3f0e-4c1a-9d3f-2f3b6b0c9a11"


class Wire:
    """In place of a transport: keeps the path and the parameters, and answers nothing."""

    base = "http+unix://socket"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def request(self, method: str, path: str, **options: Any) -> Any:
        self.asked.append((method, path, options))
        raise ConnectionError


def means_nothing(name: str) -> bool:
    """Whether no server could mean this by a name, or would take it for another."""
    return name in ("", ".", "..") or "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name)


def becomes_dots(name: str) -> bool:
    """Whether it is `.` or `..` to a server that unquotes it more than once."""
    for _ in range(9):
        name = unquote(name)
    return name in (".", "..")


@pytest.mark.parametrize("name", ["%2E", "%2e%2E", ".%2E", "%252E%252E", "%25252e."])
def test_a_name_that_unquoting_makes_another_place_is_refused(name: str):
    with pytest.raises(ValueError, match="is no name of anything"):
        APINode(Wire(), "/1.0").instances["c1"].snapshots[name]  # type: ignore[arg-type]


@settings(derandomize=True, max_examples=300)
@given(name=hostile())
@example("..")
@example("%2E%2E")
@example("%2E%2Ex")
@example("a/../../profiles/default")
@example("x" * 65536)
def test_a_name_is_one_segment_or_is_refused(name: str):
    root = APINode(Wire(), "/1.0")  # type: ignore[arg-type]
    try:
        node = root.instances[name].state
    except ValueError:
        assert means_nothing(name) or len(name.encode()) > 4000 or becomes_dots(name)
        return
    assert not means_nothing(name)
    assert not becomes_dots(name)
    assert read(f"GET {node.location()}").path == ["1.0", "instances", name, "state"]


@settings(derandomize=True, max_examples=200)
@given(name=hostile())
def test_a_project_and_a_parameter_are_one_field_each(name: str):
    node = APINode(Wire(), "/1.0", {"project": name}).instances  # type: ignore[arg-type]
    try:
        line = f"GET {node.location({'filter': name})}"
    except ValueError:
        assert means_nothing(name)
        return
    assert read(line) == ("GET", ["1.0", "instances"], {"filter": name, "project": name})


@pytest.mark.parametrize("name", [None, 1, b"c1", ["c1"], {"name": "c1"}, True])
def test_a_name_is_a_text(name: Any):
    with pytest.raises(TypeError, match="a name is a str, not"):
        APINode(Wire(), "/1.0").instances[name]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("json", "kind", "told"),
    [
        ({1: "x"}, TypeError, "a key of json is a str, not int"),
        ({"a": {None: "x"}}, TypeError, r"a key of json\['a'\] is a str, not None"),
        ({"a": b"x"}, TypeError, r"json\['a'\] is a bytes"),
        ({"a": [{"b": {1}}]}, TypeError, "a set, which JSON cannot say"),
        ({"a": float("nan")}, ValueError, "nan, which JSON cannot say"),
        ({"user.x\0y": "1"}, ValueError, "NUL"),
        ({"a": ["x\0hunter2"]}, ValueError, "NUL"),
        ({"a": "hunter2\udcff"}, ValueError, "surrogates"),
        (["a"], TypeError, "json is a dict, not list"),
        ("a", TypeError, "json is a dict, not str"),
        (5, TypeError, "json is a dict, not int"),
    ],
)
@pytest.mark.parametrize("method", ["post", "put", "patch"])
def test_what_would_arrive_as_something_else_is_not_sent(json: Any, kind: type[Exception], told: str, method: str):
    wire = Wire()
    with pytest.raises(kind, match=told) as refused:
        getattr(APINode(wire, "/1.0").profiles, method)(json=json)  # type: ignore[arg-type]
    assert wire.asked == []
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("target", [5, b"n2", ["n1", "n2"], "", "..", "n2\0", "n\ud800"])
def test_a_member_of_a_cluster_is_named_by_a_text(target: Any):
    wire = Wire()
    with pytest.raises((TypeError, ValueError), match=r"target|name of anything"):
        APINode(wire, "/1.0").instances.post(json={}, target=target)  # type: ignore[arg-type]
    assert wire.asked == []


@pytest.mark.parametrize(
    "text", [ID, f"/1.0/operations/{ID}", f"https://h:8443/1.0/operations/{ID}/websocket?secret=x"]
)
def test_an_operations_id_in_what_servers_give(text: str):
    assert operation_id(text) == ID


@pytest.mark.parametrize("text", ["", "x", f"{ID}0", f"a{ID}", f"/1.0/instances/{ID}", f"{ID}\n", "x" * 65536])
def test_what_only_looks_like_an_operations_id(text: str):
    with pytest.raises(ValueError, match="names no operation") as refused:
        operation_id(text)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("text", ["%", "_", "ab%", "aliases", "", "..", "a/b", "0x1f", "f" * 65, "ab\n"])
def test_a_fingerprint_is_no_pattern(text: str):
    with pytest.raises(ValueError, match=r"no fingerprint|no name"):
        checks.fingerprint(text)


def test_an_error_shows_the_beginning_of_a_value():
    assert checks.shown("x" * 65536) == f"'{'x' * 98}…"
    assert len(checks.shown(list(range(10**5)))) == 100
