"""`client.cluster`: the cluster, its members and groups, its certificate; and a server that is in none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import lxdnb
from tests import clusters

FIELDS = {"status", "url", "roles", "groups", "config", "failure_domain", "description", "architecture", "database"}


@pytest.fixture
def member(cluster: clusters.Cluster) -> Iterator[lxdnb.Client]:
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
        lambda: client.instances.create({"name": "c1", "source": {"type": "none"}}, target="n2"),
    ):
        with pytest.raises(lxdnb.LXDAPIException, match="clustered"):
            ask()
    with pytest.raises(lxdnb.NotFound, match="member"):
        client.use_target("n2").api.get()


def test_members_are_listed_and_changed(member, cluster):
    told = {each["server_name"]: each for each in cluster["n2"].query("/1.0/cluster/members?recursion=1")}
    found = {each.server_name: each for each in member.cluster.members.all()}
    assert [*found] == [*clusters.NAMES] == [*told]
    for name, each in found.items():
        assert {field: getattr(each, field) for field in FIELDS} == {field: told[name][field] for field in FIELDS}
    assert (found["n2"].status, found["n2"].url) == ("Online", cluster["n2"].address)
    second = member.cluster.members.get("n2")
    assert second == found["n2"] != found["n3"]
    assert member.cluster.get().members.exists("n2")
    assert not member.cluster.members.exists("n9")
    with pytest.raises(lxdnb.NotFound):
        member.cluster.members.get("n9")
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
    assert member.cluster.get().server_name == "n1"
    with pytest.raises(lxdnb.Conflict, match="'n3' already"):
        second.rename("n3")
    second.rename("n2b")
    assert second.server_name == "n2b"
    assert member.cluster.members.exists("n2b")
    second.rename("n2")
