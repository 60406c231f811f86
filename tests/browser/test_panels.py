"""The panels in JupyterLab: what a person sees in Chromium, in both themes, while cells run and after."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from lxdnb.models import Container
from tests.browser import lab
from tests.daemons import Daemon

BUILD = Path(__file__).resolve().parents[2] / "build"

SCROLLING = "[style*='column-reverse']"
# How many pixels of the content are below what is in view.
BELOW = "e => e.lastElementChild.getBoundingClientRect().bottom - e.getBoundingClientRect().bottom"
STEP = re.compile(r"^ step (\d+): <b>\$x\$</b>$", re.MULTILINE)

CELLS = [
    """
import time
from pathlib import Path
import lxdnb
from lxdnb.widgets import EventsPanel, ExecPanel

lx = lxdnb.connect()
box = lx.containers.get("{name}")
events = EventsPanel(lx)
events
""",
    """
build = ExecPanel(box, ["sh", "-c", '''
until [ -e /enough ]; do
    i=$((i + 1))
    printf "\\\\033[32m step\\\\033[0m $i: <b>\\\\$x\\\\$</b>\\\\n"
    [ $((i % 7)) = 0 ] && echo "warning: at step $i" >&2
    usleep 100000
done
echo $i > /steps
exit 3'''])
build
""",
    """
box.restart(wait=True)
while not Path("go-on").exists():
    time.sleep(0.05)
print("the cell has ended")
""",
    'sleeper = ExecPanel(box, ["sleep", "600"]); sleeper',
    'ExecPanel(box, ["sh", "-c", "yes 0123456789012345678901234567890123456789 | head -n 100000"])',
]


@pytest.fixture
def running(server: Daemon, tmp_path: Path):
    if reason := lab.missing():
        pytest.skip(reason)
    with lab.lab(tmp_path, server.environment) as running:
        yield running


def steps(text: str) -> list[int]:
    """Return which steps a panel's text shows, each a line that is as the command printed it."""
    return list(map(int, STEP.findall(text)))


def wait_for_steps(notebook: lab.Notebook, number: int) -> None:
    notebook.wait_until(lambda: (steps(notebook.output(1)) or [0])[-1] >= number)


@pytest.mark.timeout(300)
def test_panels_live_in_jupyterlab(running: lab.Lab, server: Daemon, container: Container):
    # Restarting ends the commands in an instance, so the one that is restarted is another.
    container.client.containers.launch("busybox", f"{container.name}-2")
    cells = [cell.replace("{name}", container.name).strip() for cell in CELLS]
    cells[2] = cells[2].replace("box.", f'lx.containers.get("{container.name}-2").')
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(book, running.root / "panels.ipynb")
    notebook = running.open("panels.ipynb", height=1300)
    notebook.run_all(wait=False)

    # While a later cell runs, both go on.
    notebook.wait_until(lambda: notebook.numbers()[2] == "[*]:")
    wait_for_steps(notebook, 5)
    assert "running since" in notebook.output(1)
    notebook.wait_until(lambda: f"instance-exec\tinstances/{container.name}" in notebook.output(0))
    wait_for_steps(notebook, steps(notebook.output(1))[-1] + 1)
    assert notebook.numbers()[2] == "[*]:"

    (running.root / "go-on").touch()
    notebook.wait_until(lambda: "the cell has ended" in notebook.output(2))
    notebook.wait_until(lambda: f"instance-restarted\tinstances/{container.name}-2" in notebook.output(0))
    server.cli("stop", "--force", f"{container.name}-2")  # when no cell runs
    notebook.wait_until(lambda: f"instance-stopped\tinstances/{container.name}-2" in notebook.output(0))
    notebook.wait_until(lambda: "99,000 earlier lines are not shown" in notebook.output(4))

    # What is newest is in view, of a panel that lives and of one that has ended.
    live, ended = (notebook.page.locator(".jp-CodeCell").nth(cell).locator(SCROLLING) for cell in (1, 4))
    wait_for_steps(notebook, 25)
    for tail in (live, ended):
        assert tail.evaluate("e => e.scrollHeight - e.clientHeight") > 50
        assert tail.evaluate(BELOW) < 3
    notebook.screenshot(BUILD / "panels-light.png")
    notebook.theme(lab.DARK)
    notebook.screenshot(BUILD / "panels-dark.png")

    # Who scrolls up stays there while more comes.
    live.evaluate("e => { e.scrollTop = -100 }")
    wait_for_steps(notebook, steps(notebook.output(1))[-1] + 1)
    assert live.evaluate(BELOW) > 50

    # The end: one output each, and no tag or formula made of what a container says.
    container.files.put("/enough", b"")
    notebook.wait_until(lambda: "exit code 3 after" in notebook.output(1))
    text = notebook.output(1)
    last = int(container.files.get("/steps"))
    assert steps(text) == list(range(steps(text)[0], last + 1))
    assert f"warning: at step {last // 7 * 7}" in text.splitlines()
    assert [len(notebook.outputs(cell)) for cell in range(len(cells))] == [1] * len(cells)
    assert notebook.page.locator(".jp-OutputArea-output mjx-container, .jp-OutputArea-output .MathJax").count() == 0

    notebook.page.get_by_role("button", name="Stop").click()
    notebook.wait_until(lambda: "exit code 143 after" in notebook.output(3))

    # What is saved can be read without a kernel.
    notebook.command("docmanager:save")
    notebook.wait_until(lambda: "exit code 143" in (running.root / "panels.ipynb").read_text())
    saved = nbformat.read(running.root / "panels.ipynb", as_version=4)
    assert f"step {last}:" in saved.cells[1].outputs[0].data["text/html"]
    assert f"instances/{container.name}-2" in saved.cells[0].outputs[0].data["text/plain"]
