"""Daemons that may be killed, ways to them that may be cut, and the count of what is left behind.

Each test of this folder is counted: threads, descriptors and temporary files must be no more after it than before.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import lxdnb
from lxdnb.api import _waits
from lxdnb.models import Container
from tests import daemons
from tests.faults import host
from tests.faults.leaks import none_left
from tests.faults.proxy import Proxy

BOX = "box"


@pytest.fixture(scope="session")
def start_victim() -> Iterator[Callable[[str], daemons.Daemon]]:
    """A function from a flavour to its daemon, which is not that of other tests, with a running container.

    The container outlives the daemon's deaths and serves all tests.
    """
    running: dict[str, daemons.Daemon] = {}
    with ExitStack() as stack:

        def start(flavour: str) -> daemons.Daemon:
            if reason := daemons.missing(flavour):
                pytest.skip(reason)
            if flavour not in running:
                running[flavour] = stack.enter_context(daemons.daemon(flavour))
                running[flavour].cli("launch", daemons.ALIAS, BOX)
            return running[flavour]

        yield start


@pytest.fixture
def server(flavour: str, start_victim: Callable[[str], daemons.Daemon]) -> Iterator[daemons.Daemon]:
    """A daemon that a test may end as it likes: it runs again afterwards."""
    daemon = start_victim(flavour)
    yield daemon
    revive(daemon)


def revive(daemon: daemons.Daemon) -> None:
    """Start it again if it does not run."""
    if not Path(f"/proc/{daemon.pid}").exists():
        daemon.restart()


@pytest.fixture(autouse=True)
def counted(server: daemons.Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of temporary files, where like everywhere nothing is to be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(_waits, "LOOK_AGAIN", 1)  # second, in which most daemons are back
    with none_left([folder]):
        yield folder


@pytest.fixture
def proxy(server: daemons.Daemon, counted: Path, tmp_path: Path) -> Iterator[Proxy]:
    """The way to the daemon that a test may break."""
    with Proxy(server.socket, tmp_path) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[lxdnb.Client]:
    """A client that goes through the proxy."""
    client = lxdnb.Client(proxy.endpoint)
    proxy.forget()
    yield client
    client.close()


@pytest.fixture
def container(client: lxdnb.Client) -> Container:
    """A running container, reached through the proxy."""
    return client.containers.get(BOX)


@pytest.fixture
def mark(counted: Path) -> Iterator[str]:
    """A word to know a process by, which is also a time to sleep; none is left of it."""
    mark = f"7{random.randrange(1000)}.{random.randrange(10**6):06}"
    yield mark
    host.end(mark)
