"""The `lxdnb` program: `tour`, `lab`, `sandbox`, `doctor`. It parses, and calls what does the work."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from lxdnb import doctor

__all__ = ["main"]

_NEEDED = {"tour": ("ipykernel", "nbclient", "nbconvert"), "lab": ("jupyterlab",)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what a command line asks for; return the exit code."""
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    if given[:1] == ["sandbox"]:
        from lxdnb.sandbox.__main__ import main as sandbox  # here, as below: a verb loads what it needs alone

        return sandbox(given[1:], prog="lxdnb sandbox")
    parser = _parser()
    chosen, more = parser.parse_known_args(given)
    if more and chosen.verb != "lab":
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if lacking := [name for name in _NEEDED.get(chosen.verb, ()) if find_spec(name) is None]:
        print(
            f"`lxdnb {chosen.verb}` needs {', '.join(lacking)}. In this Python: "
            f"{sys.executable} -m pip install 'lxdnb[lab]'",
            file=sys.stderr,
        )
        return 1
    verbs: dict[str, Callable[[], int]] = {
        "tour": lambda: _tour(chosen.page),
        "lab": lambda: _lab(chosen.folder, more),
        "doctor": lambda: doctor.report(doctor.examine(os.environ, os.path.expanduser("~"))),
    }
    return verbs[chosen.verb]()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lxdnb", description="A notebook toolkit for LXD and Incus.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="tour | lab | sandbox | doctor")
    tour = verbs.add_parser("tour", help="run a guided notebook on the daemon that answers, else on a simulated one")
    tour.add_argument("--page", type=Path, default=Path("tour.html"), help="the page to write (tour.html)")
    lab = verbs.add_parser(
        "lab",
        help="open the notebooks in JupyterLab",
        description="Open the notebooks in JupyterLab. Other options are JupyterLab's, as --no-browser or --port=9999.",
    )
    lab.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("lxdnb-notebooks"),
        help="where they are, and are copied to where they are not there yet (lxdnb-notebooks)",
    )
    verbs.add_parser("sandbox", help="run a simulated server until Ctrl-C", add_help=False)
    verbs.add_parser("doctor", help="say what is here, and what to do about what is missing")
    return parser


def _tour(page: Path) -> int:
    from lxdnb import tour

    return tour.tour(page.absolute())


def _lab(folder: Path, options: Sequence[str]) -> int:
    from lxdnb import tour

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for notebook in sorted(tour.NOTEBOOKS.glob("*.ipynb")):
            if not (folder / notebook.name).exists():  # else it is the person's own by now
                shutil.copyfile(notebook, folder / notebook.name)
    except OSError as error:
        print(f"The notebooks cannot be put into {folder}: {error}. Name another folder", file=sys.stderr)
        return 1
    print(f"The notebooks are in {folder.absolute()}", flush=True)
    signal.signal(signal.SIGINT, lambda *_: None)  # which is for JupyterLab, to ask or to end
    lab = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options, str(folder)])
    signal.signal(signal.SIGTERM, lambda *_: lab.terminate())
    return lab.wait()


if __name__ == "__main__":
    sys.exit(main())
