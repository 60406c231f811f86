"""Events as a frame, when the server or the way to it is lost: the frame says so, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests.eventually import eventually
from tests.faults.background import SECONDS, begun
from tests.faults.conftest import BOX
from tests.faults.proxy import REQUEST, TURNED_AWAY, down
from tests.hearing import ours
from tests.interrupts import interrupted


class Actions(list[str]):
    """What is heard, as it is heard, while something is done about it."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __call__(self, event: dict) -> bool:
        self.append(event["metadata"]["action"])
        return len(self) >= self._most

    def await_one(self, action: str) -> None:
        eventually(lambda: self[-1:] == [action], SECONDS, otherwise=lambda: str(self))

    def meanwhile(self, does: Callable[[], object]) -> Future:
        """Do something once the events are listened to."""

        def later() -> None:
            eventually(lambda: "lxdnb events callback" in ours())
            does()

        return begun(later)


def mark(server, word: str) -> None:
    server.cli("config", "set", BOX, "user.mark", word)


def words(frame: pd.DataFrame) -> list[str]:
    return json.loads(frame.attrs["lxdnb"])["words"]


@pytest.mark.parametrize("how", ["hang up", "reset"])
def test_a_cut_is_told_between_what_came_before_and_after(client, proxy, server, how: str):
    actions = Actions(4)

    def work() -> None:
        mark(server, f"before {how}")
        actions.await_one("instance-updated")
        assert proxy.sever("/events", how) == 1
        actions.await_one("resumed")
        mark(server, f"after {how}")

    working = actions.meanwhile(work)
    found = frames.events(client, SECONDS, types="lifecycle", until=actions)
    working.result(SECONDS)
    assert list(found["action"]) == ["instance-updated", "lost", "resumed", "instance-updated"]
    assert list(found["name"].dropna()) == [BOX, BOX]
    assert words(found) == []


def test_a_daemon_that_is_killed_and_comes_back(client, proxy, server):
    actions = Actions(3)

    def work() -> None:
        server.kill()
        actions.await_one("lost")
        proxy.await_request(TURNED_AWAY, 2)  # it is looked for while it is away, more than once
        server.restart()
        actions.await_one("resumed")
        mark(server, "killed")

    working = actions.meanwhile(work)
    found = frames.events(client, 3 * SECONDS, types="lifecycle", until=actions)
    working.result(SECONDS)
    assert list(found["type"]) == ["connection", "connection", "lifecycle"]
    assert list(found["action"]) == ["lost", "resumed", "instance-updated"]
    assert 0 < json.loads(found.loc[1, "context"])["seconds"] < SECONDS


def test_an_interrupt_while_the_server_is_away(client, proxy):
    actions = Actions(9)

    def work() -> None:
        proxy.refuse()
        proxy.sever("/events")
        actions.await_one("lost")
        os.kill(os.getpid(), signal.SIGALRM)

    try:
        with interrupted(3 * SECONDS):
            working = actions.meanwhile(work)
            found = frames.events(client, None, types="lifecycle", until=actions)
        working.result(SECONDS)
    finally:
        proxy.accept()
    assert list(found["action"]) == ["lost"]
    assert [word.partition(" after ")[0] for word in words(found)] == [
        "interrupted",
        "the server: lost, and not back by the end",
    ]


def test_a_server_that_says_nothing_more_is_not_waited_for(client, proxy):
    proxy.stall("/events", down())
    began = time.monotonic()
    found = frames.events(client, 0.1, types="lifecycle")
    assert time.monotonic() - began < SECONDS
    assert len(found) == 0


def test_a_subscription_that_is_cut(client, proxy, server):
    proxy.hang_up("/events", REQUEST)
    with pytest.raises(lxdnb.ClientConnectionFailed):
        frames.events(client, SECONDS)
    proxy.hang_up("/events", REQUEST)
    direct = lxdnb.Client(str(server.socket))
    actions = Actions(1)
    working = actions.meanwhile(lambda: mark(server, "cut"))
    found = frames.events({"proxy": client, "direct": direct}, SECONDS, types="lifecycle", until=actions)
    working.result(SECONDS)
    direct.close()
    assert list(found["server"]) == ["direct"]
    assert list(json.loads(found.attrs["lxdnb"])["failed"]) == ["proxy"]


def test_a_client_that_is_not_let_in_again(client, proxy, server):
    server.cli("project", "create", "going")
    inside = lxdnb.Client(proxy.endpoint, project="going")
    proxy.forget()
    actions = Actions(9)

    def work() -> None:
        server.cli("project", "delete", "going")
        proxy.sever("/events")

    working = actions.meanwhile(work)
    found = frames.events(inside, 3 * SECONDS, types="lifecycle", until=actions)
    working.result(SECONDS)
    inside.close()
    assert list(found["action"])[-1] == "lost"
    said = json.loads(found.attrs["lxdnb"])
    assert "going" in said["failed"]["the server"] or "not found" in said["failed"]["the server"]
