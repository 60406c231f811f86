"""The sandbox's time: operations, events and workloads by a clock that the test turns."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from lxdnb.sandbox.beginning import first_host
from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.events import Listener
from lxdnb.sandbox.instances import Instance
from lxdnb.sandbox.machines import machine_of
from lxdnb.sandbox.nodes import Live
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.proc import entries_of
from lxdnb.sandbox.replies import Refused, Request, Sync
from lxdnb.sandbox.routes import take
from lxdnb.sandbox.state import Host
from lxdnb.sandbox.workload import usage
from tests.turned import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def host(clock: Clock) -> Host:
    return Host("lxd", clock)


def turn(host: Host, clock: Clock, seconds: float) -> None:
    clock.now += seconds
    while host.agenda.due == 0:
        host.agenda.run()


def test_timestamps_have_what_go_writes():
    assert timestamp(0) == "1970-01-01T00:00:00Z"
    assert timestamp(1_700_000_000) == "2023-11-14T22:13:20Z"
    assert timestamp(1_700_000_000.5) == "2023-11-14T22:13:20.5Z"
    assert timestamp(1_700_000_000.25) == "2023-11-14T22:13:20.25Z"


def test_an_operation_goes_on_when_its_pause_is_over(host, clock):
    done = []

    def work(operation: Operation) -> Work:
        done.append("begun")
        yield 10.0
        done.append("ended")

    operation = host.operations.begin("default", "Testing", {}, work)
    assert (done, operation.status, host.agenda.due) == ([], "Running", 0)
    turn(host, clock, 0)
    assert (done, host.agenda.due) == (["begun"], 10)
    turn(host, clock, 9.5)
    assert (done, host.agenda.due) == (["begun"], 0.5)
    turn(host, clock, 0.5)
    assert (done, operation.status) == (["begun", "ended"], "Success")


def test_an_operation_is_forgotten_5_s_after_its_end(host, clock):
    def work(operation: Operation) -> Work:
        yield 0.0
        raise Refused(500, "It burned")

    operation = host.operations.begin("default", "Testing", {}, work)
    turn(host, clock, 0)
    assert (operation.record()["status_code"], operation.record()["err"]) == (400, "It burned")
    turn(host, clock, 4.9)
    assert host.operations.get(operation.id) is operation
    turn(host, clock, 0.1)
    with pytest.raises(Refused, match="Operation not found"):
        host.operations.get(operation.id)


def test_a_cancelled_operation_tidies_up(host, clock):
    left = []

    def work(operation: Operation) -> Work:
        try:
            yield 60.0
        finally:
            left.append("tidied")

    firm = host.operations.begin("default", "Testing", {}, work)
    loose = host.operations.begin("default", "Testing", {}, work, may_cancel=True)
    turn(host, clock, 0)
    with pytest.raises(Refused, match="This operation can't be cancelled"):
        host.operations.cancel(firm)
    host.operations.cancel(loose)
    assert (loose.status, left, firm.status) == ("Cancelled", ["tidied"], "Running")


def test_who_listens_hears_of_its_types_and_project_alone(host):
    heard: list[str] = []

    def listener(types: set[str], project: str | None, name: str) -> Listener:
        return Listener(frozenset(types), project, lambda text: heard.append(name + json.loads(text)["type"]))

    leave = host.events.subscribe(listener({"lifecycle"}, "default", "a "))
    host.events.subscribe(listener({"lifecycle", "operation"}, None, "b "))
    host.events.subscribe(listener({"operation"}, "other", "c "))
    host.events.emit("lifecycle", {}, "default")
    leave()
    host.events.emit("lifecycle", {}, "other")
    host.events.emit("operation", {}, "other")
    assert heard == ["a lifecycle", "b lifecycle", "b lifecycle", "b operation", "c operation"]


@pytest.mark.parametrize("seed", range(20))
def test_counters_only_ever_rise(seed):
    moments = [usage(seed, seconds) for seconds in range(0, 3_000, 7)]
    for before, after in pairwise(moments):
        assert after.cpu >= before.cpu
        assert after.received >= before.received
        assert after.sent >= before.sent
    assert moments[-1].cpu > moments[0].cpu
    assert usage(seed, 500.0) == usage(seed, 500.0)
    assert all(0 < each.memory <= each.memory_peak for each in moments)


def test_the_load_is_what_has_been_used_of_processors_of_late(clock: Clock):
    host = first_host("lxd", 3, clock)
    body = json.dumps({"name": "c1", "source": {"type": "image", "alias": "busybox"}}).encode()
    take(host, Request("POST", "/1.0/instances", body=body))
    for _ in range(5):
        turn(host, clock, 0.1)
    take(host, Request("PUT", "/1.0/instances/c1/state", body=b'{"action": "start"}'))
    for _ in range(5):
        turn(host, clock, 0.1)
    box = host.instances("default")["c1"]
    box.seed = next(seed for seed in range(100) if usage(seed, 3600).cpu > 1000e9)  # a busy one
    clock.now += 900
    spent: list[int] = []
    for pause in (600, 240, 60, 0):
        reply = take(host, Request("GET", "/1.0/instances/c1/state"))
        assert isinstance(reply, Sync)
        spent.append(reply.metadata["cpu"]["usage"])
        clock.now += pause
    used = [(spent[3] - spent[2]) / 60e9, (spent[3] - spent[1]) / 300e9, (spent[3] - spent[0]) / 900e9]
    assert [float(each) for each in proc_file(host, box, "loadavg").split()[:3]] == pytest.approx(used, abs=0.01)
    assert min(used) > 0


def proc_file(host: Host, instance: Instance, name: str) -> str:
    node = entries_of(machine_of(host, instance))[name]
    assert isinstance(node, Live)
    return node.content().decode()
