"""What can be imported has pylxd's names and signatures; each difference that is wanted has its reason here."""

from __future__ import annotations

from tests import peer
from tests.surface import of_package

MANAGERS = (
    "Base",
    "Certificate",
    "ClusterCertificate",
    "ClusterMember",
    "Container",
    "Image",
    "Instance",
    "Network",
    "NetworkForward",
    "Operation",
    "Profile",
    "Project",
    "Snapshot",
    "StoragePool",
    "StorageResources",
    "StorageVolume",
    "StorageVolumeSnapshot",
    "VirtualMachine",
)
INSTANCES = ("Container", "Instance", "VirtualMachine")

WANTED = {
    "version": "lxdnb.__version__ tells it",
    "client.DEFAULT_CERTS": "read at import, so that a change of HOME or LXD_CONF would not count",
    "client.LXDSSLAdapter": "of pylxd's insides: transport holds a server to its certificate, websockets too",
    "client.get_session_for_url": "of pylxd's insides: transport makes sessions",
    "exceptions.LXDAPIExtensionNotAvailable": "no exception takes keywords",
    **{f"managers.{name}Manager.manager_for": "of pylxd's insides: `model` is the class itself" for name in MANAGERS},
    "managers.ClusterManager": "made of a client alone, by the client",
    "managers.web_socket_manager": "of pylxd's insides, for ws4py, which is not used here",
    **{f"models.{name}.all": "recursion=1: a list is one request, not one for each" for name in INSTANCES},
    "models.NetworkForward.save": "waits where it is told to; pylxd's takes anything",
    **{f"models.Cluster{name}.cluster": "no object of pylxd's has it" for name in ("Certificate", "Member")},
    "models.Operation.class": "a keyword, which cannot be declared; objects have it",
    "models.Operation.wait": "`timeout` too, after which the operation goes on",
    "models.Operation.wait_for_operation": "`timeout` too, after which the operation goes on",
    "models.StorageVolume.create": "tells what it takes; pylxd's takes anything, and needs what is here",
    "models.Snapshot.publish": "`compression_algorithm` too, as an instance's",
    "models.cluster.LXDAPIException": "an import of pylxd's, at home in exceptions",
    "models.instance.InstanceState": "made by state() alone",
    "models.network.NetworkState": "made by state() alone",
    "models.instance.LXDAPIException": "an import of pylxd's, at home in exceptions",
    "models.instance.Operation": "an import of pylxd's, at home in models.operation",
}


def test_what_can_be_imported_is_as_pylxd_has_it():
    theirs = peer.surface()
    assert len(theirs) > 300
    assert peer.surprises(theirs, of_package("lxdnb"), WANTED) == []
