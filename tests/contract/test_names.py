"""Names, keys and paths, whatever they hold: one segment, field or value of the request that was meant, or refused.

What a plain word becomes on the wire says what is meant; a hostile text has to stand in the same places, and nothing
else may differ. That servers understand by it what they should is then tried on real ones.
"""

from __future__ import annotations

import functools
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import HealthCheck, example, given, settings

import lxdnb
from lxdnb.exceptions import LXDError
from lxdnb.models import Container, Profile
from tests.calls import CALLS, EXTENSIONS, PLACES, call, parameters
from tests.calls.basis import WORD, Place, cannot_be_said, no_name
from tests.recorder import Recorder, Request
from tests.wire import hostile, read

# In which no text reaches a server's address or body, or only as a time, or as bytes of a file or of an input.
ELSEWHERE = {
    "expires_at",
    "data",
    "image_data",
    "metadata",
    "to",
    "src",
    "local_path",
    "stdin_payload",
    "stdin",
    "stdin_encoding",
    "encoding",
    "cert_data",
    "protocol",
}
# Texts of these are no part of what is asked: a kind out of four, octal digits, a number.
CHOSEN = {"action", "event_types", "mode", "uid", "gid", "timeout", "record"}


def _texts() -> Iterator[Any]:
    for method, how in sorted(CALLS.items()):
        for name, annotation in parameters(method).items():
            if name in ELSEWHERE | CHOSEN or not re.search("str|Any|Path", annotation) or "Callable" in annotation:
                continue
            if not how.sends and method != "Client.events":
                continue
            if method == "Client.authenticate":
                continue  # a trusted client sends none
            for number, place in enumerate(PLACES.get(f"{method}({name})") or PLACES[name]):  # a KeyError: say there
                yield pytest.param(method, name, place, id=f"{method}({name}){number or ''}")


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with Recorder(tmp_path_factory.mktemp("recorder"), EXTENSIONS) as recorder:
        yield recorder


@pytest.fixture(scope="module")
def asking(recorder: Recorder) -> Iterator[lxdnb.Client]:
    client = lxdnb.Client(recorder.endpoint)
    yield client
    client.close()


def sent(recorder: Recorder, client: lxdnb.Client, method: str, **changed: Any) -> list[Request]:
    """What a call asks for. Raises what it refuses; what comes of the recorder's answers is nothing to us."""
    recorder.forget()
    local = {"FilesManager.get": {"to": io.BytesIO()}}
    try:
        made = call(client, method, **{**local.get(method, {}), **changed})
        if method == "Client.events":
            made.connect()
    except (LXDError, KeyError, OSError) as error:
        if isinstance(error, LXDError) and isinstance(error, ValueError):
            raise
    return recorder.requests


@pytest.fixture(scope="module")
def plain(recorder: Recorder, asking: lxdnb.Client) -> Callable[[str, str, Place], list[Request]]:
    """A function to what a call with a plain word asks for, which it makes once."""
    return functools.cache(lambda method, name, place: sent(recorder, asking, method, **{name: place.given(WORD)}))


MADE_UP = re.compile("export-[0-9a-f]{12}")  # the name of a backup that is made for one export


def understood(request: Request, put: str, text: str) -> Any:
    """What a server makes of a request; `put` is replaced by `text` in it."""
    method, path, query = read(request.line)
    if "snapshots" in path[:-1] and "volumes" not in path:  # an instance's, whose name servers unquote once more
        place = path.index("snapshots") + 1
        path[place] = unquote(path[place], errors="surrogateescape")
    path = ["export" if MADE_UP.fullmatch(each) else each for each in path]
    head: dict[str, Any] = {name: value for name, value in request.head if name != "content-length"}
    assert len(head) >= len(request.head) - 1, "a field comes twice"
    for name, value in head.items():
        if name.startswith("x-lxd-"):
            told = value.encode("latin-1").decode("utf-8", "surrogateescape")
            fields = name in ("x-lxd-properties", "x-lxd-profiles")
            head[name] = [[*pair] for pair in parse_qsl(told, keep_blank_values=True)] if fields else told
    body: Any = request.body.decode("utf-8", "surrogateescape")
    if head.get("content-type") == "application/json":
        body = json.loads(body)
        if isinstance(body.get("config"), dict):
            body["config"].pop("volatile.uuid", None)  # made up for each launch
        if MADE_UP.fullmatch(str(body.get("name"))):
            body["name"] = "export"
    head.pop("sec-websocket-key", None)  # made up for each
    return _replaced([method, path, query, head, body], put, text)


def _replaced(value: Any, put: str, text: str) -> Any:
    if isinstance(value, str):
        return value.replace(put, text)
    if isinstance(value, dict):
        return {_replaced(key, put, text): _replaced(inner, put, text) for key, inner in value.items()}
    return [_replaced(inner, put, text) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("method", "name", "place"), list(_texts()))
