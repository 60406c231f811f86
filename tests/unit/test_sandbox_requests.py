"""The sandbox's reading of requests: bodies with the words of real servers for what is wrong, filters, and paths.

What is expected was answered by LXD 5.0.2 and Incus 6.0.4.
"""

from __future__ import annotations

import json
from functools import partial

import pytest

from lxdnb.sandbox.beginning import first_host
from lxdnb.sandbox.bodies import CONFIG, DEVICES, read
from lxdnb.sandbox.filters import matcher
from lxdnb.sandbox.instances import Instance
from lxdnb.sandbox.inventory import _getter
from lxdnb.sandbox.replies import Refused, Request, Sync
from lxdnb.sandbox.routes import take

FIELDS = {"name": "string", "config": CONFIG, "devices": DEVICES, "ephemeral": "bool", "profiles": ["string"]}


def refusal(call, *arguments) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        call(*arguments)
    return caught.value.code, caught.value.words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "EOF"),
        (b'{"config":', "unexpected EOF"),
        (b'{"name":"a', "unexpected EOF"),
        (
            b'{"config":{"limits.cpu":2}}',
            "json: cannot unmarshal number into Go struct field ProfilePut.config of type string",
        ),
        (b'{"name":true}', "json: cannot unmarshal bool into Go struct field ProfilePut.name of type string"),
        (b'{"ephemeral":1}', "json: cannot unmarshal number into Go struct field ProfilePut.ephemeral of type bool"),
        (
            b'{"profiles":"a"}',
            "json: cannot unmarshal string into Go struct field ProfilePut.profiles of type []string",
        ),
        (b"[]", "json: cannot unmarshal array into Go value of type api.ProfilePut"),
    ],
)
def test_bodies_that_are_none(body, words):
    assert refusal(read, body, "ProfilePut", FIELDS) == (400, words)


@pytest.mark.parametrize("body", [b"\xff", b"nonsense", b"[" * 100_000, b'{"a":}'])
def test_rubbish_is_a_400(body):
    assert refusal(read, body, "ProfilePut", FIELDS)[0] == 400


def test_bodies_are_read_as_go_reads_them():
    body = {"NAME": "a", "config": None, "unknown": [1], "devices": {"root": {"path": "/"}}}
    assert read(json.dumps(body).encode(), "ProfilePut", FIELDS) == {"name": "a", "devices": {"root": {"path": "/"}}}
    halves = rb'{"name": "a\ud800b\udc00\ud83d\ude00\\ud800\ud800\u0041"}'
    assert read(halves, "ProfilePut", FIELDS)["name"] == "a\ufffdb\ufffd\U0001f600\\ud800\ufffdA"
    assert read(b"null", "ProfilePut", FIELDS) == read(b" {} {", "ProfilePut", FIELDS) == {}


UNPARSED = "Failed to parse value: "


@pytest.mark.parametrize(
    ("text", "of_lxd", "of_incus"),
    [
        ("status eq Running", True, True),
        ("status ne Running", False, False),
        ("not status eq Stopped", True, True),
        ("name eq b00.*", True, True),
        ("name eq b00", False, False),
        ("config.user.role eq db and status eq Stopped", False, False),
        ("config.user.role eq db or status eq Stopped", True, True),
        ("config.user.none eq x", False, False),
        ("config.user.none ne x", True, True),
        ("ephemeral eq false", False, True),
        ("ephemeral eq zz", False, UNPARSED + 'strconv.ParseBool: parsing "zz": invalid syntax'),
        ("profiles eq default", False, UNPARSED + "invalid character 'd' looking for beginning of value"),
        ("status_code eq 102", False, 'Unsupported filter type "int" for field "status_code"'),
        ("foo eq x", False, 'Invalid type "invalid" for field "foo"'),
        ("foo ne x", True, 'Invalid type "invalid" for field "foo"'),
        ("devices.root.pool eq default", False, 'Invalid type "invalid" for field "devices.root.pool"'),
        ("name xx b00", True, "Unsupported operation"),
    ],
)
def test_filters(text, of_lxd, of_incus):
    host = first_host("lxd")
    thing = Instance("B00-web", "default", "container", 0.0, 0)
    thing.status, thing.config = "Running", {"user.role": "db"}
    getter = partial(_getter, host)
    assert matcher(text, False, getter)(thing) == of_lxd
    if isinstance(of_incus, bool):
        assert matcher(text, True, getter)(thing) == of_incus
    else:
        assert refusal(matcher(text, True, getter), thing) == (500, of_incus)


def test_a_filter_that_takes_for_ever_holds_nobody_up():
    matches = matcher("name eq (a|aa)+b", False, lambda field: lambda thing: thing)
    assert matches("aab")
    assert refusal(matches, "a" * 200) == (500, "(a|aa)+b takes longer than the simulated server's 0.1 s")
    assert not matcher("name eq ((((a{100}){100}){100}){100})", False, lambda field: lambda thing: thing)("a" * 9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("foo", "clause has no operator"),
        ("foo eq", "clause has no value"),
        ("foo eq x and", "unterminated compound clause"),
        ("foo eq x xx y", "invalid clause composition"),
        ("not", "incomplete not clause"),
    ],
)
def test_filters_that_are_none(text, words):
    assert refusal(matcher, text, False, lambda field: None) == (500, f"Invalid filter: {words}")
    assert refusal(matcher, text, True, lambda field: None) == (400, f"Invalid filter: {words}")


def test_paths():
    host = first_host("lxd")
    assert take(host, Request("GET", "/")) == Sync(["/1.0"])
    assert refusal(take, host, Request("GET", "/1.0/nosuch")) == (404, "not found")
    assert refusal(take, host, Request("GET", "/2.0")) == (404, "not found")
    assert refusal(take, host, Request("POST", "/1.0/instances/c1/state")) == (501, "not implemented")
    take(host, Request("POST", "/1.0/profiles", body=b'{"name":"a b?#%"}'))
    assert take(host, Request("GET", "/1.0/profiles/a%20b%3F%23%25")).metadata["name"] == "a b?#%"


def test_an_etag_that_does_not_match_changes_nothing():
    host = first_host("lxd")
    put = {"headers": {"if-match": '"nonsense"'}, "body": b'{"description":"new"}'}
    code, words = refusal(take, host, Request("PUT", "/1.0/profiles/default", **put))
    assert (code, words.partition(":")[0]) == (412, "ETag doesn't match")
    seen = take(host, Request("GET", "/1.0/profiles/default"))
    assert seen.metadata["description"] == "Default LXD profile"
    put["headers"] = {"if-match": f'"{seen.etag}"'}
    take(host, Request("PUT", "/1.0/profiles/default", **put))
    assert take(host, Request("GET", "/1.0/profiles/default")).metadata["description"] == "new"
