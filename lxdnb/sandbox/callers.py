"""Who asks: root by the unix socket, somebody with a certificate that is trusted, or anybody."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography import x509

from lxdnb.sandbox.refusals import Refused

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["ROOT", "Caller", "caller_by_tls", "has_expired"]


@dataclass(frozen=True)
class Caller:
    """Who asks. `projects` are all that it may know of; None means that nothing is kept from it."""

    name: str
    protocol: str
    address: str
    trusted: bool = True
    projects: frozenset[str] | None = None
    certificate: bytes | None = None
    """What it has shown, as DER."""
    reads_metrics: bool = False
    """Whether it may read metrics although it is not trusted."""
    door: str = ""
    """The setting by which there is the address where it has come in."""

    @property
    def restricted(self) -> bool:
        return self.projects is not None

    def may_use(self, project: str) -> bool:
        """Tell whether what a project has is its own."""
        return self.trusted and (self.projects is None or project in self.projects)

    def check_trusted(self) -> None:
        """Refuse who is not trusted."""
        if not self.trusted:
            raise Refused(403, "not authorized")

    @property
    def requestor(self) -> dict[str, str]:
        """What events tell of it."""
        return {"username": self.name, "protocol": self.protocol, "address": self.address}


ROOT = Caller("root", "unix", "@")


def has_expired(certificate: bytes, now: float) -> bool:
    """Tell whether a certificate, as DER, is good no more; `now` in seconds since 1970."""
    ends = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    return ends < datetime.datetime.fromtimestamp(now, datetime.UTC)


def caller_by_tls(host: Host, address: str, certificate: bytes | None, door: str) -> Caller:
    """Return who has come from an address with a certificate, or with none."""
    if host.flavour.incus:
        address = address.rpartition(":")[0].strip("[]")
    fingerprint = sha256(certificate).hexdigest() if certificate else ""
    known = host.certificates.get(fingerprint)
    if known is None or certificate is None or has_expired(certificate, host.clock()):
        return Caller("", "", address, trusted=False, certificate=certificate, door=door)
    if known.kind == "metrics":
        return Caller("", "", address, trusted=False, certificate=certificate, reads_metrics=True, door=door)
    projects = frozenset(known.projects) if known.restricted else None
    return Caller(fingerprint, "tls", address, projects=projects, certificate=certificate, door=door)
