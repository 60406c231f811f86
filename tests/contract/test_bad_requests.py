"""Requests that nobody means, sent as they are: the same status and words from real servers and from sandboxes.

What is expected was answered by LXD 5.0.2 and Incus 6.0.4; where the two differ, Incus's words stand second.
"""

from __future__ import annotations

import http.client
import json
import socket

import pytest

MISTYPED = "json: cannot unmarshal {} into Go {}"
FIELD = "struct field {} of type {}"
BAD = [
    ("POST", "/1.0/profiles", "", 400, "EOF"),
    ("POST", "/1.0/profiles", "{", 400, "unexpected EOF"),
    ("POST", "/1.0/profiles", "[]", 400, MISTYPED.format("array", "value of type api.ProfilesPost")),
    ("POST", "/1.0/profiles", "nonsense", 400, "invalid character 'o' in literal null (expecting 'u')"),
    ("POST", "/1.0/profiles", "tru", 400, "unexpected EOF"),
    ("POST", "/1.0/profiles", "xyz", 400, "invalid character 'x' looking for beginning of value"),
    ("POST", "/1.0/profiles", {"name": 5}, 400, MISTYPED.format("number", FIELD.format("ProfilesPost.name", "string"))),
    ("POST", "/1.0/profiles", {"name": ""}, 400, "No name provided"),
    ("POST", "/1.0/profiles", {"name": "a/b"}, 400, "Profile names may not contain slashes"),
    ("POST", "/1.0/profiles", {"name": ".."}, 400, 'Invalid profile name ".."'),
    ("POST", "/1.0/profiles", {"name": "p", "config": {"no.such": "1"}}, 400, "Unknown configuration key: no.such"),
    ("POST", "/1.0/networks", {"name": "n", "type": "zz"}, 400, "Unknown driver"),
    ("DELETE", "/1.0/networks/nosuch", "", 404, "Failed loading network: Network not found"),
    ("GET", "/1.0/nosuch", "", 404, "not found"),
    ("POST", "/1.0", {}, 501, "not implemented"),
    ("GET", "/1.0/operations/nosuch", "", 404, "Operation not found"),
    ("DELETE", "/1.0/profiles/nosuch", "", 404, "Profile not found"),
]


def answered(path, method: str, url: str, body) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("bad", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    text = body if isinstance(body, str) else json.dumps(body)
    connection.request(method, url, body=text.encode() or None)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told


@pytest.mark.parametrize(("method", "url", "body", "status", "words"), BAD)
def test_a_bad_request_is_refused_in_the_same_words(daemon, method, url, body, status, words):
    code, told = answered(daemon.socket, method, url, body)
    assert (code, told["type"], told["error_code"], told["error"]) == (status, "error", status, words)
    assert not told.get("metadata")


@pytest.mark.parametrize(
    ("name", "of_lxd", "of_incus"),
    [
        ("a b", "Name can only contain alphanumeric and hyphen characters", None),
        ("12", "Name must not start with a number", "Name cannot be a number"),
    ],
)
def test_a_bad_name_is_refused_in_the_same_words(daemon, flavour, name, of_lxd, of_incus):
    code, told = answered(daemon.socket, "POST", "/1.0/instances", {"name": name, "source": {"type": "none"}})
    words = of_incus if flavour == "incus" and of_incus else of_lxd
    assert (code, told["error"]) == (400, f"Invalid instance name: {words}")
