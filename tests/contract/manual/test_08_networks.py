"""Chapter 8: networks. It calls them read-only, as 13.6 does; pylxd 2.4 makes, saves and deletes them, and so do we."""

from __future__ import annotations

import pytest

import lxdnb
from lxdnb.models import Network
from tests.bridges import Bridge, a_bridge


@pytest.fixture
def bridge(server) -> Bridge:
    """A bridge that the command line made."""
    made = a_bridge()
    server.cli("network", "create", made.name, *(f"{key}={value}" for key, value in made.plain.items()))
    return made


def test_8_1_manager_methods(client, server, bridge):
    listed = client.networks.all()
    assert {each.name for each in listed} >= {"lo", bridge.name}
    assert client.networks.get(bridge.name) in listed
    assert client.networks.get(bridge.name).name == bridge.name
    with pytest.raises(lxdnb.NotFound):
        client.networks.get("nobody")


def test_8_2_network_attributes(client, server, bridge):
    server.cli("profile", "device", "add", "default", "eth0", "nic", f"network={bridge.name}")
    server.cli("init", "busybox", "c1")
    network = client.networks.get(bridge.name)
    record = server.query(f"/1.0/networks/{bridge.name}")
    for name in ("name", "type", "used_by", "config", "managed"):
        assert getattr(network, name) == record[name], name
    assert (network.type, network.managed, network.config) == ("bridge", True, bridge.plain)
    assert sorted(network.used_by) == ["/1.0/instances/c1", "/1.0/profiles/default"]
    assert client.networks.get("lo").managed is False


def test_13_6_network(client, server, bridge):
    network = Network.get(client, bridge.name)
    assert network in Network.all(client)
    network.description = "saved"
    network.save(wait=False)
    assert server.query(f"/1.0/networks/{bridge.name}")["description"] == "saved"
    network.delete()
    assert not client.networks.exists(bridge.name)
