"""What a thing tells of itself: the same fields, of the same types, on a sandbox as on the real server of its kind.

The expected fields are what the real server tells in the same run, of things that were made in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemons import Daemon
from tests.eventually import eventually
from tests.simulated import simulated
from tests.watcher import ask, finish

NETWORK, ADDRESS = "fields0", "10.77.6"
MADE = (
    ("networks", {"name": NETWORK, "config": {"ipv4.address": f"{ADDRESS}.1/24", "ipv6.address": "none"}}),
    ("network-acls", {"name": "acl1", "ingress": [{"action": "allow", "state": "enabled", "protocol": "tcp"}]}),
    ("network-zones", {"name": "zone.example"}),
    ("network-zones/zone.example/records", {"name": "r1", "entries": [{"type": "A", "value": "10.0.0.1"}]}),
    (
        f"networks/{NETWORK}/forwards",
        {
            "listen_address": f"{ADDRESS}.2",
            "ports": [{"protocol": "tcp", "listen_port": "80", "target_address": f"{ADDRESS}.9"}],
        },
    ),
    (
        "profiles",
        {
            "name": "p1",
            "config": {"limits.cpu": "1"},
            "devices": {"eth0": {"type": "nic", "network": NETWORK, "name": "eth0"}},
        },
    ),
    ("projects", {"name": "lab", "config": {"features.images": "false", "limits.instances": "5"}}),
    ("storage-pools/default/volumes/custom", {"name": "v1", "config": {"user.a": "b"}}),
    ("storage-pools/default/volumes/custom/v1/snapshots", {"name": "s1"}),
    ("storage-pools/default/volumes/custom/v1/backups", {"name": "b1"}),
    ("instances", {"name": "c1", "source": {"type": "image", "alias": "busybox"}, "profiles": ["default", "p1"]}),
    ("instances", {"name": "c2", "source": {"type": "none"}}),
    ("instances/c1/snapshots", {"name": "s1"}),
    ("instances/c1/backups", {"name": "b1"}),
)
ASKED = """
    /1.0 /1.0/resources /1.0/cluster /1.0/certificates?recursion=1 /1.0/warnings?recursion=1
    /1.0/instances /1.0/instances?recursion=1 /1.0/instances?recursion=2
    /1.0/instances/c1 /1.0/instances/c1?recursion=1 /1.0/instances/c1/state /1.0/instances/c2 /1.0/instances/c2/state
    /1.0/instances/c1/snapshots /1.0/instances/c1/snapshots?recursion=1 /1.0/instances/c1/snapshots/s1
    /1.0/instances/c1/backups /1.0/instances/c1/backups?recursion=1 /1.0/instances/c1/backups/b1
    /1.0/instances/c1/logs /1.0/instances/c1/metadata /1.0/instances/c1/metadata/templates
    /1.0/images?recursion=1 /1.0/images/aliases /1.0/images/aliases?recursion=1 /1.0/images/aliases/busybox
    /1.0/profiles?recursion=1 /1.0/profiles/p1
    /1.0/projects?recursion=1 /1.0/projects/lab /1.0/projects/lab/state /1.0/projects/default
    /1.0/networks/NET /1.0/networks/NET/state /1.0/networks/NET/leases /1.0/networks/lo /1.0/networks/lo/state
    /1.0/networks/NET/forwards /1.0/networks/NET/forwards?recursion=1 /1.0/networks/NET/forwards/ADDRESS.2
    /1.0/network-acls?recursion=1 /1.0/network-acls/acl1 /1.0/network-zones?recursion=1
    /1.0/network-zones/zone.example /1.0/network-zones/zone.example/records?recursion=1
    /1.0/network-zones/zone.example/records/r1
    /1.0/storage-pools?recursion=1 /1.0/storage-pools/default /1.0/storage-pools/default/resources
    /1.0/storage-pools/default/volumes /1.0/storage-pools/default/volumes?recursion=1
    /1.0/storage-pools/default/volumes/custom/v1 /1.0/storage-pools/default/volumes/custom/v1/snapshots?recursion=1
    /1.0/storage-pools/default/volumes/custom/v1/snapshots/s1
    /1.0/storage-pools/default/volumes/custom/v1/backups?recursion=1
"""
OF_ONE_FLAVOUR = {
    "lxd": "/1.0/containers /1.0/containers?recursion=1 /1.0/virtual-machines",
    "incus": "/1.0/network-allocations",
}
OF_THE_HOST = (
    "/1.0/resources .cpu.sockets[].cores[].frequency",  # not told of a virtual machine's processor
    "/1.0/resources .system",  # a machine in a container knows of no boards
)
"""Differences of the machines, not of the servers."""


@pytest.fixture
def both(server: Daemon, flavour: str) -> Iterator[tuple[Path, Path]]:
    """The sockets of a real server and of a sandbox of its kind, with the same things in both."""
    with simulated(flavour) as sandbox:
        for place in (server.socket, sandbox.socket):
            for path, body in MADE:
                finish(place, ask(place, "POST", f"/1.0/{path}", body))
            finish(place, ask(place, "PUT", "/1.0/instances/c1/state", {"action": "start"}))
            eventually(lambda place=place: ask(place, "GET", "/1.0/instances/c1/state")["metadata"]["network"])
        yield server.socket, sandbox.socket


def shape(value: Any) -> Any:
    """What a value is made of: of a list of named things each by its name, of another its first."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if (
        isinstance(value, list)
        and value
        and isinstance(value[0], dict)
        and value[0].get("name")
        and "socket" not in value[0]
    ):
        return {each["name"]: shape(each) for each in value}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value).__name__


def differences(theirs: Any, ours: Any, where: str) -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted({*theirs, *ours}):
            yield from differences(theirs.get(key), ours.get(key), f"{where}.{key}")
    elif isinstance(theirs, list) and isinstance(ours, list) and theirs and ours:
        yield from differences(theirs[0], ours[0], f"{where}[]")
    elif theirs != ours:
        yield f"{where}: {theirs}, and on the sandbox {ours}"


def test_what_things_tell_of_themselves(both: tuple[Path, Path], flavour: str):
    paths = f"{ASKED} {OF_ONE_FLAVOUR[flavour]}".replace("NET", NETWORK).replace("ADDRESS", ADDRESS).split()
    found = [
        each
        for path in paths
        for each in differences(*(shape(ask(place, "GET", path)["metadata"]) for place in both), f"{path} ")
        if not each.startswith(OF_THE_HOST)
    ]
    assert not found, "\n".join(found)
