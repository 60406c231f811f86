"""The collections' classes in one place, for programs that import `managers`; each is at home beside its resource."""

from __future__ import annotations

from lxdnb.models._model import Manager as BaseManager
from lxdnb.models.backup import BackupManager
from lxdnb.models.certificate import CertificateManager
from lxdnb.models.cluster import (
    ClusterCertificateManager,
    ClusterGroupManager,
    ClusterManager,
    ClusterMemberManager,
)
from lxdnb.models.container import ContainerManager
from lxdnb.models.image import ImageManager
from lxdnb.models.image_alias import ImageAliasManager
from lxdnb.models.instance import InstanceManager
from lxdnb.models.network import NetworkManager
from lxdnb.models.network_acl import NetworkACLManager
from lxdnb.models.network_forward import NetworkForwardManager
from lxdnb.models.network_integration import NetworkIntegrationManager
from lxdnb.models.network_load_balancer import NetworkLoadBalancerManager
from lxdnb.models.network_peer import NetworkPeerManager
from lxdnb.models.network_zone import NetworkZoneManager, NetworkZoneRecordManager
from lxdnb.models.operation import OperationManager
from lxdnb.models.profile import ProfileManager
from lxdnb.models.project import ProjectManager
from lxdnb.models.snapshot import SnapshotManager
from lxdnb.models.storage_bucket import StorageBucketManager
from lxdnb.models.storage_bucket_backup import StorageBucketBackupManager
from lxdnb.models.storage_bucket_key import StorageBucketKeyManager
from lxdnb.models.storage_pool import StoragePoolManager
from lxdnb.models.storage_resources import StorageResourcesManager
from lxdnb.models.storage_volume import StorageVolumeManager
from lxdnb.models.storage_volume_backup import StorageVolumeBackupManager
from lxdnb.models.storage_volume_snapshot import StorageVolumeSnapshotManager
from lxdnb.models.storage_volumes import AllStorageVolumesManager
from lxdnb.models.virtual_machine import VirtualMachineManager
from lxdnb.models.warning import WarningManager

__all__ = [
    "AllStorageVolumesManager",
    "BackupManager",
    "BaseManager",
    "CertificateManager",
    "ClusterCertificateManager",
    "ClusterGroupManager",
    "ClusterManager",
    "ClusterMemberManager",
    "ContainerManager",
    "ImageAliasManager",
    "ImageManager",
    "InstanceManager",
    "NetworkACLManager",
    "NetworkForwardManager",
    "NetworkIntegrationManager",
    "NetworkLoadBalancerManager",
    "NetworkManager",
    "NetworkPeerManager",
    "NetworkZoneManager",
    "NetworkZoneRecordManager",
    "OperationManager",
    "ProfileManager",
    "ProjectManager",
    "SnapshotManager",
    "StorageBucketBackupManager",
    "StorageBucketKeyManager",
    "StorageBucketManager",
    "StoragePoolManager",
    "StorageResourcesManager",
    "StorageVolumeBackupManager",
    "StorageVolumeManager",
    "StorageVolumeSnapshotManager",
    "VirtualMachineManager",
    "WarningManager",
]
