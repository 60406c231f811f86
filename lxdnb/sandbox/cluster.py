"""Clusters: this server is in none, and says so as one does that is in none.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/cluster
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_FIELDS: dict[str, Shape] = {"server_name": "string", "enabled": "bool"}
_CERTIFICATE: dict[str, Shape] = {"cluster_certificate": "string", "cluster_certificate_key": "string"}


@route("GET", "/1.0/cluster")
def cluster(host: Host, request: Request) -> Reply:
    """Tell what another one that joined would be asked for."""
    asked = [
        {
            "entity": "storage-pool",
            "name": name,
            "key": key,
            "value": "",
            "description": f'"{key}" property for storage pool "{name}"',
        }
        for name, pool in sorted(host.pools.items())
        for key in ("source", "size")
        if key == "source" or key in pool.config
    ]
    told = {"server_name": "", "enabled": False, "member_config": asked}
    return Sync(told, etag_of(told))


@route("PUT", "/1.0/cluster")
def change(host: Host, request: Request) -> Reply:
    asked = read(request.body, "ClusterPut", _FIELDS)
    if not asked.get("enabled"):
        raise Refused(400, "This server is not clustered")
    if not asked.get("server_name"):
        raise Refused(400, "ServerName is required when enabling clustering")
    raise Refused(501, "The sandbox makes no cluster")


def _no_cluster(host: Host, request: Request, *_: str) -> Reply:
    raise Refused(500, "Server is not clustered")


def _not_clustered(host: Host, request: Request, *_: str) -> Reply:
    raise Refused(400, "This server is not clustered")


def _state(host: Host, request: Request, name: str) -> Reply:
    if host.flavour.incus:
        raise Refused(404, "Cluster member not found")
    raise Refused(501, "not implemented")


route("GET", "/1.0/cluster/members/*/state")(_state)
for _method in ("GET", "PUT", "PATCH", "POST", "DELETE"):
    route(_method, "/1.0/cluster/members/*")(_no_cluster)
    route(_method, "/1.0/cluster/groups/*")(_not_clustered)
for _method in ("GET", "POST"):
    route(_method, "/1.0/cluster/groups")(_not_clustered)
route("GET", "/1.0/cluster/members")(_no_cluster)
route("POST", "/1.0/cluster/members")(_not_clustered)


@route("PUT", "/1.0/cluster/certificate")
def certificate(host: Host, request: Request) -> Reply:
    asked = read(request.body, "ClusterCertificatePut", _CERTIFICATE)
    if not asked.get("cluster_certificate", "").lstrip().startswith("-----BEGIN"):
        raise Refused(400, "Certificate must be base64 encoded PEM certificate: %!w(<nil>)")
    raise Refused(400, "This server is not clustered")
