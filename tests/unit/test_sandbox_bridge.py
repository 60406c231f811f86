"""A sandbox with a bridge: each instance has an address of its own there, however many they are."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

import lxdnb
from lxdnb import frames
from lxdnb.sandbox import Sandbox
from lxdnb.sandbox.beginning import add_bridge, first_host


@pytest.mark.parametrize(("flavour", "name"), [("lxd", "lxdbr0"), ("incus", "incusbr0")])
def test_what_a_person_launches_has_an_address(flavour: str, name: str):
    lx = lxdnb.connect(f"sandbox:{flavour}")
    # As `lxd init --auto` and `incus admin init --auto` leave a server.
    assert lx.profiles.get("default").devices["eth0"] == {"name": "eth0", "network": name, "type": "nic"}
    bridge = lx.networks.get(name)
    assert (bridge.type, bridge.config["ipv4.nat"], bridge.config["ipv6.nat"]) == ("bridge", "true", "true")
    with lx.launch("alpine", "web") as web:
        web.wait_ready(network=True)
        (address,) = frames.instances(lx, ["name", "ipv4"])["ipv4"][0]
        subnet = ip_interface(bridge.config["ipv4.address"])
        assert ip_address(address) in subnet.network
        assert ip_address(address) != subnet.ip
        assert f"inet {address}/24 " in web.execute(["ip", "addr"]).stdout
        assert [each["address"] for each in bridge.leases() if each["hostname"] == "web"][:1] == [address]


def test_a_crowd_has_room():
    with Sandbox(instances=600, seed=7, bridge=True) as sandbox:
        lx = lxdnb.Client(sandbox.endpoint)
        subnet = ip_interface(lx.networks.get("lxdbr0").config["ipv4.address"])
        seen = frames.instances(lx, ["name", "status", "ipv4"])
        lx.close()
    running = seen[seen["status"].isin(["Running", "Frozen"])]
    addresses = [address for (address,) in running["ipv4"]]
    assert len({*addresses}) == len(running) > 254
    assert all(ip_address(address) in subnet.network for address in addresses)
    assert str(subnet.ip) not in addresses


def test_where_there_can_be_none():
    with pytest.raises(ValueError, match="a simulated cluster has no bridge at first"):
        Sandbox(members=3, bridge=True)
    with pytest.raises(ValueError, match="no room for 16777216 instances"):
        add_bridge(first_host("lxd"), 2**24)


def test_without_it_there_is_no_network():
    with Sandbox() as sandbox:
        lx = lxdnb.Client(sandbox.endpoint)
        assert [each.name for each in lx.networks.all() if each.managed] == []
        lx.close()
