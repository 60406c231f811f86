"""Networks and what belongs to them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lxdnb.client import Client
from lxdnb.models import Network, NetworkForward, NetworkState
from lxdnb.models.network import NetworkManager
from lxdnb.models.network_forward import NetworkForwardManager
from tests.calls.basis import KEY, NAME, TEXT, VALUE, Call, Place, cannot_be_said, class_of, model, no_segment, of_model

CLASSES: tuple[type, ...] = (NetworkManager, Network, NetworkForwardManager, NetworkForward)
VALUES = (NetworkState,)
EXTENSIONS = {"network", "network_forward", "network_leases", "network_state", "networks_all_projects"}

network = model(Network, name="n1", config={}, description="")


def part(kind: type[Any], **record: Any) -> Callable[[Client], Any]:
    """One that lies within a network."""
    return lambda client: kind._from_record(client, record, network=network(client))


def _class_in_network(kind: type[Any], name: str) -> Callable[[Client], Any]:
    return lambda client: functools.partial(getattr(kind, name), client, network(client))


_NETWORK = {"name": "n1", "description": "mine", "type": "bridge", "config": {"user.x": "1"}, "target": "n2"}
_PORT = {"protocol": "tcp", "listen_port": "80", "target_address": "10.0.0.9"}
_FORWARD = {"config": {"listen_address": "10.0.0.5", "ports": [_PORT]}}
_AT = {"listen_address": "10.0.0.5"}

CALLS: dict[str, Call] = {
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (("NetworkManager", lambda client: client.networks), ("Network", class_of(Network)))
        for name, arguments in (("get", {"name": "n1"}), ("exists", {"name": "n1"}), ("all", {}), ("create", _NETWORK))
    },
    "Network.rename": Call(network, {"new_name": "n2"}),
    "Network.state": Call(network),
    "Network.leases": Call(network),
    **dict(of_model("Network", network)),
    **{
        f"NetworkForwardManager.{name}": Call(lambda client: network(client).forwards, arguments)
        for name, arguments in (("get", _AT), ("exists", _AT), ("all", {}), ("create", _FORWARD))
    },
    **{
        f"NetworkForward.{name}": Call(_class_in_network(NetworkForward, name), arguments)
        for name, arguments in (("get", _AT), ("exists", _AT), ("all", {}), ("create", _FORWARD))
    },
    **dict(of_model("NetworkForward", part(NetworkForward, listen_address="10.0.0.5"))),
}


def _listening(**fields: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: {"listen_address": "10.0.0.5"} | {name: of(text) for name, of in fields.items()}


_FORWARDS = [
    Place(_listening(listen_address=lambda text: text), no_segment),
    Place(_listening(description=lambda text: text), cannot_be_said),
    Place(_listening(config=KEY.given), cannot_be_said),
    Place(_listening(config=VALUE.given), cannot_be_said),
    Place(_listening(ports=lambda text: [{text: "80"}]), cannot_be_said),
    Place(_listening(ports=lambda text: [{"listen_port": text}]), cannot_be_said),
]
PLACES: dict[str, list[Place]] = {
    "listen_address": [NAME],
    "type": [TEXT],
    **{f"{owner}.create(config)": _FORWARDS for owner in ("NetworkForward", "NetworkForwardManager")},
}
