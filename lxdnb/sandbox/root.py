"""The server itself: what it is, what it can do, and its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.proc import KERNEL
from lxdnb.sandbox.replies import Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.server_settings import configure, shown

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_FIELDS: dict[str, Shape] = {"config": {"*": "any"}}


@route("GET", "/", for_anybody=True)
def versions(host: Host, request: Request) -> Reply:
    return Sync(["/1.0"])


@route("GET", "/1.0", for_anybody=True)
def server(host: Host, request: Request) -> Reply:
    flavour, caller = host.flavour, request.caller
    told: dict[str, Any] = {
        "api_extensions": [*flavour.api_extensions],
        "api_status": "stable",
        "api_version": "1.0",
        "auth": "trusted" if caller.trusted else "untrusted",
        "public": False,
        "auth_methods": ["tls"],
    }
    if not caller.trusted:
        return Sync({"config": {}, **told} if flavour.incus else told)
    nothing = {} if flavour.incus else None
    told = {"config": nothing if caller.restricted else shown(host), **told}
    if flavour.incus:
        told |= {"auth_user_name": caller.name, "auth_user_method": caller.protocol}
    return Sync({**told, "environment": _environment(host, request.project)}, etag_of(shown(host)))


def _environment(host: Host, project: str) -> dict[str, Any]:
    flavour = host.flavour
    return {
        "addresses": host.addresses,
        "architectures": ["x86_64", "i686"],
        "certificate": host.identity.certificate,
        "certificate_fingerprint": host.identity.fingerprint,
        "driver": "lxc",
        "driver_version": "simulated",
        "firewall": "nftables",
        "kernel": "Linux",
        "kernel_architecture": "x86_64",
        "kernel_features": flavour.kernel_features,
        "kernel_version": KERNEL,
        "lxc_features": flavour.lxc_features,
        "os_name": "Simulated",
        "os_version": "1",
        "project": project,
        "server": flavour.name,
        "server_clustered": host.cluster.enabled,
        "server_event_mode": "full-mesh",
        "server_name": host.server_name,
        "server_pid": 1 + host.cluster.members.index(host.here),
        "server_version": flavour.version,
        "storage": " | ".join(sorted({pool.driver for pool in host.pools.values()})),
        "storage_version": "1",
        "storage_supported_drivers": [
            {"Name": "btrfs", "Version": "6.2", "Remote": False},
            {"Name": "dir", "Version": "1", "Remote": False},
        ],
    }


@route_changes("/1.0")
def change(host: Host, request: Request, *, keep: bool) -> Reply:
    request.check_match(etag_of(shown(host)))
    configure(host, read(request.body, "ServerPut", _FIELDS).get("config", {}), keep=keep)
    host.tell("config-updated", "/1.0", "default")
    return Sync({})
