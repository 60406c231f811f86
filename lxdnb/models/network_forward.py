"""Forwards: addresses that a network listens at, and whose traffic goes on to addresses within it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb.models._listens import Listens, ListensManager

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models.network import Network

__all__ = ["NetworkForward", "NetworkForwardManager"]


class NetworkForward(Listens):
    """A forward of a network, known by its `listen_address`.

    Each of `ports` is a dict of `protocol`, `listen_port` (ports and ranges, as in `80,8080-8090`), `target_address`,
    and where they are to be others `target_port`. What no port takes goes to `config["target_address"]`.

    >>> config = {"ipv4.address": "10.77.8.1/24", "ipv4.nat": False, "ipv6.address": "none"}
    >>> network = client.networks.create("lab0", config=config)
    >>> forward = network.forwards.create({"listen_address": "10.77.8.2"})
    >>> forward.ports.append({"protocol": "tcp", "listen_port": 80, "target_address": "10.77.8.9"})
    >>> forward.save()
    >>> network.forwards.get("10.77.8.2").ports[0]["listen_port"]
    '80'
    >>> forward.delete()
    >>> network.delete()

    https://documentation.ubuntu.com/lxd/stable-5.0/howto/network_forwards/
    """

    collection: ClassVar[str] = "forwards"
    extension: ClassVar[str | None] = "network_forward"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description", "ports"})

    config: dict[str, Any]
    description: str
    listen_address: str
    location: str
    ports: list[dict[str, Any]]

    @classmethod
    def create(cls, client: Client, network: Network, config: Mapping[str, Any]) -> Self:
        """Create a forward from a description as the REST API takes it, and return it.

        It has `listen_address`, `description`, `ports`, and `config`. Raises Conflict when the network listens there.
        """
        return cls._listen(network, config)


class NetworkForwardManager(ListensManager[NetworkForward]):
    """`network.forwards`."""

    model = NetworkForward
