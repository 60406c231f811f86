"""What the imports take, each in an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from .peers import PYTHON_WITH_PYLXD, ROOT
from .table import Comparison, timed
from .turns import rounds

NEEDS = ()
ROUNDS = 20
NOTES = "Fresh interpreters, lxdnb's and requests' of the same environment; the time is that of the import alone."
TIMED = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"


def compare() -> Comparison:
    ours = sys.executable
    pythons = {"lxdnb": ours, "requests": ours, "pylxd": str(PYTHON_WITH_PYLXD)}
    taken = rounds(
        "imports",
        ROUNDS,
        {name: lambda python=python, name=name: seconds(python, name) for name, python in pythons.items()},
    )
    return Comparison(
        NOTES,
        [
            timed("import lxdnb", taken["lxdnb"], "import requests", taken["requests"], "≤ 1.3"),
            timed("import lxdnb", taken["lxdnb"], "import pylxd", taken["pylxd"]),
        ],
    )


def seconds(python: str, module: str) -> float:
    # As installed packages are: compiled once, by the turn that does not count.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [python, "-c", TIMED.format(module)]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return float(ran.stdout)
