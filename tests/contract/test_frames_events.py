"""Events as a frame: what the command line did while it was listened to, and what `monitor` says of it."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from lxdnb.streams import Events
from tests.eventually import eventually
from tests.faults.background import begun
from tests.hearing import make, ours
from tests.interrupts import interrupted
from tests.on_sandbox import SANDBOXES

CALLBACK = "lxdnb events callback"


@contextmanager
def meanwhile(does: Callable[[], object], streams: int = 1) -> Iterator[Future]:
    """Do something as soon as so many streams of the block are subscribed."""

    def later() -> None:
        eventually(lambda: ours().count(CALLBACK) == streams)
        does()

    doing = begun(later)
    yield doing
    doing.result(60)
    assert not ours()


def is_made(name: str) -> Callable[[dict], bool]:
    """Whether an event tells of a profile of this name."""
    return lambda event: str(event["metadata"].get("source")).partition("?")[0] == f"/1.0/profiles/{name}"


def rows(frame: pd.DataFrame, *columns: str) -> list[tuple]:
    return list(frame[list(columns)].itertuples(index=False, name=None))


def said(frame: pd.DataFrame) -> dict:
    return json.loads(frame.attrs["lxdnb"])


def test_what_the_command_line_does(client, server):
    def work() -> None:
        server.cli("init", "busybox", "ev-1")
        server.cli("config", "set", "ev-1", "user.role", "web")
        server.cli("start", "ev-1")
        server.cli("stop", "-f", "ev-1")
        server.cli("rename", "ev-1", "ev-2")
        server.cli("delete", "ev-2")
        server.cli("storage", "volume", "create", "default", "data")
        server.cli("storage", "volume", "delete", "default", "data")
        make(server, "end")

    with meanwhile(work):
        found = frames.events(client, 60, types="lifecycle", until=is_made("end"))
    assert rows(found, "action", "kind", "name") == [
        ("instance-created", "instance", "ev-1"),
        ("instance-updated", "instance", "ev-1"),
        ("instance-started", "instance", "ev-1"),
        ("instance-stopped", "instance", "ev-1"),
        ("instance-renamed", "instance", "ev-2"),
        ("instance-deleted", "instance", "ev-2"),
        ("storage-volume-created", "volume", "data"),
        ("storage-volume-deleted", "volume", "data"),
        ("profile-created", "profile", "end"),
    ]
    assert set(found["type"]) == {"lifecycle"}
    assert set(found["project"]) == {"default"}
    assert set(found["location"]) == {"none"}
    assert found["time"].is_monotonic_increasing
    by_action = found.set_index("action")
    assert json.loads(by_action.loc["instance-renamed", "context"]) == {"old_name": "ev-1"}
    assert by_action.loc["storage-volume-created", "pool"] == "default"
    assert rows(by_action.loc[["instance-started"]], "username", "protocol") == [("root", "unix")]
    assert said(found)["words"] == []


def test_events_are_those_that_monitor_shows(client, server):
    program = {"lxd": "lxc", "incus": "incus"}[server.flavour]
    command = [program, "monitor", "--format", "json", "--type", "lifecycle", "--type", "operation"]
    lines: list[str] = []
    environment = os.environ | server.environment
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as monitor:
        reader = threading.Thread(target=lambda: lines.extend(iter(monitor.stdout.readline, "")))
        reader.start()

        def work() -> None:
            marks = 0
            while not lines:  # it says in no other way that it listens
                make(server, f"mark-{marks}")
                marks += 1
            make(server, "begin é%41")
            server.cli("launch", "busybox", "ev-3")
            server.cli("exec", "ev-3", "--", "true")
            server.cli("delete", "-f", "ev-3")
            make(server, "end")

        with meanwhile(work):
            found = frames.events(client, 60, until=is_made("end"))
        eventually(lambda: "/profiles/end" in "".join(lines))
        monitor.terminate()
        reader.join(10)
        monitor.stdout.close()
    shown = [json.loads(line) for line in lines if line.strip()]
    first = found.index[found["name"] == "begin é%41"][0]
    quoted = {"lxd": "begin%2520%25C3%25A9%252541", "incus": "begin%20%C3%A9%2541"}[server.flavour]
    assert found.loc[first, "source"] == f"/1.0/profiles/{quoted}"
    ours = found[first:]
    theirs = [event for event in shown if pd.Timestamp(event["timestamp"]) in set(ours["time"])]
    by_time = sorted(theirs, key=lambda event: pd.Timestamp(event["timestamp"]))
    assert len(by_time) == len(ours) > 10
    for event, (_, row) in zip(by_time, ours.iterrows(), strict=True):
        metadata = event["metadata"]
        assert row["type"] == event["type"]
        if event["type"] == "lifecycle":
            requestor = metadata.get("requestor") or dict.fromkeys(("username", "protocol", "address"))
            told = {"action": metadata["action"], "source": metadata["source"], **requestor}
        else:
            told = {"action": metadata["description"], "status": metadata["status"], "operation": metadata["id"]}
        assert {name: None if pd.isna(row[name]) else row[name] for name in told} == told
    executed = ours[ours["action"] == "Executing command"]
    assert executed["status"].iloc[-1] == "Success"
    assert set(executed["name"]) == {"ev-3"}
    secrets = [
        secret
        for event in shown
        if event["metadata"].get("class") == "websocket"
        for secret in event["metadata"]["metadata"].get("fds", {}).values()
    ]
    assert secrets
    assert not [secret for secret in secrets if secret in found.to_csv()]


def test_an_operation_that_fails(client, server):
    server.cli("init", "busybox", "ev-4")

    def work() -> None:
        work.answer = client.api.instances["ev-4"].snapshots.post(json={"name": "two words"}).json()

    with meanwhile(work):
        found = frames.events(
            client, 60, types=["operation"], until=lambda event: event["metadata"]["status_code"] >= 400
        )
    last = found.iloc[-1]
    operation = work.answer["metadata"]
    assert (last["action"], last["status"], last["name"]) == (operation["description"], "Failure", "ev-4")
    assert last["operation"] == operation["id"]
    assert "two words" in last["message"]


def test_of_one_project_or_of_all(client, server):
    server.cli("project", "create", "lab")

    def work() -> None:
        make(server, "there", "lab")
        make(server, "end")

    with meanwhile(work):
        found = frames.events(client, 60, types="lifecycle", all_projects=True, until=is_made("end"))
    assert rows(found, "project", "name") == [("lab", "there"), ("default", "end")]
    inside = lxdnb.Client(client.endpoint, project="lab")
    with meanwhile(lambda: make(server, "again", "lab")):
        found = frames.events(inside, 60, types="lifecycle", limit=1)
    assert rows(found, "project", "name") == [("lab", "again")]


def test_several_servers(client, server, other_client, other_server):
    heard: list[str] = []

    def is_last(event: dict) -> bool:
        heard.append(event["metadata"]["source"].rpartition("/")[2])
        return is_made("end")(event)

    def work() -> None:
        for where, name in ((server, "one"), (other_server, "two"), (server, "three"), (other_server, "end")):
            make(where, name)
            eventually(lambda name=name: name in heard)  # servers do not wait for each other

    with meanwhile(work, streams=2):
        both = {"here": client, "there": other_client}
        found = frames.events(both, 60, types="lifecycle", until=is_last)
    expected = [("here", "one"), ("there", "two"), ("here", "three"), ("there", "end")]
    assert rows(found, "server", "name") == expected
    assert list(found.columns[:2]) == ["server", "time"]


def test_a_server_that_is_down_stops_nobody(client, server, other_client, other_server):
    other_server.kill()
    try:
        with meanwhile(lambda: make(server, "one")):
            both = {"here": client, "there": other_client}
            found = frames.events(both, 60, types="lifecycle", limit=1)
        assert rows(found, "server", "name") == [("here", "one")]
        assert list(said(found)["failed"]) == ["there"]
        began = time.monotonic()
        nobody = frames.events({"there": other_client}, 60)  # which has not to be waited for
        assert time.monotonic() - began < 30
        assert len(nobody) == 0
        assert "not running" in said(nobody)["failed"]["there"]
        with pytest.raises(lxdnb.ClientConnectionFailed, match="not running"):
            frames.events(other_client)
    finally:
        other_server.restart()


def test_a_server_that_is_lost_and_comes_back(other_client, other_server):
    actions: list[str] = []

    def is_after(event: dict) -> bool:
        actions.append(event["metadata"]["action"])
        return len(actions) == 4

    def work() -> None:
        make(other_server, "before")
        eventually(lambda: actions)  # a server that is killed at once may not have told it yet
        other_server.kill()
        other_server.restart()
        eventually(lambda: "resumed" in actions)
        make(other_server, "after")

    with meanwhile(work):
        found = frames.events(other_client, 60, types="lifecycle", until=is_after)
    assert list(found["type"]) == ["lifecycle", "connection", "connection", "lifecycle"]
    assert list(found["action"]) == ["profile-created", "lost", "resumed", "profile-created"]
    assert list(found["name"].dropna()) == ["before", "after"]
    deaf = json.loads(found.loc[2, "context"])["seconds"]
    assert 0 < deaf < 60
    assert f"nothing was heard for {deaf} s" in found.loc[2, "message"]
    assert said(found)["words"] == []


def test_a_server_that_stays_away(other_client, other_server):
    with meanwhile(other_server.kill):
        found = frames.events(other_client, 60, until=lambda event: event["type"] == "connection")
    try:
        assert found["action"].iloc[-1] == "lost"
        assert said(found)["words"] == ["the server: lost, and not back by the end"]
    finally:
        other_server.restart()


def test_an_interrupt_returns_what_there_is(client, server):
    heard = threading.Event()

    def seen(event: dict) -> bool:
        heard.set()
        return False

    def work() -> None:
        make(server, "one")
        assert heard.wait(30)
        os.kill(os.getpid(), 14)  # SIGALRM: see tests/interrupts.py

    with interrupted(60), meanwhile(work):
        began = time.monotonic()
        found = frames.events(client, None, types="lifecycle", until=seen)
        assert time.monotonic() - began < 30
    assert rows(found, "name") == [("one",)]
    assert [word.partition(" after ")[0] for word in said(found)["words"]] == ["interrupted"]


def test_when_the_time_is_over(client):
    assert len(frames.events(client, 0, types="lifecycle")) == 0
    for seconds in (0.5, 2, 8, 32):  # as long as it takes here to make a profile
        name = f"within-{seconds}".replace(".", "-")
        with meanwhile(lambda: client.profiles.create(name)):  # noqa: B023
            found = frames.events(client, seconds, types="lifecycle")
        if len(found):
            break
    assert rows(found, "name") == [(name,)]
    assert said(found)["words"] == []


def test_the_last_words_of_a_server(client, server_kind, monkeypatch):
    finish, names = Events.finish, [f"late-{number}" for number in range(10)]

    def after_more(stream: Events) -> None:
        for name in names:
            client.profiles.create(name)
        finish(stream)

    monkeypatch.setattr(Events, "finish", after_more)
    found = frames.events(client, 0, types="lifecycle")
    # Real servers give each event to a thread of its own: those of the last moment may be later than the goodbye.
    assert set(found["name"]) <= set(names)
    assert len(found) >= (len(names) if server_kind in SANDBOXES else 1)


def test_no_more_than_the_limit(client, server, monkeypatch):
    def work() -> None:
        for name in ("one", "two", "three"):
            make(server, name)

    with meanwhile(work):
        found = frames.events(client, 60, types="lifecycle", limit=2)
    assert list(found["name"]) == ["one", "two"]
    assert said(found)["words"] == ["listened no longer than for 2 events: more may have happened (limit=)"]
    monkeypatch.setattr(frames._events, "KEPT", 10)
    with meanwhile(lambda: server.cli("init", "busybox", "ev-5")):  # whose context is longer
        found = frames.events(client, 60, types="lifecycle")
    assert list(found["action"]) == ["instance-created"]
    assert "which are large" in said(found)["words"][0]


def test_what_until_raises(client, server):
    with meanwhile(lambda: make(server, "one")), pytest.raises(ZeroDivisionError):
        frames.events(client, 60, types="lifecycle", until=lambda _: 1 / 0)


def test_what_is_refused_before_anything_is_asked(client):
    with pytest.raises(ValueError, match="'lifecicle' is no type of events"):
        frames.events(client, types=["lifecicle"])
    with pytest.raises(ValueError, match="limit is 1 or more"):
        frames.events(client, limit=0)
    with pytest.raises(TypeError, match="until is a function of an event"):
        frames.events(client, until="stopped")
    with pytest.raises(TypeError, match="seconds is a number of seconds"):
        frames.events(client, "30")
    with pytest.raises(lxdnb.NotFound):
        frames.events(lxdnb.Client(client.endpoint, project="nobody"))
    assert not ours()
