"""`client.cluster`: the cluster, its members and groups, its certificate; and a server that is in none."""

from __future__ import annotations

import json
import pickle
import random
import ssl
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

import lxdnb
from lxdnb import frames
from lxdnb.models import Cluster
from tests import clusters, daemons
from tests.contract.test_certificates import keypair
from tests.servers import a_server
from tests.volumes import file_in

VOLUMES = "/1.0/storage-pools/default/volumes/custom"
NONE = {"source": {"type": "none"}}
FIELDS = {"status", "url", "roles", "groups", "config", "failure_domain", "description", "architecture", "database"}


@pytest.fixture
def first(cluster: clusters.Cluster) -> Iterator[lxdnb.Client]:
    """A client of the first member."""
    client = lxdnb.Client(str(cluster.first.socket))
    yield client
    client.close()


def test_a_server_that_stands_alone_says_so(client):
    assert not client.cluster.get().enabled
    assert not client.server_clustered
    for ask in (
        client.cluster.members.all,
        lambda: client.cluster.members.get("n1"),
        lambda: client.cluster.members.exists("n1"),
        lambda: client.cluster.members.create_token("n2"),
        client.cluster.groups.all,
        lambda: client.cluster.groups.create("gpu"),
        lambda: client.instances.create({"name": "c1", **NONE}, target="n2"),
    ):
        with pytest.raises(lxdnb.LXDAPIException, match="clustered"):
            ask()
    with pytest.raises(lxdnb.NotFound, match="member"):
        client.use_target("n2").api.get()


@pytest.fixture
def alone(server_kind: str) -> Iterator[daemons.Daemon]:
    """A server of a test's own, that stands alone."""
    with a_server(server_kind) as server:
        yield server


def test_a_server_becomes_a_cluster_with_all_that_it_has(alone, tmp_path):
    client = lxdnb.Client(str(alone.socket))
    made = client.instances.create({"name": "c1", **NONE}, wait=True)
    volume = client.storage_pools.get("default").volumes.create({"name": "data"})
    assert (made.location, volume.location) == ("none", "none")
    assert client.cluster.enable("one") is None
    assert client.server_clustered
    with pytest.raises(lxdnb.Conflict, match="already, as 'one'"):
        client.cluster.enable("two")
    assert client.cluster.get().server_name == "one"
    for each in (made, volume):
        each.sync()
        assert each.location == "one"
    pool = client.storage_pools.get("default")
    assert (pool.locations, "source" in pool.config) == (["one"], False)
    assert client.use_target("one").storage_pools.get("default").config["source"]
    (first,) = client.cluster.members.all()
    assert (first.server_name, first.status, first.url) == ("one", "Online", alone.address)
    token = client.cluster.members.create_token("two")
    until = token.expires_at[:16].replace("-", "/").replace("T", " ")
    assert alone.cli("cluster", "list-tokens", "--format", "csv") == f"two,{token},{until} UTC\n"
    secret = json.loads(b64decode(token))["secret"]
    for shown in (repr(token), repr([token]), repr(client.operations.all()), f"{client.cluster.members!r}"):
        assert secret not in shown
        assert str(token) not in shown
    again = pickle.loads(pickle.dumps(token))
    assert (again, again.server_name, again.expires_at) == (token, token.server_name, token.expires_at)
    _shown_certificate(alone, client, tmp_path)
    for each in (volume, made):
        each.delete(wait=True)
    client.close()


def test_another_server_joins_and_leaves(flavour):
    if reason := daemons.missing(flavour):
        pytest.skip(reason)
    with daemons.daemon(flavour) as server:
        client = lxdnb.Client(str(server.socket))
        client.cluster.enable("one")
        token = client.cluster.members.create_token("two")
        watcher = daemons.watch(flavour, clustered=True)
        try:
            two = clusters.join(server, "two", watcher, f"127.{random.randrange(1, 255)}.0.2", token)
            assert [each.server_name for each in client.cluster.members.all()] == ["one", "two"]
            member = client.cluster.members.get("two")
            client.instances.create({"name": "c1", **NONE}, wait=True, target="two")
            with pytest.raises(lxdnb.LXDAPIException, match=r"still has .*c1"):
                member.delete()
            client.instances.get("c1").delete(wait=True)
            member.rename("zwei")
            assert [each["server_name"] for each in two.query("/1.0/cluster/members?recursion=1")] == ["one", "zwei"]
            assert (member.server_name, client.cluster.members.exists("two")) == ("zwei", False)
            member.delete(wait=True)
            assert client.cluster.members.all() == [client.cluster.members.get("one")]
        finally:
            assert watcher.end() == []
        client.close()


def _shown_certificate(server: daemons.Daemon, client: lxdnb.Client, folder: Path) -> None:
    """Have the cluster show another certificate, by which it is then found over HTTPS."""
    pem, key = (Path(each).read_text() for each in keypair(folder))
    before = ssl.get_server_certificate(("127.0.0.1", int(server.address.rpartition(":")[2])))
    with pytest.raises(lxdnb.LXDAPIException):
        client.cluster.certificate.put("no certificate", key)
    assert client.cluster.get().certificate.put(pem, key) is None
    now = ssl.get_server_certificate(("127.0.0.1", int(server.address.rpartition(":")[2])))
    assert now.split() == pem.split() != before.split()


