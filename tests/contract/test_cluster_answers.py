"""What a cluster answers, word by word: what it refuses, where things then are, and what its members say of each other.

The words are those that LXD 5.0.2 and Incus 6.0.4 were heard to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import lxdnb
from tests import clusters
from tests.eventually import eventually

NONE = {"source": {"type": "none"}}
MEMBER = {"config": {}, "description": "", "failure_domain": "default", "groups": ["default"], "roles": ["database"]}
NO_MEMBER = "Cluster member not found"
NO_NODE = "NOT NULL constraint failed: nodes_cluster_groups.node_id"
NO_CANDIDATE = {
    "lxd": (400, "No suitable cluster member could be found"),
    "incus": (500, "Couldn't find a cluster member for the instance"),
}
Refusal = tuple[int, str]

REFUSED: list[tuple[str, str, Any, Refusal | dict[str, Refusal]]] = [
    ("GET", "?target=n9", None, (404, NO_MEMBER)),
    ("GET", "/resources?target=n9", None, (404, NO_MEMBER)),
    ("PUT", "?target=n9", {"config": {}}, (404, NO_MEMBER)),
    ("PUT", "", {"config": {}}, (500, "Changing cluster.https_address is currently not supported")),
    ("PUT", "/cluster", {"enabled": True}, (400, "ServerName is required when enabling clustering")),
    (
        "PUT",
        "/cluster",
        {"enabled": True, "server_name": "n4", "cluster_address": "127.0.0.1:9"},
        (400, "No target cluster member certificate provided"),
    ),
    ("GET", "/cluster/members/n9", None, (404, NO_MEMBER)),
    ("PUT", "/cluster/members/n9", MEMBER, (404, NO_MEMBER)),
    (
        "PUT",
        "/cluster/members/n2",
        {"description": "d"},
        (400, 'The "database" role cannot be dropped at this time'),
    ),
    (
        "PUT",
        "/cluster/members/n2",
        MEMBER | {"groups": []},
        (400, "Cluster members need to belong to at least one group"),
    ),
    (
        "PUT",
        "/cluster/members/n2",
        MEMBER | {"config": {"foo": "1"}},
        (500, 'Invalid cluster configuration key "foo"'),
    ),
    (
        "PUT",
        "/cluster/members/n2",
        MEMBER | {"config": {"scheduler.instance": "x"}},
        (500, 'Invalid cluster configuration key "scheduler.instance" value'),
    ),
    (
        "PUT",
        "/cluster/members/n2",
        MEMBER | {"failure_domain": ""},
        (500, "Update failure domain: Failure domain name can't be empty"),
    ),
    (
        "PUT",
        "/cluster/members/n2",
        MEMBER | {"roles": ["database", "foo"]},
        (500, 'Update roles: Invalid cluster role "foo"'),
    ),
    ("POST", "/cluster/members/n2", {"server_name": "n3"}, (409, "Conflict")),
    (
        "POST",
        "/cluster/members/n9",
        {"server_name": "n8"},
        {"lxd": (500, "expected to update one row, not 0"), "incus": (404, NO_MEMBER)},
    ),
    ("DELETE", "/cluster/members/n9", None, (404, NO_MEMBER)),
    ("POST", "/cluster/members/n2/state", {"action": "foo"}, (400, 'Unknown action "foo"')),
    ("POST", "/cluster/members/n9/state", {"action": "evacuate"}, (404, NO_MEMBER)),
    (
        "GET",
        "/cluster/groups/none",
        None,
        {"lxd": (404, "Cluster group not found"), "incus": (404, "Cluster_group not found")},
    ),
    ("POST", "/cluster/groups", {"name": ""}, (400, "No name provided")),
    ("POST", "/cluster/groups", {"name": "a/b"}, (400, "Cluster group names may not contain slashes")),
    ("POST", "/cluster/groups", {"name": "a b"}, (400, "Cluster group names may not contain spaces")),
    (
        "POST",
        "/cluster/groups",
        {"name": "bad", "members": ["n9"]},
        {
            "lxd": (500, f"Insert nodes for cluster group: {NO_NODE}"),
            "incus": (500, f'Failed to create "nodes_clusters_groups" entry: {NO_NODE}'),
        },
    ),
    ("DELETE", "/cluster/groups/default", None, (403, "The 'default' cluster group cannot be deleted")),
    (
        "DELETE",
        "/cluster/groups/none",
        None,
        {"lxd": (500, "Query deleted 0 rows instead of 1"), "incus": (404, "Cluster_group not found")},
    ),
    ("POST", "/cluster/groups/default", {"name": "x"}, (403, 'The "default" group cannot be renamed')),
    ("POST", "/cluster/groups/none", {"name": "x"}, (500, "Query affected 0 rows instead of 1")),
    (
        "POST",
        "/instances?target=n9",
        {"name": "c1", **NONE},
        {"lxd": (404, NO_MEMBER), "incus": (404, 'Cluster member "n9" not found')},
    ),
    ("POST", "/instances?target=@none", {"name": "c1", **NONE}, (400, 'Cluster group "none" doesn\'t exist')),
    (
        "POST",
        "/instances/none?target=n2",
        {"name": "c2"},
        (404, "Failed to get address of instance's member: Instance not found"),
    ),
    (
        "POST",
        "/storage-pools",
        {"name": "p", "driver": "dir"},
        (500, "Pool not pending on any node (use --target <node> first)"),
    ),
    ("POST", "/storage-pools?target=n9", {"name": "p", "driver": "dir"}, (404, NO_MEMBER)),
    ("POST", "/storage-pools?target=n1", {"name": "p", "driver": "none"}, (400, "Unknown driver")),
    ("POST", "/storage-pools", {"name": "default", "driver": "dir"}, (500, "The storage pool is already created")),
    (
        "POST",
        "/storage-pools?target=n1",
        {"name": "p", "driver": "dir", "config": {"rsync.bwlimit": "1MB"}},
        (500, 'Config key "rsync.bwlimit" may not be used as member-specific key'),
    ),
    (
        "PUT",
        "/storage-pools/default",
        {"config": {"source": "/x"}},
        (400, 'Config key "source" is cluster member specific'),
    ),
    ("GET", "/storage-pools/default?target=n9", None, (404, NO_MEMBER)),
    (
        "POST",
        "/networks",
        {"name": "net", "type": "macvlan"},
        (500, "Network not pending on any node (use --target <node> first)"),
    ),
    (
        "POST",
        "/networks",
        {"name": "net", "type": "macvlan", "config": {"parent": "lo"}},
        (500, 'Config key "parent" is cluster member specific'),
    ),
    (
        "POST",
        "/networks?target=n1",
        {"name": "net", "type": "macvlan", "config": {"mtu": "1400"}},
        (400, 'Config key "mtu" may not be used as member-specific key'),
    ),
    ("GET", "/storage-pools/default/volumes/custom/none?target=n2", None, (404, "Storage volume not found")),
    ("GET", "/storage-pools/default/volumes/custom/none", None, (404, "Storage pool volume not found")),
]


@pytest.fixture
def first(cluster: clusters.Cluster) -> Iterator[lxdnb.Client]:
    """A client of the first member."""
    client = lxdnb.Client(str(cluster.first.socket))
    yield client
    client.close()


def said(client: lxdnb.Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Return the status of an answer, and what it is about: the words of a refusal, else the metadata."""
    data = None if body is None else json.dumps(body)
    response = client._transport.request(method, f"/1.0{path}", data=data)
    answer = response.json()
    return response.status_code, answer["error"] if answer["type"] == "error" else answer["metadata"]


