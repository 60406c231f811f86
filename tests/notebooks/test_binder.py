"""What Binder starts: `binder/start`, run as its entrypoint runs it. No container is built here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lxdnb
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
LOOK = """
import os, sys, lxdnb
lx = lxdnb.connect()
print(os.environ["LXD_DIR"], lx, lx.launch("busybox", "b").execute(["hostname"]).stdout.strip(), *sys.argv[1:], sep="|")
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command by `binder/start`, where programs of Python are those of a prefix of their own."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not here: Binder's machines, which have it, are Linux")
    programs = tmp_path / "bin"
    programs.mkdir()
    # As the environment that is built has them.
    (programs / "python").symlink_to(sys.executable)
    lines = ["#!/bin/sh", f'exec "{sys.executable}" -m lxdnb.cli "$@"', ""]
    (programs / "lxdnb").write_text("\n".join(lines))
    (programs / "lxdnb").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LXD_", "INCUS_"))}
    kept |= {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "PATH": f"{programs}:{os.environ['PATH']}"}
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen([BINDER / "start", *words], env=kept, text=True, **pipes))
        return started[-1]

    yield start
    for each in started:
        with each:  # which closes its pipes: a sandbox that outlived it would hold them open
            each.kill()


def gone(place: Path) -> bool:
    try:
        lxdnb.Client(str(place))
    except lxdnb.ClientConnectionFailed:
        return True
    return False


def test_the_command_finds_a_sandbox_that_ends_with_it(start: Callable[..., subprocess.Popen[str]], tmp_path: Path):
    running = start(sys.executable, "-c", LOOK, "two words", "$HOME")
    said, wrong = running.communicate(timeout=60)
    place = tmp_path / ".lxdnb-sandbox"
    client = f"<Client simulated LXD 5.0.2 at {place}/unix.socket>"
    assert (said, wrong) == (
        f"{place}|{client}|b|two words|$HOME\n",
        f"A simulated LXD 5.0.2 at {place}/unix.socket\n",
    )
    assert running.returncode == 0
    eventually(lambda: gone(place / "unix.socket"))


def test_its_exit_code_is_the_commands(start: Callable[..., subprocess.Popen[str]]):
    running = start("sh", "-c", "exit 7")
    running.communicate(timeout=60)
    assert running.returncode == 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_signals_are_the_commands(start: Callable[..., subprocess.Popen[str]], number: int, tmp_path: Path):
    running = start("sh", "-c", "echo begun; exec sleep 600")
    assert running.stdout is not None
    assert running.stdout.readline() == "begun\n"
    place = tmp_path / ".lxdnb-sandbox" / "unix.socket"
    assert not gone(place)
    running.send_signal(number)
    assert running.wait(20) == -number
    eventually(lambda: gone(place))


def test_it_starts_again_where_it_was_killed(start: Callable[..., subprocess.Popen[str]], tmp_path: Path):
    (tmp_path / ".lxdnb-sandbox").mkdir()
    left = subprocess.run(
        [sys.executable, "-c", "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])",
         str(tmp_path / ".lxdnb-sandbox" / "unix.socket")],
        check=True,
    )  # fmt: skip
    assert left.returncode == 0
    said, _ = start(sys.executable, "-c", LOOK).communicate(timeout=60)
    assert "|b" in said


def test_without_a_sandbox_nothing_is_started(start: Callable[..., subprocess.Popen[str]], tmp_path: Path):
    (tmp_path / ".lxdnb-sandbox").mkdir()
    (tmp_path / ".lxdnb-sandbox" / "unix.socket").write_text("in the way")
    running = start("echo", "started")
    said, wrong = running.communicate(timeout=60)
    assert (running.returncode, said) == (1, "")
    assert "exists and is not a socket" in wrong
    assert "The simulated LXD has not begun." in wrong


def test_its_files_are_as_repo2docker_reads_them():
    # https://repo2docker.readthedocs.io/en/latest/configuration/
    name, version = (BINDER / "runtime.txt").read_text().strip().split("-")
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert name == "python"
    assert tuple(map(int, version.split("."))) >= tuple(map(int, needed.removeprefix(">=").split(".")))
    assert (BINDER / "requirements.txt").read_text().splitlines()[-1] == ".[lab]"
    for program in ("postBuild", "start"):
        assert os.access(BINDER / program, os.X_OK)
    assert (BINDER / "start").read_text().endswith('\nexec "$@"\n')
