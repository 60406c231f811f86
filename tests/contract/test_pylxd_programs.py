"""Programs written for pylxd do here what they do there, with `pylxd` read as `lxdnb` and no other line changed.

Each prints lines of a label and what it saw. pylxd's are taken on LXD, for which it is made; ours are compared with
them on LXD and on Incus. Each line that is to be otherwise has its reason here, and fails when it is so no more.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import daemons, peer

PROGRAMS = {path.stem: path for path in sorted(Path(__file__).with_name("programs").glob("*.py"))}

TURNS = 3
"""How often pylxd may run a program: now and then it loses what a command says quickly, and then tells of nothing."""

OTHERWISE = {
    "containers": {
        "location": "the server's own word for one that stands alone; pylxd makes it None",
        "virtual machines": "pylxd takes every instance for a virtual machine",
        "a container as virtual machine": "pylxd takes every instance for a virtual machine",
        "to be saved": "pylxd sends back what the server alone may set",
        "not saved": "looking at an object changes nothing; pylxd then takes it for changed",
    },
    "files": {
        "returned": "True, as pylxd's manual says; pylxd returns None",
    },
    "migration": {
        "data": "pylxd loses the profiles and misspells ephemeral; the description goes with it too",
        "kept": "pylxd loses the profiles and misspells ephemeral",
        "source": "the image it was made of need not be copied, and it says whether it is live",
    },
    "projects": {
        "instances": "pylxd takes the project in a URL for a part of the name",
        "snapshots": "pylxd takes the project in a URL for a part of the name",
    },
    "storage": {
        "volume save": "pylxd's saves nothing",
        "listed with snapshots": "volumes alone; a volume's snapshots are its `snapshots`",
    },
    "saving": {
        "changed in place": "pylxd does not see it, though its manual says so",
    },
}
ON_INCUS = {
    "certificates": {"fields": "certificates have descriptions there"},
    "errors": {"no image": "the server looks for it in the background, and the operation fails"},
    "storage": {"snapshot fields": "it tells when it was made"},
}


@pytest.fixture(scope="session")
def pylxds(start_server: Callable[[str], daemons.Daemon]) -> Callable[[str, int], dict[str, str]]:
    """A function from a program's name and the turn to what it tells when pylxd runs it, which it does once a turn."""

    @functools.cache
    def run(name: str, _turn: int) -> dict[str, str]:
        lxd = start_server("lxd")
        for _ in range(3):  # its websockets break now and then, when what they are for is over early
            ran = peer.run(PROGRAMS[name], environment=lxd.environment)
            lxd.clear()
            if ran.returncode == 0:
                return told(ran.stdout)
        raise AssertionError(ran.stderr.splitlines()[-1])

    return run


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_written_for_pylxd(name: str, server, pylxds, tmp_path):
    pylxds(name, 0)  # before ours is run, on the same server perhaps
    program = tmp_path / f"{name}.py"
    program.write_text(PROGRAMS[name].read_text().replace("pylxd", "lxdnb"))
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LXD_", "INCUS_"))}
    own = {"PYTHONPATH": str(peer.ROOT), "PYTHONWARNINGS": "error", "HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        text=True,
        check=False,
        env=kept | server.environment | own,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    ours = told(ran.stdout)
    wanted = OTHERWISE.get(name, {}) | (ON_INCUS.get(name, {}) if server.flavour == "incus" else {})
    for turn in range(TURNS):
        theirs = pylxds(name, turn)
        differing = [label for label in theirs | ours if theirs.get(label) != ours.get(label)]
        surprises = {label: (theirs.get(label), ours.get(label)) for label in differing if label not in wanted}
        if not surprises:
            break
    assert surprises == {}
    assert [label for label in wanted if label not in differing] == [], "otherwise no more"


def told(output: str) -> dict[str, str]:
    """A program's lines by their labels."""
    parts = re.split(r"^([a-z][\w, ]*):", output, flags=re.MULTILINE)
    assert not parts[0]
    assert len(parts) > 8
    return {
        label: "".join(parts[place + 1] for place in range(1, len(parts), 2) if parts[place] == label)
        for label in parts[1::2]
    }
