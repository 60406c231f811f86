"""What lies on each member of a cluster, asked of another one; and a member that is lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

import lxdnb
from lxdnb import frames
from lxdnb.api import _waits
from tests import clusters, daemons

NONE = {"source": {"type": "none"}}
SHARED = {"features.profiles": False, "features.images": False}


@pytest.fixture(scope="module")
def clients(running_cluster: clusters.Cluster) -> Iterator[dict[str, lxdnb.Client]]:
    """A client of each member, by its name."""
    made = {name: lxdnb.Client(str(member.socket)) for name, member in running_cluster.members.items()}
    yield made
    for client in made.values():
        client.close()


@pytest.fixture
def first(cluster: clusters.Cluster, clients: dict[str, lxdnb.Client]) -> lxdnb.Client:
    """A client of the first member, of a cluster that is cleared of what a test leaves."""
    return clients["n1"]


def test_frames_tell_of_what_lies_on_every_member(first, cluster):
    for name in ("n1", "n3"):
        first.containers.create(
            {"name": f"at-{name}", "source": {"type": "image", "alias": "busybox"}}, wait=True, target=name
        )
        cluster["n2"].cli("config", "set", f"at-{name}", "limits.memory=50%")
        first.instances.get(f"at-{name}").snapshots.create(f"of-{name}", wait=True)
    far = first.instances.get("at-n3")
    far.start(wait=True)
    far.execute(["ip", "link", "set", "lo", "up"])
    taken = frames.snapshots(first)
    assert sorted(zip(taken["instance"], taken["name"], strict=True)) == [("at-n1", "of-n1"), ("at-n3", "of-n3")]
    assert taken["created_at"].notna().all()
    told = {record["name"]: record for record in cluster["n2"].query("/1.0/instances?recursion=1")}
    counts = frames.instances(first, ["name", "location", "snapshots", "pid"]).set_index("name")
    limits = frames.instances(first, ["name", "memory_limit"]).set_index("name")  # of which each member tells its own
    assert json.loads(limits.reset_index().attrs["lxdnb"])["failed"] == {}
    assert (limits["memory_limit"] > 0).to_dict() == {"at-n1": True, "at-n3": True}
    assert counts["location"].to_dict() == {name: record["location"] for name, record in told.items()}
    assert counts["snapshots"].to_dict() == {"at-n1": 1, "at-n3": 1}
    assert counts["pid"].dropna().to_dict() == {"at-n3": far.state().pid}
    addresses = frames.addresses(first, ["instance", "address", "location"], where="location eq n3 and family eq inet")
    assert addresses.values.tolist() == [["at-n3", "127.0.0.1", "n3"]]
    keys = frames.config(first, ["instance", "key", "location"], where="key eq image.os")
    assert sorted(keys["location"]) == ["n1", "n3"]


def test_what_runs_on_one_member_is_reached_through_the_others(first, clients, cluster):
    first.projects.create("lab", config=SHARED)
    far = first.use_project("lab").containers.launch("busybox", "far", target="n3")
    assert far.location == "n3" == cluster["n3"].query("/1.0/instances/far?project=lab")["location"]
    for name in ("n1", "n2"):
        first.containers.create({"name": f"on-{name}", **NONE}, wait=True, target=name)
    where = {"on-n1": "n1", "on-n2": "n2", "far": "n3"}
    for client in clients.values():
        assert {each.name: each.location for each in client.containers.all(all_projects=True)} == where
    table = frames.instances(first, columns=["name", "location"], all_projects=True)
    assert dict(zip(table["name"], table["location"], strict=True)) == where

    (far,) = clients["n2"].use_project("lab").instances.all()
    assert far.execute(["hostname"]).stdout == "far\n"
    assert far.execute(["cat"], stdin_payload=b"x" * 300_000).stdout == "x" * 300_000
    far.files.put("/tmp/note", "kept")
    assert far.files.get("/tmp/note") == b"kept"
    assert far.state().memory["usage"] > 0
    with far.start_command(["sh", "-c", "until [ -e /tmp/go ]; do sleep 0.05; done"]) as running:
        (found,) = [each for each in first.use_project("lab").operations.all() if each.id == running.operation_id]
        assert (found.location, found.done) == ("n3", False)
        far.files.put("/tmp/go", "")
        assert running.wait(30) == 0
    url = f"/1.0/operations/{running.operation_id}?project=lab"  # as an answer that another member gave has it
    assert first.operations.wait_for_operation(url).metadata["return"] == 0

    with first.events(event_types="lifecycle", all_projects=True) as events:
        far.stop(wait=True)
        seen = next(each for each in events if each["metadata"]["action"] == "instance-stopped")
    assert (seen["location"], seen["project"]) == ("n3", "lab")
    far.snapshots.create("before", wait=True)
    far.description = "moved on"
    far.save(wait=True)
    told = cluster["n1"].query("/1.0/instances/far?project=lab")
    assert (told["description"], told["location"]) == ("moved on", "n3")
    assert cluster["n1"].query("/1.0/instances/far/snapshots?project=lab") == [
        "/1.0/instances/far/snapshots/before?project=lab"
    ]


def test_a_client_of_one_member_asks_for_what_is_its_own(first, clients, cluster):
    for name, member in cluster.members.items():
        own = first.use_target(name)
        config = own.api.get().json()["metadata"]["config"]
        assert f"https://{config['cluster.https_address']}" == member.address
        assert own.resources.keys() == clients[name].resources.keys()
    member = cluster["n2"]
    pair = (str(member.client_certificate[0]), str(member.client_certificate[1]))
    remote = lxdnb.Client(member.address, cert=pair, fingerprint=member.fingerprint)
    assert remote.cluster.get().server_name == "n2"
    remote.close()
    with pytest.raises(lxdnb.NotFound, match="member"):
        first.use_target("n9").api.get()
    with pytest.raises(lxdnb.LXDAPIException, match=r"(?i)n9|member|not found"):
        first.instances.create({"name": "c1", **NONE}, wait=True, target="n9")
    assert first.instances.all() == []


def test_a_member_is_configured_through_another_one(first, cluster):
    before = {name: member.query("/1.0")["config"] for name, member in cluster.members.items()}
    address = daemons.free_address().removeprefix("https://")
    own = first.use_target("n2").server
    own.config["core.debug_address"] = address
    own.save()
    after = {name: member.query("/1.0")["config"] for name, member in cluster.members.items()}
    assert after == before | {"n2": before["n2"] | {"core.debug_address": address}}
    assert own.config == after["n2"]
    assert own.to_yaml().strip() == cluster["n1"].cli("config", "show", "--target", "n2").strip()
    assert first.host_info["config"] == after["n1"] == first.server.config
    assert own != first.server
    del own.config["core.debug_address"]
    own.save()
    assert cluster["n2"].query("/1.0")["config"] == before["n2"]


def test_an_instance_moves_from_one_member_to_another(first, cluster):
    made = first.instances.create({"name": "c1", **NONE, "config": {"user.x": "1"}}, wait=True, target="n1")
    first.use_target("n3").instances.get("c1").post({"name": "c1", "migration": True}, wait=True)
    made.sync()
    assert (made.location, made.config["user.x"]) == ("n3", "1")
    assert cluster["n2"].query("/1.0/instances?recursion=1")[0]["location"] == "n3"


def test_a_network_and_a_pool_are_made_on_each_member_and_then_for_all(first, cluster):
    pools = first.api.storage_pools
    for name in clusters.NAMES:
        waiting = first.networks.create("shared", type="macvlan", config={"parent": "lo"}, target=name)
        pools.post(json={"name": "second", "driver": "dir"}, target=name)
        assert name in waiting.locations
    assert (waiting.status, sorted(waiting.locations)) == ("Pending", [*clusters.NAMES])
    made = first.networks.create("shared", type="macvlan")
    pools.post(json={"name": "second", "driver": "dir"})
    assert (made.status, made.config) == ("Created", {})
    made.description = "of all"  # LXD forgets the one that it was made with
    made.save()
    assert cluster["n2"].query("/1.0/networks/shared")["description"] == "of all"
    told = cluster["n3"].query("/1.0/networks/shared?target=n2")
    assert first.use_target("n2").networks.get("shared").config == {"parent": "lo"} == told["config"]
    made.delete()
    try:
        for name in ("n1", "n3"):
            volumes = first.use_target(name).api.storage_pools["second"].volumes.custom
            volumes.post(json={"name": "same", "description": f"on {name}"})
        for name in ("n1", "n3"):
            volume = first.use_target(name).api.storage_pools["second"].volumes.custom["same"]
            assert volume.get().json()["metadata"]["description"] == f"on {name}"
            assert cluster["n2"].query(f"{volume._path}?target={name}")["location"] == name
        with pytest.raises(lxdnb.LXDAPIException, match="target a specific member"):
            pools["second"].volumes.custom["same"].get()
    finally:
        for name in ("n1", "n3"):
            first.use_target(name).api.storage_pools["second"].volumes.custom["same"].delete()
        pools["second"].delete()


@pytest.fixture
def doomed(start_cluster: Callable[[], AbstractContextManager[clusters.Cluster]]) -> Iterator[clusters.Cluster]:
    """A cluster of a test's own."""
    with start_cluster() as made:
        yield made


