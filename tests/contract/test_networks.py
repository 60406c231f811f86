"""Networks, what they are doing, and the addresses that they give out."""

from __future__ import annotations

import json
import re

import pytest

import lxdnb
from lxdnb.models import Network
from tests.bridges import Bridge, a_bridge


@pytest.fixture
def bridge(client) -> Bridge:
    """A bridge that is there, without DHCP."""
    made = a_bridge()
    client.networks.create(made.name, "of a test", config=made.plain)
    return made


@pytest.mark.parametrize("chosen", ["", "as-it-is-set"])
def test_the_hosts_end_of_a_card_is_noted_while_its_instance_runs(client, server, bridge, chosen):
    chosen = chosen and f"v{bridge.name}"
    nic = {"type": "nic", "network": bridge.name, "name": "eth0"} | ({"host_name": chosen} if chosen else {})
    box = client.containers.launch("busybox", "box", devices={"eth0": nic})
    record, state = (server.query(f"/1.0/instances/box{each}") for each in ("", "/state"))
    noted = record["config"]["volatile.eth0.host_name"]
    assert noted == state["network"]["eth0"]["host_name"] == (chosen or noted)
    box.stop(force=True, wait=True)
    assert server.query("/1.0/instances/box")["config"].get("volatile.eth0.host_name", "") == ""


def test_a_container_takes_an_address_that_leases_tell(client, server):
    bridge = a_bridge()
    network = client.networks.create(bridge.name, config=bridge.config)
    (gateway,) = network.leases()
    assert (gateway["type"], gateway["address"]) == ("gateway", bridge.at(1))
    nic = {"eth0": {"type": "nic", "network": bridge.name}}
    box = client.containers.launch("busybox", f"{bridge.name}-c", devices=nic)
    box.wait_ready(network=True)

    (lease,) = [each for each in network.leases() if each["type"] == "dynamic"]
    shown = server.output_of(box.name, "--", "ip", "-4", "-o", "addr", "show", "eth0")
    assert lease["address"] in re.findall(r"inet (\S+)/24", shown)
    assert lease["hostname"] == box.name
    assert lease["hwaddr"] == server.query(f"/1.0/instances/{box.name}/state")["network"]["eth0"]["hwaddr"]
    assert network.leases() == server.query(f"/1.0/networks/{bridge.name}/leases")
    assert network.leases() == json.loads(server.cli("network", "list-leases", bridge.name, "--format=json"))
    network.sync()
    assert network.used_by == [f"/1.0/instances/{box.name}"]
    with pytest.raises(lxdnb.LXDAPIException, match="in use"):
        network.delete()

    server.cli("exec", box.name, "--", "ping", "-c", "1", bridge.at(1))
    before = server.query(f"/1.0/networks/{bridge.name}/state")
    state = network.state()
    after = server.query(f"/1.0/networks/{bridge.name}/state")
    for counter, value in before["counters"].items():
        assert 0 < value <= state.counters[counter] <= after["counters"][counter], counter
    assert (state.hwaddr, state.mtu, state.state, state.type) == (before["hwaddr"], 1500, "up", "broadcast")
    assert {"family": "inet", "address": bridge.at(1), "netmask": "24", "scope": "global"} in state.addresses
    assert state.bridge is not None
    assert len(state.bridge["upper_devices"]) == 1
    assert (state.bond, state.vlan) == (None, None)


def test_a_network_is_made_looked_at_changed_renamed_and_deleted(client, server):
    bridge, other = a_bridge(), a_bridge()
    config = bridge.plain | {"ipv4.nat": False, "bridge.mtu": 1400}
    created = client.networks.create(bridge.name, description="of a test", type="bridge", config=config)
    record = server.query(f"/1.0/networks/{bridge.name}")
    assert record["config"].items() >= {**bridge.plain, "ipv4.nat": "false", "bridge.mtu": "1400"}.items()
    assert (record["type"], record["description"], record["managed"]) == ("bridge", "of a test", True)
    for name in ("name", "type", "description", "config", "managed", "status", "locations"):
        assert getattr(created, name) == record[name], name
    assert created.used_by == []  # null on some servers
    with pytest.raises(lxdnb.LXDAPIException, match="already exists"):
        client.networks.create(bridge.name, config=bridge.plain)
    assert client.networks.exists(bridge.name)

    shown = server.cli("network", "show", bridge.name)
    assert created.to_yaml() == shown
    created.config["dns.domain"] = "lab"
    server.cli("network", "set", bridge.name, "user.theirs=1")
    created.save()
    assert server.query(f"/1.0/networks/{bridge.name}")["config"].items() >= {
        *{"dns.domain": "lab", "user.theirs": "1", "bridge.mtu": "1400"}.items()
    }
    created.patch({"description": "patched"})
    assert created.description == "patched" == server.query(f"/1.0/networks/{bridge.name}")["description"]
    created.put({"description": "put", "config": bridge.plain})
    assert "user.theirs" not in server.query(f"/1.0/networks/{bridge.name}")["config"]

    assert created.rename(other.name).name == other.name
    assert not client.networks.exists(bridge.name)
    assert client.networks.get(other.name) == created
    created.delete(wait=True)
    assert other.name not in {each.name for each in client.networks.all()}
    with pytest.raises(lxdnb.NotFound):
        client.networks.get(other.name)


def test_all_has_the_machines_interfaces_too_by_one_request(client, server, bridge, asked):
    found = {each.name: each for each in client.networks.all()}
    assert asked == ["/1.0/networks"]
    ours = {name for name, each in found.items() if each.managed}
    assert ours == {bridge.name}
    assert (found["lo"].managed, found["lo"].type, found["lo"].config) == (False, "loopback", {})
    told = {each["name"]: each["type"] for each in server.query("/1.0/networks?recursion=1")}
    assert found.keys() >= {"lo", bridge.name}
    assert {name: each.type for name, each in found.items() if name in told} == told
    loopback = found["lo"].state()
    assert "127.0.0.1" in {each["address"] for each in loopback.addresses}
    assert loopback.bridge is None
    found["lo"].description = "mine"
    with pytest.raises(lxdnb.LXDAPIException, match=r"[Nn]etwork"):
        found["lo"].save()


def test_networks_of_all_projects_are_each_of_their_own(client, server, bridge):
    client.projects.create("lab", config={"features.networks": False})
    if not client.has_api_extension("networks_all_projects"):
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match="networks_all_projects"):
            client.networks.all(all_projects=True)
        return
    found = {each.name: each for each in client.networks.all(all_projects=True)}
    assert (found[bridge.name].client.project, found[bridge.name].project) == ("default", "default")
    # A project without networks of its own has the default one's.
    assert client.use_project("lab").networks.get(bridge.name).config == found[bridge.name].config


def test_a_kind_without_an_interface_of_its_own_says_so(client, server):
    network = client.networks.create(a_bridge().name, type="macvlan", config={"parent": "lo"})
    assert (network.type, network.config) == ("macvlan", {"parent": "lo"})
    with pytest.raises(lxdnb.NotFound, match="not found"):
        network.state()
    with pytest.raises(lxdnb.LXDAPIException, match=r"Not implemented|not support"):
        network.leases()


def test_what_is_no_network_is_told_before_anything_is_sent(client, asked):
    for wrong in ({"name": ""}, {"name": "x", "config": {"a": []}}, {"name": "x", "type": 5}, {"name": 7}):
        with pytest.raises((TypeError, ValueError)):
            client.networks.create(**wrong)
    assert asked == []
    assert Network._from_record(client, {"name": "n", "used_by": None, "locations": None}).locations == []
