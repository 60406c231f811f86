"""Waits on operations: a cut connection is none of the operation's concern, and a lost server is told in time."""

from __future__ import annotations

import pytest

import lxdnb
from lxdnb.api import _waits
from tests.faults.background import SECONDS, begun
from tests.faults.conftest import BOX
from tests.faults.proxy import ANSWER, ASKED, HEAD, REQUEST, down

GONE = (lxdnb.ClientConnectionFailed, lxdnb.NotFound)


def sleeping(client: lxdnb.Client, seconds: float | str) -> lxdnb.models.Operation:
    """An operation that takes so long; a mark's is longer than any test."""
    request = {"command": ["sleep", str(seconds)], "wait-for-websocket": False, "interactive": False}
    answer = client.api.instances[BOX].exec.post(json=request).json()
    return client.operations.from_record(answer["metadata"])


@pytest.mark.parametrize("moment", [REQUEST, ASKED, ANSWER, HEAD, down(20)])
def test_a_wait_that_is_cut_goes_on(client, proxy, moment):
    operation = sleeping(client, 0.3)
    fault = proxy.hang_up("/wait", moment)
    assert operation.wait(SECONDS).status_code == 200
    fault.await_strike()


def test_a_wait_that_is_cut_again_and_again_goes_on(client, proxy):
    operation = sleeping(client, 0.3)
    fault = proxy.hang_up("/wait", REQUEST, times=2)
    assert operation.wait().metadata["return"] == 0
    assert fault.times == 0


def test_a_failure_is_told_though_its_answer_was_cut(client, proxy):
    fault = proxy.hang_up("/wait", ANSWER)
    with pytest.raises(lxdnb.OperationFailed, match="instances") as raised:
        client.containers.create({"name": BOX, "source": {"type": "none"}}, wait=True)
    assert raised.value.operation["status"] == "Failure"
    fault.await_strike()


def test_a_change_whose_wait_is_cut_is_made_once(client, proxy, server):
    fault = proxy.reset("/wait", ASKED)
    created = client.containers.create({"name": "cut", "source": {"type": "none"}}, wait=True)
    try:
        assert created.status == "Stopped"
        assert len([line for line in proxy.lines if line.startswith("POST")]) == 1
        fault.await_strike()
    finally:
        server.cli("delete", "cut")


def test_a_silent_server_does_not_hold_a_wait(client, proxy, monkeypatch, mark):
    monkeypatch.setattr(_waits, "WAIT_MARGIN", 1)
    monkeypatch.setattr(_waits, "LOOK_TIMEOUT", 1)
    operation = sleeping(client, mark)
    proxy.stall("/wait", ASKED, times=100)
    with pytest.raises((lxdnb.OperationTimeout, lxdnb.ClientConnectionFailed)):
        begun(operation.wait, 1).result(SECONDS)


def test_a_killed_daemon_ends_the_wait(client, proxy, server, mark):
    operation = sleeping(client, mark)
    waiting = begun(operation.wait)
    proxy.await_request("/wait")
    server.kill()
    assert isinstance(waiting.exception(SECONDS), lxdnb.ClientConnectionFailed)


def test_a_restarted_daemon_knows_the_operation_no_more(client, proxy, server, mark):
    operation = sleeping(client, mark)
    waiting = begun(operation.wait)
    proxy.await_request("/wait")
    server.kill()
    server.restart()
    assert isinstance(waiting.exception(SECONDS), GONE)
    with pytest.raises(lxdnb.NotFound):
        operation.wait()
    assert client.containers.get(BOX).status == "Running"


def test_the_record_of_an_operation_that_ended_is_gone(client, proxy, server):
    ended = sleeping(client, 0)
    assert ended.wait().done
    taken_up = client.operations.get(ended.id)
    unseen = sleeping(client, 0)
    server.kill()
    server.restart()
    assert taken_up.wait().metadata["return"] == 0, "what was seen to end well is not asked for"
    with pytest.raises(lxdnb.NotFound):
        unseen.wait()
    with pytest.raises(lxdnb.NotFound):
        unseen.sync()
    with pytest.raises(lxdnb.NotFound):
        client.operations.wait_for_operation(unseen.id)
