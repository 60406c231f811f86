"""Clusters: a server that stands alone says so, and becomes one of one; the certificate that all members show.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/cluster
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.identity import Identity
from lxdnb.sandbox.listening import HTTPS, place_of
from lxdnb.sandbox.members import CLUSTER_ADDRESS, Member
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.spread import NETWORK_KEYS, pool_keys, settings

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["become_cluster", "join"]

_FIELDS: dict[str, Shape] = {
    "server_name": "string",
    "enabled": "bool",
    "cluster_address": "string",
    "cluster_certificate": "string",
}
_CERTIFICATE: dict[str, Shape] = {"cluster_certificate": "string", "cluster_certificate_key": "string"}


def become_cluster(host: Host, name: str) -> None:
    """Have a server that stands alone be a cluster of one, with all that it has."""
    member = host.cluster.first
    member.address = member.settings[CLUSTER_ADDRESS] = member.settings.get(HTTPS, "")
    host.cluster.enable(name)
    for pool in host.pools.values():
        pool.config = pool.spread.part(pool.config, pool_keys(host), member)
    for project in host.projects.values():
        for network in project.networks.values():
            network.config = network.spread.part(network.config, NETWORK_KEYS, member)


def join(host: Host, member: Member) -> None:
    """Have another server be a member from now on, with nothing on it but the pools."""
    host.cluster.add(member)
    for pool in host.pools.values():
        pool.spread.own[member] = {"source": f"/simulated/{member.name}/storage-pools/{pool.name}"}


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
        if key == "source" or key in settings(pool, host.here)
    ]
    enabled = host.cluster.enabled
    told = {"server_name": host.server_name if enabled else "", "enabled": enabled, "member_config": asked}
    return Sync(told, etag_of(told))


@route("PUT", "/1.0/cluster")
def change(host: Host, request: Request) -> Reply:
    asked = read(request.body, "ClusterPut", _FIELDS)
    if not asked.get("enabled"):
        if not host.cluster.enabled:
            raise Refused(400, "This server is not clustered")
        raise Refused(501, "The sandbox leaves no cluster by itself: have another member delete it")
    if not asked.get("server_name"):
        raise Refused(400, "ServerName is required when enabling clustering")
    if asked.get("cluster_address"):
        if not asked.get("cluster_certificate"):
            raise Refused(400, "No target cluster member certificate provided")
        raise Refused(501, "The sandbox joins no cluster of others: begin it with as many members as there are to be")
    if not host.cluster.enabled and not place_of(host.settings.get(HTTPS, ""))[0]:
        address = host.settings.get(HTTPS, "")
        why = f'Cannot use wildcard core.https_address "{address}" for cluster.https_address'
        raise Refused(500, f"{why}. Please specify a new cluster.https_address or core.https_address")

    def work(operation: Operation) -> Work:
        yield 0.05
        if host.cluster.enabled:
            raise Refused(500, "Inconsistent state: found leftover cluster certificate")
        become_cluster(host, asked["server_name"])

    return Async(host.operations.begin("", "Creating bootstrap node", {"cluster": None}, work))


@route("PUT", "/1.0/cluster/certificate")
def certificate(host: Host, request: Request) -> Reply:
    asked = read(request.body, "ClusterCertificatePut", _CERTIFICATE)
    try:
        shown = x509.load_pem_x509_certificate(asked.get("cluster_certificate", "").encode())
    except ValueError:
        raise Refused(400, "Certificate must be base64 encoded PEM certificate: %!w(<nil>)") from None
    try:
        key = serialization.load_pem_private_key(asked.get("cluster_certificate_key", "").encode(), None)
    except (ValueError, TypeError):
        raise Refused(400, "Private key must be base64 encoded PEM key: %!w(<nil>)") from None
    if not host.cluster.enabled:
        raise Refused(400, "This server is not clustered")
    if key.public_key() != shown.public_key():
        raise Refused(500, "tls: private key does not match public key")
    fingerprint = sha256(shown.public_bytes(serialization.Encoding.DER)).hexdigest()
    pair = asked["cluster_certificate"], asked["cluster_certificate_key"]
    host.identity = Identity(*pair, fingerprint)
    for member in host.cluster.members:
        member.doors.show(host.identity)
    host.tell("cluster-certificate-updated", "/1.0/cluster/certificate", "default")
    return Sync({})
