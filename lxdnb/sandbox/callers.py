"""Who asks: root by the unix socket, somebody with a certificate that is trusted, or anybody."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from lxdnb.sandbox.refusals import Refused

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["ROOT", "Caller", "caller_by_tls"]


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

    def check_trusted(self) -> None:
        """Refuse who is not trusted."""
        if not self.trusted:
            raise Refused(403, "not authorized")

    @property
    def requestor(self) -> dict[str, str]:
        """What events tell of it."""
        return {"username": self.name, "protocol": self.protocol, "address": self.address}


ROOT = Caller("root", "unix", "@")


def caller_by_tls(host: Host, address: str, certificate: bytes | None) -> Caller:
    """Return who has come from an address with a certificate, or with none."""
    fingerprint = sha256(certificate).hexdigest() if certificate else ""
    known = host.certificates.get(fingerprint)
    if known is None or known.kind not in ("client", "server"):
        return Caller("", "", address, trusted=False, certificate=certificate)
    projects = frozenset(known.projects) if known.restricted else None
    return Caller(fingerprint, "tls", address, projects=projects, certificate=certificate)
