"""The events stream: what `lxc` does is heard, and a lost server is admitted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

import lxdnb
from lxdnb import EventType, streams
from tests.eventually import eventually
from tests.hearing import made, make, ours
from tests.on_sandbox import SANDBOXES


@pytest.fixture
def other(server) -> Iterator[str]:
    """A project with profiles of its own."""
    server.cli("project", "create", "other")
    yield "other"
    server.clear()


def test_what_the_command_line_does_is_heard(client, server):
    with client.events(event_types=["lifecycle"]) as events:
        server.cli("init", "busybox", "heard")
        server.cli("start", "heard")
        actions = []
        for event in events:
            assert event["type"] == "lifecycle"
            actions.append((event["metadata"]["action"], event["metadata"]["source"].partition("?")[0]))
            if actions[-1][0] == "instance-started":
                break
    assert ("instance-created", "/1.0/instances/heard") in actions
    assert actions[-1] == ("instance-started", "/1.0/instances/heard")


@pytest.mark.parametrize(
    "types", [EventType.Operation, ["operation"], "operation", None, [], {EventType.All, "logging"}]
)
def test_types(client, server, types):
    with client.events(event_types=types) as events:
        server.cli("init", "busybox", "typed")
        kinds = {next(events)["type"]}
        while "operation" not in kinds:  # the logs of a server may come first
            kinds.add(next(events)["type"])
    if types in (EventType.Operation, ["operation"], "operation"):
        assert kinds == {"operation"}


def test_a_type_that_there_is_not(client):
    with pytest.raises(ValueError, match="'lifecicle' is no type of events: choose from all, operation, logging, life"):
        client.events(event_types=["lifecicle"])
    with pytest.raises(ValueError, match="3 is no type"):
        client.events(event_types=[3])


def test_closing_from_another_thread_ends_the_iteration(client):
    events = client.events(event_types=["lifecycle"])
    events.connect()
    threading.Timer(0.2, events.close).start()
    started = time.monotonic()
    assert list(events) == []
    assert time.monotonic() - started < 5


def test_who_finishes_hears_what_was_said_by_then(client, server_kind):
    events = client.events(event_types=["lifecycle"])
    events.connect()
    made = [f"profile-{number}" for number in range(10)]
    for name in made:
        client.profiles.create(name)
    events.finish()
    heard = [event["metadata"]["source"].rpartition("/")[2] for event in events]  # no notice of a loss among them
    # Real servers give each event to a thread of its own: those of the last moment may be later than the goodbye.
    assert set(heard) <= set(made)
    assert len(heard) >= (len(made) if server_kind in SANDBOXES else 1)


def test_a_lost_server_is_admitted_and_found_again(start_server, server_kind):
    server = start_server(server_kind)
    events = lxdnb.Client(str(server.socket)).events(event_types=["lifecycle"])
    events.connect()
    server.kill()
    lost = next(events)
    assert (lost["type"], lost["metadata"]["action"]) == ("connection", "lost")
    time.sleep(0.5)
    server.restart()
    resumed = next(events)
    assert resumed["metadata"]["action"] == "resumed"
    assert 0.5 < resumed["metadata"]["seconds"] < 30
    server.cli("init", "busybox", "after")
    assert "after" in next(events)["metadata"]["source"]
    events.close()
    server.clear()


def test_closing_while_the_server_is_away(start_server, server_kind):
    server = start_server(server_kind)
    events = lxdnb.Client(str(server.socket)).events(event_types=["lifecycle"])
    events.connect()
    server.kill()
    try:
        assert next(events)["metadata"]["action"] == "lost"
        threading.Timer(0.3, events.close).start()
        assert list(events) == []
    finally:
        server.restart()


def test_no_server_is_an_error_at_once(start_server, server_kind):
    server = start_server(server_kind)
    events = lxdnb.Client(str(server.socket)).events()
    server.kill()
    try:
        with pytest.raises(lxdnb.ClientConnectionFailed, match="not running"):
            events.connect()
    finally:
        server.restart()


def test_a_server_that_falls_silent_is_lost(start_server, server_kind, monkeypatch):
    # As after a laptop's sleep: the connection stands, and nothing comes any more, not even a ping.
    monkeypatch.setattr(streams._events, "SILENCE", 1)
    server = start_server(server_kind)
    events = lxdnb.Client(str(server.socket)).events(event_types=["lifecycle"])
    events.connect()
    os.kill(server.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert next(events)["metadata"]["action"] == "lost"
        assert time.monotonic() - started < 5
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert next(events)["metadata"]["action"] == "resumed"
    events.close()


def test_events_are_as_the_command_line_shows_them(client, server):
    program = {"lxd": "lxc", "incus": "incus"}[server.flavour]
    command = [program, "monitor", "--format", "json", "--type", "lifecycle"]
    environment = os.environ | server.environment
    with (
        client.events(event_types="lifecycle") as events,
        subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as monitor,
    ):
        marks = 0
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(iter(monitor.stdout.readline, "")))
        reader.start()
        while not lines:  # it says in no other way that it listens
            make(server, f"mark-{marks}")
            marks += 1
        make(server, "both")
        while made(following := next(events))[1] != "both":
            pass
        eventually(lambda: "/profiles/both" in "".join(lines))
        monitor.terminate()
        reader.join(10)
        monitor.stdout.close()
    shown = [json.loads(line) for line in lines if line.strip()]
    assert [event for event in shown if event["metadata"]["source"].partition("?")[0].endswith("/both")] == [following]


def test_what_happens_while_nobody_reads_is_kept(start_server, server_kind):
    server = start_server(server_kind)
    with lxdnb.Client(str(server.socket)).events(event_types=["lifecycle"]) as events:
        make(server, "before")
        eventually(lambda: events._listener._events)  # a server that is killed at once may not have told it yet
        server.kill()
        server.restart()
        eventually(lambda: "listening" in repr(events))
        make(server, "after")
        # As in a notebook: only now comes the cell that looks.
        assert made(next(events)) == ("default", "before")
        assert [next(events)["metadata"]["action"] for _ in range(2)] == ["lost", "resumed"]
        assert made(next(events)) == ("default", "after")
    server.clear()


def test_more_than_is_kept_is_admitted(client, server, monkeypatch):
    monkeypatch.setattr(streams._events, "KEPT", 500)
    with client.events(event_types=["lifecycle"]) as events:
        for number in range(30):
            client.api.profiles.post(json={"name": f"p-{number}"})
        assert len(events._listener._events) < 5
        # Nothing is lost as long as the server waits.
        assert [made(next(events))[1] for _ in range(30)] == [f"p-{number}" for number in range(30)]


def test_events_are_of_the_clients_project(client, server, other):
    with (
        lxdnb.Client(str(server.socket), project=other).events(event_types="lifecycle") as own,
        client.events(event_types="lifecycle") as default,
        client.events(event_types="lifecycle", project=other) as named,
        client.events(event_types="lifecycle", all_projects=True) as every,
    ):
        make(server, "a")
        make(server, "b", other)
        make(server, "c")
        assert [made(next(default)) for _ in range(2)] == [("default", "a"), ("default", "c")]
        assert made(next(own)) == made(next(named)) == (other, "b")
        assert [made(next(every)) for _ in range(3)] == [("default", "a"), (other, "b"), ("default", "c")]


def test_all_projects_of_a_client_of_one(server, other):
    with lxdnb.Client(str(server.socket), project=other).events(event_types="lifecycle", all_projects=True) as every:
        make(server, "a")
        assert made(next(every)) == ("default", "a")


def test_a_project_that_there_is_not(client):
    with pytest.raises(lxdnb.NotFound):
        client.events(project="nobody").connect()
    with pytest.raises(lxdnb.NotFound):
        lxdnb.Client(client.endpoint, project="nobody").events().connect()
    with pytest.raises(ValueError, match="not both"):
        client.events(project="default", all_projects=True)
    for none in ("", "..", "a\0b"):
        with pytest.raises(ValueError, match="no name of anything"):
            client.events(project=none)
    with pytest.raises(TypeError):
        client.events(project=7)


def test_a_project_that_goes_while_the_server_is_lost(start_server, server_kind):
    server = start_server(server_kind)
    server.cli("project", "create", "going")
    with lxdnb.Client(str(server.socket)).events(project="going", event_types="lifecycle") as events:
        # As if it were gone before the stream is back.
        events._listener._project = events._listener.params["project"] = "gone"
        server.kill()
        server.restart()
        assert next(events)["metadata"]["action"] == "lost"
        with pytest.raises(lxdnb.NotFound):
            next(events)
    server.clear()


def test_collected_by_run_until_closed(client, server):
    events = client.events(event_types=[EventType.Lifecycle])
    events.connect()
    assert events.messages == []
    running = threading.Thread(target=events.run)
    running.start()
    make(server, "one")
    make(server, "two")
    eventually(lambda: len(events.messages) == 2)
    assert [made(message) for message in events.messages] == [("default", "one"), ("default", "two")]
    events.close()
    running.join(10)
    assert not running.is_alive()
    assert not ours()


def test_given_to_a_callback(client, server):
    seen: list[dict] = []
    with client.events(event_types="lifecycle") as events:
        ended = events.start(seen.append)
        with pytest.raises(RuntimeError, match="a callback already"):
            events.start(print)
        make(server, "one")
        make(server, "two")
        eventually(lambda: len(seen) == 2)
        assert not ended.done()
    assert not ours()
    assert ended.result(0) is None
    assert [made(event)[1] for event in seen] == ["one", "two"]
    with pytest.raises(TypeError, match="a function of an event"):
        client.events().start(None)


def test_a_callback_that_nobody_holds_goes_on_and_may_close(client, server):
    seen: list[dict] = []
    ended = client.events(event_types="lifecycle").start(lambda event: seen.append(event) or stop(seen))

    def stop(seen: list) -> None:
        if len(seen) == 2:
            raise KeyError("enough")

    make(server, "one")
    make(server, "two")
    with pytest.raises(KeyError, match="enough"):
        ended.result(10)
    assert len(seen) == 2
    eventually(lambda: not ours())


def test_a_stream_that_nobody_holds_ends(client):
    client.events().connect()
    eventually(lambda: not ours())


def test_a_stream_is_closed_when_its_callback_is_said_to_have_ended(client, server):
    events = client.events(event_types="lifecycle")
    states: list[str] = []
    events.start(lambda _: 1 / 0).add_done_callback(lambda _: states.append(repr(events)))
    make(server, "one")
    eventually(lambda: states == ["<Events of lifecycle: closed>"])


@pytest.mark.parametrize("wanted", ["type=nonsense", "project=nobody", "all-projects=true&project=default"])
def test_a_stream_that_is_refused_is_told_so_as_any_request_is(client, wanted):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="  # https://www.rfc-editor.org/rfc/rfc6455#section-1.3
    answer = client._transport.request("GET", f"/1.0/events?{wanted}", headers=upgrade)
    assert answer.headers["Content-Type"] == "application/json"
    told = answer.json()
    assert (told["type"], told["error_code"]) == ("error", answer.status_code)
    assert told["error"]
