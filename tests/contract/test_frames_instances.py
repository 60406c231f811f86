"""Every column and field of instances against what the command line, the host and the kernel say of them."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests.bridges import a_bridge
from tests.daemons import FLAVOURS, daemon
from tests.eventually import eventually
from tests.leaves import differing, leaves

MEASURED = re.compile(r"state\.(cpu|memory|disk|processes$|network\.\w+\.counters)")
"""What no two looks find the same."""


@pytest.fixture
def full(client, server) -> dict[str, Any]:
    """What the command line has of an instance of which much is told."""
    bridge = a_bridge()
    server.cli("network", "create", bridge.name, *(f"{key}={value}" for key, value in bridge.plain.items()))
    source = {"type": "image", "alias": "busybox"}
    record = {
        "name": "i-full",
        "description": "<b>full</b>",
        "config": {"user.role": "web", "user.a.b.c": "deep", "limits.memory": "512MiB", "limits.cpu": "0-1"},
        "devices": {
            "eth0": {"type": "nic", "network": bridge.name, "name": "eth0"},
            "eth0.100": {"type": "none"},
            "data": {"type": "disk", "source": "/srv", "path": "/mnt", "readonly": "true"},
        },
        "source": source,
    }
    instance = client.instances.create(record, wait=True)
    instance.start(wait=True)
    instance.snapshots.create("first", wait=True)
    server.cli("exec", "i-full", "--", "ip", "link", "set", "lo", "up")
    return listed(server)["i-full"]


def listed(server) -> dict[str, dict[str, Any]]:
    return {record["name"]: record for record in json.loads(server.cli("list", "--format", "json"))}


def test_each_field_is_reached_by_its_path(client, server, full):
    told = leaves(full)
    assert {"config.user.a.b.c", "devices.eth0.100.type", "state.network.eth0.mtu", "stateful", "backups"} <= set(told)
    own = ["snapshots"]  # a column that counts them
    frame = frames.instances(client, [path for path in told if path not in own], where="name eq i-full")
    measured = [path for path in told if MEASURED.match(path)]
    assert len(measured) > 10
    lists = {path: value for path, value in told.items() if path not in (*own, *measured)}
    assert differing(frame, lists) == {}
    for path in measured:
        assert pd.notna(frame[path].iloc[0]) or told[path] is None, path
    with pytest.raises(ValueError, match=r"did you mean 'state\.memory\.usage'"):
        frames.instances(client, ["state.memory.usag"])


def test_a_field_that_a_thing_lacks_is_na(client, server, full):
    server.cli("init", "busybox", "i-idle")
    paths = ["config.user.role", "devices.data.source", "state.network.eth0.hwaddr", "started_at", "pid", "snapshots"]
    frame = frames.instances(client, ["name", *paths]).set_index("name")
    assert frame.loc["i-idle", paths[:-1]].isna().all()
    assert frame.loc["i-idle", "snapshots"] == 0
    assert frame.loc["i-full", "snapshots"] == 1
    started = full["state"].get("started_at")  # which LXD 5.0 does not tell
    told = frame.loc["i-full", "started_at"]
    assert told == pd.Timestamp(started) if started else pd.isna(told)


def test_each_letter_of_the_command_line_is_a_column(client, server, full):
    help_text = server.cli("list", "--help").partition("shorthand chars:")[2].partition("Custom columns")[0]
    letters = re.findall(r"^ +(\w) - ", help_text, re.MULTILINE)
    assert len(letters) >= 21
    columns = {letter: name for name, each in frames.INSTANCE_COLUMNS.items() for letter in each.letter or ""}
    assert set(letters) <= set(columns)
    row = frames.instances(client, list(dict.fromkeys(columns.values())), where="name eq i-full").iloc[0]
    asked = [letter for letter in letters if letter not in "46cdDlLmMuUF"]  # shown in other words, or in a cluster
    shown = server.cli("list", "i-full", "--format", "csv", "-c", "".join(asked)).strip().split(",")
    words = {"s": str.upper, "t": str.upper, "f": lambda image: image[:12], "P": "\n".join}
    for letter, text in zip(asked, shown, strict=True):
        value = row[columns[letter]]
        assert text == str(words.get(letter, str)(value)), letter
    assert row[columns["F"]] == server.cli("list", "i-full", "--format", "csv", "-c", "F").strip()
    assert row[columns["d"]] == server.cli("list", "i-full", "--format", "csv", "-c", "d").strip()
    percent = server.cli("list", "i-full", "--format", "csv", "-c", "M").strip()
    assert row["memory_share"] * 100 == pytest.approx(float(percent.rstrip("%")), abs=0.3)


@pytest.mark.parametrize(
    ("limit", "size"), [("512MiB", 512 * 2**20), ("300MB", 300 * 10**6), ("12345678", 12345678), ("1GiB", 2**30)]
)
def test_memory_limits_are_those_of_the_kernel(client, server, start_server, limit, size):
    server.cli("launch", "busybox", "i-limit", "-c", f"limits.memory={limit}")
    row = frames.instances(client, ["name", "pid", "memory", "memory_limit", "memory_share"]).iloc[0]
    assert row["memory_limit"] == size
    assert kernels_limit(row["pid"]) == size // 4096 * 4096  # it counts pages
    assert row["memory_share"] == row["memory"] / size


@pytest.mark.parametrize("others", [True, False])
def test_shares_of_the_hosts_memory_are_those_of_the_kernel(server, start_server, others):
    # In a project of its own: servers keep what they measured of a project for eight seconds.
    project = f"i-{uuid.uuid4().hex[:8]}"
    server.cli("project", "create", project, "-c", "features.images=false", "-c", "features.profiles=false")
    client = lxdnb.Client(str(server.socket), project=project)
    server.cli("launch", "busybox", "i-half", "-c", "limits.memory=50%", "--project", project)
    server.cli("init", "busybox", "i-off", "-c", "limits.memory=7%", "--project", project)
    if others:
        server.cli("launch", "busybox", "i-free", "--project", project)
    frame = frames.instances(client, ["name", "pid", "memory", "memory_limit", "memory_share"]).set_index("name")
    half = frame.loc["i-half"]
    kernels = kernels_limit(frame.loc["i-half":"i-half", "pid"].iloc[0])
    assert half["memory_limit"] // 4096 * 4096 == kernels
    assert half["memory_share"] == half["memory"] / half["memory_limit"]
    host = int(re.search(r"MemTotal: +(\d+) kB", Path("/proc/meminfo").read_text())[1]) * 1000
    if others:
        assert frame["memory_limit"].dropna().to_dict() == {"i-half": host // 2, "i-off": host // 100 * 7}
    else:
        assert frame.loc["i-off", "memory_limit"] == pytest.approx(host * 0.07, rel=0.2)
    assert json.loads(frame.reset_index().attrs["lxdnb"])["failed"] == {}
    client.close()


def test_shares_cost_what_explain_tells(client, server, asked):
    project = f"i-{uuid.uuid4().hex[:8]}"
    server.cli("project", "create", project, "-c", "features.images=false", "-c", "features.profiles=false")
    there = client.use_project(project)
    server.cli("init", "busybox", "i-none", "--project", project)
    frames.instances(there, ["memory_limit"])
    assert asked == ["/1.0/instances"]
    server.cli("config", "set", "i-none", "limits.memory=10%", "--project", project)
    limit = frames.instances(there, ["memory_limit"]).loc[0, "memory_limit"]
    assert asked[1:] == ["/1.0/instances", "/1.0/metrics", "/1.0/resources"]
    assert limit == server.query("/1.0/resources")["memory"]["total"] // 100 * 10
    requests = frames.explain(there, ["memory_limit"])["request"]
    assert list(requests) == [
        f"GET /1.0/instances?recursion=1&project={project}",
        f"GET /1.0/metrics?project={project}",
        f"GET /1.0/resources?project={project}",
    ]


def kernels_limit(pid: int) -> int:
    """The memory that the group of a process may use."""
    groups = [line.split(":") for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    mine = next((path for _, kinds, path in groups if "memory" in kinds.split(",")), None)
    if mine is not None:
        return int(Path(f"/sys/fs/cgroup/memory{mine}/memory.limit_in_bytes").read_text())
    (unified,) = [path for _, kinds, path in groups if not kinds]
    return int(Path(f"/sys/fs/cgroup{unified}/memory.max").read_text())


@pytest.mark.parametrize(("limit", "count"), [("1", 1), ("0-1", 2), ("1,1", None), ("1-1", 1)])
def test_cpu_limits_are_what_a_container_sees(client, server, limit, count):
    server.cli("init", "busybox", "i-cpu")
    refused = server.cli("config", "set", "i-cpu", f"limits.cpu={limit}", check=False)
    assert not refused
    told = frames.instances(client, ["cpu_limit"]).loc[0, "cpu_limit"]
    kept = server.query("/1.0/instances/i-cpu")["config"].get("limits.cpu")
    assert kept == (limit if count else None)
    assert pd.isna(told) if count is None else told == count


def test_the_init_of_a_container_is_that_process_of_the_host(client, server, start_server):
    server.cli("launch", "busybox", "i-pid")
    pid = frames.instances(client, ["pid"]).loc[0, "pid"]
    told = server.query("/1.0/instances/i-pid/state")["pid"]
    assert pid == told
    assert Path(f"/proc/{pid}/status").read_text().partition("NSpid:")[2].split()[:2] == [str(pid), "1"]


def test_leases_are_those_that_dhcp_gave(client, server):
    bridge = a_bridge()
    server.cli("network", "create", bridge.name, *(f"{key}={value}" for key, value in bridge.config.items()))
    server.cli("launch", "busybox", "i-given", "-n", bridge.name)
    named = {"type": "nic", "network": bridge.name, "name": "eth0", "hwaddr": "00:16:3E:00:AB:CD"}
    source = {"type": "image", "alias": "busybox"}
    client.instances.create({"name": "i-named", "devices": {"eth0": named}, "source": source}, wait=True).start(
        wait=True
    )

    def leased() -> dict[str, str]:
        leases = json.loads(server.cli("network", "list-leases", bridge.name, "--format", "json"))
        return {lease["hostname"]: lease["address"] for lease in leases if lease["type"] == "dynamic"}

    eventually(lambda: {"i-given", "i-named"} <= leased().keys())
    frame = frames.instances(client, ["name", "lease_ipv4"])
    assert dict(zip(frame["name"], frame["lease_ipv4"], strict=True)) == {
        name: (address,) for name, address in leased().items()
    }


@pytest.mark.parametrize("kind", FLAVOURS)
def test_disks_of_a_pool_that_tells_their_use(kind):
    with daemon(kind, pool="btrfs") as server:
        client = lxdnb.Client(str(server.socket))
        server.cli("launch", "busybox", "i-disk", "-d", "root,size=200MiB")
        server.cli("exec", "i-disk", "--", "sh", "-c", "head -c 30000000 /dev/urandom >/big; sync")
        shown = json.loads(server.cli("list", "--format", "json"))[0]["state"]["disk"]["root"]["usage"]
        row = frames.instances(client, ["disk", "disk_limit", "disk_share"]).iloc[0]
        assert row["disk_limit"] == 200 * 2**20
        assert row["disk"] == pytest.approx(shown, rel=0.1)
        assert 30_000_000 < row["disk"] < 40_000_000
        assert row["disk_share"] == row["disk"] / row["disk_limit"]
        client.instances.get("i-disk").snapshots.create("kept", wait=True)
        server.cli("exec", "i-disk", "--", "sh", "-c", "rm /big; sync")
        size = frames.snapshots(client, ["size"]).loc[0, "size"]
        assert size == pytest.approx(server.query("/1.0/instances/i-disk/snapshots/kept")["size"], rel=0.1)
        assert size > 30_000_000
        client.close()
