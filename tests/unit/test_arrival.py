"""The end of a journey between two servers, each of which says what a test has it say, or says nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

import lxdnb
from lxdnb.models import Operation, _arrival
from lxdnb.models._offer import Journey
from lxdnb.models._relay import Relay
from lxdnb.transport import refusal
from tests.eventually import eventually
from tests.recorder import Recorder


@pytest.fixture
def recorder(tmp_path) -> Iterator[Recorder]:
    with Recorder(tmp_path) as recorder:
        yield recorder


@pytest.fixture
def client(recorder: Recorder) -> Iterator[lxdnb.Client]:
    client = lxdnb.Client(recorder.endpoint)
    yield client
    client.close()


class Talk(Operation):
    """An operation whose server says something when it is waited for."""

    def _wait(self, *_: Any, call: Any) -> Any:
        self.call = call
        return self.say(self)


def talk(client: lxdnb.Client, say: Callable[[Talk], Any]) -> Talk:
    made = Talk.from_record(client, {"id": str(uuid4()), "status_code": 103})
    made.say = say
    return made


def failing(words: str, code: int = 400, after: float = 0) -> Callable[[Talk], Any]:
    def say(_: Talk) -> None:
        time.sleep(after)
        response = refusal(code, words)
        raise lxdnb.NotFound(response) if code == 404 else lxdnb.LXDAPIException(response)

    return say


def silent(operation: Talk) -> None:
    eventually(lambda: operation.call.hung_up)
    failing("hung up")(operation)


class SlowRelay(Relay):
    """A relay that takes its time to end."""

    closed = False

    def close(self) -> None:
        time.sleep(0.1)
        self.closed = True


def arrived(taking: Talk, giving: Talk, relay: Relay | None = None) -> None:
    _arrival.arrived(taking, Journey(refusal(200, ""), giving, relay))


def test_what_the_taking_one_says_goes_first(client):
    taking, giving = talk(client, failing("no room", after=0.2)), talk(client, failing("the other end is gone"))
    with pytest.raises(lxdnb.LXDAPIException, match="no room") as told:
        arrived(taking, giving)
    assert told.value.__notes__ == ["and the server that gives it says: the other end is gone"]


def test_who_says_nothing_is_cancelled_and_no_more_waited_for(client, recorder, monkeypatch):
    monkeypatch.setattr(_arrival, "LATER", 0.1)
    taking, giving = talk(client, silent), talk(client, failing("the other end is gone"))
    recorder.forget()
    with pytest.raises(lxdnb.LXDAPIException, match="the other end is gone") as told:
        arrived(taking, giving, relay := SlowRelay())
    assert not hasattr(told.value, "__notes__")  # of what this side ended there is nothing to say
    assert relay.closed
    assert [request.line for request in recorder.requests] == [f"DELETE /1.0/operations/{taking.id}"]
    assert taking.call.hung_up


def test_an_interrupt_cancels_the_giving_one_first(client, recorder, monkeypatch):
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_arrival, "wait", interrupted)
    taking, giving = talk(client, silent), talk(client, silent)
    recorder.forget()
    with pytest.raises(KeyboardInterrupt):
        arrived(taking, giving)
    asked = [request.line.rpartition("/")[2] for request in recorder.requests]
    assert asked == [giving.id, taking.id]


def test_who_has_forgotten_it_was_started_anew(client):
    with pytest.raises(lxdnb.ClientConnectionFailed, match="started anew"):
        arrived(talk(client, failing("not found", 404)), talk(client, lambda _: None))
