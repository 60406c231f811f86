"""Each parameter of each public method, given what it is not: told before anything is sent.

What is wrong for a parameter follows from its annotation, so that a new method or parameter is tried too.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lxdnb
from lxdnb import managers, models
from lxdnb.managers import BaseManager, VirtualMachineManager
from lxdnb.models import Container, Instance, VirtualMachine
from lxdnb.models.container import ContainerManager
from lxdnb.models.instance import InstanceManager
from lxdnb.streams import Exec
from tests import calls
from tests.calls import CALLS, EXTENSIONS, TAKEN, call, missing, parameters
from tests.recorder import Recorder

NAN = float("nan")
LIST: list[Any] = [None, "text", 5, b"x", [5], [None], {1: "x"}, ["x\0"], ["\udcff"]]
DICT: list[Any] = [None, "text", 5, ["a"], [], "", {1: "x"}, {None: "x"}, {"a": object()}, {"a\0": "x"}]
TEXT: list[Any] = [None, 5, True, b"x", ["x"], {"x": "y"}, "x\0y", "\udcff"]
WHOLE: list[Any] = [None, "5", True, 1.5, NAN, [5], -2]
HANDLER: list[Any] = [5, "text", [print]]
PATH: list[Any] = [None, 5, True, b"/a", ["/a"], "", "/a\0b"]
INPUT: list[Any] = [5, 1.5, True, {"a": "b"}, [5], ["a", None], object()]


def optional(wrong: list[Any]) -> list[Any]:
    return [value for value in wrong if value is not None]


WRONG: dict[str, list[Any]] = calls.WRONG | {
    "str": TEXT,
    "str | None": optional(TEXT),
    "bool": ["no", 5, None, [True], NAN],
    "int": WHOLE,
    "int | None": [*optional(WHOLE), -1],
    "float": [None, "5", True, [5], NAN, -1],
    "float | None": ["5", True, [5], NAN, -1],
    "Sequence[str]": LIST,
    "Sequence[str] | None": optional(LIST),
    "Mapping[str, Any]": DICT,
    "Mapping[str, Any] | None": optional(DICT),
    "Mapping[str, str] | None": optional(DICT),
    "Mapping[str, Mapping[str, Any]] | None": [*optional(DICT), {"d": "text"}, {"d": {1: "x"}}],
    "Any": [5, "text", ["a"], b"x", {1: "x"}, {"a": {2: "x"}}, {"a": object()}, {"a": NAN}, {"a": "x\0"}],
    "bytes | str": [None, 5, ["x"], "no certificate", b"\xff"],
    "datetime | str | None": [5, b"x", ["x"], "", "tomorrow", "2030-01-31", "2030-01-31T12:00", "x\0", "\udcff"],
    "str | Image | Mapping[str, Any]": [
        None,
        5,
        b"x",
        ["x"],
        "",
        "..",
        {1: "x"},
        {"type": "image", "fingerprint": "%"},
    ],
    "Iterable[EventType | str] | EventType | str | None": [5, 1.5, True, b"x", [5], "no such type", object()],
    "Client": [None, 5, "text", "https://10.0.0.1:8443"],
    "Stdin | None": INPUT,
    "Stdin | int | None": INPUT,
    "Data": [None, *INPUT],
    "Path": PATH,
    "Path | IO[bytes] | None": [5, True, b"/a", ["/a"], io.StringIO()],
    "int | str | None": [1.5, True, b"1", [1], -1, "no", "-1", "", NAN],
    "Timeout": ["5", True, NAN, -1, 0, (1, 2, 3), ("1", 2)],
    "Callable[..., Any] | None": HANDLER,
    "Callable[[Any], object] | None": HANDLER,
    "Callable[[bytes], object] | None": HANDLER,
    "Callable[[Progress], object] | None": HANDLER,
    "Callable[[dict[str, Any]], object]": [None, *HANDLER],
}

# Asked for their truth on this side alone: of these no server is told.
TRUTH = {"wait", "rollback", "skip_readonly", "use_token_auth", "decode", "network", "all_projects", "is_api"}
# Answered by what is known here, or no words of a person's.
UNTRIED = {
    ("Client.has_api_extension", "name"),
    ("Client.assert_has_api_extension", "name"),
    ("APINode.ask", "call"),
    ("APINode.upgrade", "protocol"),
    ("OperationManager.from_record", "record"),
    ("Operation.from_record", "record"),
}

TRIED = [
    (method, name)
    for method in sorted(CALLS)
    for name in parameters(method)
    if name not in TRUTH and (method, name) not in UNTRIED
]


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with Recorder(tmp_path_factory.mktemp("recorder"), EXTENSIONS) as recorder:
        yield recorder


@pytest.fixture(scope="module")
def asking(recorder: Recorder) -> Iterator[lxdnb.Client]:
    client = lxdnb.Client(recorder.endpoint)
    yield client
    client.close()


def test_no_public_method_is_forgotten():
    assert missing() == set()
    stood_for = {Instance, VirtualMachine, ContainerManager, VirtualMachineManager, BaseManager}
    public = {getattr(module, name) for module in (models, managers) for name in module.__all__}
    assert public - {*calls.CLASSES, *calls.VALUES} == stood_for
    for kind, stands in ((Instance, Container), (VirtualMachine, Container), (ContainerManager, InstanceManager)):
        names = {name for name in {*dir(kind), *dir(stands)} if not name.startswith("_") and name != "model"}
        same = [name for name in names if getattr(kind, name, None) == getattr(stands, name, None)]
        bound = [name for name in names if inspect.ismethod(getattr(kind, name, None))]
        assert names - {*same, *bound} <= {"instance_type"}
        assert all(getattr(kind, name).__func__ is getattr(stands, name).__func__ for name in bound)


@pytest.mark.parametrize("method", sorted(CALLS))
def test_the_calls_that_are_made_wrong_are_right(recorder, asking, method: str):
    recorder.forget()
    try:
        call(asking, method)
    except (TypeError, ValueError):
        raise
    except Exception:
        pass  # the recorder knows nothing: what counts is that it was asked
    assert bool(recorder.requests) == CALLS[method].sends


# What makes a client, beside a good endpoint.
CLIENT: dict[str, list[Any]] = {
    "endpoint": [5, b"/x", ["/x"], Path("/x"), "", "/x\0", "ftp://x", "http://", "https://"],
    "version": [None, *TEXT, 1.0, "", "..", "."],
    "cert": [5, b"x", ["a", "b"], ("a", "b", "c"), ("a", 5), Path("/x")],
    "verify": [None, 5, b"x", ["x"], Path("/x")],
    "timeout": WRONG["Timeout"],
    "project": [*optional(TEXT), "", "..", "default\0"],
    "session": [5, "text", object()],
    "fingerprint": [5, b"ab" * 32, "no hex", "ab", "x" * 65536],
}


@pytest.mark.parametrize("name", CLIENT)
def test_a_client_of_wrong_things_is_none(recorder, name: str):
    assert CLIENT.keys() == inspect.signature(lxdnb.Client).parameters.keys()
    for value in CLIENT[name]:
        recorder.forget()
        for kind in (lxdnb.Client, lxdnb.connect) if name in ("project", "timeout") else (lxdnb.Client,):
            with pytest.raises((TypeError, ValueError)) as told:
                kind(**{"endpoint": recorder.endpoint, name: value})
        assert recorder.requests == [], f"{value!r} was taken"
        assert 10 < len(str(told.value)) < 400, told.value


def test_what_is_wrong_in_a_list_of_pieces_leaves_the_file_as_it_was(container, server):
    """A file is emptied before it is written: then it would be too late."""
    container.files.put("/tmp/kept", "kept")
    for data in (["new", 5], ("new", None), [["new"]]):
        with pytest.raises(TypeError, match="bytes or str"):
            container.files.put("/tmp/kept", data)
    assert server.output_of(container.name, "--", "cat", "/tmp/kept") == "kept"


RUNNING: dict[str, dict[str, list[Any]]] = {
    "wait": {"timeout": WRONG["float | None"], "interrupt": ["9", True, 1.5, 0]},
    "join": {"timeout": WRONG["float | None"]},
    "write": {"data": [None, 5, ["x"], {"a": "b"}, object()]},
    "signal": {"number": [None, "9", True, 1.5, 0, -1, [9]]},
    "resize": {"width": [None, "80", True, 1.5, 0, -1], "height": [None, "24", True, 1.5, 0, -1]},
    "close": {},
    "close_stdin": {},
    "kill": {},
}


def test_a_running_command_is_told_nothing_wrong(container, monkeypatch):
    methods = {name for name in dir(Exec) if not name.startswith("_") and callable(getattr(Exec, name))}
    assert methods == RUNNING.keys()
    with container.start_command(["cat"], interactive=True) as running:
        told: list[Any] = []
        monkeypatch.setattr(running._session, "control", told.append)
        monkeypatch.setattr(running._session, "send", told.append)
        for method, parameters in RUNNING.items():
            assert parameters.keys() == inspect.signature(getattr(running, method)).parameters.keys()
            for name, wrong in parameters.items():
                good = {"width": 80, "height": 24} if method == "resize" else {}
                for value in wrong:
                    with pytest.raises((TypeError, ValueError)):
                        getattr(running, method)(**{**good, name: value})
        assert told == []
        assert not running.done
        monkeypatch.undo()


def is_the_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


@pytest.mark.parametrize(("method", "name"), TRIED)
def test_what_is_wrong_is_told_before_anything_is_sent(recorder, asking, method: str, name: str):
    wrong = WRONG[parameters(method)[name]]  # a KeyError: say there what is wrong for it
    taken = TAKEN.get((method, name), [])
    for value in [*wrong, *([] if name in ("data", "stdin_payload") else [object()])]:
        if any(is_the_same(value, each) for each in taken):
            continue
        recorder.forget()
        with pytest.raises((TypeError, ValueError)) as told:
            call(asking, method, **{name: value})
        assert recorder.requests == [], f"{value!r} was sent"
        assert 10 < len(str(told.value)) < 300, told.value
