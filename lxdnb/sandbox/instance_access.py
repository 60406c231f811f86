"""Who may do what with an instance or a project, by the certificates that the server trusts.

https://linuxcontainers.org/incus/docs/main/rest-api-spec/#/instances/instance_access
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.replies import Reply, Request, Sync
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.certificates import Certificate
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_RESTRICTED = {"client": "operator", "metrics": "view"}
_FREE = {"client": "admin", "metrics": "view"}


@route("GET", "/1.0/instances/*/access", extension="instance_access")
def of_instance(host: Host, request: Request, name: str) -> Reply:
    # Real servers do not look whether there is such an instance, or such a project.
    told = [(each, role) for each in host.certificates.values() if (role := _role(each, request.project))]
    return Sync([{"identifier": each.fingerprint, "role": role, "provider": "tls"} for each, role in told])


def _role(certificate: Certificate, project: str) -> str | None:
    if not certificate.restricted:
        return _FREE.get(certificate.kind)
    return _RESTRICTED.get(certificate.kind) if project in certificate.projects else None
