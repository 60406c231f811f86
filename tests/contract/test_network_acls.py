"""What belongs to networks and not to one of them: ACLs, DNS zones, integrations and allocations."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import lxdnb
from tests.bridges import a_bridge

ALLOW = {"action": "allow", "state": "enabled", "protocol": "tcp"}
DROP = {"action": "drop", "state": "logged", "source": "10.0.0.0/8"}


def test_an_acl_is_made_changed_in_place_used_renamed_and_deleted(client, server):
    acl = client.network_acls.create(
        "web", "of the web", {"user.n": 1}, ingress=[ALLOW | {"destination_port": 80}], egress=[DROP]
    )
    record = server.query("/1.0/network-acls/web")
    assert record["ingress"] == [ALLOW | {"destination_port": "80"}]
    assert (record["egress"], record["config"], record["description"]) == ([DROP], {"user.n": "1"}, "of the web")
    for name in ("name", "description", "config", "ingress", "egress", "used_by"):
        assert getattr(acl, name) == record[name], name
    assert acl.to_yaml() == server.cli("network", "acl", "show", "web")
    with pytest.raises(lxdnb.LXDAPIException, match="already exists"):
        client.network_acls.create("web")
    with pytest.raises(lxdnb.LXDAPIException, match=r"[Ss]tate must be one of"):
        client.network_acls.create("other", ingress=[{"action": "drop"}])

    acl.ingress[0]["destination_port"] = "80,443"
    acl.ingress.append(DROP | {"description": ""})  # the server leaves out what is empty
    assert "ingress" in acl.changes()
    acl.save()
    acl.ingress[1]["description"] = "others"
    acl.save()
    told = server.query("/1.0/network-acls/web")["ingress"]
    assert told == [ALLOW | {"destination_port": "80,443"}, DROP | {"description": "others"}]
    server.cli("network", "acl", "rule", "remove", "web", "ingress", "protocol=tcp")
    acl.egress.clear()
    acl.save(wait=True)  # of somebody else's change to other rules nothing is lost
    record = server.query("/1.0/network-acls/web")
    assert (acl.ingress, acl.egress) == (record["ingress"], record["egress"]) == ([told[1]], [])

    assert acl.rename("web2").name == "web2"
    assert (client.network_acls.exists("web"), client.network_acls.exists("web2")) == (False, True)
    bridge = a_bridge()
    network = client.networks.create(bridge.name, config=bridge.plain)
    network.config["security.acls"] = "web2"
    network.save()
    (listed,) = client.network_acls.all()
    assert (listed, listed.used_by) == (acl, [f"/1.0/networks/{network.name}"])
    with pytest.raises(lxdnb.LXDAPIException, match="in use"):
        acl.delete()
    with pytest.raises(lxdnb.LXDAPIException, match="Only OVN log entries"):
        acl.log()
    network.delete()
    acl.delete()
    assert client.network_acls.all() == []


def test_a_zone_and_its_records_are_made_changed_in_place_and_deleted(client, server):
    peer = {"peers.ns.address": "10.0.0.53"}
    zone = client.network_zones.create("lab.example", "of the lab", peer)
    record = server.query("/1.0/network-zones/lab.example")
    assert (zone.description, zone.config, zone.used_by) == ("of the lab", peer, [])
    assert (record["description"], record["config"]) == ("of the lab", peer)
    assert zone.to_yaml() == server.cli("network", "zone", "show", "lab.example")
    with pytest.raises(lxdnb.LXDAPIException, match="already exists"):
        client.network_zones.create("lab.example")
    zone.config["user.owner"] = "me"
    zone.save()
    assert server.query("/1.0/network-zones/lab.example")["config"]["user.owner"] == "me"
    assert [client.network_zones.get("lab.example")] == client.network_zones.all() == [zone]

    www = zone.records.create("www", "the web", entries=[{"type": "A", "value": "10.0.0.9", "ttl": 60}])

    def told() -> dict:
        return server.query("/1.0/network-zones/lab.example/records/www")

    assert told()["entries"] == [{"type": "A", "value": "10.0.0.9", "ttl": 60}] == www.entries
    assert www.to_yaml() == server.cli("network", "zone", "record", "show", "lab.example", "www")
    www.entries.append({"type": "TXT", "value": "of the lab", "ttl": "3600"})
    www.save()
    www.entries[0]["ttl"] = 0
    www.save()
    entries = [{"type": "A", "value": "10.0.0.9"}, {"type": "TXT", "value": "of the lab", "ttl": 3600}]
    assert told()["entries"] == entries
    server.cli("network", "zone", "record", "entry", "remove", "lab.example", "www", "TXT", "of the lab")
    www.entries[0]["value"] = "10.0.0.10"
    with pytest.raises(lxdnb.SaveConflict, match="entries"):
        www.save()
    www.rollback()
    assert www.entries == told()["entries"] == entries[:1]
    assert (zone.records.all(), zone.records.exists("mail")) == ([www], False)
    assert (www.zone, zone.records.get("www").description) == (zone, "the web")
    www.delete()
    with pytest.raises(lxdnb.NotFound):
        zone.records.get("www")
    zone.delete()
    assert client.network_zones.all() == []


@pytest.mark.parametrize("collection", ["network_acls", "network_zones"])
def test_those_of_all_projects_are_each_of_their_own(client, server, collection: str):
    own = {"features.networks": True, "features.profiles": False}
    if client.has_api_extension("projects_networks_zones"):
        own["features.networks.zones"] = True  # else its zones are the default project's
    client.projects.create("lab", config=own)
    manager = getattr(client.use_project("lab"), collection)
    made = manager.create("lab.example" if collection == "network_zones" else "own")
    try:
        if not client.has_api_extension(f"{collection}_all_projects"):
            with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match=f"{collection}_all_projects"):
                getattr(client, collection).all(all_projects=True)
            return
        (found,) = getattr(client, collection).all(all_projects=True)
        assert (found, found.client.project) == (made, "lab")
        found.description = "changed"
        found.save()
        path = f"/1.0/{collection.replace('_', '-')}/{found.name}?project=lab"
        assert server.query(path)["description"] == "changed"
    finally:
        made.delete()


def test_what_a_server_lacks_is_told_before_anything_is_sent(client, asked):
    lo = client.networks.model._from_record(client, {"name": "lo"})
    needed: dict[str, Callable[[], object]] = {
        "network_integrations": client.network_integrations.all,
        "network_allocations": client.network_allocations,
        "network_load_balancer": lo.load_balancers.all,
    }
    lacking = {name: call for name, call in needed.items() if not client.has_api_extension(name)}
    assert bool(lacking) == (client.product == "lxd")
    for name, ask in lacking.items():
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match=name):
            ask()
    assert asked == []


def test_integrations_and_allocations_where_the_server_has_them(client, server):
    if not client.has_api_extension("network_integrations"):
        assert client.product == "lxd"
        return
    made = client.network_integrations.create("region1", description="one", config={"user.a": 1})
    try:
        record = server.query("/1.0/network-integrations/region1")
        assert (record["type"], record["description"], record["config"]) == ("ovn", "one", {"user.a": "1"})
        made.config["user.a"] = "2"
        made.save()
        assert made.rename("region2").name == "region2"
        assert server.query("/1.0/network-integrations/region2")["config"] == {"user.a": "2"}
        assert client.network_integrations.all() == [client.network_integrations.get("region2")] == [made]
    finally:
        made.delete()
    assert not client.network_integrations.exists("region2")

    bridge = a_bridge()
    client.networks.create(bridge.name, config=bridge.config)
    told = [{"addresses": f"{bridge.at(1)}/24", "type": "network", "used_by": f"/1.0/networks/{bridge.name}"}]
    for found in (client.network_allocations(), client.network_allocations(all_projects=True)):
        assert [{key: each[key] for key in told[0]} for each in found] == told
    assert found == server.query("/1.0/network-allocations?all-projects=true")
