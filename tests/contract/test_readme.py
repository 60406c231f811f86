"""What README shows runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests.bridges import Bridge, a_bridge

README = (Path(__file__).parents[2] / "README.md").read_text()
BRIDGE = Bridge("lab0", "10.77.8")  # whose like there may be only one of on a machine
BLOCKS = re.findall(r"^```(python|ipython)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def alpine(server, monkeypatch, tmp_path):
    """A server that has the image that README launches, and is the one that `connect()` finds."""
    monkeypatch.chdir(tmp_path)
    image = server.query("/1.0/images/aliases/busybox")["target"]
    server.cli("image", "alias", "create", "alpine", image)
    for name in ("LXD_SOCKET", "LXD_DIR", "INCUS_SOCKET", "INCUS_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield
    server.cli("image", "alias", "delete", "alpine")
    server.cli("config", "unset", "user.owner")


def test_there_is_something_to_run():
    assert [language for language, _ in BLOCKS] == ["ipython", *["python"] * 12]


def test_readme_runs(alpine, server):
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    try:
        other = a_bridge()
        for language, block in BLOCKS:
            block = block.replace(BRIDGE.name, other.name).replace(BRIDGE.subnet, other.subnet)
            for cell in block.split("\n\n") if language == "ipython" else [block]:
                assert shell.run_cell(cell).success, cell
        assert server.query("/1.0/instances") in ([], None)
    finally:
        shell.user_ns.clear()
        InteractiveShell.clear_instance()
