"""What listens at an address of a network for what lies in it: forwards and load balancers."""
# What is private to a resource is its manager's too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from lxdnb import checks
from lxdnb.models._model import as_sent, name_in
from lxdnb.models._named import Part, PartManager
from lxdnb.models._rows import rows_as_sent

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models.network import Network

__all__ = ["Listens", "ListensManager"]


class Listens(Part):
    """A part of a network that is known by the address it listens at."""

    key: ClassVar[str] = "listen_address"
    within: ClassVar[str] = "network"

    @classmethod
    def get(cls, client: Client, network: Network, listen_address: str) -> Self:
        """Return the one that listens at an address. Raises NotFound."""
        return cls._get(network, listen_address)

    @classmethod
    def exists(cls, client: Client, network: Network, listen_address: str) -> bool:
        """Return whether there is one that listens at an address."""
        return cls._exists(network, listen_address)

    @classmethod
    def all(cls, client: Client, network: Network) -> list[Self]:
        """Return all of a network, by one request."""
        return cls._all(network)

    @property
    def network(self) -> Network:
        """The network that it is a part of."""
        return self._owner

    @classmethod
    def _listen(cls, network: Network, config: Mapping[str, Any]) -> Self:
        request = dict(checks.mapping("config", config))
        if "listen_address" not in request:
            raise ValueError('config needs a "listen_address": the address that the network is to listen at')
        address = request["listen_address"]
        _ = cls._node(network, address)  # refuses what is no name, before anything is sent
        for name, value in request.items():
            if cls._fields.get(name, "").startswith("list[dict"):
                request[name] = rows_as_sent(name, value)
        request["config"] = as_sent({} if request.get("config") is None else request["config"])
        answer = cls._collection(network).post(json=request)
        if answer.json()["type"] == "sync":  # a newer server picks a free one, where it is given 0.0.0.0 or ::
            address = name_in(answer.headers.get("Location", address))
        created = cls(network.client, **{cls.key: address, cls.within: network})
        created._started(answer, wait=True)
        return created


L = TypeVar("L", bound=Listens)


class ListensManager(PartManager[L], Generic[L]):
    """Those of one network."""

    model: type[L]

    def get(self, listen_address: str) -> L:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the one that listens at an address. Raises NotFound."""
        return self.model._get(self._owner, listen_address)

    def exists(self, listen_address: str) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return whether there is one that listens at an address."""
        return self.model._exists(self._owner, listen_address)

    def create(self, config: Mapping[str, Any]) -> L:
        """Create one from a description as the REST API takes it, and return it; see its class's `create`."""
        return self.model._listen(self._owner, config)
