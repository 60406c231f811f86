"""The server itself: what it is, what it can do, its configuration and what machine it says that it runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.identity import CERTIFICATE, FINGERPRINT
from lxdnb.sandbox.power import MEMORY
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_FIELDS: dict[str, Shape] = {"config": {"*": "any"}}
_KEYS = ("core.", "images.", "cluster.", "storage.", "backups.", "candid.", "maas.", "oidc.", "openfga.", "rbac.",
         "instances.", "loki.", "acme.", "network.", "user.", "logging.", "authorization.")  # fmt: skip


@route("GET", "/")
def versions(host: Host, request: Request) -> Reply:
    return Sync(["/1.0"])


@route("GET", "/1.0")
def server(host: Host, request: Request) -> Reply:
    flavour = host.flavour
    told: dict[str, Any] = {
        "config": host.config,
        "api_extensions": [*flavour.api_extensions],
        "api_status": "stable",
        "api_version": "1.0",
        "auth": "trusted",
        "public": False,
        "auth_methods": ["tls"],
    }
    if flavour.incus:
        told |= {"auth_user_name": "root", "auth_user_method": "unix"}
    return Sync({**told, "environment": _environment(host, request.project)}, etag_of(host.config))


def _environment(host: Host, project: str) -> dict[str, Any]:
    flavour = host.flavour
    return {
        "addresses": [],
        "architectures": ["x86_64", "i686"],
        "certificate": CERTIFICATE,
        "certificate_fingerprint": FINGERPRINT,
        "driver": "lxc",
        "driver_version": "simulated",
        "firewall": "nftables",
        "kernel": "Linux",
        "kernel_architecture": "x86_64",
        "kernel_features": flavour.kernel_features,
        "kernel_version": "simulated",
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
    host.config = {key: value for key, value in merged.items() if value}
    host.tell("config-updated", "/1.0", "default")
    return Sync({})


@route("GET", "/1.0/resources")
def resources(host: Host, request: Request) -> Reply:
    threads = [{"core": number, "die": 0, "threads": [_thread(number)], "frequency": 2400} for number in range(2)]
    socket = {"name": "Simulated CPU", "vendor": "lxdnb", "socket": 0, "cache": [], "cores": threads}
    running = sum(each.started is not None for project in host.projects.values() for each in project.instances.values())
    used = min(MEMORY, 2**30 + running * 2**25)
    node = {"numa_node": 0, "hugepages_used": 0, "hugepages_total": 0, "used": used, "total": MEMORY}
    memory = {"nodes": [node], "hugepages_total": 0, "hugepages_used": 0, "hugepages_size": 2**21}
    return Sync(
        {
            "cpu": {"architecture": "x86_64", "sockets": [socket], "total": 2},
            "memory": {**memory, "used": used, "total": MEMORY},
            "gpu": {"cards": [], "total": 0},
            "network": {"cards": [], "total": 0},
            "storage": {"disks": [], "total": 0},
            "usb": {"devices": [], "total": 0},
            "pci": {"devices": [], "total": 0},
            "system": {"uuid": "", "vendor": "lxdnb", "product": "Simulated", "type": "physical"},
        }
    )


def _thread(number: int) -> dict[str, Any]:
    return {"id": number, "numa_node": 0, "thread": 0, "online": True, "isolated": False}
