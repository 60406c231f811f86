"""Waiting for an operation of which a server cannot tell: what it says instead is no word of how that ended."""

from __future__ import annotations

import json
from typing import Any, Self

import pytest
import requests

import lxdnb
from lxdnb.api import _waits

LOST = "Missing event connection with target cluster member"


class Node:
    """`operations[ID]`, with the answers that a server gave in turn: HTTP's code, the body's, its text."""

    def __init__(self, *answers: tuple[int, int, str]) -> None:
        self.answers = list(answers)
        self.operations = {"an-id": self}
        self.wait: Self = self

    def ask(self, **_: Any) -> requests.Response:
        status, code, text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        response = requests.Response()
        response.status_code = status
        response._content = json.dumps({"type": "error", "error_code": code, "error": text}).encode()
        return response


@pytest.mark.parametrize("answer", [(500, 500, 'Get "https://…/wait?timeout=30": EOF'), (200, 500, "unexpected EOF")])
def test_a_lost_member_of_a_cluster_is_no_failure_of_the_operation(answer, monkeypatch):
    monkeypatch.setattr(_waits, "LOOK_AGAIN", 0)
    with pytest.raises(lxdnb.ClientConnectionFailed, match=LOST):
        _waits.wait_for_operation(Node(answer, (500, 500, LOST)), "an-id")


def test_what_is_said_of_an_operation_that_is_forgotten_is_its_failure():
    with pytest.raises(lxdnb.OperationFailed, match="Command not found"):
        _waits.wait_for_operation(Node((200, 400, "Command not found"), (404, 404, "Operation not found")), "an-id")
