"""Integrations: what joins the networks of several servers, as OVN's interconnection does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import checks
from lxdnb.models._named import OfServer, OfServerManager

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["NetworkIntegration", "NetworkIntegrationManager"]


class NetworkIntegration(OfServer):
    """A network integration, which peers of the type `remote` name; Incus has them.

    `config` says how it is reached, as `ovn.northbound_connection` does.

    https://linuxcontainers.org/incus/docs/main/howto/network_integrations/
    """

    collection: ClassVar[str] = "network-integrations"
    extension: ClassVar[str | None] = "network_integrations"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description"})

    config: dict[str, Any]
    description: str
    name: str
    type: str
    used_by: list[str]

    @classmethod
    def create(
        cls,
        client: Client,
        name: str,
        type: str = "ovn",
        description: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> Self:
        """Create an integration and return it. Raises LXDAPIException when there is one of that name."""
        return cls._create(client, name, description, config, type=checks.text("type", type))

    def rename(self, new_name: str) -> Self:
        """Give it another name, and return it. Raises LXDAPIException when that is taken."""
        _ = self._collection(self.client)[new_name]
        self._rename(new_name, wait=True)
        return self


class NetworkIntegrationManager(OfServerManager[NetworkIntegration]):
    """`client.network_integrations`."""

    model = NetworkIntegration

    def create(
        self,
        name: str,
        type: str = "ovn",
        description: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> NetworkIntegration:
        """Create an integration and return it; see `NetworkIntegration.create`."""
        return self.model.create(self.client, name, type, description, config)
