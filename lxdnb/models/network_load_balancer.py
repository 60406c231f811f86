"""Load balancers: addresses that an OVN network listens at, and whose traffic goes to one of several within it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import api
from lxdnb.models._listens import Listens, ListensManager

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models.network import Network

__all__ = ["NetworkLoadBalancer", "NetworkLoadBalancerManager"]


class NetworkLoadBalancer(Listens):
    """A load balancer of an OVN network, known by its `listen_address`; other kinds have none, and the server says so.

    Each of `backends` is a dict of `name`, `target_address` and `target_port`; each of `ports` of `protocol`,
    `listen_port`, and `target_backend`, a list of the names of backends.

    https://documentation.ubuntu.com/lxd/latest/howto/network_load_balancers/
    """

    collection: ClassVar[str] = "load-balancers"
    extension: ClassVar[str | None] = "network_load_balancer"
    writable: ClassVar[frozenset[str]] = frozenset({"backends", "config", "description", "ports"})

    backends: list[dict[str, Any]]
    config: dict[str, Any]
    description: str
    listen_address: str
    location: str
    ports: list[dict[str, Any]]

    @classmethod
    def create(cls, client: Client, network: Network, config: Mapping[str, Any]) -> Self:
        """Create a load balancer from a description as the REST API takes it, and return it.

        It has `listen_address`, `description`, `backends`, `ports`, and `config`. Raises Conflict when the network
        listens there.
        """
        return cls._listen(network, config)

    def state(self) -> dict[str, Any]:
        """Return which of its backends answer: `backend_health` by their names; empty if `config` asks for no checks.

        Raises LXDAPIExtensionNotAvailable where the server does not check them.
        """
        self.client.assert_has_api_extension("network_load_balancer_state")
        state = api.metadata(self.api.state.get())
        return state | {"backend_health": state.get("backend_health") or {}}


class NetworkLoadBalancerManager(ListensManager[NetworkLoadBalancer]):
    """`network.load_balancers`."""

    model = NetworkLoadBalancer
