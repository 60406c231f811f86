"""The `lxdnb` program, as the wheel has it: its verbs in processes of their own, outside of a checkout."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import lxdnb
from lxdnb import cli, remotes
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
NAMES = ("LXD_SOCKET", "LXD_DIR", "LXD_CONF", "INCUS_SOCKET", "INCUS_DIR", "INCUS_CONF")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(built, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def program(installed: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start `lxdnb` with these words, where no server is named."""
    kept = {name: value for name, value in os.environ.items() if name not in NAMES}

    def start(*words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "lxdnb.cli", *words],
            cwd=tmp_path,
            env=kept | {"PYTHONPATH": str(installed), "HOME": str(tmp_path)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def test_the_wheel_has_the_program_and_all_notebooks(installed: Path):
    (told,) = installed.glob("*.dist-info/entry_points.txt")
    assert "[console_scripts]\nlxdnb = lxdnb.cli:main" in told.read_text()
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert (installed / "lxdnb" / "notebooks" / notebook.name).read_bytes() == notebook.read_bytes()


def test_the_doctor(program: Callable[..., subprocess.Popen[str]], installed: Path):
    said, wrong = program("doctor", LXD_CONF="/nowhere").communicate(timeout=60)
    assert wrong == ""
    assert f"ok  lxdnb {lxdnb.__version__} in {installed / 'lxdnb'}\n" in said
    assert "ok  the sandbox works: a simulated container launched there says Linux\n" in said


def test_the_doctor_on_a_server(server, program: Callable[..., subprocess.Popen[str]]):
    examined = program("doctor", **server.environment)
    said, _ = examined.communicate(timeout=60)
    assert examined.returncode == 0
    name = {"lxd": ("LXD", "LXD_DIR"), "incus": ("Incus", "INCUS_DIR")}[server.flavour]
    version = server.query("/1.0")["environment"]["server_version"]
    assert f"ok  {name[0]} {version} at {server.socket} answers, by {name[1]}\n" in said


@pytest.mark.timeout(300)
def test_the_tour(program: Callable[..., subprocess.Popen[str]], tmp_path: Path):
    if there := [path for path in remotes.local_sockets({}) if os.path.exists(path)]:
        pytest.skip(f"{there[0]} is there: the tour would be on it; stop its daemon")
    toured = program("tour", "--page", "made/by/me.html")
    said, wrong = toured.communicate(timeout=240)
    assert (toured.returncode, wrong) == (0, "")
    assert said.splitlines()[-1] == f"The page is {tmp_path / 'made/by/me.html'}"
    assert "I am tour, and my home is /root." in (tmp_path / "made/by/me.html").read_text()


@pytest.fixture
def lab(program: Callable[..., subprocess.Popen[str]]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["mine", "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0"]
    running = program("lab", *words, "--IdentityProvider.token=")
    yield running, f"http://127.0.0.1:{port}"
    running.terminate()
    running.communicate(timeout=30)


def test_the_lab(lab: tuple[subprocess.Popen[str], str]):
    running, url = lab

    def answers() -> bool:
        assert running.poll() is None, running.communicate()
        try:
            with urllib.request.urlopen(f"{url}/api/status", timeout=5):
                return True
        except OSError:
            return False

    eventually(answers, 60)
    with urllib.request.urlopen(f"{url}/api/contents", timeout=20) as answer:
        assert [each["name"] for each in json.load(answer)["content"]] == [
            "00-tour.ipynb",
            "01-inventory.ipynb",
        ]
    running.send_signal(signal.SIGTERM)  # which ends JupyterLab too
    running.communicate(timeout=30)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=5)


def test_the_lab_keeps_what_a_person_has_changed(monkeypatch, tmp_path: Path, capsys):
    started: list[Sequence[str]] = []

    class Started:
        def __init__(self, command: Sequence[str]) -> None:
            started.append(command)

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(subprocess, "Popen", Started)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    (tmp_path / "00-tour.ipynb").write_text("mine")
    assert cli.main(["lab", str(tmp_path), "--port=9999"]) == 0
    assert started == [[sys.executable, "-m", "jupyterlab", "--port=9999", str(tmp_path)]]
    assert (tmp_path / "00-tour.ipynb").read_text() == "mine"
    assert cli.main(["lab", "/proc/nowhere"]) == 1
    assert "The notebooks cannot be put into /proc/nowhere" in capsys.readouterr().err


def test_the_sandbox(program: Callable[..., subprocess.Popen[str]], tmp_path: Path):
    place = tmp_path / "made" / "for" / "it" / "unix.socket"
    running = program("sandbox", "--socket", str(place), "--flavour", "incus", "--bridge")
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == f"A simulated Incus 6.0.4 at {place}\n"
        client = lxdnb.Client(str(place))
        assert repr(client) == f"<Client simulated Incus 6.0.4 at {place}>"
        assert client.networks.get("incusbr0").managed
    finally:
        running.terminate()
        running.communicate(timeout=20)
    assert running.returncode == 0
    assert not place.exists()


def test_what_a_verb_needs_is_told(monkeypatch, capsys):
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main(["tour"]) == 1
    assert capsys.readouterr().err == (
        "`lxdnb tour` needs ipykernel, nbclient, nbconvert. In this Python: "
        f"{sys.executable} -m pip install 'lxdnb[lab]'\n"
    )


@pytest.mark.parametrize("words", [[], ["fly"], ["tour", "--fast"], ["sandbox"]])
def test_a_command_line_that_is_none(words: list[str], capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert "usage: lxdnb" in capsys.readouterr().err
