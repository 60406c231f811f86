"""Who may do what with an instance or a project, by the certificates that the server trusts.

https://linuxcontainers.org/incus/docs/main/rest-api-spec/#/instances/instance_access
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.access import kept_back
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
    return Sync(_told(host, request.project))


@route("GET", "/1.0/projects/*/access", extension="project_access")
def of_project(host: Host, request: Request, name: str) -> Reply:
    if request.caller.restricted:
        raise kept_back(host)
    told = _told(host, name)
    # Of whom a project is all that he has, Incus tells so once more.
    return Sync(told + [{**each, "role": "view"} for each in told if each["role"] == "operator"])


def _told(host: Host, project: str) -> list[dict[str, str]]:
    # Real servers do not look whether there is such an instance, or such a project.
    told = [(each, role) for each in host.certificates.values() if (role := _role(each, project))]
    return [{"identifier": each.fingerprint, "role": role, "provider": "tls"} for each, role in told]


def _role(certificate: Certificate, project: str) -> str | None:
    if not certificate.restricted:
        return _FREE.get(certificate.kind)
    return _RESTRICTED.get(certificate.kind) if project in certificate.projects else None
