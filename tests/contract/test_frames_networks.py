"""Networks and leases as frames: what the command line says of them, on each server."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests.answers import change_answers
from tests.bridges import Bridge, a_bridge
from tests.eventually import eventually
from tests.leaves import differing, leaves

NETWORKS = {
    "name": "string",
    "type": "category",
    "managed": "boolean",
    "status": "category",
    "ipv4": "string",
    "ipv6": "string",
    "used_by": "object",
    "description": "string",
}
LEASES = {
    "network": "string",
    "hostname": "string",
    "address": "string",
    "hwaddr": "string",
    "type": "category",
    "location": "string",
}


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def word(cell: object) -> object:
    """A cell as a server says it: empty, where there is none."""
    return "" if pd.isna(cell) else cell


@pytest.fixture
def bridge(client, server) -> Bridge:
    """A managed bridge with DHCP, and a container that runs on it and has an address."""
    made = a_bridge()
    server.cli("network", "create", made.name, *(f"{key}={value}" for key, value in made.config.items()))
    client.networks.get(made.name).patch({"description": "<b>x</b>"})
    server.cli("launch", "busybox", "n-one", "-n", made.name)
    eventually(lambda: len(server.query(f"/1.0/networks/{made.name}/leases")) > 1)
    return made


def test_networks_are_those_of_the_command_line(client, server, bridge):
    told = {record["name"]: record for record in json.loads(server.cli("network", "list", "--format", "json"))}
    frame = frames.networks(client, list(frames.VIEWS["networks"].columns)).set_index("name")
    assert {bridge.name, "lo"} <= set(frame.index)
    for name in (bridge.name, "lo"):
        row, record = frame.loc[name], told[name]
        for field in ("type", "managed", "description"):
            assert row[field] == record[field], field
        assert word(row["status"]) == record["status"]
        assert row["locations"] == tuple(record["locations"] or ())
        state = server.query(f"/1.0/networks/{name}/state")
        assert (row["mtu"], row["state"]) == (state["mtu"], state["state"])
        assert word(row["hwaddr"]) == state["hwaddr"]
        for counter, value in state["counters"].items():
            assert 0 <= row[counter] <= value, counter
    row = frame.loc[bridge.name]
    assert (row["ipv4"], row["used_by"], row["project"]) == (f"{bridge.at(1)}/24", ("instance n-one",), "default")
    assert pd.isna(row["ipv6"])  # whose setting says none
    assert row["managed"]
    assert not frame.loc["lo", "managed"]
    assert pd.isna(frame.loc["lo", "status"])


def test_leases_are_those_of_the_command_line(client, server, bridge):
    told = json.loads(server.cli("network", "list-leases", bridge.name, "--format", "json"))
    frame = frames.leases(client, where=f"network eq {bridge.name}").set_index("address")
    assert set(frame.index) == {lease["address"] for lease in told}
    assert len(told) == 2
    for lease in told:
        row = frame.loc[lease["address"]]
        assert (row["type"], row["hostname"]) == (lease["type"], lease["hostname"])
        for field in ("hwaddr", "location"):
            assert word(row[field]) == lease[field], field
    config = server.query("/1.0/instances/n-one")["config"]
    assert frame.loc[frame["hostname"] == "n-one", "hwaddr"].tolist() == [config["volatile.eth0.hwaddr"]]


def test_leases_of_all_projects(client, server, bridge):
    server.cli("project", "create", "n-lab", "-c", "features.profiles=false", "-c", "features.images=false")
    server.cli("project", "create", "n-other", "-c", "features.profiles=false", "-c", "features.images=false")
    server.cli("launch", "busybox", "n-two", "-n", bridge.name, "--project", "n-lab")
    eventually(lambda: server.query(f"/1.0/networks/{bridge.name}/leases?project=n-lab"))
    here = frames.leases(client, where=f"network eq {bridge.name}")
    assert set(here["hostname"]) == {"n-one", f"{bridge.name}.gw"}
    frame = frames.leases(client, all_projects=True, where=f"network eq {bridge.name}")
    told = {
        (project, lease["hostname"], lease["address"])
        for project in ("default", "n-lab", "n-other")
        for lease in server.query(f"/1.0/networks/{bridge.name}/leases?project={project}") or ()
    }
    assert set(zip(frame["project"], frame["hostname"], frame["address"], strict=True)) == told
    assert len(frame) == 3
    inside = lxdnb.Client(str(server.socket), project="n-lab")
    assert frames.leases(inside, ["hostname", "project"]).to_numpy().tolist() == [["n-two", "n-lab"]]


def test_networks_of_all_projects(client, server, bridge):
    server.cli("project", "create", "n-own", "-c", "features.networks=true", "-c", "features.images=false")
    frame = frames.networks(client, all_projects=True)
    assert frame.columns[0] == "project"
    told = {record["name"] for record in server.query("/1.0/networks?recursion=1")}
    assert bridge.name in told
    mine = frame[frame["name"] == bridge.name]
    assert mine["project"].tolist() == ["default"]
    assert set(frame["project"]) == {"default"}


def test_schemas_are_the_same_when_empty(client, bridge):
    for view, schema in ((frames.networks, NETWORKS), (frames.leases, LEASES)):
        full, empty = view(client), view(client, where="type eq nothing")
        assert len(full)
        assert len(empty) == 0
        assert dtypes(full) == dtypes(empty) == schema
        assert list(full["type"].cat.categories) == list(empty["type"].cat.categories)


def test_each_field_is_reached_by_its_path(client, server, bridge):
    (record,) = (each for each in server.query("/1.0/networks?recursion=1") if each["name"] == bridge.name)
    told = leaves(record)
    where = f"name eq {bridge.name}"
    assert "config.ipv4.address" in told
    assert differing(frames.networks(client, list(told), where=where), told, {"used_by"}) == {}
    server.cli("stop", "-f", "n-one")  # so that the counters rest
    client.networks.get(bridge.name)
    state = leaves({"state": server.query(f"/1.0/networks/{bridge.name}/state")})
    assert {"state.bridge.id", "state.counters.bytes_received", "state.addresses"} <= set(state)
    frame = frames.networks(client, list(state), where=where)
    assert differing(frame, state, {path for path in state if path.startswith("state.counters.")}) == {}
    leases = server.query(f"/1.0/networks/{bridge.name}/leases")
    (lease,) = (each for each in leases if each["type"] == "gateway")
    frame = frames.leases(client, list(lease), where=f"network eq {bridge.name} and type eq gateway")
    assert differing(frame, lease, {"hwaddr", "location"}) == {}


def test_the_requests_are_those_that_explain_tells(client, server, bridge, asked):
    frames.networks(client)
    assert asked == ["/1.0/networks"]
    assert frames.explain(client, view="networks")["request"].tolist() == ["GET /1.0/networks?recursion=1"]
    del asked[:]
    frames.networks(client, ["name", "mtu"], where=f"name eq {bridge.name}")
    assert asked == ["/1.0/networks", f"/1.0/networks/{bridge.name}/state"]
    told = frames.explain(client, ["name", "mtu"], view="networks")
    assert told["request"].tolist() == ["GET /1.0/networks?recursion=1", "GET /1.0/networks/{name}/state"]
    del asked[:]
    frames.leases(client)
    assert asked == ["/1.0/networks", f"/1.0/networks/{bridge.name}/leases"]
    frames.leases(client, where="network eq nothing")
    assert asked[2:] == ["/1.0/networks"]  # which is known before any is asked of
    told = frames.explain(client, view="leases")
    assert told["request"].tolist() == ["GET /1.0/networks?recursion=1", "GET /1.0/networks/{name}/leases"]


def test_of_a_server_that_is_down_beside_one_that_is_not(client, server, other_server, other_client, bridge, asked):
    both = {"here": client, "there": other_client}
    frame = frames.leases(both)
    assert frame.columns[0] == "server"
    assert set(frame["server"]) == {"here"}
    assert dtypes(frame)["server"] == "string"
    networks = frames.networks(both, ["name", "managed"])
    mine = networks[networks["name"] == bridge.name].set_index("server")
    assert mine.loc["here", "managed"]


def test_one_without_an_interface_stays_and_has_no_state(client, server):
    other = a_bridge().name
    server.cli("network", "create", other, "--type", "macvlan", "parent=eth0")
    frame = frames.networks(client, ["name", "type", "mtu", "hwaddr"]).set_index("name")
    assert frame.loc[other, "type"] == "macvlan"
    assert pd.isna(frame.loc[other, "mtu"])
    assert pd.isna(frame.loc[other, "hwaddr"])
    assert frame.loc["lo", "mtu"] == 65536
    assert other not in set(frames.leases(client)["network"])


def test_wrong_types_cost_their_cells(client, bridge, monkeypatch):
    def wrong(path, metadata):
        if path == "/1.0/networks":
            for record in metadata:
                record |= {"description": 5, "managed": "yes" if record["name"] == "lo" else record["managed"]}
        if path.endswith("/leases"):
            return [*({**lease, "address": 7} for lease in metadata), "nonsense"]
        return {"mtu": "big", "counters": None} if path.endswith("/state") else metadata

    change_answers(client, monkeypatch, wrong)
    frame = frames.networks(client, ["name", "description", "managed", "mtu", "bytes_sent"]).set_index("name")
    assert frame["description"].isna().all()
    assert pd.isna(frame.loc["lo", "managed"])
    assert frame["mtu"].isna().all()
    assert frame["bytes_sent"].isna().all()
    words = json.loads(frame.attrs["lxdnb"])["words"]
    assert {word.partition(":")[0] for word in words} == {"description", "managed", "mtu"}
    leases = frames.leases(client)
    assert len(leases) == 2
    assert leases["address"].isna().all()
    assert "1 of" in " ".join(json.loads(leases.attrs["lxdnb"])["words"])
