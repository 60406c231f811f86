"""Peers: networks that OVN joins, so that their traffic needs no way around."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import checks
from lxdnb.models._named import Part, PartManager

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models.network import Network

__all__ = ["NetworkPeer", "NetworkPeerManager"]


class NetworkPeer(Part):
    """A peer of an OVN network; other kinds have none, and the server says so.

    `status` is `Pending` until the other network has made this one its peer too, then `Created`.

    https://documentation.ubuntu.com/lxd/stable-5.0/howto/network_ovn_peers/
    """

    collection: ClassVar[str] = "peers"
    extension: ClassVar[str | None] = "network_peer"
    within: ClassVar[str] = "network"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description"})

    config: dict[str, Any]
    description: str
    name: str
    status: str
    target_integration: str
    target_network: str
    target_project: str
    type: str
    used_by: list[str]

    @classmethod
    def get(cls, client: Client, network: Network, name: str) -> Self:
        """Return the peer of that name. Raises NotFound."""
        return cls._get(network, name)

    @classmethod
    def exists(cls, client: Client, network: Network, name: str) -> bool:
        """Return whether there is a peer of that name."""
        return cls._exists(network, name)

    @classmethod
    def all(cls, client: Client, network: Network) -> list[Self]:
        """Return all peers of a network, by one request."""
        return cls._all(network)

    @classmethod
    def create(
        cls,
        client: Client,
        network: Network,
        name: str,
        target_network: str | None = None,
        target_project: str | None = None,
        *,
        description: str | None = None,
        config: Mapping[str, Any] | None = None,
        type: str | None = None,
        target_integration: str | None = None,
    ) -> Self:
        """Make another network a peer of this one, and return the peer.

        Without a `target_project` it is of the network's own project. With `type="remote"` it is what the
        `target_integration` leads to, where the server has integrations. Raises Conflict when there is a peer of
        that name, LXDAPIException for a network that can have none.
        """
        if type is not None or target_integration is not None:
            network.client.assert_has_api_extension("network_integrations")
        said = {
            "type": type,
            "target_network": target_network,
            "target_project": target_project,
            "target_integration": target_integration,
        }
        for word, value in said.items():
            _ = value is None or checks.text(word, value)
        return cls._create(network, name, description, config, **said)

    @property
    def network(self) -> Network:
        """The network that it is a peer of."""
        return self._owner


class NetworkPeerManager(PartManager[NetworkPeer]):
    """`network.peers`."""

    model = NetworkPeer

    def create(
        self,
        name: str,
        target_network: str | None = None,
        target_project: str | None = None,
        *,
        description: str | None = None,
        config: Mapping[str, Any] | None = None,
        type: str | None = None,
        target_integration: str | None = None,
    ) -> NetworkPeer:
        """Make another network a peer of this one, and return the peer; see `NetworkPeer.create`."""
        return self.model.create(
            self.client,
            self._owner,
            name,
            target_network,
            target_project,
            description=description,
            config=config,
            type=type,
            target_integration=target_integration,
        )
