"""Instances that are turned off, and on again, from outside and from within; and what is told of that."""

from __future__ import annotations

import pytest

import lxdnb
from tests.eventually import eventually


def begun(client, **settings):
    source = {"type": "image", "alias": "busybox"}
    made = client.containers.create({"name": "c1", "source": source, **settings}, wait=True)
    made.start(wait=True)
    return made


@pytest.fixture
def told(client):
    """Returns the actions of what happens, up to one of a name."""
    with client.events(event_types=["lifecycle"]) as events:

        def up_to(last: str) -> list[str]:
            heard: list[str] = []
            for event in events:
                heard.append(event["metadata"]["action"].removeprefix("instance-"))
                if heard[-1] == last:
                    break
            return heard

        yield up_to


def run(instance, script: str) -> str:
    """What a script prints; nothing while the instance is between two lives."""
    try:
        return instance.execute(["sh", "-c", script]).stdout
    except lxdnb.LXDAPIException:
        return ""


def test_what_is_told_of_power(client, told):
    made = begun(client)
    assert told("started")[-2:] == ["created", "started"]
    made.freeze(wait=True)
    made.unfreeze(wait=True)
    made.restart(force=True, wait=True)
    assert told("restarted") == ["paused", "resumed", "restarted"]
    made.stop(force=True, wait=True)
    made.start(wait=True)
    made.stop(timeout=30, force=False, wait=True)
    assert told("shutdown") == ["stopped", "started", "shutdown"]


@pytest.mark.parametrize("command", ["poweroff", "halt", "poweroff -f", "kill -USR2 1"])
def test_turned_off_from_within(client, server, told, command):
    made = begun(client)
    run(made, command)
    assert told("shutdown")[-2:] == ["exec", "shutdown"]
    eventually(lambda: server.query("/1.0/instances/c1")["status"] == "Stopped")
    eventually(lambda: server.query("/1.0/instances/c1")["config"]["volatile.last_state.power"] == "STOPPED")
    made.start(wait=True)
    assert made.execute(["echo", "again"]).stdout == "again\n"


def test_an_ephemeral_one_is_gone_when_it_turns_itself_off(client, told):
    run(begun(client, ephemeral=True), "poweroff")
    assert told("deleted")[-2:] == ["shutdown", "deleted"]
    eventually(lambda: not client.instances.exists("c1"))


def test_begun_anew_from_within(client, server, told):
    made = begun(client)
    run(made, "echo kept >/root/kept; sleep 1000 >/dev/null 2>&1 &")
    made.execute(["reboot"])
    told("restarted")
    eventually(lambda: "init" in run(made, "ps"))
    assert "sleep 1000" not in run(made, "ps")
    assert run(made, "cat /root/kept") == "kept\n"
    assert server.query("/1.0/instances/c1")["status"] == "Running"


def test_an_ephemeral_one_that_runs_is_restored_and_stays(client, server, told):
    made = begun(client, ephemeral=True)
    made.snapshots.create("s1", wait=True)
    run(made, "touch /root/after")
    told("exec")
    made.snapshots.get("s1").restore(wait=True)
    heard = told("restored")  # Incus may tell of the start only then
    assert "stopped" in heard
    assert "deleted" not in heard
    record = server.query("/1.0/instances/c1")
    assert (record["status"], record["ephemeral"]) == ("Running", True)
    assert run(made, "ls /root") == ""
