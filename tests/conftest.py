"""Fixtures over real daemons, each started once a session; what cannot be had here is skipped with its reason.

Under CI=true a skip is a failure, so that nothing is left out silently.
"""

from __future__ import annotations

import inspect
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext

import hypothesis
import pytest

import lxdnb
from lxdnb import finding
from lxdnb.models import Container
from tests import clusters, daemons
from tests.bridges import by_turns, makes_bridges
from tests.on_sandbox import SANDBOXES, runs_on_sandboxes
from tests.servers import a_server
from tests.simulated_clusters import simulated_cluster

hypothesis.settings.register_profile("lxdnb", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("lxdnb")


def pytest_configure() -> None:
    """Hear interrupts, of which some tests are: a shell's `make test &` has all that it starts ignore them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {call.excinfo.value}"
    return report


@pytest.fixture(autouse=True)
def _nothing_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins as a new process does, in which nobody has asked for `auto`."""
    monkeypatch.setattr(finding, "_given", {})


@pytest.fixture(autouse=True)
def _bridges_by_turns(request: pytest.FixtureRequest) -> Iterator[None]:
    with by_turns() if makes_bridges(request.node.nodeid) else nullcontext():
        yield


@pytest.fixture(scope="session")
def start_server() -> Iterator[Callable[[str], daemons.Daemon]]:
    """A function from a flavour to its running daemon."""
    running: dict[str, daemons.Daemon] = {}
    with ExitStack() as stack:

        def start(kind: str) -> daemons.Daemon:
            if kind not in running:
                running[kind] = stack.enter_context(a_server(kind))
            return running[kind]

        yield start


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    given = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "server_kind" in metafunc.fixturenames and "server_kind" not in given:
        arguments = inspect.signature(metafunc.function).parameters
        too = runs_on_sandboxes(metafunc.module.__name__, metafunc.function.__name__, arguments)
        kinds = [*daemons.FLAVOURS, *SANDBOXES] if too else daemons.FLAVOURS
        metafunc.parametrize("server_kind", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server_kind(request: pytest.FixtureRequest) -> str:
    """Which server it is: lxd, incus, or a sandbox that takes after one of them."""
    return request.param


@pytest.fixture(scope="session")
def flavour(server_kind: str) -> str:
    """lxd or incus: whose ways the server has."""
    return SANDBOXES.get(server_kind, server_kind)


@pytest.fixture
def server(server_kind: str, start_server: Callable[[str], daemons.Daemon]) -> Iterator[daemons.Daemon]:
    """A real daemon, its own for this session; cleared of what a test leaves."""
    daemon = start_server(server_kind)
    yield daemon
    daemon.clear()


@pytest.fixture
def client(server: daemons.Daemon) -> Iterator[lxdnb.Client]:
    client = lxdnb.Client(str(server.socket))
    yield client
    client.close()


@pytest.fixture
def container(client: lxdnb.Client) -> Container:
    """A running busybox container, removed after the test."""
    return client.containers.launch("busybox", f"c-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def lab(server: daemons.Daemon) -> str:
    """A project of the test's own, of which nobody was told yet: servers tell for 8 seconds what they told before."""
    name = f"lab-{uuid.uuid4().hex[:8]}"
    server.cli("project", "create", name, "-c", "features.profiles=false", "-c", "features.images=false")
    return name


@pytest.fixture(scope="module")
def daemon(server_kind: str, start_server: Callable[[str], daemons.Daemon]) -> Iterator[daemons.Daemon]:
    """A real daemon for all tests of a module; cleared of what they leave."""
    running = start_server(server_kind)
    yield running
    running.clear()


@pytest.fixture(scope="module")
def box(daemon: daemons.Daemon) -> Iterator[Container]:
    """A running busybox container for all tests of a module, for which it is too dear to start one each."""
    client = lxdnb.Client(str(daemon.socket))
    yield client.containers.launch("busybox", f"b-{uuid.uuid4().hex[:8]}")
    client.close()


@pytest.fixture
def asked(client: lxdnb.Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The path of each request that the client sends, as it sends them."""
    paths: list[str] = []
    request = client._transport.request

    def noted(method: str, path: str, **options):
        paths.append(path)
        return request(method, path, **options)

    monkeypatch.setattr(client._transport, "request", noted)
    return paths


@pytest.fixture(scope="session")
def other_server(server_kind: str) -> Iterator[daemons.Daemon]:
    """Another server of the same kind."""
    with a_server(server_kind) as other:
        yield other


@pytest.fixture
def other_client(other_server: daemons.Daemon) -> Iterator[lxdnb.Client]:
    """A client of that other server, which is cleared of what a test leaves."""
    client = lxdnb.Client(str(other_server.socket))
    yield client
    client.close()
    other_server.clear()


StartCluster = Callable[[], AbstractContextManager[clusters.Cluster]]


@pytest.fixture(scope="session")
def start_cluster(server_kind: str) -> StartCluster:
    """What runs a cluster of three of that kind, n1 to n3, while a block does."""
    if server_kind in SANDBOXES:
        return lambda: simulated_cluster(SANDBOXES[server_kind])
    if reason := daemons.missing(server_kind):
        pytest.skip(reason)
    return lambda: clusters.cluster(server_kind)


@pytest.fixture(scope="session")
def running_cluster(
    start_cluster: Callable[[], AbstractContextManager[clusters.Cluster]],
) -> Iterator[clusters.Cluster]:
    """A cluster for those tests alone that ask for one: few files, one worker each."""
    with start_cluster() as running:
        yield running


@pytest.fixture
def cluster(running_cluster: clusters.Cluster) -> Iterator[clusters.Cluster]:
    """That cluster, cleared of what a test leaves."""
    yield running_cluster
    running_cluster.clear()
