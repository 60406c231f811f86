"""Forwards: their ports are changed in place, and on top of what others have changed."""

from __future__ import annotations

import pytest
import requests

import lxdnb
from lxdnb.models import Network, NetworkForward
from tests.bridges import a_bridge


def test_a_forward_is_made_changed_in_place_and_deleted(client, server):
    bridge = a_bridge()
    network = client.networks.create(bridge.name, config=bridge.config)
    assert network.forwards.all() == []
    forward = network.forwards.create(
        {
            "listen_address": bridge.at(5),
            "description": "web",
            "config": {"user.n": 1, "target_address": bridge.at(7)},
            "ports": [{"protocol": "tcp", "listen_port": 80, "target_address": bridge.at(9)}],
        }
    )

    def told() -> dict:
        return server.query(f"/1.0/networks/{bridge.name}/forwards/{bridge.at(5)}")

    record = told()
    assert (record["description"], record["config"]) == ("web", {"user.n": "1", "target_address": bridge.at(7)})
    (port,) = record["ports"]
    assert (port["protocol"], port["listen_port"], port["target_address"]) == ("tcp", "80", bridge.at(9))
    for name in ("listen_address", "description", "config", "ports", "location"):
        assert getattr(forward, name) == record[name], name
    assert forward.to_yaml() == server.cli("network", "forward", "show", bridge.name, bridge.at(5))
    with pytest.raises(lxdnb.Conflict, match="already exists"):
        network.forwards.create({"listen_address": bridge.at(5)})

    # A save is no reason for the next one to fail, though the server fills in what a port leaves out.
    forward.ports.append({"protocol": "udp", "listen_port": 53, "target_address": bridge.at(9)})
    assert forward.dirty
    forward.save()
    assert not forward.dirty
    forward.ports[1]["target_port"] = 5353
    forward.save()
    assert [(each["listen_port"], each["target_port"]) for each in told()["ports"]] == [("80", ""), ("53", "5353")]
    server.cli("network", "forward", "set", bridge.name, bridge.at(5), "user.theirs=1")
    forward.description = "ours"
    forward.save(wait=True)
    assert (told()["config"]["user.theirs"], told()["description"]) == ("1", "ours")
    assert forward.ports == told()["ports"]
    server.cli("network", "forward", "port", "remove", bridge.name, bridge.at(5), "udp")
    forward.ports[0]["description"] = "lost?"
    with pytest.raises(lxdnb.SaveConflict, match="ports"):
        forward.save()
    assert len(told()["ports"]) == 1
    forward.rollback()
    forward.ports = []
    forward.save()
    assert told()["ports"] == []

    assert network.forwards.all() == [forward] == [network.forwards.get(bridge.at(5))]
    assert (network.forwards.exists(bridge.at(5)), network.forwards.exists(bridge.at(6))) == (True, False)
    assert NetworkForward.get(client, network, bridge.at(5)).network is network
    forward.delete()
    with pytest.raises(lxdnb.NotFound):
        network.forwards.get(bridge.at(5))
    with pytest.raises(lxdnb.NotFound, match="not found"):
        client.networks.get("lo").forwards.all()


def test_what_is_no_forward_is_told_before_anything_is_sent(client, asked):
    lo = Network._from_record(client, {"name": "lo"})
    for wrong in ({}, {"listen_address": 5}, {"listen_address": ""}, {"listen_address": "10.0.0.1", "ports": "80"}):
        with pytest.raises((TypeError, ValueError), match=r"listen_address|name|ports"):
            lo.forwards.create(wrong)
    assert asked == []


def test_the_address_that_a_newer_server_picks_is_the_forwards(client, monkeypatch):
    answer = requests.Response()
    answer.status_code, answer._content = 201, b'{"type": "sync", "metadata": null}'
    answer.headers["Location"] = "/1.0/networks/lo/forwards/10.0.0.7"
    monkeypatch.setattr(client._transport, "request", lambda *_, **__: answer)
    lo = Network._from_record(client, {"name": "lo"})
    assert lo.forwards.create({"listen_address": "0.0.0.0"}).listen_address == "10.0.0.7"