def test_members_are_listed_and_changed(first, cluster):
    told = {each["server_name"]: each for each in cluster["n2"].query("/1.0/cluster/members?recursion=1")}
    found = {each.server_name: each for each in first.cluster.members.all()}
    assert [*found] == [*clusters.NAMES] == [*told]
    for name, each in found.items():
        assert {field: getattr(each, field) for field in FIELDS} == {field: told[name][field] for field in FIELDS}
    assert (found["n2"].status, found["n2"].url) == ("Online", cluster["n2"].address)
    second = first.cluster.members.get("n2")
    assert second == found["n2"] != found["n3"]
    assert first.cluster.get().members.exists("n2")
    assert not first.cluster.members.exists("n9")
    with pytest.raises(lxdnb.NotFound):
        first.cluster.members.get("n9")
    second.description, second.failure_domain = "of the lab", "rack1"
    second.config["scheduler.instance"] = "manual"
    second.save(wait=True)
    now = cluster["n3"].query("/1.0/cluster/members/n2")
    assert (now["description"], now["failure_domain"]) == ("of the lab", "rack1")
    assert (now["config"], now["roles"]) == ({"scheduler.instance": "manual"}, told["n2"]["roles"])
    second.description, second.failure_domain = "", "default"
    second.config.clear()
    second.save()
    assert cluster["n3"].query("/1.0/cluster/members/n2") == told["n2"]
    with pytest.raises(lxdnb.Conflict, match="'n3' already"):
        second.rename("n3")
    assert second.server_name == "n2"
    if first.has_api_extension("cluster_member_state"):
        assert second.state()["sysinfo"]["total_ram"] > 2**20
        assert second.state().keys() == cluster["n1"].query("/1.0/cluster/members/n2/state").keys()
    else:
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match="cluster_member_state"):
            second.state()


def test_the_cluster_itself_is_not_to_be_saved(first, cluster):
    """A PUT of what a GET gave has the member leave the cluster, and lose all it has."""
    it = first.cluster.get()
    assert dict(it) == cluster.first.query("/1.0/cluster")
    with pytest.raises(AttributeError, match="server's to set"):
        it.server_name = "n9"
    newer = Cluster._from_record(first, {**dict(it), "of_a_newer_server": "x"})
    with pytest.raises(AttributeError, match="server's to set"):
        newer.of_a_newer_server = "y"
    it.member_config.append({"entity": "x"})
    assert it.save() is None
    assert first.cluster.get().enabled


def test_groups_of_members_are_made_changed_and_launched_on(first, cluster):
    group = first.cluster.groups.create("gpu", "with cards", ["n2", "n3"])
    assert group == first.cluster.groups.get("gpu")
    assert first.cluster.members.get("n2").groups == ["default", "gpu"]
    group.rename("cards")
    group.members.remove("n3")
    group.description = "one card"
    group.save()
    told = cluster["n3"].query("/1.0/cluster/groups/cards")
    assert (told["members"], told["description"]) == (["n2"], "one card")
    assert {each.name for each in first.cluster.groups.all()} == {"default", "cards"}
    made = first.instances.create({"name": "c1", **NONE}, wait=True, target="@cards")
    assert made.location == "n2" == cluster["n3"].query("/1.0/instances/c1")["location"]
    second = first.cluster.members.get("n2")
    second.groups.remove("cards")
    second.save()
    group.sync()
    assert group.members == []
    group.delete()
    assert not first.cluster.groups.exists("cards")
    with pytest.raises(lxdnb.LXDAPIException):
        first.cluster.groups.create("gpu", members=["n9"])


def test_a_member_is_evacuated_and_restored(first, cluster):
    made = first.instances.create({"name": "c1", **NONE}, wait=True, target="n2")
    member = first.cluster.members.get("n2")
    member.evacuate(wait=True)
    assert member.status == "Evacuated"
    assert member.operation.status == "Success"
    made.sync()
    assert made.location in ("n1", "n3")
    with pytest.raises(lxdnb.LXDAPIException, match=r"(?i)evacuated|available|suitable"):
        first.instances.create({"name": "c2", **NONE}, wait=True, target="n2")
    member.restore()
    assert member.operation.wait(60).status == "Success"
    made.sync()
    assert (made.location, first.cluster.members.get("n2").status) == ("n2", "Online")
    if first.has_api_extension("clustering_evacuation_mode"):
        member.evacuate(wait=True, mode="stop")
        assert cluster["n3"].query("/1.0/instances/c1")["location"] == "n2"
        member.restore(wait=True)
    else:
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match="clustering_evacuation_mode"):
            member.evacuate(mode="stop")
        member.sync()
    assert member.status == "Online"


