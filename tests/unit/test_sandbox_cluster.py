"""A sandbox that is a cluster: how it is begun, what it leaves, and members that are lost on purpose."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import lxdnb
from lxdnb.sandbox import Sandbox
from lxdnb.sandbox.beginning import first_host
from lxdnb.sandbox.events import Listener
from lxdnb.sandbox.population import populate
from lxdnb.sandbox.replies import Async, Refused, Request, Sync
from lxdnb.sandbox.routes import take
from lxdnb.sandbox.state import Host
from tests.turned import Clock
from tests.watcher import ask


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def host(clock: Clock) -> Host:
    return first_host("lxd", clock=clock, members=3)


def said(host: Host, method: str, path: str, body: object = None):
    """Return what a host answers, an operation once it has ended."""
    path, _, query = path.partition("?")
    asked = dict(each.split("=") for each in query.split("&") if each)
    reply = take(host, Request(method, path, asked, body=json.dumps(body).encode()))
    while isinstance(reply, Async) and not reply.operation.final and not reply.operation.vanished:
        host.clock.now += host.agenda.due
        host.agenda.run()
    while host.agenda.due == 0:
        host.agenda.run()
    return reply.metadata if isinstance(reply, Sync) else reply.operation


def test_each_member_listens_for_itself_and_leaves_nothing(tmp_path):
    with Sandbox("incus", members=3, socket=tmp_path / "unix.socket") as trio:
        assert trio.endpoints == {
            "n1": str(tmp_path / "unix.socket"),
            "n2": str(tmp_path / "n2/unix.socket"),
            "n3": str(tmp_path / "n3/unix.socket"),
        }
        assert repr(trio) == f"<Sandbox simulated cluster of 3 Incus at {tmp_path}/unix.socket>"
        assert len({*trio.https_endpoints.values()}) == 3
        for name, endpoint in trio.endpoints.items():
            client = lxdnb.Client(endpoint)
            told = client.host_info["environment"]
            assert (told["server_name"], told["server_clustered"]) == (name, True)
            assert (told["kernel_version"], told["addresses"]) != ("", [])
            assert client.cluster.members.get(name).url == trio.https_endpoints[name]
            client.close()
    assert [*tmp_path.iterdir()] == []


def test_members_follow_port_by_port_where_the_first_one_is_told_one(tmp_path):
    with Sandbox(members=2, http="127.0.0.1:0", https="127.0.0.1:0") as pair:
        names = [lxdnb.Client(endpoint).host_info["environment"]["server_name"] for endpoint in pair.endpoints.values()]
        assert names == ["n1", "n2"]
    command = [sys.executable, "-m", "lxdnb.sandbox", "--http", "127.0.0.1:0", "--cluster", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, "a cluster has at least one member, not 0" in ended.stderr) == (2, True)


def test_many_instances_are_spread_over_the_members(host):
    populate(host, 30)
    where = [each.location(host) for each in host.instances("default").values()]
    assert {name: where.count(name) for name in ("n1", "n2", "n3")} == {"n1": 10, "n2": 10, "n3": 10}


def test_events_are_of_the_member_that_does_what_they_tell_of(host):
    heard: list[tuple[str, str]] = []

    def hear(text: str) -> None:
        event = json.loads(text)
        heard.append((event["location"], event["metadata"].get("action") or event["metadata"]["status"]))

    host.events.subscribe(Listener(frozenset(["lifecycle", "operation"]), None, hear))
    said(host, "POST", "/1.0/instances?target=n2", {"name": "c1", "source": {"type": "none"}})
    assert {location for location, _ in heard} == {"n2"}
    heard.clear()
    said(host, "POST", "/1.0/instances/c1?target=n3", {"name": "c1", "migration": True})
    moved = [each for each in heard if each[1].startswith("instance-")]
    assert moved == [("n3", "instance-created"), ("n2", "instance-deleted"), ("n3", "instance-renamed")]


def test_a_lost_member_has_forgotten_its_operations_when_it_comes_back(host, clock):
    said(host, "POST", "/1.0/instances?target=n3", {"name": "c1", "source": {"type": "none"}})
    begun = take(host, Request("DELETE", "/1.0/instances/c1")).operation
    waits, over = take(host, Request("GET", f"/1.0/operations/{begun.id}/wait")), []
    waits.whenever(lambda: over.append(True))
    clock.now = 1_700_000_100.0
    assert said(host, "POST", "/sandbox/members/n3", {"status": "Offline"}) == {"name": "n3", "status": "Offline"}
    (told,) = [each for each in said(host, "GET", "/1.0/cluster/members?recursion=1") if each["server_name"] == "n3"]
    assert (told["status"], over) == ("Offline", [True])
    with pytest.raises(Refused, match="EOF"):
        waits.answer()
    clock.now += 3723.5
    (told,) = [each for each in said(host, "GET", "/1.0/cluster/members?recursion=1") if each["server_name"] == "n3"]
    assert told["message"] == "No heartbeat for 1h2m3.5s (2023-11-14 22:15:00 +0000 UTC)"
    with pytest.raises(Refused, match="Missing event connection"):
        said(host, "GET", f"/1.0/operations/{begun.id}")
    assert [(each["name"], each["status"]) for each in said(host, "GET", "/sandbox/members")] == [
        ("n1", "Online"),
        ("n2", "Online"),
        ("n3", "Offline"),
    ]
    warned = [each for each in host.warnings.values() if each.kind == "Offline cluster member"]
    assert [(each.status, each.member.name) for each in warned] == [("new", "n1")]
    said(host, "POST", "/sandbox/members/n3", {"status": "Online"})
    with pytest.raises(Refused, match="Operation not found"):
        said(host, "GET", f"/1.0/operations/{begun.id}")
    assert said(host, "GET", "/1.0/instances/c1")["location"] == "n3"
    assert [each.status for each in warned] == ["resolved"]


def test_the_leader_is_another_one_while_the_first_is_lost_and_the_last_stays(host):
    def leaders() -> list[str]:
        told = said(host, "GET", "/1.0/cluster/members?recursion=1")
        return [each["server_name"] for each in told if "database-leader" in each["roles"]]

    assert leaders() == ["n1"]
    said(host, "POST", "/sandbox/members/n1", {"status": "Offline"})
    assert leaders() == ["n2"]
    said(host, "POST", "/sandbox/members/n2", {"status": "Offline"})
    with pytest.raises(Refused, match="n3 is the last member"):
        said(host, "POST", "/sandbox/members/n3", {"status": "Offline"})
    with pytest.raises(Refused, match="Offline or Online, not to 'away'"):
        said(host, "POST", "/sandbox/members/n3", {"status": "away"})
    with pytest.raises(Refused, match="Cluster member not found"):
        said(host, "POST", "/sandbox/members/n9", {"status": "Online"})


def test_what_comes_to_a_lost_member_is_hung_up_on_and_its_files_are_there_afterwards(tmp_path):
    with Sandbox(members=3, socket=tmp_path / "unix.socket") as trio:
        third, first = lxdnb.Client(trio.endpoints["n3"]), lxdnb.Client(trio.endpoints["n1"])
        made = first.containers.launch("busybox", "far", target="n3")
        made.files.put("/root/note", "kept")
        with made.start_command(["sleep", "1000"]) as running, third.events(event_types="lifecycle") as events:
            ask(tmp_path / "n2/unix.socket", "POST", "/sandbox/members/n3", {"status": "Offline"})
            with pytest.raises(lxdnb.ClientConnectionFailed):
                running.wait(10)
            with pytest.raises(lxdnb.ClientConnectionFailed):
                third.api.get()
            ask(tmp_path / "unix.socket", "POST", "/sandbox/members/n3", {"status": "Online"})
            assert next(iter(events))["type"] == "connection"  # it was lost, and is there again
        assert made.files.get("/root/note") == b"kept"
        for each in (third, first):
            each.close()


def test_members_are_not_called_lost_before_their_time(host):
    words = "cannot set 'cluster.offline_threshold' to '10': Value must be greater than '10'"
    with pytest.raises(Refused, match=words):
        said(host, "PATCH", "/1.0", {"config": {"cluster.offline_threshold": "10"}})
    said(host, "PATCH", "/1.0?target=n2", {"config": {"cluster.offline_threshold": "11"}})
    assert said(host, "GET", "/1.0?target=n3")["config"]["cluster.offline_threshold"] == "11"
