"""Verbs that act on many instances: one result for each, whatever becomes of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

import lxdnb
from lxdnb.models._bulk import each
from tests.instance_files import file_of


def statuses(server) -> dict[str, str]:
    return {each["name"]: each["status"] for each in server.query("/1.0/instances?recursion=1") or []}


def said(outcomes) -> dict[str, str | None]:
    return {outcome.name: outcome.error and str(outcome.error) for outcome in outcomes}


def test_one_that_fails_keeps_no_other_from_its_turn(client, server, asked):
    for name in ("c1", "broken"):
        server.cli("init", "busybox", name)
    server.cli("init", "busybox", "c2", "--ephemeral")
    server.cli("config", "device", "add", "broken", "gone", "nic", "nictype=physical", "parent=nowhere")
    assert said(client.instances.set_state("start", dry_run=True)) == dict.fromkeys(("broken", "c1", "c2"))
    assert set(statuses(server).values()) == {"Stopped"}

    asked.clear()
    outcomes = client.instances.set_state("start")
    assert asked.count("/1.0/instances") == 3  # what is there, all at once, and what came of it
    assert [outcome.name for outcome in outcomes] == ["broken", "c1", "c2"]
    assert [outcome.error is None for outcome in outcomes] == [False, True, True]
    assert isinstance(outcomes[0].error, lxdnb.LXDAPIException)
    assert statuses(server) == {"broken": "Stopped", "c1": "Running", "c2": "Running"}

    assert said(client.containers.set_state("freeze", ["c1"])) == {"c1": None}
    assert statuses(server)["c1"] == "Frozen"
    assert said(client.instances.set_state("unfreeze")) == {"c1": None}
    assert client.virtual_machines.set_state("stop") == []
    assert said(client.instances.set_state("restart", dry_run=True)) == {"c1": None, "c2": None}
    assert said(client.instances.set_state("stop", ["c1"], dry_run=True)) == {"c1": None}
    chosen = client.instances.set_state("freeze", ["nobody", "c1", client.instances.get("c2"), "broken", "c1"])
    assert [outcome.name for outcome in chosen] == ["nobody", "c1", "c2", "broken"]
    assert isinstance(chosen[0].error, lxdnb.NotFound)
    assert [outcome.error is None for outcome in chosen[1:]] == [True, True, False]
    assert statuses(server) == {"broken": "Stopped", "c1": "Frozen", "c2": "Frozen"}
    assert said(client.instances.set_state("stop")) == {"c1": None, "c2": None}
    assert statuses(server) == {"broken": "Stopped", "c1": "Stopped"}
    with pytest.raises(ValueError, match="start, stop, restart, freeze, unfreeze"):
        client.instances.set_state("begin")


@pytest.mark.parametrize("server_kind", ["incus"], indirect=True, scope="session")
def test_one_that_says_itself_that_it_is_ready_runs(client, server):
    """LXD 5.0 has no such status."""
    server.cli("launch", "busybox", "c1")
    server.cli("config", "set", "c1", "volatile.last_state.ready=true")
    assert statuses(server) == {"c1": "Ready"}
    assert client.instances.set_state("start") == []
    assert said(client.instances.set_state("stop")) == {"c1": None}
    assert statuses(server) == {"c1": "Stopped"}


def test_only_what_servers_say_is_a_result(client, asked):
    with pytest.raises(ZeroDivisionError):
        each([1, 0], str, lambda number: 1 / number)
    for wrong in ("c1", client, ["c1", ".."]):
        with pytest.raises((TypeError, ValueError)):
            client.instances.delete(wrong)
    assert asked == []


def test_many_are_deleted_and_those_that_run_by_force(client, server):
    for name in ("c1", "c2"):
        server.cli("init", "busybox", name)
    server.cli("launch", "busybox", "runs")
    server.cli("launch", "busybox", "short", "--ephemeral")
    assert said(client.instances.delete(["c1"], dry_run=True)) == {"c1": None}
    outcomes = client.instances.delete(["c1", "runs", "nobody"])
    assert [outcome.error is None for outcome in outcomes] == [True, False, False]
    assert isinstance(outcomes[2].error, lxdnb.NotFound)
    assert sorted(statuses(server)) == ["c2", "runs", "short"]
    assert said(client.instances.delete(client.instances.all(), force=True)) == dict.fromkeys(("c2", "runs", "short"))
    assert statuses(server) == {}


def test_a_filter_is_the_servers_to_evaluate(client, server):
    server.cli("init", "busybox", "c1", "-c", "user.owner=me")
    server.cli("init", "busybox", "c2")
    for filter in ("name eq c1", "config.user.owner eq me", "status eq Stopped and name eq c1"):
        assert [each.name for each in client.instances.all(filter=filter)] == ["c1"]
        assert [each.name for each in client.instances.all(0, filter=filter)] == ["c1"]
        named = server.query(f"/1.0/instances?filter={filter.replace(' ', '%20')}")
        assert named == ["/1.0/instances/c1"]
    assert client.virtual_machines.all(filter="name eq c1") == []


def test_a_rebuild_makes_its_files_anew(client, server):
    server.cli("init", "busybox", "c1", "-c", "user.owner=me")
    c1 = client.instances.get("c1")
    if not client.has_api_extension("instances_rebuild"):
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match="instances_rebuild"):
            c1.rebuild("busybox")
        return
    mark, program = file_of(server, "c1"), file_of(server, "c1", "/bin/busybox")
    mark.write_text("old")
    with pytest.raises(lxdnb.NotFound, match="nowhere"):
        c1.rebuild("nowhere")
    c1.rebuild("busybox", wait=True)
    assert not mark.exists()
    assert program.exists()
    assert c1.config["user.owner"] == "me"
    c1.rebuild(None, wait=True)
    assert not program.exists()
    if isinstance(program, Path):
        assert list(program.parents[1].iterdir()) == []
