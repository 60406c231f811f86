"""The sandbox touches nothing of the machine that it is on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts.txt"


def test_it_opens_no_file_runs_no_program_and_connects_nowhere():
    command = [sys.executable, "-m", "tests.watched", SCRIPTS]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=110, cwd=SCRIPTS.parents[2])
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["done"] > 1000
    seen = [each for each in told["touched"] if str(SCRIPTS) in each[1]]
    assert seen  # the watch sees what is opened: here the scripts themselves
    assert [each for each in told["touched"] if each not in seen] == []
