"""A sandbox that goes and comes back, as a server does whose service is restarted."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection, RemoteDisconnected

import pytest

import lxdnb
from lxdnb.sandbox import Sandbox
from tests.eventually import eventually


@pytest.fixture(params=[None, "127.0.0.1:0"])
def sandbox(request) -> Iterator[Sandbox]:
    with Sandbox(http=request.param) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[lxdnb.Client]:
    with closing(lxdnb.Client(sandbox.endpoint)) as made:
        yield made


def running(client: lxdnb.Client):
    source = {"type": "image", "fingerprint": client.images.all()[0].fingerprint}
    made = client.instances.create({"name": "c1", "source": source}, wait=True)
    made.start(wait=True)
    return made


def ask(sandbox: Sandbox, method: str, path: str, body: object = None) -> tuple[int, str]:
    """Return status and error of an answer, each time by another connection."""
    connection = HTTPConnection(sandbox.http_endpoint.removeprefix("http://") if sandbox.http_endpoint else "localhost")
    with closing(connection):
        if sandbox.socket:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(sandbox.socket))
        connection.request(method, path, json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["error"]


def answers(sandbox: Sandbox) -> bool:
    try:
        return ask(sandbox, "GET", "/1.0")[0] == 200
    except OSError:
        return False


def test_it_is_away_until_it_is_started(sandbox, client):
    c1 = running(client)
    told = client.api.instances["c1"].exec.post(json={"command": ["sleep", "1000"]}).json()["metadata"]
    assert told["id"] in {each.id for each in client.operations.all()}
    for kill in (False, True):
        sandbox.stop(kill=kill)
        assert not answers(sandbox)
        assert (sandbox.socket is not None and sandbox.socket.exists()) is (kill and sandbox.socket is not None)
        with pytest.raises(lxdnb.ClientConnectionFailed):
            client.instances.all()
        sandbox.start()
        sandbox.start()  # it is there already
        assert client.operations.all() == []
    assert client.instances.get("c1").status == "Running"
    assert "sleep 1000" in c1.execute(["ps"]).stdout


def test_a_command_lives_on_whose_streams_are_lost(sandbox, client):
    c1 = running(client)
    lost: list[Exception] = []

    def run() -> None:
        try:
            c1.execute(["sh", "-c", "while sleep 0.1; do echo . >>/tmp/dots; done"])
        except lxdnb.LXDError as error:
            lost.append(error)

    caller = threading.Thread(target=run)
    caller.start()
    eventually(lambda: "." in c1.execute(["cat", "/tmp/dots"]).stdout)
    sandbox.restart()
    caller.join(20)
    assert len(lost) == 1
    c1.execute(["rm", "/tmp/dots"])
    eventually(lambda: "." in c1.execute(["cat", "/tmp/dots"]).stdout)


def test_events_are_not_told_again(sandbox, client):
    with client.events(event_types="lifecycle") as events:
        sandbox.stop()
        assert next(events)["metadata"]["action"] == "lost"
        sandbox.host.tell("instance-started", "/1.0/instances/nobody", "default")
        sandbox.start()
        assert next(events)["metadata"]["action"] == "resumed"
        client.profiles.create("p1")
        assert next(events)["metadata"]["action"] == "profile-created"


@pytest.mark.parametrize(
    "begin",
    [
        lambda sandbox: sandbox.restart(0.3),
        lambda sandbox: ask(sandbox, "POST", "/sandbox/restart", {"seconds": 0.3}),
    ],
)
def test_it_comes_back_by_itself(sandbox, begin: Callable[[Sandbox], object]):
    begin(sandbox)
    eventually(lambda: not answers(sandbox))
    eventually(lambda: answers(sandbox))


def test_a_restart_as_a_fault(sandbox):
    rule = {"request": "POST /1.0/profiles", "fault": "restart", "amount": 0.2, "times": 1}
    assert ask(sandbox, "POST", "/sandbox/faults", rule) == (200, "")
    with pytest.raises((RemoteDisconnected, ConnectionError)):
        ask(sandbox, "POST", "/1.0/profiles", {"name": "p1"})
    assert not answers(sandbox)
    eventually(lambda: answers(sandbox))
    assert ask(sandbox, "GET", "/1.0/profiles/p1")[0] == 404
    assert ask(sandbox, "POST", "/1.0/profiles", {"name": "p1"})[0] == 201


@pytest.mark.parametrize("body", [{"seconds": -1}, {"seconds": "1"}, {"seconds": True}, {"seconds": 1e9}, [], "x"])
def test_what_no_restart_is_is_refused(sandbox, body):
    assert ask(sandbox, "POST", "/sandbox/restart", body) == (
        400,
        'a restart is like {"seconds": 2.5}, in which the server is away',
    )


def test_one_that_is_closed_cannot_come_back():
    sandbox = Sandbox()
    sandbox.close()
    for begin in (sandbox.start, sandbox.stop, sandbox.restart):
        with pytest.raises(RuntimeError, match="begin another one"):
            begin()
