"""Crossings between two simulated hosts, by a clock and a middle man that the test has in its hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lxdnb.sandbox import handlers  # noqa: F401
from lxdnb.sandbox.beginning import first_host
from lxdnb.sandbox.crossings import Channel, Crossing
from lxdnb.sandbox.operations import Operation
from lxdnb.sandbox.replies import Async, Refused, Request
from lxdnb.sandbox.rootfs import files_of
from lxdnb.sandbox.routes import take
from lxdnb.sandbox.state import Host
from tests.turned import Clock

MARK = b"lxdnb sandbox 1\n"


@pytest.fixture(params=["lxd", "incus"])
def hosts(request) -> tuple[Host, Host, Clock]:
    clock = Clock()
    return first_host(request.param, 1, clock), first_host(request.param, 2, clock), clock


def turn(*hosts: Host) -> None:
    """Let hosts do all that is due."""
    while any(host.agenda.due == 0 for host in hosts):
        for host in hosts:
            host.agenda.run()


def later(clock: Clock, seconds: float, *hosts: Host) -> None:
    """Let time pass."""
    until = clock.now + seconds
    while True:
        turn(*hosts)
        due = min((host.agenda.due for host in hosts if host.agenda.due is not None), default=seconds)
        if clock.now + due > until:
            clock.now = until
            turn(*hosts)
            return
        clock.now += due


def asked(host: Host, path: str, body: dict[str, Any]) -> Operation:
    reply = take(host, Request("POST", path, body=json.dumps(body).encode()))
    assert isinstance(reply, Async)
    return reply.operation


def made(host: Host, clock: Clock) -> None:
    """Make an instance c1 with a file and a snapshot before that was changed."""
    asked(host, "/1.0/instances", {"name": "c1", "source": {"type": "image", "alias": "busybox"}})
    later(clock, 1, host)
    tree = files_of(host, host.instances("default")["c1"])
    tree.fill(tree.opened("/root/mark", write=True, create=True), b"old")
    asked(host, "/1.0/instances/c1/snapshots", {"name": "before"})
    later(clock, 1, host)
    tree.fill(tree.opened("/root/mark", write=True), b"newer")


def given(host: Host) -> Operation:
    return asked(host, "/1.0/instances/c1", {"name": "c1", "migration": True})


def awaited(host: Host, **source: Any) -> Operation:
    source = {"type": "migration", "mode": "push", **source}
    return asked(host, "/1.0/instances", {"name": "c2", "architecture": "x86_64", "source": source})


def channels(operation: Operation) -> dict[str, Channel]:
    assert operation.crossing is not None
    return operation.crossing.channels


def connect(*operations: Operation) -> None:
    for operation in operations:
        for channel in channels(operation).values():
            channel.connect()


def carry(one: Operation, other: Operation, *hosts: Host) -> None:
    """Carry all that both say, until they say nothing more."""
    pairs = [(channels(one)[name], channels(other)[name]) for name in ("control", "fs")]
    moved = True
    while moved:
        turn(*hosts)
        moved = False
        for source, sink in [*pairs, *((sink, source) for source, sink in pairs)]:
            while not sink.full and (message := source.take()) is not None:
                sink.put(message)
                moved = True
            if source.closing and not sink.lost and not source.outgoing:
                sink.lose()
                moved = True


def test_all_of_an_instance_goes_over(hosts):
    here, there, clock = hosts
    made(here, clock)
    giving, taking = given(here), awaited(there)
    connect(giving, taking)
    carry(giving, taking, here, there)
    assert (giving.status, taking.status) == ("Success", "Success")
    copy = there.instances("default")["c2"]
    assert files_of(there, copy).find("/root/mark").data == b"newer"
    (before,) = copy.snapshots.values()
    assert files_of(there, before.then).find("/root/mark").data == b"old"
    assert (before.name, before.created) == ("before", here.instances("default")["c1"].snapshots["before"].created)


TIMES = {
    "lxd": (10, "Timed out waiting for migration connections", "Timed out waiting for migration connections"),
    "incus": (
        30,
        "Failed waiting for migration control connection on source: context deadline exceeded",
        "Failed waiting for migration control connection on target: context deadline exceeded",
    ),
}


def test_whom_nobody_comes_for_waits_as_long_as_real_servers_do(hosts):
    here, there, clock = hosts
    made(here, clock)
    giving, taking = given(here), awaited(there)
    seconds, source, target = TIMES[here.flavour.name]
    later(clock, seconds - 0.1, here, there)
    assert (giving.status, taking.status) == ("Running", "Running")
    assert [*there.instances("default")] == ["c2"]
    later(clock, 0.1, here, there)
    assert (giving.status, giving.failure.words) == ("Failure", source)
    assert (taking.status, taking.failure.words) == ("Failure", f"Error transferring instance data: {target}")
    assert [*there.instances("default")] == []
    assert [*here.instances("default")] == ["c1"]


def test_one_that_is_half_connected_waits_no_longer(hosts):
    here, _, clock = hosts
    made(here, clock)
    giving = given(here)
    channels(giving)["control"].connect()
    later(clock, 10, here)
    words = {
        "lxd": "Timed out waiting for migration connections",
        "incus": "Failed migration on source: Failed getting migration source filesystem connection: "
        "context deadline exceeded",
    }
    assert giving.failure.words == words[here.flavour.name]


@pytest.mark.parametrize("dies", ["source", "target"])
def test_a_side_that_dies_on_the_way_leaves_nothing(hosts, dies):
    here, there, clock = hosts
    made(here, clock)
    giving, taking = given(here), awaited(there)
    connect(giving, taking)
    turn(here, there)
    told = channels(giving)["control"].take()
    channels(taking)["control"].put(told)
    turn(here, there)
    left = taking if dies == "source" else giving
    for channel in channels(left).values():
        channel.lose()
    turn(here, there)
    assert left.status == "Failure"
    assert left.failure.words.endswith("websocket: close 1006 (abnormal closure): unexpected EOF")
    assert [*there.instances("default")] == ([] if dies == "source" else ["c2"])
    assert [*here.instances("default")] == ["c1"]


def test_a_silent_side_is_not_waited_for_without_end(hosts):
    _, there, clock = hosts
    taking = awaited(there)
    connect(taking)
    later(clock, 59, there)
    assert taking.status == "Running"
    later(clock, 2, there)
    assert taking.failure.words.endswith("the other server has said nothing for 60 s")
    assert [*there.instances("default")] == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"\x08\x00\x1a\x0f", "is no sandbox"),
        (MARK + b"[" * 100_000, "is no sandbox"),
        (MARK + b"[]", "is no sandbox"),
        (MARK + b'{"kind":"volume","sizes":[1]}', "gives no instance"),
        (MARK + b'{"kind":"instance"}', "does not say how much"),
        (MARK + b'{"kind":"instance","sizes":[-1]}', "does not say how much"),
        (MARK + b'{"kind":"instance","sizes":[99999999999999]}', "more than"),
        (MARK + b'{"kind":"instance","sizes":[1,1]}', "sends 2 parts"),
        (MARK + b'{"failed":"no more"}', "no more"),
    ],
)
def test_what_no_sandbox_says_is_refused_on_both_sides(hosts, said, words):
    _, there, _ = hosts
    taking = awaited(there)
    connect(taking)
    channels(taking)["control"].put(said)
    turn(there)
    assert (taking.status, words in taking.failure.words) == ("Failure", True)
    heard = []
    while (message := channels(taking)["control"].take()) is not None:
        heard.append(json.loads(message.removeprefix(MARK)))
    assert words in heard[-1]["failed"]
    assert channels(taking)["control"].closing
    assert [*there.instances("default")] == []


@pytest.mark.parametrize("data", [b"", b"nonsense", bytes(1024)])
def test_what_is_no_instance_makes_none(hosts, data):
    _, there, _ = hosts
    taking = awaited(there)
    connect(taking)
    channels(taking)["control"].put(MARK + json.dumps({"kind": "instance", "sizes": [len(data)]}).encode())
    channels(taking)["fs"].put(data)
    turn(there)
    assert taking.status == "Failure"
    assert taking.failure.words.startswith("Error transferring instance data: ")
    assert [*there.instances("default")] == []


def test_a_withdrawn_offer_hangs_up(hosts):
    here, _, clock = hosts
    made(here, clock)
    giving = given(here)
    connect(giving)
    turn(here)
    here.operations.cancel(giving)
    assert (giving.status, all(each.closing for each in channels(giving).values())) == ("Cancelled", True)


def test_a_refresh_brings_what_is_new_and_takes_away_what_is_gone(hosts):
    here, there, clock = hosts
    made(here, clock)
    for number in range(2):
        giving, taking = given(here), awaited(there, refresh=True)
        connect(giving, taking)
        carry(giving, taking, here, there)
        assert (giving.status, taking.status) == ("Success", "Success")
        copy = there.instances("default")["c2"]
        if not number:
            copy.config = copy.config | {"user.own": "1"}
            first = copy.snapshots["before"]
            asked(here, "/1.0/instances/c1/snapshots", {"name": "later"})
            asked(there, "/1.0/instances/c2/snapshots", {"name": "theirs"})
            later(clock, 1, here, there)
    assert [*copy.snapshots] == ["before", "later"]
    assert copy.snapshots["before"] is first
    assert copy.config["user.own"] == "1"


def test_what_is_sent_waits_for_who_reads(hosts):
    here, there, clock = hosts
    made(here, clock)
    tree = files_of(here, here.instances("default")["c1"])
    tree.fill(tree.opened("/root/large", write=True, create=True), bytes(8 * 2**20))
    giving, taking = given(here), awaited(there)
    connect(giving, taking)
    turn(here, there)
    channels(taking)["control"].put(channels(giving)["control"].take())
    turn(here, there)
    channels(giving)["control"].put(channels(taking)["control"].take())
    turn(here, there)
    assert len(channels(giving)["fs"].outgoing) == 16  # messages of 256 KiB, though there is more
    carry(giving, taking, here, there)
    assert files_of(there, there.instances("default")["c2"]).find("/root/large").size == 8 * 2**20


def test_a_host_without_a_network_says_so(hosts):
    here, _, _ = hosts
    pulled = {"type": "migration", "mode": "pull", "operation": "https://127.0.0.1/1.0/operations/1"}
    pulled |= {"secrets": {"control": "a", "fs": "b"}, "certificate": ""}
    body = {"name": "c2", "architecture": "x86_64", "source": pulled}
    taking = asked(here, "/1.0/instances", body)
    turn(here)
    assert taking.failure.words.endswith("there is no network")
    assert [*here.instances("default")] == []


def test_a_secret_lets_in_once(hosts):
    here, _, _ = hosts
    crossing = Crossing(here, "source", "instance")
    look: Callable[[str], Channel | None] = crossing.connection
    found = look(crossing.secrets["fs"])
    assert found is crossing.channels["fs"]
    found.connect()
    assert look(crossing.secrets["fs"]) is look("") is look("x") is None


def test_refusals_of_a_target_are_made_before_anything_is(hosts):
    here, _, _ = hosts
    with pytest.raises(Refused) as caught:
        awaited(here, mode="carry")
    assert caught.value.code == 501
    with pytest.raises(Refused, match="Architecture isn't supported: "):
        asked(here, "/1.0/instances", {"name": "c2", "source": {"type": "migration", "mode": "push"}})
    assert [*here.instances("default")] == []
