"""The notebook of the inventory: what its page answers, and the server as it was before, whatever happens to it."""

from __future__ import annotations

import html
import re

import nbformat
import pytest

from lxdnb.tour import NOTEBOOKS
from tests.on_sandbox import SANDBOXES

from .looks import inventory

NOTEBOOK = NOTEBOOKS / "01-inventory.ipynb"


def words(page: str) -> str:
    """The page's text, each piece of a table or of a line followed by a blank."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


@pytest.mark.timeout(300)
def test_its_questions_are_answered(server, server_kind, visit):
    before = inventory(server)
    code, page = visit(server, NOTEBOOK)
    said = words(page)
    assert code == 0, said[-3000:]
    (name,) = set(re.findall(r"tour-[0-9a-f]{6}(?=-web-1)", said))
    if server_kind not in SANDBOXES:  # whose containers use what they like
        assert f"['{name}-job-1', '{name}-job-2']" in said  # 40 of 64 MiB
    assert said.count("40.0M␉/root/ballast") == 2
    assert f"{name} build" in said
    assert f"1 of {len(before['images']) + 1} images are used by nobody" in said
    assert f"{name}-job-2 changed config.limits.memory — 128MiB" in said
    assert f"{name}-spare removed" in said
    assert f"{name}-web-4 added" in said
    assert f"{name}-web-3 changed status Running Stopped" in said
    assert said.count("is Running: stop it first, or give force=True") == 5
    assert said.count("Running stop, delete") == 5
    assert "left: []" in said
    assert len(re.findall(r"<img[^>]*data:image/png", page)) == 2
    assert inventory(server) == before


@pytest.mark.timeout(300)
def test_nothing_is_left_when_a_cell_fails(server, visit, tmp_path):
    book = nbformat.read(NOTEBOOK, as_version=4)
    place = next(number for number, cell in enumerate(book.cells) if cell.source.startswith("ballast ="))
    book.cells.insert(place, nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(book, tmp_path / "broken.ipynb")
    before = inventory(server)
    assert visit(server, tmp_path / "broken.ipynb")[0] == 1
    assert inventory(server) == before
