"""The cluster, its members, groups and certificate."""

from __future__ import annotations

from lxdnb.models import Cluster, ClusterCertificate, ClusterGroup, ClusterMember
from lxdnb.models.cluster import ClusterCertificateManager, ClusterManager
from lxdnb.models.cluster_group import ClusterGroupManager
from lxdnb.models.cluster_member import ClusterMemberManager
from tests.calls.basis import MEMBER, NAME, TEXT, TEXTS, Call, class_of, model, of_model

CLASSES: tuple[type, ...] = (
    *(ClusterManager, ClusterMemberManager, ClusterGroupManager, ClusterCertificateManager),
    *(Cluster, ClusterMember, ClusterGroup, ClusterCertificate),
)
EXTENSIONS = (
    *("clustering_update_cert", "clustering_join_token", "clustering_groups", "cluster_member_state"),
    *("clustering_evacuation", "clustering_evacuation_mode"),
)

cluster = model(Cluster, server_name="n1", enabled=True)
member = model(ClusterMember, server_name="n2", status="Online")
group = model(ClusterGroup, name="g1")
certificate = model(ClusterCertificate, cluster_certificate="PEM")

CALLS: dict[str, Call] = {
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (("ClusterManager", lambda client: client.cluster), ("Cluster", class_of(Cluster)))
        for name, arguments in (("get", {}), ("enable", {"server_name": "n1"}))
    },
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (
            ("ClusterMemberManager", lambda client: client.cluster.members),
            ("ClusterMember", class_of(ClusterMember)),
        )
        for name, arguments in (
            ("get", {"server_name": "n2"}),
            ("exists", {"server_name": "n2"}),
            ("all", {}),
            ("create_token", {"server_name": "n4"}),
        )
    },
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (
            ("ClusterGroupManager", lambda client: client.cluster.groups),
            ("ClusterGroup", class_of(ClusterGroup)),
        )
        for name, arguments in (
            ("get", {"name": "g1"}),
            ("exists", {"name": "g1"}),
            ("all", {}),
            ("create", {"name": "g1", "description": "mine", "members": ["n2"]}),
        )
    },
    **dict(of_model("Cluster", cluster)),
    **dict(of_model("ClusterMember", member)),
    **dict(of_model("ClusterGroup", group)),
    **dict(of_model("ClusterCertificate", certificate)),
    "ClusterCertificate.put": Call(class_of(ClusterCertificate), {"cert": "PEM", "key": "PEM"}),
    "ClusterCertificateManager.put": Call(lambda client: client.cluster.certificate, {"cert": "PEM", "key": "PEM"}),
    "ClusterMember.rename": Call(member, {"new_name": "n9"}),
    "ClusterMember.delete": Call(member, {"force": True}),
    "ClusterMember.state": Call(member),
    "ClusterMember.evacuate": Call(member, {"mode": "stop"}),
    "ClusterMember.restore": Call(member),
    "ClusterGroup.rename": Call(group, {"new_name": "g2"}),
}

PLACES = {
    **{
        f"{owner}.{name}(server_name)": [NAME]
        for owner in ("ClusterMember", "ClusterMemberManager")
        for name in ("get", "exists")
    },
    "ClusterMember.rename(new_name)": [MEMBER],
    "server_name": [MEMBER],
    "members": [TEXTS],
    "cert": [TEXT],
    "key": [TEXT],
}
