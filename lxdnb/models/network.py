"""Networks: those that the server manages, and the interfaces of its machine beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import api, checks
from lxdnb.models._model import as_sent
from lxdnb.models._named import OfProject, OfProjectManager
from lxdnb.models.network_forward import NetworkForward, NetworkForwardManager
from lxdnb.models.network_load_balancer import NetworkLoadBalancerManager
from lxdnb.models.network_peer import NetworkPeerManager

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["Network", "NetworkForward", "NetworkManager", "NetworkState"]


class NetworkState:
    """What a network's interface is doing at a moment.

    Each field is as the server sends it: `addresses` and `counters` (bytes and packets, received and sent; empty where
    it cannot tell), `mtu` in bytes; `bond`, `bridge`, `vlan` and `ovn` are None for an interface that is none.

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/networks/networks_state_get
    """

    addresses: list[dict[str, str]]
    bond: dict[str, Any] | None
    bridge: dict[str, Any] | None
    counters: dict[str, int]
    hwaddr: str
    mtu: int
    ovn: dict[str, Any] | None
    state: str
    type: str
    vlan: dict[str, Any] | None

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.__dict__.update(dict.fromkeys(type(self).__annotations__), **record)
        self.addresses, self.counters = record.get("addresses") or [], record.get("counters") or {}

    def __repr__(self) -> str:
        return f"<NetworkState {self.state}, {len(self.addresses)} addresses>"


class Network(OfProject):
    """A network, of which `config` has the addresses, DHCP, NAT …

    Interfaces of the server's machine that it does not manage are there too: their `managed` is False, and they can
    only be looked at. `type` is `bridge`, `macvlan`, `ovn`, `physical` …; `used_by` are the URLs of the instances and
    profiles with a device in it, and of networks that have it as their uplink.

    >>> config = {"ipv4.address": "10.77.8.1/24", "ipv4.nat": False, "ipv6.address": "none"}
    >>> network = client.networks.create("lab0", config=config)
    >>> network.state().addresses[0]["address"]
    '10.77.8.1'
    >>> network.config["ipv4.dhcp.ranges"] = "10.77.8.100-10.77.8.199"
    >>> network.save()
    >>> network.delete()

    https://documentation.ubuntu.com/lxd/stable-5.0/networks/
    """

    collection: ClassVar[str] = "networks"
    extension: ClassVar[str | None] = "network"
    all_projects_extension: ClassVar[str] = "networks_all_projects"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description"})

    config: dict[str, Any]
    description: str
    locations: list[str]
    managed: bool
    name: str
    project: str
    status: str
    type: str
    used_by: list[str]

    @classmethod
    def create(
        cls,
        client: Client,
        name: str,
        description: str | None = None,
        type: str | None = None,
        config: Mapping[str, Any] | None = None,
        wait: bool = True,
        *,
        target: str | None = None,
    ) -> Self:
        """Create a network and return it. Raises Conflict or LXDAPIException when there is one of that name.

        Without a `type` it is a bridge, and that an interface of the server's machine: its name has 15 characters at
        most. In a cluster create it once for each member by its name as `target`, with what of `config` is that
        member's own, then once without, with the rest.
        """
        node = cls._collection(client)
        _ = node[name]  # refuses what is no name, before anything is sent
        request: dict[str, Any] = {"name": name, "config": as_sent({} if config is None else config)}
        if description is not None:
            request["description"] = checks.text("description", description)
        if type is not None:
            request["type"] = checks.text("type", type)
        created = cls(client, name=name)
        created._started(node.post(json=request, target=target), wait)
        return created

    @property
    def forwards(self) -> NetworkForwardManager:
        """Its forwards: addresses whose traffic goes to instances in it."""
        return NetworkForwardManager(self.client, self)

    @property
    def load_balancers(self) -> NetworkLoadBalancerManager:
        """Its load balancers, as an OVN network has them."""
        return NetworkLoadBalancerManager(self.client, self)

    @property
    def peers(self) -> NetworkPeerManager:
        """Its peers, as an OVN network has them: networks that it is joined with."""
        return NetworkPeerManager(self.client, self)

    def rename(self, new_name: str, wait: bool = True) -> Self:
        """Give it another name, and return it. Raises Conflict or LXDAPIException when that is taken, or it is used."""
        _ = self._collection(self.client)[new_name]
        self._rename(new_name, wait)
        return self

    def state(self) -> NetworkState:
        """Return what its interface is doing now: addresses, counters of bytes and packets …

        Raises NotFound for a network that has no interface of its own name, as of type macvlan.
        """
        self.client.assert_has_api_extension("network_state")
        return NetworkState(api.metadata(self.api.state.get()))

    def leases(self) -> list[dict[str, str]]:
        """Return which addresses are given out in it: by DHCP, for good, and its own as a gateway.

        Each is a dict of `address`, `hostname`, `hwaddr`, `location` and `type`, which is `dynamic`, `static`,
        `gateway` … An address that an instance has set by itself is in no lease.

        >>> config = {"ipv4.address": "10.77.8.1/24", "ipv4.nat": False, "ipv6.address": "none"}
        >>> network = client.networks.create("lab0", config=config)
        >>> [(lease["type"], lease["address"]) for lease in network.leases()]
        [('gateway', '10.77.8.1')]
        >>> network.delete()
        """
        self.client.assert_has_api_extension("network_leases")
        return api.metadata(self.api.leases.get()) or []


class NetworkManager(OfProjectManager[Network]):
    """`client.networks`."""

    model = Network

    def create(
        self,
        name: str,
        description: str | None = None,
        type: str | None = None,
        config: Mapping[str, Any] | None = None,
        wait: bool = True,
        *,
        target: str | None = None,
    ) -> Network:
        """Create a network and return it; see `Network.create`."""
        return self.model.create(self.client, name, description, type, config, wait, target=target)
