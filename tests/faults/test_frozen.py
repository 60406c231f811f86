"""A server that is there and says nothing more, as after a laptop's sleep: all that is under way ends with an error."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

import lxdnb
from lxdnb.api import _waits
from lxdnb.streams import _events
from tests.faults import host
from tests.faults.background import SECONDS, begun
from tests.faults.conftest import BOX


@pytest.fixture
def impatient(server, counted, monkeypatch) -> Iterator[lxdnb.Client]:
    """A client that waits for seconds where others wait for minutes."""
    for name, seconds in {"WAIT_SLICE": 1, "WAIT_MARGIN": 1, "LOOK_AGAIN": 1, "LOOK_TIMEOUT": 1}.items():
        monkeypatch.setattr(_waits, name, seconds)
    monkeypatch.setattr(_events, "SILENCE", 1)
    client = lxdnb.Client(str(server.socket), timeout=(2, 1))
    yield client
    client.close()


def test_what_is_under_way_when_the_server_falls_silent(impatient, server, tmp_path, mark):
    container = impatient.containers.get(BOX)
    request = {"command": ["sleep", mark], "wait-for-websocket": False, "interactive": False}
    operation = impatient.operations.from_record(
        impatient.api.instances[BOX].exec.post(json=request).json()["metadata"]
    )
    all_flow = threading.Barrier(5)  # four that have begun to flow, and the test

    def once() -> Callable[[object], None]:
        """Return a function that waits, the first time, for the others."""
        first = iter([True])

        def seen(_: object) -> None:
            if next(first, False):
                all_flow.wait(SECONDS)

        return seen

    def endless(seen: Callable[[object], None]) -> Iterator[bytes]:
        while True:
            yield b"x" * 32_768
            seen(None)

    with impatient.events(event_types=["lifecycle"]) as events:
        calls = {
            "a wait": begun(operation.wait),
            "a pipe before its first byte": begun(container.execute, ["sleep", mark]),
            "a pipe": begun(container.execute, host.chatter(mark), stdout_handler=once()),
            "an input": begun(container.execute, ["sh", "-c", "cat >/dev/null", mark], stdin_payload=endless(once())),
            "a terminal": begun(container.start_command(host.chatter(mark), interactive=True, on_stdout=once()).wait),
            "a file": begun(container.files.put, "/tmp/endless", endless(once())),
        }
        all_flow.wait(SECONDS)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            for what, call in calls.items():
                assert isinstance(call.exception(SECONDS), lxdnb.ClientConnectionFailed), what
            while (event := begun(next, events).result(SECONDS))["type"] != "connection":
                pass
            assert event["metadata"]["action"] == "lost"
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert begun(next, events).result(SECONDS)["metadata"]["action"] == "resumed"
    assert container.execute(["rm", "/tmp/endless"]).exit_code == 0
