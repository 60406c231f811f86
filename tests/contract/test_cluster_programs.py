"""`lxc` and `incus` on a cluster: what they do at which member, and what they then list."""

from __future__ import annotations

import pytest

from tests import clusters, daemons
from tests.daemons import DaemonError


def locations(server: daemons.Daemon) -> dict[str, str]:
    """Where `list` says that instances are, and how."""
    lines = server.cli("list", "-c", "nsL", "--format", "csv").split()
    return {name: f"{status} {member}" for name, status, member in (line.split(",") for line in lines)}


def states(server: daemons.Daemon) -> dict[str, str]:
    """What `cluster list` says of each member."""
    lines = server.cli("cluster", "list", "--format", "csv").splitlines()
    return {line.split(",")[0]: line.rsplit(",", 2)[1] for line in lines}


def test_instances_are_launched_moved_and_copied_to_members(cluster):
    first = cluster["n1"]
    first.cli("cluster", "group", "create", "cards")
    first.cli("cluster", "group", "assign", "n2", "default,cards")
    try:
        first.cli("launch", "busybox", "far", "--target", "n3")
        first.cli("init", "busybox", "grouped", "--target", "@cards")
        assert locations(first) == {"far": "RUNNING n3", "grouped": "STOPPED n2"}
        assert first.output_of("far", "--", "hostname") == "far\n"
        with pytest.raises(DaemonError, match="CRIU"):
            first.cli("move", "far", "--target", "n1")
        first.cli("stop", "far", "--force")
        first.cli("move", "far", "--target", "n1")
        first.cli("move", "grouped", "moved", "--target", "n3")
        first.cli("copy", "moved", "copied", "--target", "n2")
        assert locations(cluster["n2"]) == {"copied": "STOPPED n2", "far": "STOPPED n1", "moved": "STOPPED n3"}
        with pytest.raises(DaemonError, match=r"still has the following .*moved"):
            first.cli("cluster", "remove", "n3")
    finally:
        first.cli("cluster", "group", "assign", "n2", "default")
        first.cli("cluster", "group", "delete", "cards")


def test_a_member_is_shown_set_evacuated_and_restored(cluster):
    first = cluster["n1"]
    first.cli("cluster", "set", "n2", *(["user.rack=7"] if cluster.flavour == "incus" else ["user.rack", "7"]))
    assert first.cli("cluster", "get", "n2", "user.rack") == "7\n"
    first.cli("cluster", "unset", "n2", "user.rack")
    assert f"url: {cluster['n2'].address}\n" in first.cli("cluster", "show", "n2")
    first.cli("launch", "busybox", "guest", "--target", "n2")
    first.cli("cluster", "evacuate", "n2", "--force")
    assert states(first) == {"n1": "ONLINE", "n2": "EVACUATED", "n3": "ONLINE"}
    assert locations(first)["guest"] in ("RUNNING n1", "RUNNING n3")
    with pytest.raises(DaemonError, match="evacuated"):
        first.cli("init", "busybox", "other", "--target", "n2")
    first.cli("cluster", "restore", "n2", "--force")
    assert (states(first)["n2"], locations(first)) == ("ONLINE", {"guest": "RUNNING n2"})


def test_pools_networks_and_volumes_are_each_members_own(cluster):
    first = cluster["n1"]
    for name in clusters.NAMES:
        first.cli("storage", "create", "fast", "dir", "--target", name)
        first.cli("network", "create", "net", "--type", "macvlan", "parent=lo", "--target", name)
    first.cli("storage", "create", "fast", "dir")
    first.cli("network", "create", "net", "--type", "macvlan")
    try:
        assert "parent: lo" in first.cli("network", "show", "net", "--target", "n2")
        assert "parent" not in first.cli("network", "show", "net")
        assert "source" not in first.cli("storage", "show", "fast")
        first.cli("storage", "volume", "create", "fast", "data", "--target", "n2")
        first.cli("storage", "volume", "copy", "fast/data", "fast/copy", "--target", "n2", "--destination-target", "n3")
        first.cli("storage", "volume", "move", "fast/data", "fast/data", "--target", "n2", "--destination-target", "n1")
        lines = first.cli("storage", "volume", "list", "fast", "--format", "csv").split()
        assert [(line.split(",")[1], line.rsplit(",", 1)[1]) for line in lines] == [("copy", "n3"), ("data", "n1")]
    finally:
        for volume in ("copy", "data"):
            first.cli("storage", "volume", "delete", "fast", volume, check=False)
        first.cli("network", "delete", "net")
        first.cli("storage", "delete", "fast")
