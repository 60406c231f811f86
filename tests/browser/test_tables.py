"""The table of a frame in JupyterLab: what a person sees of it in Chromium, in both themes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tests.browser import lab
from tests.daemons import Daemon

BUILD = Path(__file__).resolve().parents[2] / "build"
CELLS = [
    "%load_ext lxdnb\nimport lxdnb\nfrom lxdnb import frames\nlx = lxdnb.connect()",
    'frames.instances(lx, ["name", "status", "memory_limit", "processes", "image", "created_at", "description"])',
    'frames.instances(lx, ["name", "config.user.more"]).head(0)',
]
DESCRIPTION = "<img src=x onerror=alert(1)> $x$ \\(y\\) \\begin{equation}z\\end{equation} \u202edrow"
# The colours of texts and of what is under them: red, green and blue.
COLOURS = """texts => {
  const parts = colour => colour.match(/[0-9.]+/g).slice(0, 3).map(Number);
  return texts.map(text => {
    let under = text;
    while (/^(transparent|rgba\\(.*, 0\\))$/.test(getComputedStyle(under).backgroundColor)) under = under.parentElement;
    return [parts(getComputedStyle(text).color), parts(getComputedStyle(under).backgroundColor)];
  });
}"""


def _contrast(one: list[float], other: list[float]) -> float:
    """Return how well one colour is told from another: https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio"""

    def luminance(colour: list[float]) -> float:
        parts = [part / 255 for part in colour]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.timeout(200)
def test_the_table_can_be_read_in_both_themes(start_server: Callable[[str], Daemon], tmp_path: Path):
    if reason := lab.missing():
        pytest.skip(reason)
    server = start_server("lxd")  # one will do: the look is no server's
    server.clear()
    server.cli("launch", "busybox", "b-run", "-c", "limits.memory=64MiB")
    server.cli("init", "busybox", "b-idle")
    server.cli("query", "-X", "PATCH", "-d", json.dumps({"description": DESCRIPTION}), "/1.0/instances/b-idle")
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(book, tmp_path / "tables.ipynb")
    with lab.lab(tmp_path, server.environment) as running:
        notebook = running.open("tables.ipynb", width=1500, height=700)
        notebook.run_all()
        notebook.wait_until(lambda: "nothing here" in notebook.output(2))
        table = notebook.page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output")
        head, idle, run = (row.split("\t") for row in table.locator("table").inner_text().strip().splitlines())
        assert (head[:2], idle[:2], run[:2]) == (
            ["name", "status"],
            ["b-idle", "●\u00a0Stopped"],
            ["b-run", "●\u00a0Running"],
        )
        assert run[2] == "64.0 MiB"
        assert idle[-1].startswith("<img src=x onerror=alert(1)> $x$ \\(y\\)")
        assert table.locator("img, mjx-container, .MathJax").count() == 0
        limit, name = table.get_by_text("64.0 MiB"), table.get_by_text("b-run")
        assert limit.get_attribute("title") == "67,108,864 bytes"
        assert [cell.evaluate("e => getComputedStyle(e).textAlign") for cell in (limit, name)] == ["right", "left"]
        assert [row.bounding_box()["height"] < 30 for row in table.locator("tbody tr").all()] == [True, True]
        for theme, picture in ((lab.LIGHT, "light"), (lab.DARK, "dark")):
            notebook.theme(theme)
            texts = table.locator("th, td:not(.f)").evaluate_all(COLOURS)
            dots = table.locator("td span").get_by_text("●").evaluate_all(COLOURS)
            assert min(_contrast(*colours) for colours in texts) > 7
            assert min(_contrast(*colours) for colours in dots) > 2
            assert (len(texts), len(dots)) == (3 * len(head) - 2, 2)
            notebook.screenshot(BUILD / f"tables-{picture}.png")
