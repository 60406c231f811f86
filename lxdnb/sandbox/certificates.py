"""Certificates: who is trusted, and tokens by which others come to be.

https://documentation.ubuntu.com/lxd/stable-5.0/authentication/
"""

from __future__ import annotations

import base64
import binascii
import ssl
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.lists import listed
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes

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
_HOUR = 3600.0  # seconds


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
    # A sequence whose length is that of the rest.
    size = int.from_bytes(der[2:4]) + 4 if der[:2] == b"\x30\x82" else der[1] + 2 if der[1:2] else 0
    if der[:1] != b"\x30" or size != len(der):
        raise Refused(400, "Invalid certificate material: x509: malformed certificate")
    return der


def _check_projects(host: Host, projects: list[str]) -> None:
    if any(each not in host.projects for each in projects):
        raise Refused(404, "Project not found")


@route("GET", "/1.0/certificates")
def every(host: Host, request: Request) -> Reply:
    return listed(
        host,
        request,
        host.certificates.values(),
        lambda each: f"/1.0/certificates/{each.fingerprint}",
        lambda each: each.record(host),
        filters=host.flavour.incus,
    )


@route("POST", "/1.0/certificates")
def create(host: Host, request: Request) -> Reply:
    asked = read(request.body, "CertificatesPost", _FIELDS)
    if asked.get("token"):
        return _token(host, asked)
    if not asked.get("certificate"):
        raise Refused(400, "Client is already trusted")
    der = _der(asked["certificate"])
    kind, projects = asked.get("type", ""), asked.get("projects", [])
    if kind not in _TYPES:
        raise Refused(400, "Invalid certificate type")
    fingerprint = sha256(der).hexdigest()
    if fingerprint in host.certificates:
        raise Refused(409, "Certificate already in trust store")
    _check_projects(host, projects)
    made = Certificate(fingerprint, ssl.DER_cert_to_PEM_cert(der), kind, asked.get("name", ""))
    made.description, made.restricted = asked.get("description", ""), asked.get("restricted", False)
    made.projects = projects
    host.certificates[fingerprint] = made
    host.tell("certificate-created", f"/1.0/certificates/{fingerprint}", "default")
    return Sync(created=f"/1.0/certificates/{fingerprint}")


def _token(host: Host, asked: dict[str, Any]) -> Reply:
    """Begin an operation that is a token as long as nobody cancels it."""

    def work(operation: Operation) -> Work:
        while True:
            yield _HOUR

    told: dict[str, Any] = {
        "name": asked.get("name", ""),
        "type": asked.get("type", ""),
        "restricted": asked.get("restricted", False),
        "projects": asked.get("projects", []),
        "certificate": "",
    }
    told |= {"description": asked.get("description", ""), "trust_token": ""} if host.flavour.incus else {"password": ""}
    operation = host.operations.begin("", "Executing operation", {}, work, kind="token", may_cancel=True)
    operation.progress(
        addresses=host.addresses,
        fingerprint=host.identity.fingerprint,
        request={**told, "token": True},
        secret=f"{host.random.getrandbits(256):064x}",
    )
    return Async(operation)


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
    _check_projects(host, asked.get("projects", []))
    found.name, found.description = asked.get("name", ""), asked.get("description", "")
    found.restricted, found.projects = asked.get("restricted", False), asked.get("projects", [])
    host.tell("certificate-updated", f"/1.0/certificates/{found.fingerprint}", "default")
    return Sync({})


@route("DELETE", "/1.0/certificates/*")
def delete(host: Host, request: Request, fingerprint: str) -> Reply:
    found = _known(host, fingerprint)
    del host.certificates[found.fingerprint]
    host.tell("certificate-deleted", f"/1.0/certificates/{found.fingerprint}", "default")
    return Sync({})
