"""What Incus tells of settings that there are: here those of instances, by their names and types alone.

https://linuxcontainers.org/incus/docs/main/config_options/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.replies import Reply, Request, Sync
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_GROUPS = ("boot", "cloud-init", "migration", "nvidia", "raw", "security", "snapshots", "volatile")
_TYPES = {"bool": "bool", "int64": "integer", "uint32": "integer"}


def _group(key: str) -> str:
    first = key.partition(".")[0]
    return "resource-limits" if first == "limits" else first if first in _GROUPS else "miscellaneous"


@route("GET", "/1.0/metadata/configuration", extension="metadata_configuration", for_anybody=True)
def configuration(host: Host, request: Request) -> Reply:
    groups: dict[str, Any] = {}
    for key, kind in sorted(host.flavour.instance_config.items()):
        told = {
            "longdesc": "",
            "shortdesc": "",
            "type": _TYPES.get(kind, "string") if isinstance(kind, str) else "string",
        }
        groups.setdefault(_group(key), {"keys": []})["keys"].append({key: told})
    return Sync({"configs": {"instance": dict(sorted(groups.items()))}})
