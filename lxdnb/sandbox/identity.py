"""Who a sandbox says that it is: a key of its own, and a certificate by itself, as each real server makes its own."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Identity", "new_identity"]

_VALID = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, both in PEM."""

    certificate: str
    key: str = field(repr=False)
    fingerprint: str
    """SHA-256 of the certificate, in hexadecimal."""


def new_identity(name: str) -> Identity:
    """Make an identity for a server of that name, good for it and for loopback addresses."""
    key = ec.generate_private_key(ec.SECP384R1())
    parts = {NameOID.ORGANIZATION_NAME: "lxdnb", NameOID.COMMON_NAME: f"root@{name}"}
    called = x509.Name([x509.NameAttribute(kind, value) for kind, value in parts.items()])
    addresses = [x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", "::1")]
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + _VALID)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name), *addresses]), critical=False)
        .sign(key, hashes.SHA384())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Identity(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        private.decode(),
        sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest(),
    )
