"""Faults of the sandbox, as a client meets them."""

from __future__ import annotations

import contextlib
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
    sandbox.faults.add(Fault("GET /1.0/profiles", "delay", 0.3, times=1))
    begun = time.monotonic()
    client.profiles.all()
    assert time.monotonic() - begun >= 0.3
    assert [*sandbox.faults] == []
    assert len(client.profiles.all()) == 1


def test_an_error_is_answered_in_the_envelope(sandbox, client):
    sandbox.faults.add(Fault("GET /1.0/profiles", "error", 503))
    with pytest.raises(lxdnb.LXDAPIException, match="a fault of the sandbox wants it") as caught:
        client.profiles.all()
    assert caught.value.response.status_code == 503
    sandbox.faults.clear()
    assert len(client.profiles.all()) == 1


@pytest.mark.parametrize("fault", [Fault("GET /1.0/profiles", "malformed"), Fault("GET /1.0/profiles", "cut", 20)])
def test_answers_that_are_not_whole(sandbox, client, fault):
    sandbox.faults.add(fault)
    with pytest.raises(lxdnb.LXDError):
        client.profiles.all()
    assert len(client.images.all()) == 1


def test_an_operation_that_fails_on_its_way(sandbox, client):
    sandbox.faults.add(Fault("POST /1.0/instances", "fail", 40, times=1))
    heard = []
    with pytest.raises(lxdnb.OperationFailed, match="failed at 40%"):
        client.instances.create({"name": "c1", "source": {"type": "image", "alias": "busybox"}}, wait=True)
    assert client.instances.all() == heard


def test_progress_is_told_until_an_operation_fails(sandbox, client):
    sandbox.faults.add(Fault("POST /1.0/instances", "fail", 40, times=1))
    seen = []
    made = client.api.instances.post(json={"name": "c1", "source": {"type": "image", "alias": "busybox"}})
    operation = client.operations.from_record(made.json()["metadata"])
    with pytest.raises(lxdnb.OperationFailed, match="failed at 40%"):
        operation.wait(on_progress=seen.append)
    assert 1 <= len(seen) <= 5
    assert [each.percent for each in seen] == sorted(each.percent for each in seen)
    assert seen[-1].percent == 40
    assert client.operations.all() == [] or all(each.status != "Running" for each in client.operations.all())


@pytest.fixture
def box(client):
    return client.instances.launch("busybox", "c1")


STREAMS = "GET /1.0/operations/.*/websocket"


@pytest.mark.parametrize("messages", [0, 1, 3])
@pytest.mark.parametrize("command", [["yes"], ["sh", "-c", "while :; do echo x; sleep 0.01; done"], ["cat"]])
def test_streams_that_are_dropped_end_the_command_with_one_error_or_its_exit_code(
    sandbox, client, box, command, messages
):
    sandbox.faults.add(Fault(STREAMS, "drop", messages))
    with contextlib.suppress(lxdnb.LXDError):
        ended = box.execute(command, stdin_payload=b"x" * 1_000_000, timeout=20)
        assert ended.exit_code != 0 or command == ["cat"]
    sandbox.faults.clear()
    assert box.execute(["echo", "fine"]).stdout == "fine\n"


def test_a_stream_that_is_refused_is_one_error(sandbox, client, box):
    sandbox.faults.add(Fault(STREAMS, "error", 500, times=1))
    with pytest.raises(lxdnb.LXDError, match="a fault of the sandbox wants it"):
        box.execute(["true"], timeout=20)
    assert box.execute(["echo", "fine"]).stdout == "fine\n"


def test_a_command_whose_operation_fails_is_one_error(sandbox, client, box):
    sandbox.faults.add(Fault("POST .*/exec", "fail", 20, times=1))
    with pytest.raises(lxdnb.LXDError, match="failed at 20%"):
        box.execute(["yes"], timeout=20)
    assert box.execute(["echo", "fine"]).stdout == "fine\n"


@pytest.mark.parametrize(
    "answer", [Fault("GET .*/wait", "cut", 10, times=1), Fault("GET .*/wait", "malformed", times=1)]
)
def test_a_wait_that_is_cut_loses_no_operation(sandbox, client, answer):
    sandbox.faults.add(answer)
    with contextlib.suppress(lxdnb.LXDError):
        client.instances.create({"name": "c1", "source": {"type": "image", "alias": "busybox"}}, wait=True)
    assert [each.name for each in client.instances.all()] == ["c1"]


def test_files_that_are_cut_are_no_files(sandbox, client, box):
    box.files.put("/root/large", b"x" * 1_000_000)
    sandbox.faults.add(Fault("GET /1.0/instances/c1/(files|sftp)", "cut", 1000))
    with pytest.raises(lxdnb.LXDError):
        box.files.get("/root/large")
    with pytest.raises(lxdnb.LXDError):
        client.api.instances["c1"].files.get(params={"path": "/root/large"})
    sandbox.faults.clear()
    assert box.files.get("/root/large") == b"x" * 1_000_000


def test_events_that_are_dropped_are_subscribed_again(sandbox, client):
    sandbox.faults.add(Fault("GET /1.0/events", "drop", 2, times=1))
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
