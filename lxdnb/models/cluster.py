"""The cluster that a server is a member of: whether there is one, its certificate, and the way to its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import api, checks
from lxdnb.exceptions import Conflict
from lxdnb.models._model import Manager, Model
from lxdnb.models.cluster_group import ClusterGroup, ClusterGroupManager
from lxdnb.models.cluster_member import ClusterMember, ClusterMemberManager

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = [
    "Cluster",
    "ClusterCertificate",
    "ClusterCertificateManager",
    "ClusterGroup",
    "ClusterGroupManager",
    "ClusterManager",
    "ClusterMember",
    "ClusterMemberManager",
]


class Cluster(Model):
    """The cluster, as one of its members sees it.

    `enabled` says whether there is one, `server_name` which member answers, and `member_config` what a server that
    joins has to say of its own: a list of dicts with `entity`, `name` and `key`, as the source of a pool.

    >>> client.cluster.get().enabled
    False

    https://documentation.ubuntu.com/lxd/stable-5.0/explanation/clustering/
    """

    collection: ClassVar[str] = "cluster"
    key: ClassVar[str] = "server_name"

    enabled: bool
    member_config: list[dict[str, str]]
    server_name: str

    @classmethod
    def get(cls, client: Client, *_: object) -> Self:
        """Return the cluster; of a server that stands alone, one that is not `enabled`."""
        return cls._from_record(client, api.metadata(client.api.cluster.get()))

    @classmethod
    def enable(cls, client: Client, server_name: str) -> None:
        """Make the server the first member of a new cluster, of that name. Others then join by a token.

        It must listen on an address, and shows another certificate from then on: a client over HTTPS that is held to
        the old one has to be made anew. Raises Conflict when it is in a cluster already, LXDAPIException when it
        listens nowhere, OperationFailed.
        """
        request = {"server_name": checks.name(server_name, "server_name"), "enabled": True}
        present = client.api.cluster.get()
        record: dict[str, Any] = api.metadata(present)
        if record.get("enabled"):  # servers would fail, and go by the new name all the same
            raise Conflict(
                present, message=f"this server is a member of a cluster already, as {record['server_name']!r}"
            )
        answer = client.api.cluster.put(json=request).json()
        if answer["type"] == "async":
            client.operations.from_record(answer["metadata"]).wait()
        client.host_info["environment"] |= {"server_clustered": True, "server_name": server_name}

    @property
    def api(self) -> api.APINode:
        """The node of the cluster in `client.api`."""
        return self.client.api.cluster

    @property
    def certificate(self) -> ClusterCertificateManager:
        """Its certificate."""
        return ClusterCertificateManager(self.client)

    @property
    def groups(self) -> ClusterGroupManager:
        """Its groups of members."""
        return ClusterGroupManager(self.client)

    @property
    def members(self) -> ClusterMemberManager:
        """Its members."""
        return ClusterMemberManager(self.client)

    def _may_change(self, name: str) -> bool:
        return False  # a PUT joins or leaves: a server that is not told to stay enabled leaves, and loses all it has


class ClusterCertificate(Model):
    """The certificate that all members of a cluster show."""

    collection: ClassVar[str] = "certificate"
    key: ClassVar[str] = "cluster_certificate"

    cluster_certificate: str
    cluster_certificate_key: str

    @classmethod
    def put(cls, client: Client, cert: str, key: str) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Have all members show another certificate; `cert` and its `key` are PEM texts.

        A client over HTTPS that is held to the old one has to be made anew. Raises LXDAPIException for what is no
        certificate, and where there is no cluster.
        """
        client.assert_has_api_extension("clustering_update_cert")
        request = {
            "cluster_certificate": checks.text("cert", cert),
            "cluster_certificate_key": checks.text("key", key),
        }
        client.api.cluster.certificate.put(json=request)

    @property
    def api(self) -> api.APINode:
        """The node of the certificate in `client.api`."""
        return self.client.api.cluster.certificate


class ClusterCertificateManager(Manager[ClusterCertificate]):
    """`client.cluster.certificate`."""

    model = ClusterCertificate

    def put(self, cert: str, key: str) -> None:
        """Have all members show another certificate; see `ClusterCertificate.put`."""
        self.model.put(self.client, cert, key)


class ClusterManager(Manager[Cluster]):
    """`client.cluster`."""

    model = Cluster

    def get(self, *_: object) -> Cluster:
        """Return the cluster; of a server that stands alone, one that is not `enabled`."""
        return self.model.get(self.client)

    def enable(self, server_name: str) -> None:
        """Make the server the first member of a new cluster; see `Cluster.enable`."""
        self.model.enable(self.client, server_name)

    @property
    def certificate(self) -> ClusterCertificateManager:
        """The certificate of the cluster."""
        return ClusterCertificateManager(self.client)

    @property
    def groups(self) -> ClusterGroupManager:
        """The cluster's groups of members."""
        return ClusterGroupManager(self.client)

    @property
    def members(self) -> ClusterMemberManager:
        """The cluster's members."""
        return ClusterMemberManager(self.client)
