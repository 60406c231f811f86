"""Records with a wrong type anywhere: each view makes a frame of them, with NA and a word, and no error."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from lxdnb.frames import VIEWS
from lxdnb.frames._build import build
from lxdnb.frames._columns import chosen

CARD = {
    "addresses": [{"family": "inet", "address": "10.0.0.7", "netmask": "24", "scope": "global"}],
    "counters": {"bytes_received": 7},
    "hwaddr": "00:16:3e:00:00:01",
    "host_name": "veth1",
    "mtu": 1500,
    "state": "up",
    "type": "broadcast",
}
DEVICES = {
    "root": {"type": "disk", "path": "/", "pool": "default", "size": "1GiB"},
    "eth0": {"type": "nic", "network": "lab0", "name": "eth0"},
}
CONFIG = {"limits.memory": "512MiB", "limits.cpu": "0-1", "volatile.eth0.hwaddr": "00:16:3e:00:00:01"}
INSTANCE = {
    "name": "c1",
    "project": "default",
    "status": "Running",
    "type": "container",
    "profiles": ["default", "web"],
    "created_at": "2026-11-29T10:00:00Z",
    "config": CONFIG,
    "expanded_config": CONFIG | {"user.role": "web"},
    "devices": {},
    "expanded_devices": DEVICES,
    "snapshots": [{"name": "s1"}],
    "state": {
        "cpu": {"usage": 5_000_000_000},
        "disk": {"root": {"usage": 2**20}},
        "memory": {"usage": 2**20},
        "network": {"eth0": CARD},
        "pid": 77,
        "processes": 3,
    },
}
RECORDS = {
    "addresses": INSTANCE,
    "config": INSTANCE,
    "devices": INSTANCE,
    "instances": INSTANCE,
    "images": {
        "fingerprint": "ab" * 32,
        "aliases": [{"name": "alpine", "description": ""}],
        "properties": {"os": "Alpine"},
        "size": 5,
        "expires_at": "1970-01-01T00:00:00Z",
        "update_source": {"server": "https://images"},
    },
    "snapshots": {
        "instance": "c1",
        "name": "s1",
        "project": "default",
        "pool": "default",
        "size": -1,
        "profiles": ["x"],
    },
}
WRONG = (None, True, 5, 1.5, "x", [], [5], {}, {"x": 5}, [{"x": []}])


def broken(record: Any, wrong: Any) -> Iterator[Any]:
    """Yield the record with that in place of each of its values, of each of theirs, and so on."""
    parts = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    for key, value in parts:
        for other in [wrong, *broken(value, wrong)]:
            changed = copy.copy(record)
            changed[key] = other
            yield changed


def rows(view: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    apart = VIEWS[view].rows
    return records if apart is None else [row for record in records for row in apart(record)]


@pytest.mark.parametrize("view", RECORDS)
def test_no_record_breaks_a_frame(view):
    every = [*chosen(view, VIEWS[view].columns, VIEWS[view].fields, list(VIEWS[view].columns))]
    whole = rows(view, [copy.deepcopy(RECORDS[view])])
    good = build(view, every, whole)
    for wrong in WRONG:
        for record in broken(RECORDS[view], wrong):
            made = build(view, every, rows(view, [record]))
            assert [str(dtype) for dtype in made.dtypes] == [str(dtype) for dtype in good.dtypes], record


def networks(kind: str, cards: dict[str, dict[str, Any]], devices: dict[str, Any], config: dict[str, str]) -> Any:
    """The network that frames have for each interface."""
    state = {"network": {name: {"addresses": [{"address": "10.0.0.7"}], **card} for name, card in cards.items()}}
    record = {"name": "c1", "type": kind, "state": state, "expanded_devices": devices, "config": config}
    columns = chosen("addresses", VIEWS["addresses"].columns, {}, ["interface", "network"])
    frame = build("addresses", columns, rows("addresses", [record]))
    return dict(
        zip(frame["interface"], frame["network"].astype(object).where(frame["network"].notna(), None), strict=True)
    )


def test_the_network_of_an_interface_is_that_of_its_device():
    lan = {"lan": {"type": "nic", "network": "lab0", "name": "eth0"}, "up": {"type": "nic", "parent": "br0"}}
    # A virtual machine names its cards itself: they are known by their addresses.
    cards = {"enp5s0": {"hwaddr": "00:16:3e:00:00:01"}, "enp6s0": {"hwaddr": "00:16:3e:00:00:02"}, "lo": {}}
    given = {"volatile.lan.hwaddr": "00:16:3e:00:00:01"}
    devices = {**lan, "up": {**lan["up"], "hwaddr": "00:16:3E:00:00:02"}}
    assert networks("virtual-machine", cards, devices, given) == {"enp5s0": "lab0", "enp6s0": "br0", "lo": None}
    # What a container made itself on a card shares its address, and is of no device.
    cards = {"eth0": {"hwaddr": "00:16:3e:00:00:01"}, "eth0.5": {"hwaddr": "00:16:3e:00:00:01"}}
    assert networks("container", cards, lan, given) == {"eth0": "lab0", "eth0.5": None}
    # The host's end tells it, whatever the container calls its own.
    cards = {"wan": {"host_name": "veth9"}, "eth1": {}}
    given = {"volatile.up.host_name": "veth9", "volatile.lan.name": "eth1"}
    devices = {**lan, "lan": {"type": "nic", "network": "lab0"}}
    assert networks("container", cards, devices, given) == {"wan": "br0", "eth1": "lab0"}
