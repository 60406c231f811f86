"""A daemon that is asked to stop: it serves on until its commands have ended, so all of them come to a good end."""

from __future__ import annotations

import threading

import lxdnb
from tests.eventually import eventually
from tests.faults.background import SECONDS, begun
from tests.faults.conftest import BOX

# In a terminal it ends when a line is typed: LXD 5.0 at times loses what is said there just before the end.
COMMAND = ["sh", "-c", "echo begun; sleep 1.5; echo ended; read line; exit 3"]


def test_what_is_under_way_ends_well_and_then_the_server_is_gone(client, server):
    container = client.containers.get(BOX)
    starts = threading.Event()
    request = {"command": ["sleep", "1"], "wait-for-websocket": False, "interactive": False}
    operation = client.operations.from_record(client.api.instances[BOX].exec.post(json=request).json()["metadata"])
    shown: list[bytes] = []
    with client.events(event_types=["lifecycle"]) as events:
        waiting = begun(operation.wait)
        terminal = container.start_command(COMMAND, interactive=True, on_stdout=shown.append)
        command = begun(container.execute, COMMAND, stdout_handler=lambda text: starts.set())
        assert starts.wait(SECONDS)
        stopping = begun(server.stop)
        kept = begun(container.execute, ["sh", "-c", "sleep 0.5; echo kept"])
        assert command.result(SECONDS) == (3, "", "")
        eventually(lambda: b"ended" in b"".join(shown), SECONDS)
        terminal.write("\n")
        assert begun(terminal.wait).result(SECONDS) == 3
        assert b"".join(shown).startswith(b"begun\r\nended\r\n")
        assert waiting.result(SECONDS).status_code == 200
        assert kept.exception(SECONDS) is None or isinstance(kept.exception(), lxdnb.LXDError)
        stopping.result(SECONDS)
        while (event := begun(next, events).result(SECONDS))["type"] != "connection":
            assert event["type"] == "lifecycle"
        assert event["metadata"]["action"] == "lost"
    with_nobody = begun(container.execute, ["true"])
    assert isinstance(with_nobody.exception(SECONDS), lxdnb.ClientConnectionFailed)
