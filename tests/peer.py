"""pylxd as people have it, in a Python of its own: what its surface is, and how another one differs from it.

pylxd and lxdnb never meet in one process. pylxd's surface is asked of it as it runs, its source is not read.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import surface as surfaces

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-bench/bin/python"


def run(
    program: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program with the Python that has pylxd."""
    if not PYTHON.exists():
        pytest.skip("pylxd is not there to compare with: `make test` puts it into .venv-bench")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LXD_", "PYLXD_", "PYTHON"))}
    kept |= {"PYTHONWARNINGS": "ignore", "PYLXD_WARNINGS": "none"} | dict(environment or {})
    return subprocess.run(
        [PYTHON, program, *arguments], capture_output=True, text=True, check=False, env=kept, timeout=60
    )


@functools.cache
def surface(*arguments: str) -> surfaces.Surface:
    """pylxd's surface, as `surface.py` tells it."""
    ran = run(Path(surfaces.__file__), "pylxd", *arguments)
    assert ran.returncode == 0, ran.stderr.splitlines()[-1]
    return json.loads(ran.stdout, object_hook=_tupled)


def _tupled(found: dict[str, list[list[str]] | None]) -> surfaces.Surface:
    return {name: how and [(each[0], each[1], each[2]) for each in how] for name, how in found.items()}


def differences(theirs: surfaces.Surface, ours: surfaces.Surface) -> dict[str, str]:
    """Where a program written for `theirs` would notice that it has `ours`: the name, and what differs."""
    found: dict[str, str] = {}
    for name, how in theirs.items():
        if name not in ours:
            if not any(name.startswith(f"{missing}.") for missing in found):  # its parts are not told again
                found[name] = "is not there"
        elif how is not None and (said := _differs(how, ours[name])):
            found[name] = said
    return found


def surprises(theirs: surfaces.Surface, ours: surfaces.Surface, wanted: Mapping[str, str]) -> list[str]:
    """What is amiss: differences that are not `wanted`, and wanted ones that are none; it leads to the reasons."""
    found = differences(theirs, ours)
    unwanted = [f"{name}: {said}" for name, said in found.items() if name not in wanted]
    return unwanted + [f"{name} differs no more: {why}" for name, why in wanted.items() if name not in found]


def _differs(theirs: surfaces.Parameters, ours: surfaces.Parameters | None) -> str | None:
    if theirs and {kind for _, kind, _ in theirs} <= {"VAR_POSITIONAL", "VAR_KEYWORD"}:
        return None  # (*args, **kwargs) tells nothing
    if ours is None:
        return "cannot be called"
    # What only goes by keyword and may be left out is nothing that a program for the other would meet. The name of
    # what collects the rest is nobody's to use.
    wanted, plain = ([("" if "VAR_" in each[1] else each[0], *each[1:]) for each in all_] for all_ in (theirs, ours))
    kept = [each for each in plain if each in wanted or each[1] != "KEYWORD_ONLY" or not each[2]]
    return None if kept == wanted else f"{_said(theirs)}, here {_said(ours)}"


def _said(parameters: surfaces.Parameters) -> str:
    stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
    return (
        f"({', '.join(stars.get(kind, '') + name + (default and f'={default}') for name, kind, default in parameters)})"
    )
