"""What a relay carries between two websockets, and when it ends them."""

from __future__ import annotations

import queue
import threading
from typing import Any

import pytest

from lxdnb.models import _relay
from lxdnb.models._relay import Relay
from tests.eventually import eventually


class End:
    """A websocket that brings what a test says; None, and being closed, are its end."""

    def __init__(self) -> None:
        self.says: queue.Queue[Any] = queue.Queue()
        self.heard: list[Any] = []
        self.closed = threading.Event()

    def receive(self) -> bytes | str | None:
        return self.says.get()

    def send(self, data: bytes) -> None:
        if self.closed.is_set():
            raise ConnectionError
        self.heard.append(data)

    send_text = send  # pyright: ignore[reportAssignmentType]

    def say_goodbye(self) -> None:
        self.heard.append("goodbye")

    def close(self) -> None:
        self.closed.set()
        self.says.put(None)


@pytest.fixture
def ends() -> tuple[Relay, End, End]:
    relay, one, other = Relay(), End(), End()
    relay.pair(lambda: one, lambda: other)
    relay.start()
    return relay, one, other


def test_the_last_word_is_heard_before_anything_is_closed(ends, monkeypatch):
    monkeypatch.setattr(_relay, "LINGER", 60)
    _, one, other = ends
    for said in (b"x", "text", None):
        one.says.put(said)
    eventually(lambda: other.heard == [b"x", "text", "goodbye"])
    assert not one.closed.is_set()
    assert not other.closed.is_set()
    for said in (b"answer", None):
        other.says.put(said)
    eventually(lambda: one.closed.is_set() and other.closed.is_set())
    assert one.heard == [b"answer", "goodbye"]


def test_an_end_that_is_dead_is_not_waited_for(ends, monkeypatch):
    monkeypatch.setattr(_relay, "LINGER", 0.05)
    _, one, other = ends
    one.says.put(None)
    eventually(lambda: one.closed.is_set() and other.closed.is_set())


def test_what_cannot_be_sent_ends_both(ends, monkeypatch):
    monkeypatch.setattr(_relay, "LINGER", 0.05)
    _, one, other = ends
    other.closed.set()
    one.says.put(b"x")
    eventually(one.closed.is_set)


def test_close_ends_all_that_was_opened():
    relay, one = Relay(), End()

    def refused() -> End:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        relay.pair(lambda: one, refused)
    relay.close()
    assert one.closed.is_set()
