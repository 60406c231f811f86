"""A client shared by threads, and by processes: few connections, no warnings, every answer to whom it belongs."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import lxdnb
from tests.faults.proxy import Proxy

THREADS = 20


@pytest.fixture
def profiles(client) -> list[str]:
    names = [f"p-{number}" for number in range(THREADS)]
    for name in names:
        client.api.profiles.post(json={"name": name, "description": f"of {name}"})
    return names


def connections(socket: object) -> int:
    """How many connections to a socket are open, as the kernel has it; two ends each, of which one bears its path."""
    listening = 1
    rows = [row.split() for row in Path("/proc/net/unix").read_text().splitlines()]
    return sum(row[-1] == str(socket) for row in rows) - listening


@pytest.mark.parametrize("threads", [THREADS, 60])
def test_threads_open_no_more_connections_than_they_are(server, profiles, caplog, threads: int):
    before = connections(server.socket)
    client = lxdnb.Client(str(server.socket))
    together = threading.Barrier(threads)

    def ask(number: int) -> list[str]:
        together.wait(20)
        name = profiles[number % THREADS]
        return [client.profiles.get(name).description for _ in range(5)]

    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(ask, range(threads)))
    assert answers == [[f"of {profiles[number % THREADS]}"] * 5 for number in range(threads)]
    assert 0 < connections(server.socket) - before <= threads
    # urllib3's way of saying that connections were thrown away is a warning in the log.
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    client.close()


def test_threads_open_no_more_connections_over_https(server, profiles, caplog):
    certificate = tuple(map(str, server.client_certificate))
    client = lxdnb.Client(server.address, cert=certificate, fingerprint=server.fingerprint)
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda name: client.profiles.get(name).description, profiles * 3))
    assert answers == [f"of {name}" for name in profiles] * 3
    port = f":{int(server.address.rpartition(':')[2]):04X}"
    rows = [row.split() for row in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    assert 0 < sum(row[2].endswith(port) and row[3] == "01" for row in rows) <= THREADS + 1  # and the first, of cli
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    client.close()


def test_all_is_one_request_for_each_thread(server, profiles, tmp_path):
    with Proxy(server.socket, tmp_path) as proxy:
        client = lxdnb.Client(proxy.endpoint)
        with ThreadPoolExecutor(THREADS) as pool:
            lists = list(pool.map(lambda _: [profile.description for profile in client.profiles.all()], range(THREADS)))
        assert all(len(descriptions) == THREADS + 1 for descriptions in lists)
        assert len([line for line in proxy.lines if "/profiles" in line]) == THREADS
        client.close()


def test_threads_that_run_commands_and_hear_events(client, container):
    with client.events(event_types="lifecycle") as events, ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: container.execute(["sh", "-c", f"echo {n}; exit {n}"]), range(24)))
        heard = [next(events)["metadata"]["action"] for _ in range(24)]
    assert [(result.exit_code, result.stdout) for result in results] == [(n, f"{n}\n") for n in range(24)]
    assert heard == ["instance-exec"] * 24


def test_a_pickled_client_is_its_address(client, server):
    again = pickle.loads(pickle.dumps(client))
    assert (again.endpoint, again.project, again.trusted) == (client.endpoint, None, True)
    assert again.profiles.get("default").description == "Default profile"
    other = pickle.loads(pickle.dumps(lxdnb.Client(str(server.socket), project="default", timeout=(3, 7))))
    assert other.project == "default"
    assert (other._transport.connect_seconds, other._transport.read_seconds) == (3, 7)
    # What belongs to a client comes with it.
    profile = pickle.loads(pickle.dumps(client.profiles.get("default")))
    assert profile.client.endpoint == client.endpoint
    assert profile == client.profiles.get("default")


def test_a_pickled_client_over_https_has_paths_and_no_key(server):
    certificate = tuple(map(str, server.client_certificate))
    with pytest.warns(UserWarning, match=server.fingerprint):
        client = lxdnb.Client(server.address, cert=certificate, verify=False)
    pickled = pickle.dumps(client, 0)
    key = Path(certificate[1]).read_bytes().split(b"\n")[1]
    assert key not in pickled
    assert certificate[1].encode() in pickled
    again = pickle.loads(pickled)  # the certificate that was seen is held to, without a second warning
    assert again.trusted
    assert again._transport.fingerprint == server.fingerprint


def test_processes_share_by_pickles(client, profiles):
    program = "import pickle, sys; p = pickle.load(sys.stdin.buffer); print(p.client.profiles.get(p.name).description)"
    for name in profiles[:2]:
        pickled = pickle.dumps(client.profiles.get(name))
        ran = subprocess.run([sys.executable, "-c", program], input=pickled, capture_output=True, check=True)
        assert ran.stdout.decode() == f"of {name}\n"


def test_a_wait_is_interrupted_at_once(server, container):
    program = """
        import sys, threading, time, os, signal, lxdnb
        client = lxdnb.Client(sys.argv[1])
        body = {"command": ["sleep", "60"], "wait-for-websocket": False, "interactive": False}
        operation = client.api.instances[sys.argv[2]].exec.post(json=body).json()["operation"]
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            client.operations.wait_for_operation(operation)
        except KeyboardInterrupt:
            print("interrupted", client.operations.get(operation).status)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(server.socket), container.name]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=25)
    assert ran.stdout == "interrupted Running\n", ran.stderr
    server.cli("delete", "--force", container.name)