def test_a_member_that_is_lost_ends_what_waits_for_it(doomed, monkeypatch):
    monkeypatch.setattr(_waits, "LOOK_AGAIN", 1)
    monkeypatch.setattr(_waits, "LOOK_TIMEOUT", 1)
    client = lxdnb.Client(str(doomed.first.socket), timeout=2)  # for ten seconds servers hope for its return
    far = client.containers.launch("busybox", "far", target="n3")
    ended: dict[str, BaseException] = {}

    def note(name: str, ask: Any) -> None:
        try:
            ask()
        except BaseException as error:
            ended[name] = error

    with far.start_command(["sleep", "1000"]) as running:
        operation = client.operations.get(running.operation_id)
        waits = {"exec": running.wait, "operation": operation.wait}
        threads = [threading.Thread(target=note, args=each, daemon=True) for each in waits.items()]
        for thread in threads:
            thread.start()
        doomed["n3"].kill()
        for thread in threads:
            thread.join(60)
    assert {name: type(error) for name, error in ended.items()} == dict.fromkeys(waits, lxdnb.ClientConnectionFailed)
    assert [(each.name, each.location) for each in client.instances.all()] == [("far", "n3")]
    with pytest.raises(lxdnb.LXDError):
        client.instances.create({"name": "c1", **NONE}, wait=True, target="n3")
    lost = client.cluster.members.get("n3")
    with pytest.raises(lxdnb.LXDError):
        lost.delete()
    lost.delete(force=True)
    assert [each.server_name for each in client.cluster.members.all()] == ["n1", "n2"]
    client.close()
