"""Background operations: their end is told as the server tells it, and a wait never loses one."""

from __future__ import annotations

import json
import pickle
import subprocess
import time
from types import SimpleNamespace

import pytest

import lxdnb
from lxdnb import api
from lxdnb.api import _waits as waits
from lxdnb.models.operation import Progress
from tests.faults.background import SECONDS, begun
from tests.faults.proxy import ASKED, Proxy

LONG = 600  # seconds: longer than any test, which takes the container away or has the operation end


def sleeping(client, container, seconds: float) -> str:
    """Start an operation that takes so long, and return its URL."""
    request = {"command": ["sleep", str(seconds)], "wait-for-websocket": False, "interactive": False}
    return client.api.instances[container.name].exec.post(json=request).json()["operation"]


def test_waiting_for_success(client, container):
    with container.start_command(["cat"], stdin=subprocess.PIPE) as running:  # which goes on until its input ends
        operation = client.operations.get(running.operation_id)
        assert not operation.done
        running.close_stdin()
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


def test_a_failure_is_remembered_as_a_success_is(client, container):
    operation = client.operations.get(sleeping(client, container, 0))
    operation._record |= {"id": "7f1d8a3e-0000-4000-8000-000000000000", "status_code": 400, "err": "Full"}
    with pytest.raises(lxdnb.OperationFailed, match=r"^Full$") as told:
        operation.wait()  # the server knows none of this name: it has forgotten it, one might say
    assert told.value.operation["err"] == "Full"


@pytest.mark.parametrize("timeout", [0, 0.2, 1.2])
def test_a_wait_that_runs_out_can_be_taken_up_again(client, container, monkeypatch, timeout: float):
    meant: list[float] = []  # seconds that it asks the server to wait, or sleeps: how long these take is the machine's
    request, sleep = client._transport.request, time.sleep

    def asked(method: str, path: str, **options):
        meant.append((options.get("params") or {}).get("timeout", 0))
        return request(method, path, **options)

    def slept(seconds: float) -> None:
        meant.append(seconds)
        sleep(seconds)

    with container.start_command(["cat"], stdin=subprocess.PIPE) as running:
        with monkeypatch.context() as noted:
            noted.setattr(client._transport, "request", asked)
            noted.setattr(waits, "time", SimpleNamespace(monotonic=time.monotonic, sleep=slept))
            started = time.monotonic()
            with pytest.raises(lxdnb.OperationTimeout) as raised:
                client.operations.wait_for_operation(running.operation_id, timeout=timeout)
            assert time.monotonic() - started >= timeout
        assert sum(meant) <= timeout + waits.PAUSE
        assert isinstance(raised.value, TimeoutError)
        assert raised.value.operation_id == running.operation_id
        running.close_stdin()
        assert client.operations.wait_for_operation(raised.value.operation_id).status_code == 200


def test_a_short_wait_ends_with_the_operation(client, container, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(waits.time, "sleep", slept.append)
    url = client.api.instances.post(json={"name": "short", "source": {"type": "none"}}).json()["operation"]
    client.operations.wait_for_operation(url)
    assert client.operations.wait_for_operation(url, timeout=0.9).status_code == 200
    assert slept == []


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


def test_a_daemon_that_dies_ends_the_wait(start_server, server_kind, monkeypatch, tmp_path):
    monkeypatch.setattr(waits, "LOOK_AGAIN", 1)  # second in which it would have to be back
    server = start_server(server_kind)
    client = lxdnb.Client(str(server.socket))
    container = client.containers.launch("busybox", "waiting")
    url = sleeping(client, container, LONG)
    with Proxy(server.socket, tmp_path) as proxy:
        through = lxdnb.Client(proxy.endpoint)
        waiting = begun(through.operations.wait_for_operation, url)
        proxy.await_request("/wait")
        server.kill()
        try:
            assert isinstance(waiting.exception(SECONDS), lxdnb.ClientConnectionFailed)
        finally:
            server.restart()
            server.clear()
            through.close()


def test_the_list_is_as_the_command_line_has_it(client, server, container):
    url = sleeping(client, container, LONG)
    shown = {record["id"]: record for record in json.loads(server.cli("operation", "list", "--format", "json"))}
    listed = {operation.id: operation for operation in client.operations.all()}
    operation = listed[api.operation_id(url)]
    record = shown[operation.id]
    for name in ("class", "description", "created_at", "status", "resources", "may_cancel"):
        assert getattr(operation, name) == record[name], name
    assert operation.progress is None
    server.cli("delete", "--force", container.name)


def test_operations_of_other_projects(client, server):
    server.cli("project", "create", "other", "-c", "features.profiles=false", "-c", "features.images=false")
    server.cli("launch", "busybox", "there", "--project", "other")
    other = lxdnb.Client(str(server.socket), project="other")
    url = sleeping(other, other.containers.get("there"), LONG)

    def ids(of: lxdnb.Client, **options: bool) -> set[str]:
        return {operation.id for operation in of.operations.all(**options)}

    identifier = api.operation_id(url)
    assert identifier in ids(other)
    assert identifier not in ids(client)
    if client.has_api_extension("operations_get_query_all_projects"):
        assert identifier in ids(client, all_projects=True)
    else:
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable):
            client.operations.all(all_projects=True)
    # As servers give the URL of an operation in another project.
    with pytest.raises(lxdnb.OperationTimeout):
        other.operations.wait_for_operation(f"{url}?project=other", timeout=0)
    server.clear()


