"""The events stream: it says when it was lost and when it hears again, and hears what comes after."""

from __future__ import annotations

import threading

import pytest

import lxdnb
from lxdnb.streams import _events
from tests.faults.background import SECONDS, begun
from tests.faults.conftest import BOX
from tests.faults.proxy import ANSWER, ASKED, HEAD, REQUEST, TURNED_AWAY, down


@pytest.fixture
def events(client):
    with client.events(event_types=["lifecycle"]) as events:
        yield events


def following(events) -> dict:
    """The next event, within a bound."""
    return begun(next, events).result(SECONDS)


def notice(events) -> str:
    event = following(events)
    assert event["type"] == "connection", event
    return event["metadata"]["action"]


def is_heard(events, server, mark: str) -> None:
    """What happens from now on is heard, once, and nothing that is made up comes before it."""
    server.cli("config", "set", BOX, "user.mark", mark)
    event = following(events)
    assert (event["type"], event["metadata"]["action"]) == ("lifecycle", "instance-updated")
    assert event["metadata"]["source"].partition("?")[0] == f"/1.0/instances/{BOX}"


@pytest.mark.parametrize("how", ["hang up", "reset"])
def test_a_cut_is_told_and_mended(events, proxy, server, how: str):
    assert proxy.sever("/events", how) == 1
    assert [notice(events), notice(events)] == ["lost", "resumed"]
    is_heard(events, server, how)


@pytest.mark.parametrize("after", [1, 40])
def test_an_event_that_is_cut_in_two_is_none(client, proxy, server, after: int):
    proxy.hang_up("/events", down(after))
    with client.events(event_types=["lifecycle"]) as events:
        server.cli("config", "set", BOX, "user.mark", f"cut {after}")
        assert [notice(events), notice(events)] == ["lost", "resumed"]
        is_heard(events, server, f"whole {after}")


@pytest.mark.parametrize("moment", [REQUEST, ASKED, ANSWER, HEAD])
def test_a_subscription_that_is_cut_is_an_error_at_first_and_tried_again_later(client, proxy, server, moment):
    proxy.hang_up("/events", moment)
    with pytest.raises(lxdnb.ClientConnectionFailed):
        client.events().connect()
    with client.events(event_types=["lifecycle"]) as events:
        again = proxy.hang_up("/events", moment, times=2)
        proxy.sever("/events")
        assert [notice(events), notice(events)] == ["lost", "resumed"]
        assert again.times == 0
        is_heard(events, server, str(moment))


def test_a_daemon_that_is_killed_and_comes_back(events, proxy, server):
    server.kill()
    assert notice(events) == "lost"
    returns = begun(next, events)
    proxy.await_request(TURNED_AWAY, 2)  # it is looked for while it is away, more than once
    server.restart()
    resumed = returns.result(SECONDS)
    assert resumed["metadata"]["action"] == "resumed"
    assert 0 < resumed["metadata"]["seconds"] < SECONDS
    is_heard(events, server, "killed")


def test_a_daemon_that_is_stopped_and_comes_back(events, server):
    server.stop()
    assert notice(events) == "lost"
    server.restart()
    assert notice(events) == "resumed"
    is_heard(events, server, "stopped")


def test_a_stream_that_falls_silent_is_lost(client, proxy, server, monkeypatch):
    patient = _events.SILENCE
    monkeypatch.setattr(_events, "SILENCE", 0.5)
    proxy.stall("/events", down())
    with client.events(event_types=["lifecycle"]) as events:
        proxy.refuse()  # until it is patient again, else a slow server is lost again
        assert notice(events) == "lost"
        monkeypatch.setattr(_events, "SILENCE", patient)
        proxy.accept()
        assert notice(events) == "resumed"
        is_heard(events, server, "silent")


def test_a_handshake_that_nobody_answers(server, proxy):
    client = lxdnb.Client(proxy.endpoint, timeout=0.5)
    proxy.stall("/events", ANSWER)
    with pytest.raises(lxdnb.ClientConnectionFailed, match="no answer in time"):
        client.events().connect()
    client.close()


def test_closing_while_the_server_is_away(events, proxy):
    proxy.refuse()
    proxy.sever("/events")
    assert notice(events) == "lost"
    rest = begun(list, events)
    events.close()
    assert rest.result(SECONDS) == []
    proxy.accept()


def test_closing_while_nothing_moves(client, proxy):
    fault = proxy.stall("/events", down())
    events = client.events()
    events.connect()
    fault.await_strike()
    rest = begun(list, events)
    events.close()
    assert rest.result(SECONDS) == []


def test_a_callback_hears_of_the_loss_too(client, proxy, server):
    heard: list[str] = []
    came = threading.Semaphore(0)

    def note(event: dict) -> None:
        heard.append(event["metadata"]["action"])
        came.release()

    with client.events(event_types=["lifecycle"]) as events:
        ended = events.start(note)
        proxy.sever("/events")
        for _ in range(2):
            assert came.acquire(timeout=SECONDS)
        server.cli("config", "set", BOX, "user.mark", "called")
        assert came.acquire(timeout=SECONDS)
    assert ended.result(SECONDS) is None
    assert heard == ["lost", "resumed", "instance-updated"]
