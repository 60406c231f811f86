"""Secrets go, and nothing else does."""

from __future__ import annotations

import json
import pickle

import pytest
import requests

import lxdnb
from lxdnb import redact

STREAMS = {"id": "1b3c", "metadata": {"fds": {"0": "5f1d", "control": "9a2e"}, "interactive": False}}
MIGRATION = {"id": "1b3c", "metadata": {"control": "5f1d", "fs": "9a2e"}}
OFFER = {"source": {"type": "migration", "secrets": {"control": "5f1d"}, "operation": "https://a"}}


@pytest.mark.parametrize(
    ("record", "left"),
    [
        (STREAMS, {"id": "1b3c", "metadata": {"interactive": False}}),
        (MIGRATION, {"id": "1b3c", "metadata": {"control": "…", "fs": "…"}}),
        (OFFER, {"source": {"type": "migration", "operation": "https://a"}}),
        (
            {"type": "client", "password": "5f1d", "trust_token": "9a2e"},
            {"type": "client", "password": "…", "trust_token": "…"},
        ),
        ({"name": "admin", "secret-key": "5f1d"}, {"name": "admin", "secret-key": "…"}),
        ({"err": "run: a --secret 5f1d", "error": ""}, {"err": "run: a --secret …", "error": ""}),
        ({"password": "", "token": True}, {"password": "", "token": True}),
        # Things that are only called so: a device, a pool's driver, a profile.
        ({"devices": {"secret": {"type": "disk"}, "fs": {"type": "disk"}}}, None),
        ({"config": {"user.secret": "mine"}, "fs_progress": "c1: 3MB", "name": "secret"}, None),
        ([{"class": "task"}, 1, None], None),
    ],
)
def test_a_record(record, left):
    before = json.dumps(record)
    assert redact.record(record) == (record if left is None else left)
    assert json.dumps(record) == before


def test_addresses():
    assert redact.text("wss://a/1.0/b?secret=5f1d&project=x") == "wss://a/1.0/b?secret=…&project=x"
    assert redact.text("wss://a/1.0/b?project=x&secret=5f1d refused") == "wss://a/1.0/b?project=x&secret=… refused"
    assert redact.text("/1.0/b?secrets=none") == "/1.0/b?secrets=none"
    assert redact.text("run: a --secret 5f1d --b: 1") == "run: a --secret … --b: 1"
    assert redact.text("run: a --secret-key=5f1d") == "run: a --secret-key=…"


def test_an_answer_that_goes_into_an_error():
    response = requests.Response()
    response.status_code, response.url = 400, "https://a/1.0/b?secret=5f1d"
    response._content = json.dumps({"type": "error", "error": "Oh", "metadata": STREAMS}).encode()
    response.request = requests.Request("POST", response.url, json={"password": "9a2e"}).prepare()
    sent = response.request
    error = lxdnb.LXDAPIException(response)
    for kept in (error, pickle.loads(pickle.dumps(error))):
        shown = repr(vars(kept.response)) + repr(vars(kept.response.request)) + kept.response.text
        assert "5f1d" not in shown
        assert "9a2e" not in shown
        assert kept.response.json()["error"] == str(kept) == "Oh"
        assert kept.response.request.method == "POST"
    assert b"9a2e" in sent.body, "what was sent is somebody else's to keep"