def test_one_that_can_be_cancelled(client):
    client.certificates.create_token("cancelled")
    tokens = [operation for operation in client.operations.all() if getattr(operation, "class") == "token"]
    (token,) = (each for each in tokens if each.metadata["request"]["name"] == "cancelled")
    assert token.may_cancel
    waiting = begun(token.wait)
    token.cancel()
    error = waiting.exception(SECONDS)
    assert isinstance(error, lxdnb.OperationCancelled)
    assert error.operation["status"] == "Cancelled"
    assert pickle.loads(pickle.dumps(error)).operation == error.operation


def test_one_that_cannot_be_cancelled(client, container, server):
    operation = client.operations.get(sleeping(client, container, LONG))
    assert not operation.may_cancel
    with pytest.raises(lxdnb.LXDAPIException, match="can't be cancelled"):
        operation.cancel()
    operation.sync()
    assert operation.status == "Running"
    server.cli("delete", "--force", container.name)


def test_how_far_it_has_come(client, container):
    container.execute(["dd", "if=/dev/urandom", "of=/root/large", "bs=1M", "count=80"])
    container.stop(wait=True)
    body = {"source": {"type": "instance", "name": container.name}}
    packing = client.operations.from_record(client.api.images.post(json=body).json()["metadata"])
    seen: list[Progress] = []
    packing.wait(on_progress=seen.append)
    assert seen
    for progress in seen:
        assert progress.stage == "create_image_from_container_pack"
        assert 0 <= progress.percent <= 100
        assert f"{progress.percent:.0f}%" in progress.text
    assert [progress.percent for progress in seen] == sorted(progress.percent for progress in seen)
    client.api.images[packing.metadata["fingerprint"]].delete()


def test_a_connection_that_is_cut_is_no_end_of_a_wait(client, container, server, tmp_path):
    with Proxy(server.socket, tmp_path) as proxy:
        through = lxdnb.Client(proxy.endpoint)
        fault = proxy.hang_up("/wait", ASKED, times=2)
        operation = through.operations.wait_for_operation(sleeping(through, container, 0.5))
        assert (operation.status, operation.metadata["return"]) == ("Success", 0)
        fault.await_strike()
        through.close()


def test_a_server_that_is_not_found_again_in_time_ends_a_wait(client, container, server, tmp_path, monkeypatch):
    monkeypatch.setattr(waits, "LOOK_AGAIN", 0.3)
    with Proxy(server.socket, tmp_path) as proxy:
        through = lxdnb.Client(proxy.endpoint)
        waiting = begun(through.operations.wait_for_operation, sleeping(through, container, LONG))
        proxy.await_request("/wait")
        proxy.refuse()
        proxy.sever()
        assert isinstance(waiting.exception(SECONDS), lxdnb.ClientConnectionFailed)
        through.close()
    server.cli("delete", "--force", container.name)
