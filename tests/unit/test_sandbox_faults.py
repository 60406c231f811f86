"""Faults of the sandbox, as a client meets them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

import pytest

import lxdnb
from lxdnb.sandbox import Sandbox
from lxdnb.sandbox.faults import Fault
from tests.watcher import DaemonError, ask


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox):
    client = lxdnb.Client(sandbox.endpoint)
    yield client
    client.close()


def test_a_delay_holds_its_answer_back_and_nobody_elses(sandbox, client):
    sandbox.host.faults.add(Fault("GET /1.0/profiles", "delay", 0.3, times=1))
    begun = time.monotonic()
    client.profiles.all()
    assert time.monotonic() - begun >= 0.3
    assert [*sandbox.host.faults] == []
    assert len(client.profiles.all()) == 1


def test_an_error_is_answered_in_the_envelope(sandbox, client):
    sandbox.host.faults.add(Fault("GET /1.0/profiles", "error", 503))
    with pytest.raises(lxdnb.LXDAPIException, match="a fault of the sandbox wants it") as caught:
        client.profiles.all()
    assert caught.value.response.status_code == 503
    sandbox.host.faults.clear()
    assert len(client.profiles.all()) == 1


@pytest.mark.parametrize("fault", [Fault("GET /1.0/profiles", "malformed"), Fault("GET /1.0/profiles", "cut", 20)])
def test_answers_that_are_not_whole(sandbox, client, fault):
    sandbox.host.faults.add(fault)
    with pytest.raises(lxdnb.LXDError):
        client.profiles.all()
    assert len(client.images.all()) == 1


def test_an_operation_that_fails_on_its_way(sandbox, client):
    sandbox.host.faults.add(Fault("POST /1.0/instances", "fail", 40, times=1))
    heard = []
    with pytest.raises(lxdnb.OperationFailed, match="failed at 40%"):
        client.instances.create({"name": "c1", "source": {"type": "image", "alias": "busybox"}}, wait=True)
    assert client.instances.all() == heard


def test_events_that_are_dropped_are_subscribed_again(sandbox, client):
    sandbox.host.faults.add(Fault("GET /1.0/events", "drop", 2, times=1))
    with client.events(event_types=[lxdnb.EventType.Lifecycle]) as events:
        seen = iter(events)
        for number in range(4):
            client.profiles.create(f"p{number}")
        told = [next(seen)["type"] for _ in range(3)]
    assert told[:2] == ["lifecycle", "lifecycle"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("nonsense", "Expecting value"),
        ("[]", "a fault is like"),
        ('{"request": "GET .*", "fault": "burn"}', "there is no fault 'burn': there are delay, error"),
        ('{"request": "(", "fault": "delay"}', "is no regular expression"),
        ('{"request": "GET .*", "fault": "error", "amount": 200}', "400 to 599"),
        ('{"request": "GET .*", "fault": "delay", "amount": "2"}', "'amount': '2'"),
    ],
)
def test_rules_that_are_none(sandbox, rule, words):
    command = [sys.executable, "-m", "lxdnb.sandbox", "--socket", "/nowhere/unix.socket", "--fault", rule]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert (ran.returncode, words in ran.stderr) == (2, True), ran.stderr
    with pytest.raises(DaemonError, match=re.escape(words)):
        ask(sandbox.socket, "POST", "/sandbox/faults", rule.encode())


def test_rules_are_sent_while_it_runs(sandbox):
    rule = {"request": "GET /1.0/instances", "fault": "delay", "amount": 0.5, "times": 3}
    ask(sandbox.socket, "POST", "/sandbox/faults", json.dumps(rule).encode())
    assert ask(sandbox.socket, "GET", "/sandbox/faults")["metadata"] == [rule]
    ask(sandbox.socket, "DELETE", "/sandbox/faults")
    assert ask(sandbox.socket, "GET", "/sandbox/faults")["metadata"] == []
