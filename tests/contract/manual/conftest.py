"""What the manual's examples find in place: a server that `Client()` takes, and the keypair that section 3.1 makes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .examples import Repair, repaired

KEYPAIR = """
    openssl req -newkey rsa:2048 -nodes -keyout lxd.key -out lxd.csr
    openssl x509 -signkey lxd.key -in lxd.csr -req -days 365 -out lxd.crt
"""


@pytest.fixture
def local(server, monkeypatch) -> None:
    """The server is the one on localhost that a client without an endpoint talks to."""
    for name in ("LXD_SOCKET", "LXD_DIR", "INCUS_SOCKET", "INCUS_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def keypair(tmp_path, monkeypatch) -> Path:
    """The certificate in `lxd.crt`, which lies with `lxd.key` in the folder that one is in."""
    if shutil.which("openssl") is None:
        pytest.skip("No openssl found, which makes keypairs: as root on Debian `python -m tests.install` installs it.")
    monkeypatch.chdir(tmp_path)
    commands = repaired(KEYPAIR, Repair("req -newkey", "req -subj /CN=lxdnb -newkey", "nobody answers its questions"))
    subprocess.run(["sh", "-ec", commands], check=True, capture_output=True)
    return tmp_path / "lxd.crt"
