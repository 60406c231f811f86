"""The server itself: what it is, what it can do, and its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.listening import HTTPS, check_address, listen
from lxdnb.sandbox.proc import KERNEL
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_FIELDS: dict[str, Shape] = {"config": {"*": "any"}}
_KEYS = ("core.", "images.", "cluster.", "storage.", "backups.", "candid.", "maas.", "oidc.", "openfga.", "rbac.",
         "instances.", "loki.", "acme.", "network.", "user.", "logging.", "authorization.")  # fmt: skip


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
    told = {"config": host.config, **told}
    if flavour.incus:
        told |= {"auth_user_name": caller.name, "auth_user_method": caller.protocol}
    return Sync({**told, "environment": _environment(host, request.project)}, etag_of(host.config))


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
        "server_clustered": False,
        "server_event_mode": "full-mesh",
        "server_name": host.name,
        "server_pid": 1,
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
    request.check_match(etag_of(host.config))
    config = read(request.body, "ServerPut", _FIELDS).get("config", {})
    for key, value in config.items():
        if not key.startswith(_KEYS):
            raise Refused(400, f"cannot set '{key}' to '{value}': unknown key")
    written = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in config.items()}
    merged = host.config | written if keep else written
    _configure(host, {key: value for key, value in merged.items() if value})
    host.tell("config-updated", "/1.0", "default")
    return Sync({})


def _configure(host: Host, config: dict[str, str]) -> None:
    before, address = host.config.get(HTTPS, ""), config.get(HTTPS, "")
    if address == before:
        host.config = config
        return
    check_address(host, HTTPS, address)
    if not host.flavour.incus:
        host.config = config  # LXD keeps even an address at which it cannot listen
    listen(host, address)
    host.config = config