@pytest.mark.parametrize(("method", "path", "body", "refusal"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_is_wrong_is_refused_in_the_same_words(running_cluster, flavour, method, path, body, refusal):
    client = lxdnb.Client(str(running_cluster.first.socket))
    assert said(client, method, path, body) == (refusal[flavour] if isinstance(refusal, dict) else refusal)
    client.close()


def test_instances_go_where_there_are_fewest_and_members_may_keep_themselves_free(first, flavour):
    def made(name: str, target: str = "") -> str:
        target = f"?target={target}" if target else ""
        _, operation = said(first, "POST", f"/instances{target}", {"name": name, **NONE})
        first.operations.wait_for_operation(operation["id"])
        return first.instances.get(name).location

    # Those that are being made are counted too, and servers remember that for five seconds more.
    eventually(lambda: not any("Creating" in each.description for each in first.operations.all()), 20)
    assert [made(f"c{number}") for number in range(4)] == ["n1", "n2", "n3", "n1"]
    assert [made("on-n2", "n2"), made("in-default", "@default")] == ["n2", "n3"]
    said(first, "PUT", "/cluster/members/n1", MEMBER | {"config": {"scheduler.instance": "group"}})
    for name in ("n2", "n3"):
        said(first, "PUT", f"/cluster/members/{name}", MEMBER | {"config": {"scheduler.instance": "manual"}})
    try:
        assert said(first, "POST", "/instances", {"name": "nowhere", **NONE}) == NO_CANDIDATE[flavour]
        assert [made("grouped", "@default"), made("named", "n3")] == ["n1", "n3"]
    finally:
        for name in clusters.NAMES:
            said(first, "PUT", f"/cluster/members/{name}", MEMBER)


def test_an_operation_of_another_member_is_named_with_its_project(first, flavour):
    """As a forwarded answer has it; LXD forwards each new instance, to itself as well."""
    here, there = {}, {}
    for target, urls in (("n1", here), ("n2", there)):
        response = first.api.instances.post(json={"name": f"on-{target}", **NONE}, target=target)
        urls["new"] = response.json()["operation"]
        first.operations.wait_for_operation(urls["new"])
        response = first.api.instances[f"on-{target}"].snapshots.post(json={"name": "s"})
        urls["snapshot"] = response.json()["operation"]
        first.operations.wait_for_operation(urls["snapshot"])
    projects = {name: url.partition("?")[2] for name, url in there.items()}
    assert projects == {"new": "project=default", "snapshot": ""}
    projects = {name: url.partition("?")[2] for name, url in here.items()}
    assert projects == {"new": "project=default" if flavour == "lxd" else "", "snapshot": ""}


def test_an_evacuated_member_takes_nothing_and_starts_nothing(first):
    for name in clusters.NAMES[:2]:
        first.instances.create(
            {"name": f"on-{name}", "config": {"cluster.evacuate": "stop"}, **NONE}, True, target=name
        )
    second = first.cluster.members.get("n2")
    second.evacuate(wait=True)
    try:
        evacuated = (403, "Cluster member is evacuated")
        assert said(first, "POST", "/instances?target=n2", {"name": "c1", **NONE}) == evacuated
        assert said(first, "PUT", "/instances/on-n2/state", {"action": "start"}) == evacuated
        with pytest.raises(lxdnb.OperationFailed, match="already evacuated"):
            second.evacuate(wait=True)
        told = said(first, "GET", "/cluster/members/n2")[1]
        assert (told["status"], told["message"]) == ("Evacuated", "Unavailable due to maintenance")
        assert first.instances.get("on-n2").location == "n2"
    finally:
        second.restore(wait=True)
    with pytest.raises(lxdnb.OperationFailed, match="already restored"):
        second.restore(wait=True)


def test_a_member_that_is_lost_is_told_by_name_alone_until_it_returns(start_cluster):
    with start_cluster() as cluster:
        client = lxdnb.Client(str(cluster.first.socket))
        client.containers.launch("busybox", "far", target="n3")
        cluster["n3"].kill()
        (told,) = said(client, "GET", "/instances?recursion=1")[1]
        assert (told["status"], told["status_code"], told["location"]) == ("Error", 112, "n3")
        assert (told["name"], told["config"], told["profiles"]) == ("far", None, None)
        with pytest.raises(lxdnb.ClientConnectionFailed):
            lxdnb.Client(str(cluster["n3"].socket))
        status, words = said(client, "POST", "/instances?target=n3", {"name": "c1", **NONE})
        address = cluster["n3"].address.removeprefix("https://")
        assert status == 500
        assert words.endswith(f"Unable to connect to: {address} ([dial tcp {address}: connect: connection refused])")
        cluster["n3"].restart()
        back = lxdnb.Client(str(cluster["n3"].socket))  # the others may take 10 s to see it again
        assert (back.cluster.get().server_name, back.instances.get("far").status) == ("n3", "Running")
        assert back.instances.get("far").execute(["hostname"]).stdout == "far\n"
        for each in (client, back):
            each.close()
