"""Networks on a real OVN: what these alone have, peers and load balancers, and the log of what rules have met."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import lxdnb
from lxdnb.models import Network
from tests import daemons, ovn
from tests.bridges import Bridge, a_bridge
from tests.eventually import eventually

pytestmark = pytest.mark.ovn


@pytest.fixture
def own(flavour: str) -> Iterator[tuple[daemons.Daemon, str]]:
    """A server that is with OVN alone, and the bridge that OVN's networks go out by.

    Incus 6.0.4 that has lost its Open vSwitch lists no networks any more: others would wait for it in vain.
    """
    if reason := daemons.missing(flavour) or ovn.missing():
        pytest.skip(reason)
    try:
        with ovn.ovn() as outside, daemons.daemon(flavour) as server:
            yield server, outside
    except ovn.Occupied as reason:
        pytest.skip(str(reason))


def a_pair(client: lxdnb.Client, outside: str) -> tuple[Bridge, Network, Network]:
    """The subnet of an uplink, and two OVN networks over it."""
    up, routed = a_bridge(), a_bridge()
    config = {
        "parent": outside,
        "ipv4.gateway": f"{up.at(1)}/24",
        "ipv4.ovn.ranges": f"{up.at(100)}-{up.at(150)}",
        "ipv4.routes": f"{routed.at(0)}/24",
        "dns.nameservers": up.at(1),
    }
    client.networks.create(up.name, type="physical", config=config)
    made: list[Network] = []
    for bridge in (a_bridge(), a_bridge()):
        config = {"network": up.name, "ipv4.address": f"{bridge.at(1)}/24", "ipv4.nat": True, "ipv6.address": "none"}
        made.append(client.networks.create(bridge.name, type="ovn", config=config))
    return routed, *made


def test_peers_load_balancers_and_logs_of_ovn_networks(own):
    server, outside = own
    client = lxdnb.Client(str(server.socket))
    routed, one, two = a_pair(client, outside)
    path = f"/1.0/networks/{one.name}"
    assert (one.type, one.managed) == ("ovn", True)
    users = client.networks.get(one.config["network"]).used_by
    assert sorted(users) == sorted(f"/1.0/networks/{each.name}" for each in (one, two))
    eventually(lambda: "chassis" in server.cli("query", f"{path}/state", check=False))  # bound to one in the background
    state = one.state()
    assert state.ovn == server.query(f"{path}/state")["ovn"]
    assert state.addresses[0]["address"] == one.config["ipv4.address"].removesuffix("/24")

    peer = one.peers.create("there", two.name, description="the other", config={"user.a": 1})
    record = server.query(f"{path}/peers/there")
    assert (record["target_network"], record["target_project"], record["status"]) == (two.name, "default", "Pending")
    assert (peer.status, peer.description, peer.config) == ("Pending", "the other", {"user.a": "1"})
    assert peer.to_yaml() == server.cli("network", "peer", "show", one.name, "there")
    back = two.peers.create("back", one.name, "default")
    assert (back.status, one.peers.get("there").status) == ("Created", "Created")
    peer.config["user.a"] = "2"
    peer.save()
    assert server.query(f"{path}/peers/there")["config"] == {"user.a": "2"}
    with pytest.raises(lxdnb.Conflict, match="already exists"):
        one.peers.create("there", two.name)
    assert (one.peers.all(), one.peers.exists("nobody"), peer.network) == ([peer], False, one)
    back.delete()
    peer.delete()
    assert one.peers.all() == two.peers.all() == []

    target = state.addresses[0]["address"].removesuffix(".1") + ".9"
    forward = one.forwards.create({"listen_address": routed.at(6), "config": {"target_address": target}})
    assert one.forwards.all() == [forward]
    if client.has_api_extension("network_load_balancer"):
        balance(one, server, routed.at(5))

    rules = [{"action": "drop", "state": "logged", "protocol": "icmp4", "description": "no pings"}]
    acl = client.network_acls.create(f"acl-{one.name}", egress=rules)
    if client.product == "incus":  # LXD 5.0.2 does not understand what OVN of today writes
        nic = {"type": "nic", "network": one.name, "security.acls": acl.name}
        device = {"eth0": nic | {"security.acls.default.egress.action": "allow"}}
        box = client.containers.launch("busybox", f"{one.name}-c", devices=device)
        box.wait_ready(network=True)
        (lease,) = [each for each in one.leases() if each["type"] == "dynamic"]
        assert lease in server.query(f"{path}/leases")
        assert lease["hostname"] == box.name
        router = state.addresses[0]["address"]
        server.cli("exec", box.name, "--", "sh", "-c", f"ping -c 1 {router} & sleep 0.1; kill $!", check=False)
        eventually(lambda: lease["address"] in acl.log())
        met = json.loads(acl.log().splitlines()[-1])
        assert (met["src"], met["dst"], met["action"]) == (lease["address"], router, "drop")
    assert acl.log() == server.cli("network", "acl", "show-log", acl.name)
    client.close()


def balance(network: Network, server, address: str) -> None:
    """A load balancer's whole life."""
    target = network.config["ipv4.address"].replace(".1/24", ".10")
    path = f"/1.0/networks/{network.name}/load-balancers/{address}"
    backend = {"name": "web", "target_address": target, "target_port": 8080}
    port = {"protocol": "tcp", "listen_port": 80, "target_backend": ["web"]}
    made = network.load_balancers.create({"listen_address": address, "backends": [backend], "ports": [port]})
    record = server.query(path)
    assert (record["backends"][0]["target_port"], record["ports"][0]["listen_port"]) == ("8080", "80")
    assert (made.backends, made.ports) == (record["backends"], record["ports"])
    assert made.to_yaml() == server.cli("network", "load-balancer", "show", network.name, address)
    made.ports.append({**port, "listen_port": 443})
    made.backends[0]["target_port"] = "80"
    made.save()
    made.ports[1]["description"] = "TLS"
    made.save()
    record = server.query(path)
    assert [(each["listen_port"], each["description"]) for each in record["ports"]] == [("80", ""), ("443", "TLS")]
    assert record["backends"][0]["target_port"] == "80"
    assert made.state() == {"backend_health": {}}
    with pytest.raises(lxdnb.Conflict, match="already exists"):
        network.load_balancers.create({"listen_address": address})
    assert network.load_balancers.all() == [made] == [network.load_balancers.get(address)]
    made.delete()
    assert not network.load_balancers.exists(address)


def test_a_bridge_has_neither_peers_nor_load_balancers_and_says_so(client):
    bridge = a_bridge()
    network = client.networks.create(bridge.name, config=bridge.plain)
    for ask in (network.peers.all, lambda: network.peers.create("there", bridge.name)):
        with pytest.raises(lxdnb.LXDAPIException, match='"bridge" does not support peering'):
            ask()
    balancers = network.load_balancers
    for ask in (balancers.all, lambda: balancers.create({"listen_address": "10.0.0.1"})):
        if client.has_api_extension("network_load_balancer"):
            with pytest.raises(lxdnb.LXDAPIException, match='"bridge" does not support load balancers'):
                ask()
        else:
            with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match="network_load_balancer"):
                ask()
