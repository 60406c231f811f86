"""The events stream: what `lxc` does is heard, and a lost server is admitted."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

import lxdnb
from lxdnb import EventType, streams


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


def test_a_lost_server_is_admitted_and_found_again(start_server, flavour):
    server = start_server(flavour)
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


def test_closing_while_the_server_is_away(start_server, flavour):
    server = start_server(flavour)
    events = lxdnb.Client(str(server.socket)).events(event_types=["lifecycle"])
    events.connect()
    server.kill()
    try:
        assert next(events)["metadata"]["action"] == "lost"
        threading.Timer(0.3, events.close).start()
        assert list(events) == []
    finally:
        server.restart()


def test_no_server_is_an_error_at_once(start_server, flavour):
    server = start_server(flavour)
    events = lxdnb.Client(str(server.socket)).events()
    server.kill()
    try:
        with pytest.raises(lxdnb.ClientConnectionFailed, match="not running"):
            events.connect()
    finally:
        server.restart()


def test_a_server_that_falls_silent_is_lost(start_server, flavour, monkeypatch):
    # As after a laptop's sleep: the connection stands, and nothing comes any more, not even a ping.
    monkeypatch.setattr(streams._events, "SILENCE", 1)
    server = start_server(flavour)
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
