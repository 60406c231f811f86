"""The panels, on real servers: what they show of a command and of events, where it is kept, and what is left after."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import threading
import time
from typing import Any

import nbclient
import nbformat
import pytest

import lxdnb
from lxdnb.models import Container
from lxdnb.widgets import EventsPanel, ExecPanel
from lxdnb.widgets._panel import Refresher
from lxdnb.widgets.events import row
from tests.daemons import Daemon
from tests.eventually import eventually

WIDGET = "application/vnd.jupyter.widget-view+json"
SCRIPT = r"i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; done; printf '<b>\t$x$ \342\202\254'"


def ours() -> list[str]:
    """The threads of panels and of what they show; that of a sandbox is there as long as the process."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("lxdnb") and name != "lxdnb sandbox"]


def execute(*cells: str) -> list[list[Any]]:
    """Run cells in a kernel as nbconvert and papermill do, and return the outputs of each."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbclient.NotebookClient(notebook, timeout=60).execute()
    return [cell.outputs for cell in notebook.cells]


def printed(outputs: list[Any]) -> str:
    """What a cell printed; a slow kernel sends that in pieces."""
    return "".join(output.text for output in outputs if output.output_type == "stream")


def beginning(container: Container) -> str:
    return (
        "import time, lxdnb\n"
        "from lxdnb.widgets import EventsPanel, ExecPanel\n"
        f"lx = lxdnb.Client({container.client.endpoint!r})\n"
        f"c = lx.containers.get({container.name!r})\n"
    )


# --- commands --------------------------------------------------------------------------------------------


def test_shows_the_end_of_what_the_command_line_client_gives(server: Daemon, container: Container):
    panel = ExecPanel(container, ["sh", "-c", SCRIPT])
    assert panel.wait() == panel.exit_code == 0
    printed = server.output_of(container.name, "--", "sh", "-c", SCRIPT)
    assert panel.text.split("\n") == printed.split("\n")[-1001:]
    assert "… 1,000 earlier lines are not shown" in str(panel)
    assert "exit code 0" in repr(panel)


def test_standard_error_and_the_exit_code(container: Container):
    panel = ExecPanel(container, ["sh", "-c", "echo out; echo bad >&2; exit 3"])
    assert panel.wait() == 3
    body = panel._render().body
    assert sorted(panel.text.split("\n")) == ["bad", "out"]
    assert ">bad</span>" in body
    assert ">out</span>" not in body
    assert "exit code 3" in str(panel)


def test_takes_what_start_command_takes(container: Container):
    panel = ExecPanel(
        container,
        ["sh", "-c", "echo $WHO; pwd; id -u; cat"],
        environment={"WHO": "me"},
        cwd="/tmp",
        user=7,
        stdin=b"in",
    )
    panel.wait()
    assert panel.text == "me\n/tmp\n7\nin"


def test_what_cannot_run_says_why(container: Container):
    panel = ExecPanel(container, ["nosuchcommand"])
    with pytest.raises(lxdnb.LXDAPIException) as caught:
        panel.wait()
    assert panel.exit_code is None
    assert str(caught.value) in str(panel)


def test_a_stopped_instance_is_refused_at_once(container: Container):
    container.stop(wait=True)
    with pytest.raises(lxdnb.LXDAPIException):
        ExecPanel(container, ["true"])


def test_waiting_can_run_out_and_a_signal_ends_it(container: Container):
    panel = ExecPanel(container, ["sleep", "600"])
    with pytest.raises(lxdnb.OperationTimeout):
        panel.wait(0.2)
    assert "running since" in str(panel)
    panel.signal()
    assert panel.wait(10) == 143


def test_stop_asks_and_at_the_second_click_kills(container: Container):
    panel = ExecPanel(container, ["sh", "-c", "trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done"])
    eventually(lambda: panel.text == "ready")
    (button,) = panel._tools()
    button.click()
    eventually(lambda: panel.text == "ready\nasked")
    assert button.description == "Kill"
    button.click()
    assert panel.wait(10) == 137
    button.close()


def test_nothing_is_left_of_a_command(container: Container):
    ExecPanel(container, ["echo", "hello"]).wait()
    eventually(lambda: not ours())


# --- events ----------------------------------------------------------------------------------------------


def test_shows_what_others_do(server: Daemon, client: lxdnb.Client, container: Container):
    with EventsPanel(client) as panel:
        server.cli("stop", "--force", container.name)
        server.cli("start", container.name)
        eventually(lambda: "instance-started" in str(panel))
        line = next(line for line in str(panel).split("\n") if "instance-started" in line)
        assert line.split() == [line[:8], "instance-started", f"instances/{container.name}"]
        assert abs(time.mktime(time.strptime(time.strftime("%F ") + line[:8], "%Y-%m-%d %H:%M:%S")) - time.time()) < 60
        assert {"instance-stopped", "instance-started"} <= {event["metadata"]["action"] for event in panel.events}
    assert "closed at" in str(panel)


def test_operations_too(server: Daemon, client: lxdnb.Client, container: Container):
    with EventsPanel(client, types=("operation",)) as panel:
        server.cli("restart", "--force", container.name)
        eventually(lambda: "Success" in str(panel))
        assert f"  instances/{container.name}" in str(panel)


def test_keeps_the_last_and_counts_the_others(client: lxdnb.Client, container: Container):
    with EventsPanel(client, lines=3) as panel:
        for _ in range(5):
            container.execute(["true"])
        eventually(lambda: "… 2 earlier events are not shown" in str(panel))
        assert len(panel.events) == 3


def test_says_when_it_was_deaf(server: Daemon, client: lxdnb.Client):
    with EventsPanel(client) as panel:
        server.kill()
        try:
            eventually(lambda: "connection lost" in str(panel))
            assert "connection lost" in repr(panel)
        finally:
            server.restart()
        eventually(lambda: "what happened meanwhile is not shown" in str(panel))
        assert "listening" in repr(panel)
        assert [event["metadata"]["action"] for event in panel.events][:2] == ["lost", "resumed"]


def test_raises_when_it_cannot_subscribe(client: lxdnb.Client):
    with pytest.raises(ValueError, match="nonsense"):
        EventsPanel(client, types=["nonsense"])
    assert not ours()


def test_ends_when_closed(client: lxdnb.Client):
    panel = EventsPanel(client)
    assert sorted(ours()) == ["lxdnb events", "lxdnb events panel"]
    panel.close()
    eventually(lambda: not ours())
    panel.close()
    assert "closed at" in repr(panel)


def test_ends_when_forgotten(client: lxdnb.Client):
    panel = EventsPanel(client)
    assert sorted(ours()) == ["lxdnb events", "lxdnb events panel"]
    del panel
    gc.collect()
    eventually(lambda: not ours())


# --- where it is kept ------------------------------------------------------------------------------------


def test_an_executed_notebook_holds_the_end_of_each_panel_where_it_was_displayed(container: Container):
    late = 'ExecPanel(c, ["sh", "-c", "echo early; sleep 1; echo late"])'
    shown, waited, unwaited, _, same = execute(
        beginning(container) + f"panel = {late}; panel",
        "panel.wait()",
        f"{late}",
        "while 'exit code' not in repr(_): time.sleep(0.02)",  # it is saved in this cell or at the end of the next
        f"panel = {late}; display(panel); panel.wait()",
    )
    for outputs in (shown, unwaited, same[:1]):
        (output,) = outputs
        assert re.search(r"exit code 0 after \d+\.\d s\]\nearly\nlate$", output.data["text/plain"])
        assert "early\nlate</pre>" in output.data["text/html"]
        assert WIDGET not in output.data, "nothing is live any more, so that no viewer should look for a widget"
    assert [output.data["text/plain"] for output in (*waited, same[1])] == ["0", "0"]


def test_an_executed_notebook_holds_what_is_still_going_on(container: Container):
    events, command, _ = execute(
        beginning(container) + "events = EventsPanel(lx); events",
        'panel = ExecPanel(c, ["sh", "-c", "echo early; sleep 600"]); panel',
        "while 'instance-exec' not in str(events) or 'early' not in panel.text: time.sleep(0.02)",
    )
    assert list(events[0].data) == list(command[0].data)
    assert set(events[0].data) == {WIDGET, "text/html", "text/plain"}
    assert f"instance-exec  instances/{container.name}" in events[0].data["text/plain"]
    assert "running since" in command[0].data["text/html"]
    assert command[0].data["text/plain"].endswith("\nearly")


COUNT = """
import collections
session, sent = get_ipython().kernel.session, collections.Counter()
def send(stream, message, *args, _send=session.send, sent=sent, **options):
    sent[message if isinstance(message, str) else message["header"]["msg_type"]] += 1
    return _send(stream, message, *args, **options)
