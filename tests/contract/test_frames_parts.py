"""What instances have, one row each: addresses, devices and keys of configuration, as the command line has them."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests.bridges import Bridge, a_bridge

SCHEMAS = {
    "addresses": {
        "instance": "string",
        "interface": "string",
        "family": "category",
        "address": "string",
        "netmask": "Int64",
        "scope": "category",
        "network": "string",
        "hwaddr": "string",
        "host_name": "string",
    },
    "devices": {
        "instance": "string",
        "name": "string",
        "type": "category",
        "profile": "string",
        "path": "string",
        "source": "string",
        "pool": "string",
        "size": "Int64",
        "network": "string",
        "parent": "string",
        "nictype": "string",
        "options": "string",
    },
    "config": {"instance": "string", "key": "string", "value": "string", "profile": "string"},
}
VIEWS = {"addresses": frames.addresses, "devices": frames.devices, "config": frames.config}


@pytest.fixture
def bridge(server) -> Bridge:
    made = a_bridge()
    server.cli("network", "create", made.name, *(f"{key}={value}" for key, value in made.plain.items()))
    return made


@pytest.fixture
def made(client, server, bridge):
    """`p-one`, which runs, of three profiles and with a device and keys of its own; `p-two`, which does not."""
    nic = {"type": "nic", "network": bridge.name, "name": "lan0"}
    for name, config, devices in (
        ("p-web", {"user.role": "web", "user.tier": "front"}, {"net": nic}),
        ("p-late", {"user.role": "late"}, {"tmp": {"type": "disk", "path": "/mnt", "source": "/srv"}}),
    ):
        client.profiles.create(name, config=config, devices=devices)
    source = {"type": "image", "alias": "busybox"}
    one = {
        "name": "p-one",
        "profiles": ["default", "p-web", "p-late"],
        "config": {"user.tier": "<b>own</b>", "limits.processes": "500"},
        "devices": {
            "root": {"type": "disk", "path": "/", "pool": "default", "boot.priority": "5"},
            "tmp": {"type": "none"},
        },
    }
    client.instances.create(one | {"source": source}, wait=True).start(wait=True)
    loopback_up(server, "p-one")
    client.instances.create({"name": "p-two", "profiles": ["default"], "source": source}, wait=True)


def loopback_up(server, name: str, *options: str) -> None:
    """Its init does so too, some time after it was started."""
    server.cli("exec", name, *options, "--", "ip", "link", "set", "lo", "up")


def told(server) -> dict[str, dict[str, Any]]:
    return {record["name"]: record for record in json.loads(server.cli("list", "--format", "json"))}


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def test_addresses_are_those_of_the_command_line(client, server, made, bridge):
    for address in (f"{bridge.at(7)}/24", "fd42:1::7/64"):
        server.cli("exec", "p-one", "--", "ip", "addr", "add", address, "dev", "lan0")
    server.cli("exec", "p-one", "--", "ip", "link", "set", "lan0", "up")
    frame = frames.addresses(client, list(frames.VIEWS["addresses"].columns), where="scope ne link")
    record = told(server)["p-one"]
    expected = {
        (interface, address["family"], address["address"]): (address, card)
        for interface, card in record["state"]["network"].items()
        for address in card["addresses"]
        if address["scope"] != "link"
    }
    rows = {(row["interface"], row["family"], row["address"]): row for row in frame.to_dict("records")}
    assert rows.keys() == expected.keys()
    assert len(frame) == len(expected)
    assert {("lan0", "inet", bridge.at(7)), ("lan0", "inet6", "fd42:1::7"), ("lo", "inet", "127.0.0.1")} <= rows.keys()
    for key, (address, card) in expected.items():
        row = rows[key]
        assert (row["instance"], row["status"], row["project"]) == ("p-one", "Running", "default")
        assert row["netmask"] == int(address["netmask"])
        assert row["scope"] == address["scope"]
        for field in ("hwaddr", "host_name"):
            assert row[field] == card[field] or (pd.isna(row[field]) and not card[field])
        for field in ("type", "state", "mtu"):
            assert row[field] == card[field], field
        on = (bridge.name, "net") if key[0] == "lan0" else (None, None)
        assert (row["network"], row["device"]) == on
    # Those of `instances` are these, without loopback.
    seen = frame[(frame["scope"] == "global") & (frame["family"] == "inet")]["address"]
    assert tuple(seen) == frames.instances(client, ["ipv4"], where="name eq p-one").loc[0, "ipv4"] == (bridge.at(7),)
    networks = set(server.query("/1.0/networks"))
    assert f"/1.0/networks/{rows['lan0', 'inet', bridge.at(7)]['network']}" in networks


def test_devices_are_those_of_the_command_line(client, server, made, bridge):
    frame = frames.devices(client, list(frames.VIEWS["devices"].columns))
    rows = {(row["instance"], row["name"]): row for row in frame.to_dict("records")}
    records = told(server)
    expected = {
        (instance, name): device
        for instance, record in records.items()
        for name, device in record["expanded_devices"].items()
    }
    assert rows.keys() == expected.keys()
    assert len(frame) == len(expected)
    for key, device in expected.items():
        row = rows[key]
        assert json.loads(row["options"]) == device
        for option in ("type", "path", "source", "pool", "network", "parent", "nictype"):
            assert row[option] == device.get(option) or (pd.isna(row[option]) and option not in device), option
        assert row["own"] == (key[1] in records[key[0]]["devices"])
    assert rows["p-one", "net"]["network"] == bridge.name
    from_profiles = {key: row["profile"] for key, row in rows.items() if not pd.isna(row["profile"])}
    assert from_profiles == {("p-one", "net"): "p-web", ("p-two", "root"): "default"}
    assert rows["p-one", "tmp"]["type"] == "none"
    assert list(frame["type"].cat.categories)[:3] == ["none", "nic", "disk"]
    assert list(
        frames.devices(client, ["name", "options.boot.priority"], where="options.boot.priority eq 5")["name"]
    ) == ["root"]


def test_sizes_of_disks_are_in_bytes(client, server):
    server.cli("init", "busybox", "p-big")
    # Which a dir pool does not hold anybody to, but keeps.
    server.cli("config", "device", "override", "p-big", "root", "size=1GiB")
    row = frames.devices(client, where="instance eq p-big").iloc[0]
    assert (row["size"], json.loads(row["options"])["size"]) == (2**30, "1GiB")


def test_the_configuration_is_that_of_the_command_line(client, server, made):
    frame = frames.config(client, list(frames.VIEWS["config"].columns))
    rows = {(row["instance"], row["key"]): row for row in frame.to_dict("records")}
    records = told(server)
    expected = {
        (instance, key): value
        for instance, record in records.items()
        for key, value in record["expanded_config"].items()
    }
    assert {key: row["value"] for key, row in rows.items()} == expected
    assert len(frame) == len(expected)
    for (instance, key), row in rows.items():
        assert row["own"] == (key in records[instance]["config"])
    from_profiles = {key: (row["value"], row["profile"]) for key, row in rows.items() if not pd.isna(row["profile"])}
    # The last of the profiles that have it.
    assert from_profiles == {("p-one", "user.role"): ("late", "p-late")}
    assert rows["p-one", "user.tier"]["value"] == "<b>own</b>"


@pytest.mark.parametrize("view", VIEWS)
def test_the_schema_is_the_same_when_empty(client, server, view):
    server.cli("launch", "busybox", "p-some")
    loopback_up(server, "p-some")
    full, empty = VIEWS[view](client), VIEWS[view](client, where="instance eq nobody")
    assert len(full) > 0
    assert len(empty) == 0
    assert dtypes(full) == dtypes(empty) == SCHEMAS[view]


def test_the_requests_are_those_that_explain_tells(client, server, made, asked):
    frames.devices(client)
    assert asked == ["/1.0/instances", "/1.0/profiles"]
    del asked[:]
    explained = frames.explain(client, view="devices")
    assert list(explained["request"]) == ["GET /1.0/instances?recursion=1", "GET /1.0/profiles?recursion=1"]
    frames.devices(client, ["instance", "name", "own"])
    frames.config(client, where="instance eq p-two")  # whose only profile is the one
    assert asked == ["/1.0/instances", "/1.0/instances"]
    del asked[:]
    frames.addresses(client)
    assert asked == ["/1.0/instances", "/1.0/instances/p-one/state"]
    del asked[:]
    # What the list tells leaves out instances before their state is asked for.
    for where in ("instance eq p-two", "config.user.tier ne .*own.*", "status eq Stopped and family eq inet"):
        assert len(frames.addresses(client, where=where)) == 0, where
    assert asked == ["/1.0/instances"] * 3
    explained = frames.explain(client, view="addresses")
    assert list(explained["request"]) == ["GET /1.0/instances?recursion=1", "GET /1.0/instances/{name}/state"]


def test_conditions(client, made):
    assert set(frames.config(client, where="key eq user.*")["key"]) == {"user.role", "user.tier"}
    assert list(frames.devices(client, where="type eq nic and profile eq p-web")["name"]) == ["net"]
    assert set(frames.devices(client, where="config.limits.processes eq 500")["instance"]) == {"p-one"}
    assert list(frames.addresses(client, where="family eq inet and interface eq lo")["address"]) == ["127.0.0.1"]
    for view, function in VIEWS.items():
        with pytest.raises(ValueError, match="did you mean 'instance'"):
            function(client, where="instanse eq c1")
        with pytest.raises(ValueError, match=f"there is no column or field .* in {view}"):
            function(client, ["nonsense"])


@pytest.mark.parametrize("view", VIEWS)
def test_all_projects(client, server, view):
    server.cli("project", "create", "p-else", "-c", "features.profiles=false", "-c", "features.images=false")
    for project in ("default", "p-else"):
        server.cli("launch", "busybox", "p-same", "--project", project)
        loopback_up(server, "p-same", "--project", project)
    inside = lxdnb.Client(str(server.socket), project="p-else")
    everywhere, there = VIEWS[view](client, all_projects=True), VIEWS[view](inside)
    assert list(everywhere.columns) == ["project", *SCHEMAS[view]]
    assert set(everywhere["project"]) == {"default", "p-else"}
    assert len(there) == (everywhere["project"] == "p-else").sum() > 0
    if "profile" in there:
        assert everywhere["profile"].equals(VIEWS[view](client, ["profile"], all_projects=True)["profile"])
    server.cli("delete", "-f", "p-same", "--project", "p-else")


def test_a_wrong_type_costs_its_cells(client, made, monkeypatch):
    request = client._transport.request

    def wrong(method, path, **options):
        response = request(method, path, **options)
        body = json.loads(response.content)
        if path == "/1.0/instances":
            for record in body["metadata"]:
                record["expanded_devices"]["root"] = "big"
                record["expanded_config"]["user.bad"] = 5
        if path.endswith("/state"):
            cards = body["metadata"]["network"]
            cards["lo"]["addresses"] = [{"address": "127.0.0.1", "netmask": [], "family": 5}, 5]
            cards["lan0"] = "down"
        response._content = json.dumps(body).encode()
        return response

    monkeypatch.setattr(client._transport, "request", wrong)
    found = frames.addresses(client)
    assert sorted(found["interface"]) == ["lan0", "lo", "lo"]
    assert list(found["address"].dropna()) == ["127.0.0.1"]
    assert {word.split(":")[0] for word in words(found)} >= {"address", "netmask", "family"}
    found = frames.devices(client, where="name eq root")
    assert len(found) == 2
    assert found["pool"].isna().all()
    assert words(found)
    found = frames.config(client, where="key eq user.bad")
    assert found["value"].isna().all()
    assert len(words(found)) == 1


def words(frame: pd.DataFrame) -> list[str]:
    return json.loads(frame.attrs["lxdnb"])["words"]
