"""Chapter 4: events. The manual's client is ws4py's, which lxdnb does without."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

from .examples import run


def until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def actions(messages: list[dict]) -> list[str]:
    return [each["metadata"]["action"] for each in messages if each["type"] == "lifecycle"]


def test_4_events(client, server):
    ws_client = run(
        """
        >>> ws_client = client.events()
        >>> ws_client.connect()
        """,
        client=client,
    )["ws_client"]
    running = threading.Thread(target=run, args=(">>> ws_client.run()",), kwargs={"ws_client": ws_client})
    running.start()
    try:
        server.cli("init", "busybox", "c1")
        server.cli("delete", "c1")
        until(lambda: "instance-deleted" in actions(ws_client.messages))
        assert actions(ws_client.messages) == ["instance-created", "instance-deleted"]
        assert {"lifecycle", "operation"} <= {each["type"] for each in ws_client.messages}
        assert running.is_alive()  # it blocks indefinitely
    finally:
        ws_client.close()
        running.join(30)
    assert not running.is_alive()


def test_4_events_of_a_client_of_ones_own(client, server):
    class Watcher:
        def __init__(self, url: str, ssl_options: dict | None = None) -> None:
            self.url, self.ssl_options = url, ssl_options
            self.seen: list[dict] = []

        def received_message(self, message) -> None:
            self.seen.append(json.loads(message.data))
            if actions(self.seen)[-1:] == ["instance-deleted"]:
                self.close()

    watcher = client.events(websocket_client=Watcher)
    assert type(watcher) is Watcher
    assert (watcher.url, watcher.ssl_options) == (client.websocket_url, None)
    watcher.connect()
    server.cli("init", "busybox", "c1")
    server.cli("delete", "c1")
    watcher.run()
    assert actions(watcher.seen) == ["instance-created", "instance-deleted"]