session.send = send
"""


def test_messages_are_few_whatever_comes(container: Container):
    _, shown, fast, slow, still = execute(
        beginning(container) + COUNT,
        'started = time.monotonic(); panel = ExecPanel(c, ["seq", "100000"]); panel',
        "print(panel.wait(), sent['comm_msg'], time.monotonic() - started)",
        # 300 pieces of output, for 1.5 s or more
        'sent.clear(); started = time.monotonic(); panel = ExecPanel(c, ["sh", "-c", "for i in `seq 300`; do echo $i;'
        ' usleep 5000; done"]); display(panel)\n'
        "panel.wait(); print(sent['comm_msg'], time.monotonic() - started)",
        'panel = ExecPanel(c, ["sleep", "600"]); display(panel); time.sleep(0.3); sent.clear(); time.sleep(1)\n'
        "print(sent['comm_msg'])",
    )
    assert shown[0].data["text/plain"].endswith("\n99999\n100000")
    code, messages, seconds = printed(fast).split()
    assert code == "0"
    assert int(messages) <= 20 * float(seconds) + 5
    messages, seconds = printed(slow).split()
    assert 5 < int(messages) <= 20 * float(seconds) + 5
    assert printed(still) == "0\n", "nothing has changed, so nothing is sent"


@pytest.mark.parametrize("program", [[], ["-m", "IPython", "--colors=NoColor", "--no-banner"]])
def test_without_a_notebook_it_is_text(container: Container, program: list[str]):
    code = (
        beginning(container) + "from IPython.display import display\n"
        "panel = ExecPanel(c, ['echo', 'hello']); panel.wait(); display(panel); print(repr(panel))\n"
        "events = EventsPanel(lx); display(events)"
    )
    ran = subprocess.run([sys.executable, *program, "-c", code], capture_output=True, text=True, env=os.environ)
    assert ran.stderr == ""
    assert "echo hello  [exit code 0 after" in ran.stdout
    assert ran.stdout.count("]\nhello\n") == 1
    assert ran.stdout.count("nothing has happened yet") == 1


# --- pure ------------------------------------------------------------------------------------------------


class Shown:
    """A screen that counts how often it is flushed."""

    def __init__(self, messages: int = 1, error: Exception | None = None) -> None:
        self.flushed: list[float] = []
        self.messages, self.error = messages, error

    def flush(self) -> int:
        self.flushed.append(time.monotonic())
        if self.error:
            raise self.error
        return self.messages


def test_the_refresher_coalesces_takes_turns_and_ends():
    refresher, screens = Refresher(tick=0.02, share=4), [Shown(messages=2) for _ in range(6)]
    started = time.monotonic()
    for _ in range(1000):
        for screen in screens:
            refresher.add(screen)
    ticks = (time.monotonic() - started) / 0.02
    assert ours() == ["lxdnb refresher"]
    eventually(lambda: not ours())
    assert all(1 <= len(screen.flushed) <= ticks + 2 for screen in screens)
    # Two screens a tick, with their two messages each.
    last = sorted(screen.flushed[-1] for screen in screens)
    assert last[-1] - last[0] >= 0.03


def test_a_broken_panel_does_not_stop_the_others(caplog: pytest.LogCaptureFixture):
    refresher, broken, good = Refresher(tick=0.01), Shown(error=ZeroDivisionError()), Shown()
    refresher.add(broken)
    refresher.add(good)
    eventually(lambda: not ours())
    assert good.flushed
    assert "could not be shown" in caplog.text


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (
            {"type": "lifecycle", "metadata": {"action": "instance-started", "source": "/1.0/instances/c1?project=web"}}
            | {"project": "web"},
            ("instance-started", "instances/c1  (project web)"),
        ),
        (
            {"type": "operation", "project": "default"}
            | {"metadata": {"description": "Starting instance", "status": "Failure", "err": "no space left"}}
            | {"resources": None},
            ("Starting instance: Failure", "  no space left"),
        ),
        ({"type": "logging", "metadata": {"level": "warning", "message": "hm"}}, ("warning", "hm")),
        (
            {"type": "connection", "metadata": {"action": "resumed", "seconds": 3.21}},
            ("back", "after 3.2 s; what happened meanwhile is not shown"),
        ),
        ({"type": "of tomorrow", "metadata": None}, ("of tomorrow", "")),
        ({}, ("None", "")),
    ],
)
def test_rows(event: dict[str, Any], shown: tuple[str, str]):
    assert row(event)[1:3] == shown
