"""Which endpoints take a project, a member or all projects, as the servers' own API specifications say.

One file for each server, a line for each endpoint: its method, its path with {} for each name, its parameters. They
are made by `python -m tests.specification rest-api.yaml > tests/specification/NAME.txt` of the `doc/rest-api.yaml` that
is in a release of LXD or Incus.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

__all__ = ["PARAMETERS", "SERVERS", "endpoints"]

PARAMETERS = ("all-projects", "project", "target")
SERVERS = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.txt"))}


def endpoints(server: str) -> dict[str, set[str]]:
    """The endpoints of a server, as in `GET /1.0/instances/{}`, with those of the parameters that each takes."""
    lines = [line.split() for line in SERVERS[server].read_text().splitlines()]
    return {f"{method} {path}": set(parameters) for method, path, *parameters in lines}


def taken(specification: dict[str, Any]) -> dict[str, set[str]]:
    """The same, of a whole specification."""
    found: dict[str, set[str]] = {}
    for path, methods in specification["paths"].items():
        plain = re.sub(r"\{\w+\}", "{}", path.partition("?")[0])
        for method, told in methods.items():
            names = {each["name"] for each in told.get("parameters", []) if each.get("in") == "query"}
            if kept := names & {*PARAMETERS}:
                found.setdefault(f"{method.upper()} {plain}", set()).update(kept)
    return found


def main() -> None:
    """Print the file of the specification that is named."""
    with open(sys.argv[1]) as file:
        for endpoint, parameters in sorted(taken(yaml.safe_load(file)).items()):
            print(endpoint, *sorted(parameters))
