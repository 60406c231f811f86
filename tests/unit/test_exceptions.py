"""Errors in a person's words, from the answers that servers were seen to give."""

from __future__ import annotations

import json
import pickle

import pytest
import requests

import lxdnb


def answer(status: int, body: object, reason: str = "") -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason = status, reason
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return response


@pytest.mark.parametrize(
    ("response", "code", "text"),
    [
        (answer(404, {"type": "error", "error": "Instance not found", "error_code": 404}), 404, "Instance not found"),
        (answer(200, {"type": "error", "error": "Command not found", "error_code": 400}), 400, "Command not found"),
        (
            answer(200, {"type": "sync", "metadata": {"err": "No root device", "status_code": 400}}),
            200,
            "No root device",
        ),
        (answer(400, b"400 Bad Request: malformed\nmore"), 400, "400 Bad Request: malformed (HTTP 400)"),
        (answer(502, b"", "Bad Gateway"), 502, "the server answered 502 Bad Gateway"),
        (answer(500, b'["a list"]', "Oh"), 500, '["a list"] (HTTP 500)'),
    ],
)
def test_what_the_server_said(response: requests.Response, code: int, text: str):
    error = lxdnb.LXDAPIException(response)
    assert (error.status_code, str(error)) == (code, text)
    assert repr(error) == f"LXDAPIException({text!r})"


def test_errors_survive_pickling_as_other_processes_need():
    response = answer(404, {"type": "error", "error": "gone", "error_code": 404})
    for error in (
        lxdnb.NotFound(response),
        lxdnb.OperationFailed(response, {"err": "boom"}),
        lxdnb.OperationTimeout("abc", 3, {"description": "Starting"}),
        lxdnb.CommandFailed("c1", ["false"], 1),
        lxdnb.LXDAPIExtensionNotAvailable("x", "y"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)


def test_a_wait_that_ran_out_says_how_to_go_on():
    error = lxdnb.OperationTimeout("1b3c", 2.5, {"description": "Starting instance"})
    assert str(error) == (
        "Starting instance was not done within 2.5 s; it goes on: "
        "wait again with client.operations.wait_for_operation('1b3c')"
    )


def test_a_command_that_failed_is_told_on_one_line():
    error = lxdnb.CommandFailed("c1", ["sh", "-c", "first\nsecond"], 3)
    assert str(error) == "sh -c 'first second' in c1 ended with exit code 3"


def test_what_failed_of_several():
    errors = {"a": lxdnb.CommandFailed("a", ["x"], 1), "b": lxdnb.CommandFailed("b", ["x"], 2)}
    error = lxdnb.BulkFailed("start", errors, 3)
    assert str(error).startswith("start failed for 2 of 3: a: x in a ended")
    assert error.errors == errors
