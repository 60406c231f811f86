"""lxdnb against `lxc`, `incus` and pylxd, side by side in one run: prints ratios and asserts none. `make bench`.

By hand, of all subjects or of some: `python -m tests.benchmarks [SUBJECT …]`, as --help lists them.
What is timed is first seen to give the same answer on all sides.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys

import lxdnb
from tests import daemons

from . import commands, files, images, imports, inventory, lists, many, resources, sandbox, soak, use
from .peers import PYTHON_WITH_PYLXD
from .table import text
from .turns import Wrong, say

SUBJECTS = {
    "lists": lists,
    "inventory": inventory,
    "commands": commands,
    "many": many,
    "files": files,
    "images": images,
    "resources": resources,
    "imports": imports,
    "sandbox": sandbox,
    "use": use,
}
LONG = {"soak": soak}  # subjects that are measured only where they are named
NOTES = """\
Times are medians (fastest–slowest) of sides that take turns; programs start anew each time. Memory is how far it rose
meanwhile. A websocket counts as one request and one connection. Ratios below 1 are in favour of lxdnb."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure lxdnb beside its peers.")
    parser.add_argument(
        "subjects",
        nargs="*",
        metavar="SUBJECT",
        help=f"{', '.join(SUBJECTS)}: all unless some are given; or {', '.join(LONG)}",
    )
    chosen = parser.parse_args().subjects or list(SUBJECTS)
    known = SUBJECTS | LONG
    unknown = [name for name in chosen if name not in known]
    if unknown:
        parser.error(f"there is no {unknown[0]!r}: the subjects are {', '.join(known)}")
    if reason := missing(chosen):
        print(reason, file=sys.stderr)
        return 1
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors. {NOTES}", flush=True)
    try:
        for name in chosen:
            say("")
            found = known[name].compare()
            print(f"\n{name}: {found.notes}\nLoad average {load()}.\n\n{text(found.rows)}", flush=True)
    except (Wrong, daemons.DaemonError, lxdnb.LXDError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def missing(chosen: list[str]) -> str | None:
    """Why these cannot be measured here."""
    if not PYTHON_WITH_PYLXD.exists():
        return "There is no .venv-bench, the Python that has pylxd: `make bench` makes it."
    needs = dict.fromkeys(need for name in chosen for need in (SUBJECTS | LONG)[name].NEEDS)
    return next(filter(None, (daemons.missing(flavour, pool) for flavour, pool in needs)), None)


def load() -> str:
    """How busy the machine was of late: with more than its processors can do, figures say little."""
    return ", ".join(f"{each:.1f}" for each in os.getloadavg())


if __name__ == "__main__":
    sys.exit(main())
