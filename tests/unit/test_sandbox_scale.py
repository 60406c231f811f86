"""The sandbox with very many instances: nobody waits behind what is long, and it is never in memory whole."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest

import lxdnb
from lxdnb.sandbox import Sandbox, server
from lxdnb.sandbox.beginning import first_host
from lxdnb.sandbox.population import populate
from lxdnb.sandbox.replies import Request
from lxdnb.sandbox.routes import take

MANY = 3000


@pytest.fixture(scope="module")
def crowded():
    with Sandbox(instances=MANY, seed=7) as running:
        yield running


@pytest.fixture
def client(crowded):
    client = lxdnb.Client(crowded.endpoint)
    yield client
    client.close()


def asked(endpoint: str, path: str) -> socket.socket:
    """Ask for something, and read nothing of the answer yet."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(endpoint)
    connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    return connection


def whole(connection: socket.socket) -> bytes:
    with connection, connection.makefile("rb") as file:
        return file.read().partition(b"\r\n\r\n")[2]


def test_a_long_list_is_made_as_it_is_read(crowded, client):
    last = max(client.api.instances.get().json()["metadata"]).rpartition("/")[2]
    reading = asked(crowded.endpoint, "/1.0/instances?recursion=2")
    client.api.instances[last].patch(json={"description": "changed meanwhile"})
    told = json.loads(whole(reading))["metadata"]
    assert len(told) == MANY
    assert (told[-1]["name"], told[-1]["description"]) == (last, "changed meanwhile")


@pytest.mark.parametrize("path", ["/1.0/instances", "/1.0/storage-pools/default/volumes"])
@pytest.mark.parametrize("recursion", [0, 1])
def test_a_list_is_the_same_in_pieces_as_one_by_one(crowded, client, path, recursion):
    told = json.loads(whole(asked(crowded.endpoint, f"{path}?recursion={recursion}")))
    assert {key: value for key, value in told.items() if key != "metadata"} == {
        "type": "sync", "status": "Success", "status_code": 200, "operation": "", "error_code": 0, "error": "",
    }  # fmt: skip
    names = sorted(crowded.host.instances("default"))
    shown = sorted(each["name"] if recursion else each.rpartition("/")[2] for each in told["metadata"])
    assert shown == names
    for each in told["metadata"][:: MANY // 3]:
        url = f"{path}/{each['type'] + '/' if 'volumes' in path else ''}{each['name']}" if recursion else each
        one = json.loads(whole(asked(crowded.endpoint, url)))["metadata"]
        assert one["name"] in names
        assert not recursion or one == each


def test_a_reader_who_goes_in_the_middle_leaves_the_others_served(crowded, client):
    for path in ("/1.0/instances?recursion=2", "/1.0/metrics"):
        reading = asked(crowded.endpoint, path)
        assert reading.recv(1000).startswith(b"HTTP/1.1 200")
        reading.close()
    assert len(client.instances.all()) == MANY


def test_metrics_are_made_in_turns_and_told_again_for_8_seconds():
    now = 1_700_000_000.0
    host = first_host("lxd", 7, clock=lambda: now)
    populate(host, 1000)
    running = [each for each in host.instances("default").values() if each.started is not None]

    def told() -> tuple[int, list[str]]:
        pieces = [*take(host, Request("GET", "/1.0/metrics")).pieces]
        lines = b"".join(pieces).decode().splitlines()
        return pieces.count(b""), [line for line in lines if line.startswith("lxd_procs_total{")]

    turns, first = told()
    assert turns >= 10
    assert len(first) == len(running)
    running[0].started = None
    assert told() == (0, first)
    now += 8.1
    host.agenda.run()
    turns, later = told()
    assert turns >= 10
    assert len(later) == len(running) - 1
    assert f'name="{running[0].name}"' not in "".join(later)


def test_who_asks_for_metrics_at_once_shares_the_work():
    host = first_host("lxd", 7)
    populate(host, 1000)
    both = [take(host, Request("GET", "/1.0/metrics")).pieces for _ in range(2)]
    turns = [[next(each) for _ in range(5)] for each in both]
    assert turns == [[b""] * 5] * 2
    rest = [b"".join(each) for each in both]
    assert rest[0] == rest[1]
    assert rest[0].endswith(b"# EOF\n")


def test_who_does_not_read_for_a_while_loses_nothing(monkeypatch):
    monkeypatch.setattr(server, "PING", 0.05)
    held, first = bytearray(), []

    def slowly(piece: bytes) -> None:
        if not first:
            first.append(time.sleep(0.5))  # of ten signs of life, none is answered
        held.extend(piece)

    with Sandbox() as running:
        client = lxdnb.Client(running.endpoint)
        box = client.instances.launch("busybox", "slow")
        ended = box.execute(["sh", "-c", "yes | head -c 3000000"], stdout_handler=slowly, decode=False)
        client.close()
    assert (ended.exit_code, held) == (0, b"y\n" * 1_500_000)


def test_hundreds_of_connections_wait_while_it_is_busy(crowded):
    over = threading.Event()
    crowded._loop.call_soon_threadsafe(over.wait)
    try:
        waiting = [asked(crowded.endpoint, "/1.0/profiles") for _ in range(500)]
    finally:
        over.set()
    assert all(json.loads(whole(each))["metadata"] for each in waiting)


def test_virtual_machines_are_among_them_and_have_no_mapping_of_ids(client):
    machines = client.virtual_machines.all()
    assert {each.type for each in machines} == {"virtual-machine"}
    assert 0.02 * MANY < len(machines) < 0.08 * MANY  # four in a hundred
    assert not [key for each in machines for key in each.config if "idmap" in key]
    assert all("volatile.idmap.next" in each.config for each in client.containers.all())
    assert len(machines) + len(client.containers.all()) == MANY
