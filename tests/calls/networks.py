"""Networks and what belongs to them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lxdnb import managers, models
from lxdnb.client import Client
from lxdnb.models import Network, NetworkACL, NetworkIntegration, NetworkState, NetworkZone
from tests.calls.basis import KEY, NAME, TEXT, VALUE, Call, Place, cannot_be_said, class_of, model, no_segment, of_model

CLASSES: tuple[type, ...] = (
    *(managers.NetworkManager, managers.NetworkACLManager, managers.NetworkForwardManager),
    *(managers.NetworkIntegrationManager, managers.NetworkLoadBalancerManager, managers.NetworkPeerManager),
    *(managers.NetworkZoneManager, managers.NetworkZoneRecordManager),
    *(Network, NetworkACL, models.NetworkForward, NetworkIntegration, models.NetworkLoadBalancer),
    *(models.NetworkPeer, NetworkZone, models.NetworkZoneRecord),
)
VALUES = (NetworkState,)
EXTENSIONS = {
    *("network", "network_acl", "network_acl_log", "network_acls_all_projects", "network_allocations", "network_dns"),
    *("network_dns_records", "network_forward", "network_integrations", "network_leases", "network_load_balancer"),
    *("network_load_balancer_state", "network_peer", "network_state", "network_zones_all_projects"),
    "networks_all_projects",
}

network = model(Network, name="n1", config={}, description="")
zone = model(NetworkZone, name="z.example", config={}, description="")

_NETWORK = {"name": "n1", "description": "mine", "type": "bridge", "config": {"user.x": "1"}, "target": "n2"}
_RULES = {"ingress": [{"action": "drop", "state": "enabled"}], "egress": [{"action": "drop", "state": "enabled"}]}
_NAMED = {"description": "mine", "config": {"user.x": "1"}}
_ENTRIES = {"entries": [{"type": "A", "value": "10.0.0.9", "ttl": 60}]}
_PEER = {"target_network": "n2", "target_project": "p1", "type": "remote", "target_integration": "i1"}
_PORT = {"protocol": "tcp", "listen_port": "80", "target_address": "10.0.0.9"}
_LISTENING = {"config": {"listen_address": "10.0.0.5", "ports": [_PORT]}}
_AT = {"listen_address": "10.0.0.5"}


def _of(name: str, on: Callable[[Client], Any], key: dict[str, Any], created: dict[str, Any]) -> dict[str, Call]:
    """The calls that each collection has, of its manager or its class."""
    return {
        f"{name}.get": Call(on, key),
        f"{name}.exists": Call(on, key),
        f"{name}.all": Call(on),
        f"{name}.create": Call(on, created),
    }


def _collection(kind: type[Any], manager: str, created: dict[str, Any]) -> dict[str, Call]:
    """The calls of a collection of the server's, by its manager and by its class."""
    name = kind.__name__
    return {
        **_of(name, class_of(kind), {"name": "x1"}, created),
        **_of(f"{name}Manager", lambda client: getattr(client, manager), {"name": "x1"}, created),
        **dict(of_model(name, model(kind, name="x1", config={}, description=""))),
    }


def _parts(
    kind: type[Any], owner: Callable[[Client], Any], manager: str, key: dict[str, str], created: dict[str, Any]
) -> dict[str, Call]:
    """The calls of what lies within something, by its manager and by its class."""
    name = kind.__name__

    class Bound:
        def __init__(self, client: Client) -> None:
            self.client = client

        def __getattr__(self, method: str) -> Any:
            return functools.partial(getattr(kind, method), self.client, owner(self.client))

    return {
        **_of(name, Bound, key, created),
        **_of(f"{name}Manager", lambda client: getattr(owner(client), manager), key, created),
        **dict(of_model(name, part(kind, owner, **key))),
    }


def part(kind: type[Any], owner: Callable[[Client], Any], **record: Any) -> Callable[[Client], Any]:
    """One that lies within something."""
    return lambda client: kind._from_record(client, record, **{kind.within: owner(client)})


CALLS: dict[str, Call] = {
    "Client.network_allocations": Call(lambda client: client),
    **_collection(Network, "networks", _NETWORK),
    "Network.rename": Call(network, {"new_name": "n2"}),
    "Network.state": Call(network),
    "Network.leases": Call(network),
    **_collection(NetworkACL, "network_acls", {"name": "a1"} | _NAMED | _RULES),
    "NetworkACL.rename": Call(model(NetworkACL, name="a1"), {"new_name": "a2"}),
    "NetworkACL.log": Call(model(NetworkACL, name="a1")),
    **_collection(NetworkIntegration, "network_integrations", {"name": "i1", "type": "ovn"} | _NAMED),
    "NetworkIntegration.rename": Call(model(NetworkIntegration, name="i1"), {"new_name": "i2"}),
    **_collection(NetworkZone, "network_zones", {"name": "z.example"} | _NAMED),
    **_parts(models.NetworkZoneRecord, zone, "records", {"name": "x1"}, {"name": "x1"} | _NAMED | _ENTRIES),
    **_parts(models.NetworkPeer, network, "peers", {"name": "x1"}, {"name": "x1"} | _NAMED | _PEER),
    **_parts(models.NetworkForward, network, "forwards", _AT, _LISTENING),
    **_parts(models.NetworkLoadBalancer, network, "load_balancers", _AT, _LISTENING),
    "NetworkLoadBalancer.state": Call(part(models.NetworkLoadBalancer, network, **_AT)),
}


def _listening(**fields: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: {"listen_address": "10.0.0.5"} | {name: of(text) for name, of in fields.items()}


def _rows(key: str) -> list[Place]:
    return [Place(lambda text: [{text: "1"}], cannot_be_said), Place(lambda text: [{key: text}], cannot_be_said)]


_LISTENS = [
    Place(_listening(listen_address=lambda text: text), no_segment),
    Place(_listening(description=lambda text: text), cannot_be_said),
    Place(_listening(config=KEY.given), cannot_be_said),
    Place(_listening(config=VALUE.given), cannot_be_said),
    *(Place(_listening(ports=each.given), cannot_be_said) for each in _rows("listen_port")),
    Place(_listening(ports=lambda text: [{"target_backend": [text]}]), cannot_be_said),
    Place(_listening(backends=lambda text: [{"name": text}]), cannot_be_said),
]
PLACES: dict[str, list[Place]] = {
    "listen_address": [NAME],
    "type": [TEXT],
    "ingress": _rows("source"),
    "egress": _rows("destination"),
    "entries": _rows("value"),
    "target_network": [TEXT],
    "target_project": [TEXT],
    "target_integration": [TEXT],
    **{
        f"{kind}{manager}.create(config)": _LISTENS
        for kind in ("NetworkForward", "NetworkLoadBalancer")
        for manager in ("", "Manager")
    },
}
_ROWS: list[Any] = ["text", 5, b"x", {"a": "b"}, [5], ["x"], [{1: "x"}], [{"a": {}}], [{"a": True}], [{"a": "x\0"}]]
WRONG: dict[str, list[Any]] = {"Sequence[Mapping[str, Any]] | None": _ROWS}
