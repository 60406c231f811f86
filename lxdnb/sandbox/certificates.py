"""Certificates: who is trusted, and tokens by which others come to be.

https://documentation.ubuntu.com/lxd/stable-5.0/authentication/
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ssl
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cryptography import x509

from lxdnb.sandbox.access import kept_back
from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.callers import has_expired
from lxdnb.sandbox.lists import listed
from lxdnb.sandbox.replies import Async, Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.server_settings import PASSWORD
from lxdnb.sandbox.tokens import issued, spend

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Certificate"]

_FIELDS: dict[str, Shape] = {
    "name": "string",
    "type": "string",
    "restricted": "bool",
    "projects": ["string"],
    "certificate": "string",
    "description": "string",
    "password": "string",
    "trust_token": "string",
    "token": "bool",
}
_TYPES = ("client", "server", "metrics")


@dataclass
class Certificate:
    fingerprint: str
    pem: str
    kind: str
    name: str = ""
    description: str = ""
    restricted: bool = False
    projects: list[str] = field(default_factory=list[str])

    def record(self, host: Host) -> dict[str, Any]:
        told: dict[str, Any] = {
            "name": self.name,
            "type": self.kind,
            "restricted": self.restricted,
            "projects": self.projects,
            "certificate": self.pem,
        }
        if host.flavour.incus:
            told["description"] = self.description
        return {**told, "fingerprint": self.fingerprint}

    @property
    def etag(self) -> str:
        return etag_of(self.name, self.kind, self.restricted, self.projects, self.pem, self.description)


def _known(host: Host, fingerprint: str) -> Certificate:
    found = [each for name, each in host.certificates.items() if fingerprint and name.startswith(fingerprint)]
    if not found:
        raise Refused(404, "Certificate not found")
    if len(found) > 1:
        raise Refused(400, "More than one certificate matches")
    return found[0]


def _der(text: str) -> bytes:
    """Return a certificate of its base64. Raises Refused with 400."""
    try:
        der = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(400, "illegal base64 data at input byte 0") from None
    try:
        x509.load_der_x509_certificate(der)
    except ValueError:
        raise Refused(400, "Invalid certificate material: x509: malformed certificate") from None
    return der


def _check_projects(host: Host, projects: list[str]) -> None:
    if any(each not in host.projects for each in projects):
        raise Refused(404, "Project not found")


@route("GET", "/1.0/certificates")
def every(host: Host, request: Request) -> Reply:
    return listed(
        host,
        request,
        [host.certificates[name] for name in sorted(host.certificates)],
        lambda each: f"/1.0/certificates/{each.fingerprint}",
        lambda each: each.record(host),
        filters=host.flavour.incus,
    )


@route("POST", "/1.0/certificates", for_anybody=True)
def create(host: Host, request: Request) -> Reply:
    asked = read(request.body, "CertificatesPost", _FIELDS)
    caller = request.caller
    if not caller.trusted or caller.restricted:
        asked = _let_in(host, asked)
    elif asked.get("token"):
        return Async(issued(host, asked))
    if asked.get("certificate"):
        der = _der(asked["certificate"])
    elif caller.trusted:
        raise Refused(400, "Client is already trusted")
    elif caller.certificate is None:
        raise Refused(400, "No client certificate provided")
    else:
        der = caller.certificate
    return _trust(host, asked, der)


def _let_in(host: Host, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what somebody may ask for who is not trusted, by the secret that comes with it. Raises Refused."""
    secret = asked.get("trust_token" if host.flavour.incus else "password", "")
    if not secret:
        raise Refused(403, "not authorized")
    granted = spend(host, secret)
    if granted is not None:
        return granted
    password = host.config.get(PASSWORD)
    if not password or not hmac.compare_digest(secret.encode(), password.encode()) or asked.get("token"):
        raise Refused(403, "not authorized")
    return asked


def _trust(host: Host, asked: dict[str, Any], der: bytes) -> Reply:
    kind, projects = asked.get("type", ""), asked.get("projects", [])
    if kind not in _TYPES:
        raise Refused(400, "Invalid certificate type")
    fingerprint = sha256(der).hexdigest()
    if has_expired(der, host.clock()):
        raise Refused(400, "The provided certificate is expired")
    if fingerprint in host.certificates:
        raise Refused(409, "Certificate already in trust store")
    _check_projects(host, projects)
    made = Certificate(fingerprint, ssl.DER_cert_to_PEM_cert(der), kind, asked.get("name") or _common_name(der))
    made.description, made.restricted = asked.get("description", ""), asked.get("restricted", False)
    made.projects = projects
    host.certificates[fingerprint] = made
    host.tell("certificate-created", f"/1.0/certificates/{fingerprint}", "default")
    return Sync(created=f"/1.0/certificates/{fingerprint}")


def _common_name(der: bytes) -> str:
    names = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


@route("GET", "/1.0/certificates/*")
def one(host: Host, request: Request, fingerprint: str) -> Reply:
    found = _known(host, fingerprint)
    return Sync(found.record(host), found.etag)


@route_changes("/1.0/certificates/*")
def change(host: Host, request: Request, fingerprint: str, *, keep: bool) -> Reply:
    found = _known(host, fingerprint)
    request.check_match(found.etag)
    asked = read(request.body, "CertificatePut", _FIELDS)
    if keep:
        asked = {**found.record(host), **asked}
    if asked.get("type", "") != found.kind:
        raise Refused(400 if host.flavour.incus else 403, "The certificate type cannot be changed")
    if request.caller.restricted:
        if found.fingerprint != request.caller.name:
            raise kept_back(host)
        kept = {"name": found.name, "restricted": found.restricted, "projects": found.projects}
        if any(asked.get(key, type(value)()) != value for key, value in kept.items()):
            raise Refused(403, "Only the certificate can be changed")
    _check_projects(host, asked.get("projects", []))
    found.name, found.description = asked.get("name", ""), asked.get("description", "")
    found.restricted, found.projects = asked.get("restricted", False), asked.get("projects", [])
    host.tell("certificate-updated", f"/1.0/certificates/{found.fingerprint}", "default")
    return Sync({})


@route("DELETE", "/1.0/certificates/*")
def delete(host: Host, request: Request, fingerprint: str) -> Reply:
    found = _known(host, fingerprint)
    if request.caller.restricted:
        raise kept_back(host)
    del host.certificates[found.fingerprint]
    host.tell("certificate-deleted", f"/1.0/certificates/{found.fingerprint}", "default")
    return Sync({})
