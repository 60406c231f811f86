"""The server's resources as objects: one file each, its manager beside it. Each is loaded when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.models._lazily import loader

if TYPE_CHECKING:
    from lxdnb.models._bulk import Outcome
    from lxdnb.models._execute import ExecResult
    from lxdnb.models._metadata import InstanceMetadata
    from lxdnb.models._metrics import Metric
    from lxdnb.models.backup import Backup
    from lxdnb.models.certificate import Certificate
    from lxdnb.models.cluster import Cluster, ClusterCertificate
    from lxdnb.models.cluster_group import ClusterGroup
    from lxdnb.models.cluster_member import ClusterMember
    from lxdnb.models.container import Container
    from lxdnb.models.image import Image
    from lxdnb.models.image_alias import ImageAlias
    from lxdnb.models.instance import Instance, InstanceState
    from lxdnb.models.network import Network, NetworkState
    from lxdnb.models.network_acl import NetworkACL
    from lxdnb.models.network_forward import NetworkForward
    from lxdnb.models.network_integration import NetworkIntegration
    from lxdnb.models.network_load_balancer import NetworkLoadBalancer
    from lxdnb.models.network_peer import NetworkPeer
    from lxdnb.models.network_zone import NetworkZone, NetworkZoneRecord
    from lxdnb.models.operation import Operation
    from lxdnb.models.profile import Profile
    from lxdnb.models.project import Project
    from lxdnb.models.server import Server
    from lxdnb.models.snapshot import Snapshot
    from lxdnb.models.storage_bucket import StorageBucket
    from lxdnb.models.storage_bucket_backup import StorageBucketBackup
    from lxdnb.models.storage_bucket_key import StorageBucketKey
    from lxdnb.models.storage_pool import StoragePool
    from lxdnb.models.storage_resources import StorageResources
    from lxdnb.models.storage_volume import StorageVolume, StorageVolumeState
    from lxdnb.models.storage_volume_backup import StorageVolumeBackup
    from lxdnb.models.storage_volume_snapshot import StorageVolumeSnapshot
    from lxdnb.models.virtual_machine import VirtualMachine
    from lxdnb.models.warning import Warning as Warning

# Without Warning: `from lxdnb.models import *` leaves the builtin of that name as it is.
__all__ = [
    "Backup",
    "Certificate",
    "Cluster",
    "ClusterCertificate",
    "ClusterGroup",
    "ClusterMember",
    "Container",
    "ExecResult",
    "Image",
    "ImageAlias",
    "Instance",
    "InstanceMetadata",
    "InstanceState",
    "Metric",
    "Network",
    "NetworkACL",
    "NetworkForward",
    "NetworkIntegration",
    "NetworkLoadBalancer",
    "NetworkPeer",
    "NetworkState",
    "NetworkZone",
    "NetworkZoneRecord",
    "Operation",
    "Outcome",
    "Profile",
    "Project",
    "Server",
    "Snapshot",
    "StorageBucket",
    "StorageBucketBackup",
    "StorageBucketKey",
    "StoragePool",
    "StorageResources",
    "StorageVolume",
    "StorageVolumeBackup",
    "StorageVolumeSnapshot",
    "StorageVolumeState",
    "VirtualMachine",
]

_HOMES = {
    "Backup": "lxdnb.models.backup",
    "Certificate": "lxdnb.models.certificate",
    "Cluster": "lxdnb.models.cluster",
    "ClusterCertificate": "lxdnb.models.cluster",
    "ClusterGroup": "lxdnb.models.cluster_group",
    "ClusterMember": "lxdnb.models.cluster_member",
    "Container": "lxdnb.models.container",
    "ExecResult": "lxdnb.models._execute",
    "Image": "lxdnb.models.image",
    "ImageAlias": "lxdnb.models.image_alias",
    "Instance": "lxdnb.models.instance",
    "InstanceMetadata": "lxdnb.models._metadata",
    "InstanceState": "lxdnb.models.instance",
    "Metric": "lxdnb.models._metrics",
    "Network": "lxdnb.models.network",
    "NetworkACL": "lxdnb.models.network_acl",
    "NetworkForward": "lxdnb.models.network_forward",
    "NetworkIntegration": "lxdnb.models.network_integration",
    "NetworkLoadBalancer": "lxdnb.models.network_load_balancer",
    "NetworkPeer": "lxdnb.models.network_peer",
    "NetworkState": "lxdnb.models.network",
    "NetworkZone": "lxdnb.models.network_zone",
    "NetworkZoneRecord": "lxdnb.models.network_zone",
    "Operation": "lxdnb.models.operation",
    "Outcome": "lxdnb.models._bulk",
    "Profile": "lxdnb.models.profile",
    "Project": "lxdnb.models.project",
    "Server": "lxdnb.models.server",
    "Snapshot": "lxdnb.models.snapshot",
    "StorageBucket": "lxdnb.models.storage_bucket",
    "StorageBucketBackup": "lxdnb.models.storage_bucket_backup",
    "StorageBucketKey": "lxdnb.models.storage_bucket_key",
    "StoragePool": "lxdnb.models.storage_pool",
    "StorageResources": "lxdnb.models.storage_resources",
    "StorageVolume": "lxdnb.models.storage_volume",
    "StorageVolumeBackup": "lxdnb.models.storage_volume_backup",
    "StorageVolumeSnapshot": "lxdnb.models.storage_volume_snapshot",
    "StorageVolumeState": "lxdnb.models.storage_volume",
    "VirtualMachine": "lxdnb.models.virtual_machine",
    "Warning": "lxdnb.models.warning",
}
__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return [*__all__, "Warning"]