@settings(derandomize=True, max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(text=hostile())
@example("..")
@example(".")
@example("")
@example("a/../../profiles/default")
@example("%2E%2E%2f%00x%41")
@example("x?project=other&target=n2#y")
@example("x HTTP/1.1\r\nHost: y\r\n\r\nDELETE /1.0/instances/c1 HTTP/1.1")
@example("a\0b")
@example("\ud800")
@example("ü\u202e\U0001f600 +&=;%")
@example("ab12/?x")
@example("x" * 65536)
def test_only_what_was_named_is_asked_for(recorder, asking, plain, method: str, name: str, place: Place, text: str):
    meant = plain(method, name, place)
    assert meant, "a plain word is not refused"
    # Of what an operation's URL has around its id nothing is sent.
    assert name == "operation_id" or any(WORD in str(understood(each, WORD, WORD)) for each in meant)
    found, refusal = [], ""
    try:
        found = sent(recorder, asking, method, **{name: place.given(text)})
    except ValueError as error:
        refusal = str(error)
    if not found:
        assert place.refused(text), f"refused for no reason: {refusal}"
        assert recorder.requests == []
        assert len(refusal) < 400
    else:
        assert not place.refused(text), "it was sent"
        assert [understood(each, WORD, WORD) for each in found] == [understood(each, WORD, text) for each in meant]


@settings(derandomize=True, max_examples=40)
@given(text=hostile())
@example("x?target=n2")
@example("default\0")
def test_every_request_of_a_clients_project_says_it(recorder, text: str):
    recorder.forget()
    if no_name(text):
        with pytest.raises(ValueError, match=r"project|no name"):
            lxdnb.Client(recorder.endpoint, project=text)
        assert recorder.requests == []
        return
    client = lxdnb.Client(recorder.endpoint, project=text)
    recorder.forget()
    client.instances.all()  # of which there are none: is the project there?
    client.profiles.create("p1")
    client.instances.create({"name": "c1", "source": {"type": "none"}}, target="n2")
    assert [request.asked.query.get("project") for request in recorder.requests] == [text] * 4
    client.close()


@settings(derandomize=True, max_examples=40)
@given(key=hostile(), value=hostile())
@example("user.x\0y", "1")
@example("limits.memory=1", "\udcff")
def test_a_changed_key_is_the_one_that_is_saved(recorder, asking, key: str, value: str):
    recorder.forget()
    profile = Profile._from_record(asking, {"name": "p1", "config": {}, "devices": {}})
    profile.config[key] = value
    if cannot_be_said(key) or cannot_be_said(value):
        with pytest.raises(ValueError, match=r"NUL|half a character"):
            profile.save()
        assert recorder.requests == []
        return
    profile.save()
    (put,) = [request for request in recorder.requests if request.line.startswith("PUT")]
    assert put.json["config"] == {key: value}


# --- what real servers understand -----------------------------------------------------------------------------------

LEGAL = [
    "a?b",
    "a#b",
    "a%2Fb",
    "x%41",
    "xA",
    "ü",
    "u\u0308",
    "a b",
    "a+b",
    "a&b=c",
    "a;b",
    "a\\b",
    "%",
    "*",
    "~",
    "a\nb",
    "<b>",
]
ILLEGAL = ["", ".", "..", "a/b", "../default", "a\0b", "\ud800", "\0", "x" * 65536, "ü" * 65536]


def profiles(server) -> dict[str, str]:
    return {each["name"]: each["description"] for each in server.query("/1.0/profiles?recursion=1")}


def test_a_profile_of_any_legal_name_is_told_from_all_others(client, server):
    for name in LEGAL:
        client.profiles.create(name, description=f"it is {name}")
    there = profiles(server)
    assert there == {"default": there["default"]} | {name: f"it is {name}" for name in LEGAL}
    for name in LEGAL:
        profile = client.profiles.get(name)
        assert (profile.name, profile.description) == (name, f"it is {name}")
        profile.description = "changed"
        profile.save(wait=True)
        profile.rename(f"{name}%2e")
        del there[name]
        there[f"{name}%2e"] = "changed"
        assert profiles(server) == there
        assert not client.profiles.exists(name)
        client.profiles.get(f"{name}%2e").delete()
        del there[f"{name}%2e"]
        assert profiles(server) == there


def test_an_alias_of_any_legal_name_leads_to_its_image(client, server):
    (image,) = client.images.all()
    names = [*LEGAL, "a/b", "../x", "ü/x", "a/../b"]
    for name in names:
        client.api.images.aliases.post(json={"name": name, "target": image.fingerprint})
    try:
        kept = {alias["name"] for alias in server.query("/1.0/images/aliases?recursion=1")}
        assert kept >= set(names)
        for name in names:
            assert client.images.get_by_alias(name) == image
            client.api.images.aliases[name].delete()
            kept.remove(name)
            assert {alias["name"] for alias in server.query("/1.0/images/aliases?recursion=1")} == kept
    finally:
        for alias in server.query("/1.0/images/aliases?recursion=1"):
            if alias["name"] in names:
                client.api.images.aliases[alias["name"]].delete()


def state_of(server) -> list[Any]:
    """All that could be lost."""
    paths = ("profiles", "instances", "images", "instances/c1/snapshots", "instances/c2/snapshots", "images/aliases")
    return [server.query(f"/1.0/{path}?recursion=1") for path in paths]


@pytest.fixture
def c1(client) -> Container:
    for name in ("c1", "c2"):
        client.containers.create({"name": name, "source": {"type": "none"}}, wait=True).snapshots.create("s", wait=True)
    return client.containers.get("c1")


def test_an_illegal_name_is_one_clear_error_and_touches_nothing(client, server, c1):
    profile, snapshot = client.profiles.create("mine"), c1.snapshots.get("s")
    before = state_of(server)
    for name in ILLEGAL:
        for ask in (
            lambda name: client.profiles.create(name),
            lambda name: client.profiles.get(name).delete(),
            lambda name: profile.rename(name),
            lambda name: client.containers.create({"name": name, "source": {"type": "none"}}, wait=True),
            lambda name: client.instances.get(name).delete(wait=True),
            lambda name: c1.rename(name, wait=True),
            lambda name: Container(client, name=name).delete(wait=True),
            lambda name: c1.snapshots.create(name, wait=True),
            lambda name: c1.snapshots.get(name).delete(wait=True),
            lambda name: snapshot.rename(name, wait=True),
            lambda name: c1.restore_snapshot(name, wait=True),
        ):
            with pytest.raises((ValueError, lxdnb.LXDAPIException)) as told:
                ask(name)
            assert not isinstance(told.value, lxdnb.ClientConnectionFailed)
            assert 10 < len(str(told.value)) < 400
    for name in ("", ".", "..", "a\0b", "\ud800"):  # of an alias the others are legal
        with pytest.raises(ValueError, match=r"no name|NUL|half a character"):
            c1.publish(wait=True, aliases=[name])
    assert state_of(server) == before
    assert (profile.name, c1.name, snapshot.name) == ("mine", "c1", "s")


def test_a_snapshot_of_another_instance_is_not_put_into_this_one(client, server, c1):
    before = state_of(server)
    for name in ("c2/s", "../c2/s", "c1/s"):
        with pytest.raises(ValueError, match="no name of a snapshot"):
            c1.restore_snapshot(name, wait=True)
    assert state_of(server) == before


def test_a_pattern_is_no_fingerprint(client, server, c1):
    """Servers look for what begins as it does, by a pattern: `%` would be any image."""
    before = state_of(server)
    for pattern in ("%", "_", "______", "%a", "aliases", "", ".."):
        for manager in (client.images, client.certificates):
            with pytest.raises(ValueError, match=r"no fingerprint|no name"):
                manager.get(pattern).delete()
        if pattern:
            source = {"type": "image", "fingerprint": pattern}
            with pytest.raises(ValueError, match=r"no fingerprint|no name"):
                client.containers.create({"name": "c3", "source": source}, wait=True)
    assert state_of(server) == before


def test_what_follows_a_nul_would_be_lost_and_is_not_sent(client, server):
    """`user.x\\0y` is `user.x` for both servers, and an empty value at that."""
    profile = client.profiles.create("mine", config={"user.x": "kept"})
    for change in ({"user.x\0y": "lost"}, {"user.y": "a\0b"}, {"user.y": "a\udcffb"}):
        profile.config.update(change)
        with pytest.raises(ValueError, match=r"NUL|half a character"):
            profile.save()
        profile.rollback()
    with pytest.raises(ValueError, match="NUL"):
        client.profiles.create("other", description="a\0b")
    assert server.query("/1.0/profiles/mine")["config"] == {"user.x": "kept"}
    assert sorted(profiles(server)) == ["default", "mine"]


def test_a_project_is_never_taken_for_the_default_one(client, server):
    for name in ("default\0", "", ".."):
        with pytest.raises(ValueError, match=r"no name|NUL"):
            lxdnb.Client(str(server.socket), project=name)
    for name in ("a?b", "x%41", "ü", "a&project=default", "a\nb"):
        client.api.projects.post(json={"name": name})
        try:
            other = lxdnb.Client(str(server.socket), project=name)
            other.profiles.create("mine")
            assert [profile.name for profile in client.profiles.all()] == ["default"]
            assert sorted(profile.name for profile in other.profiles.all()) == ["default", "mine"]
            other.profiles.get("mine").delete()
            other.close()
        finally:
            client.api.projects[name].delete()