def test_pools_and_volumes_are_each_members_own(first, cluster):
    for name in ("n1", "n2", "n3"):
        first.storage_pools.create({"name": "fast", "driver": "dir"}, target=name)
    pool = first.storage_pools.create({"name": "fast", "driver": "dir", "description": "of all"})
    assert (sorted(pool.locations), pool.status) == (["n1", "n2", "n3"], "Created")
    there = first.use_target("n2").storage_pools.get("fast")
    assert there.config["source"] == str(cluster["n2"].directory / "storage-pools/fast")
    assert there.resources.get().space["total"] > 0

    # One of the same name on each of two members, and a list has both.
    mine, theirs = (pool.volumes.create({"name": "data"}, target=name) for name in ("n1", "n2"))
    assert (mine.location, theirs.location, mine == theirs) == ("n1", "n2", False)
    for volume in pool.volumes.all(type="custom"):
        volume.description = f"on {volume.location}"
        volume.save()
        volume.snapshots.create(f"of-{volume.location}")
    for name in ("n1", "n2"):
        record = cluster.first.query(f"/1.0/storage-pools/fast/volumes/custom/data?target={name}")
        assert (record["description"], record["location"]) == (f"on {name}", name)
    # LXD's own list of snapshots is the first member's, whichever is asked for.
    assert (mine.snapshots.all(), theirs.snapshots.all()) == (["of-n1"], ["of-n2"])
    assert theirs.snapshots.create().name == "snap0"
    theirs.snapshots.get("of-n2").delete(wait=True)
    theirs.snapshots.get("snap0").delete(wait=True)
    assert theirs.snapshots.all() == []
    theirs.snapshots.create("of-n2")
    assert (mine.snapshots.exists("of-n2"), theirs.snapshots.exists("of-n1")) == (False, False)
    assert [mine, theirs] == sorted(pool.volumes.all(type="custom"), key=lambda each: each.location)
    moved = pool.volumes.create({"name": "more"})
    assert moved.location == "n1"
    assert moved.copy("copy").location == "n1"
    theirs.rename("other")
    assert theirs.location == "n2"
    assert {(each.name, each.location) for each in pool.volumes.all(type="custom")} == {
        ("data", "n1"),
        ("more", "n1"),
        ("copy", "n1"),
        ("other", "n2"),
    }
    for volume in pool.volumes.all(type="custom"):
        volume.delete(wait=True)
    pool.delete()
    assert not first.storage_pools.exists("fast")


def test_volumes_go_from_member_to_member(first, cluster):
    pool = first.storage_pools.get("default")

    def text(name: str, volume: str) -> str:
        return file_in(cluster[name], volume).read_text()

    # Of the same name on two: it is the right one that goes, and not the one that is where it goes.
    both = {name: pool.volumes.create({"name": "data"}, target=name) for name in ("n1", "n2")}
    for name, volume in both.items():
        file_in(cluster[name], "data").write_text(f"of {name}")
        volume.snapshots.create(f"before-{name}")
    for here, there in (("n1", "n2"), ("n2", "n3")):
        copy = both[here].copy(f"copy-of-{here}", target=there)
        assert (copy.location, copy.snapshots.all()) == (there, [f"before-{here}"])
        assert text(there, copy.name) == f"of {here}"
    same = both["n2"].copy("same", new_client=first)
    assert (same.location, text("n2", "same")) == ("n2", "of n2")
    assert both["n2"].move("moved", target="n1") is both["n2"]
    assert (both["n2"].location, both["n2"].snapshots.all(), text("n1", "moved")) == ("n1", ["before-n2"], "of n2")
    assert {(each["name"], each["location"]) for each in cluster.first.query(f"{VOLUMES}?recursion=1")} == {
        *(("data", "n1"), ("data/before-n1", "n1"), ("moved", "n1"), ("moved/before-n2", "n1")),
        *(("copy-of-n1", "n2"), ("copy-of-n1/before-n1", "n2"), ("same", "n2"), ("same/before-n2", "n2")),
        *(("copy-of-n2", "n3"), ("copy-of-n2/before-n2", "n3")),
    }
    for volume in pool.volumes.all(type="custom"):
        volume.delete(wait=True)


def test_metrics_are_those_of_all_members(first, cluster, monkeypatch):
    names = {"n1": "on-n1", "n3": "on-n3"}
    for member, name in names.items():
        cluster.first.cli("launch", daemons.ALIAS, name, "--target", member)
    processes = frames.metrics(first, ["name", "location"], where="metric eq .*_procs_total")
    assert dict(zip(processes["location"], processes["name"], strict=True)) == names
    there = frames.metrics(first.use_target("n3"), ["name", "location"], where="name eq on-.*")
    assert set(there.itertuples(index=False, name=None)) == {("on-n3", "n3")}
    pieces = lxdnb.api.APINode.pieces

    def fails(node, response, size):
        return iter([b"# nothing"]) if "target=n3" in response.url else pieces(node, response, size)

    monkeypatch.setattr(lxdnb.api.APINode, "pieces", fails)
    left = frames.metrics(first, where="metric eq .*_procs_total")
    assert left["name"].tolist() == ["on-n1"]
    failed = json.loads(left.attrs["lxdnb"])["failed"]
    assert failed.keys() == {"member n3"}
    assert "not all of them" in failed["member n3"]
