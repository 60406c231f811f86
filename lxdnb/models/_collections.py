"""What a server has, as `client.instances` and its like: each manager is made, and its file loaded, when asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from lxdnb import api
from lxdnb.exceptions import LXDAPIException

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models._metrics import Metric
    from lxdnb.models.certificate import CertificateManager
    from lxdnb.models.cluster import ClusterManager
    from lxdnb.models.container import ContainerManager
    from lxdnb.models.image import ImageManager
    from lxdnb.models.instance import InstanceManager
    from lxdnb.models.network import NetworkManager
    from lxdnb.models.network_acl import NetworkACLManager
    from lxdnb.models.network_integration import NetworkIntegrationManager
    from lxdnb.models.network_zone import NetworkZoneManager
    from lxdnb.models.operation import OperationManager
    from lxdnb.models.profile import ProfileManager
    from lxdnb.models.project import ProjectManager
    from lxdnb.models.server import Server
    from lxdnb.models.storage_pool import StoragePoolManager
    from lxdnb.models.storage_volumes import AllStorageVolumesManager
    from lxdnb.models.virtual_machine import VirtualMachineManager
    from lxdnb.models.warning import WarningManager

__all__ = ["Collections"]


class Collections:
    """The part of a client that has the collections; loaded late, so that `import lxdnb` does not pay for them."""

    @property
    def _client(self) -> Client:
        return cast("Client", self)

    @cached_property
    def certificates(self) -> CertificateManager:
        """The certificates that the server trusts."""
        from lxdnb.models.certificate import CertificateManager

        return CertificateManager(self._client)

    @cached_property
    def cluster(self) -> ClusterManager:
        """The cluster that the server is a member of, with its `members`, `groups` and `certificate`."""
        from lxdnb.models.cluster import ClusterManager

        return ClusterManager(self._client)

    @cached_property
    def containers(self) -> ContainerManager:
        """The instances that are containers."""
        from lxdnb.models.container import ContainerManager

        return ContainerManager(self._client)

    @cached_property
    def images(self) -> ImageManager:
        """The images that instances can be made from."""
        from lxdnb.models.image import ImageManager

        return ImageManager(self._client)

    @cached_property
    def instances(self) -> InstanceManager:
        """The instances: containers and virtual machines."""
        from lxdnb.models.instance import InstanceManager

        return InstanceManager(self._client)

    def metadata_configuration(self) -> dict[str, Any]:
        """Return which keys the server knows in the configuration of what, each with a description.

        A dict whose `configs` has, for each kind of resource and group of keys, a list of `keys`. Raises
        LXDAPIExtensionNotAvailable where the server cannot tell, as LXD 5.0.
        """
        self._client.assert_has_api_extension("metadata_configuration")
        return api.metadata(self._client.api.metadata.configuration.get())

    def metrics(self) -> list[Metric]:
        """Return what the server measures, of all its instances that run, or of those of the client's project.

        Newer servers measure themselves too. They do so once in a few seconds: between, they tell the same again.
        Raises NotFound for a client of a project that is not there.

        >>> [metric.value for metric in client.metrics() if metric.name == "lxd_procs_total"]
        [2.0]

        https://documentation.ubuntu.com/lxd/stable-5.0/metrics/
        """
        from lxdnb.models._metrics import parsed

        return parsed(self.metrics_text())

    def metrics_text(self) -> str:
        """Return the same as `metrics` as the server says it, in the text that Prometheus reads."""
        from lxdnb.models.project import assert_project

        self._client.assert_has_api_extension("metrics")
        # As bytes: the server does not tell that it is UTF-8, so that `text` would be something else.
        response = self._client.api.metrics.get(is_api=False)
        text = response.content.decode()
        if not text.endswith("# EOF\n"):
            raise LXDAPIException(response, message="what the server sent are no metrics, or not all of them")
        if 'name="' not in text:  # nothing, or what the server measures of itself
            assert_project(self._client)
        return text

    @cached_property
    def network_acls(self) -> NetworkACLManager:
        """The ACLs: which traffic networks let through."""
        from lxdnb.models.network_acl import NetworkACLManager

        return NetworkACLManager(self._client)

    def network_allocations(self, *, all_projects: bool = False) -> list[dict[str, Any]]:
        """Return which addresses are in use in the networks, of one project or of all.

        Each is a dict of `addresses` (one, with its prefix, as in 10.0.0.1/24), `type` (network, instance,
        network-forward …), `used_by` (its URL), `hwaddr` and `nat`. Raises LXDAPIExtensionNotAvailable where the
        server cannot tell; `network.leases()` is there too for one network.
        """
        self._client.assert_has_api_extension("network_allocations")
        params = {"all-projects": "true"} if all_projects else {}
        return api.metadata(self._client.api["network-allocations"].get(params=params)) or []

    @cached_property
    def network_integrations(self) -> NetworkIntegrationManager:
        """The integrations, which join the networks of several servers."""
        from lxdnb.models.network_integration import NetworkIntegrationManager

        return NetworkIntegrationManager(self._client)

    @cached_property
    def network_zones(self) -> NetworkZoneManager:
        """The DNS zones."""
        from lxdnb.models.network_zone import NetworkZoneManager

        return NetworkZoneManager(self._client)

    @cached_property
    def networks(self) -> NetworkManager:
        """The networks, and the interfaces of the server's machine."""
        from lxdnb.models.network import NetworkManager

        return NetworkManager(self._client)

    @cached_property
    def operations(self) -> OperationManager:
        """What the server is doing in the background."""
        from lxdnb.models.operation import OperationManager

        return OperationManager(self._client)

    @cached_property
    def profiles(self) -> ProfileManager:
        """The profiles: configuration and devices that instances have in common."""
        from lxdnb.models.profile import ProfileManager

        return ProfileManager(self._client)

    @cached_property
    def projects(self) -> ProjectManager:
        """The projects, which keep what belongs together apart from the rest."""
        from lxdnb.models.project import ProjectManager

        return ProjectManager(self._client)

    @cached_property
    def storage_pools(self) -> StoragePoolManager:
        """The storage pools, with their volumes."""
        from lxdnb.models.storage_pool import StoragePoolManager

        return StoragePoolManager(self._client)

    @cached_property
    def storage_volumes(self) -> AllStorageVolumesManager:
        """The volumes of all storage pools, to be listed; `pool.volumes` are those of one."""
        from lxdnb.models.storage_volumes import AllStorageVolumesManager

        return AllStorageVolumesManager(self._client)

    @cached_property
    def server(self) -> Server:
        """The server, with its configuration; by a client of `use_target` one member of the cluster."""
        from lxdnb.models.server import Server

        return Server(self._client, api_version="1.0")

    @cached_property
    def virtual_machines(self) -> VirtualMachineManager:
        """The instances that are virtual machines."""
        from lxdnb.models.virtual_machine import VirtualMachineManager

        return VirtualMachineManager(self._client)

    @cached_property
    def warnings(self) -> WarningManager:
        """What the server has found wrong with itself or its machine."""
        from lxdnb.models.warning import WarningManager

        return WarningManager(self._client)
