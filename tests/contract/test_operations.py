"""Background operations: their end is told as the server tells it, and a wait never loses one."""

from __future__ import annotations

import threading
import time

import pytest

import lxdnb
from lxdnb.api import _waits as waits


def sleeping(client, container, seconds: float) -> str:
    """Start an operation that takes so long, and return its URL."""
    request = {"command": ["sleep", str(seconds)], "wait-for-websocket": False, "interactive": False}
    return client.api.instances[container.name].exec.post(json=request).json()["operation"]


def test_waiting_for_success(client, container):
    operation = client.operations.get(sleeping(client, container, 0.2))
    assert not operation.done
    assert operation.wait() is operation
    assert (operation.status, operation.status_code, operation.done) == ("Success", 200, True)
    assert operation.metadata["return"] == 0
    # The server forgets it after 5 s; we do not.
    assert operation.wait().status == "Success"


def test_a_url_with_a_query_is_an_operation_too(client, container):
    # As clustered servers give it.
    url = sleeping(client, container, 0.1) + "?project=default"
    assert client.operations.wait_for_operation(url).status_code == 200


def test_failure_is_told_in_the_servers_words(client, container):
    with pytest.raises(lxdnb.OperationFailed) as raised:
        client.containers.create({"name": container.name, "source": {"type": "none"}}, wait=True)
    assert "instances" in str(raised.value)
    assert raised.value.operation["status"] == "Failure"
    assert raised.value.operation["err"] == str(raised.value)
    assert isinstance(raised.value, lxdnb.LXDAPIException)


@pytest.mark.parametrize("timeout", [0, 0.2, 1.2])
def test_a_wait_that_runs_out_can_be_taken_up_again(client, container, timeout: float):
    url = sleeping(client, container, timeout + 1)
    started = time.monotonic()
    with pytest.raises(lxdnb.OperationTimeout) as raised:
        client.operations.wait_for_operation(url, timeout=timeout)
    assert timeout <= time.monotonic() - started < timeout + 0.9
    assert isinstance(raised.value, TimeoutError)
    assert raised.value.operation_id in url
    assert client.operations.wait_for_operation(raised.value.operation_id).status_code == 200


def test_a_wait_longer_than_one_request(client, container, monkeypatch):
    monkeypatch.setattr(waits, "WAIT_SLICE", 1)
    assert client.operations.wait_for_operation(sleeping(client, container, 2.5), timeout=20).status_code == 200


def test_an_operation_that_there_is_not(client):
    nobody = "7f1d8a3e-0000-4000-8000-000000000000"
    with pytest.raises(lxdnb.NotFound):
        client.operations.get(nobody)
    with pytest.raises(lxdnb.NotFound):
        client.operations.wait_for_operation(nobody)
    with pytest.raises(ValueError, match="names no operation"):
        client.operations.get("c1")


def test_no_secret_of_a_command_is_kept(client, container):
    with pytest.raises(lxdnb.OperationFailed) as raised:
        container.execute(["no-such-program"])
    assert "fds" not in raised.value.operation["metadata"]
    assert raised.value.operation["metadata"]["return"] == 127


def test_a_daemon_that_dies_ends_the_wait(start_server, flavour):
    server = start_server(flavour)
    client = lxdnb.Client(str(server.socket))
    container = client.containers.launch("busybox", "waiting")
    url = sleeping(client, container, 20)
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            client.operations.wait_for_operation(url)
        except lxdnb.LXDError as error:
            ended.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.3)
    server.kill()
    try:
        waiter.join(20)
        assert not waiter.is_alive()
        assert isinstance(ended[0], lxdnb.ClientConnectionFailed)
    finally:
        server.restart()
        server.clear()
