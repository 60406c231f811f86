"""Certificates: which clients a server trusts, and tokens by which new ones become so."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import api, checks
from lxdnb.models._fingerprint import known_by
from lxdnb.models._model import Manager, Model

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["Certificate", "CertificateManager", "decoded_token", "proof"]


class Certificate(Model):
    """The certificate of a client that the server trusts.

    `certificate` is its PEM text, `fingerprint` its SHA-256 and its key, `type` is `client`, `server` or `metrics`.
    A `restricted` one may do no more than its `projects` allow.

    >>> [certificate.type for certificate in client.certificates.all()]
    ['client']

    https://documentation.ubuntu.com/lxd/stable-5.0/authentication/
    """

    collection: ClassVar[str] = "certificates"
    key: ClassVar[str] = "fingerprint"
    writable: ClassVar[frozenset[str]] = frozenset({"certificate", "name", "projects", "restricted", "type"})

    certificate: str
    fingerprint: str
    name: str
    projects: list[str]
    restricted: bool
    type: str

    @classmethod
    def get(cls, client: Client, fingerprint: str) -> Self:
        """Return the certificate with this fingerprint; the first characters of it will do. Raises NotFound."""
        return cls._from_record(client, api.metadata(client.api.certificates[known_by(fingerprint)].get()))

    @classmethod
    def all(cls, client: Client) -> list[Self]:
        """Return all certificates, by one request."""
        records = api.metadata(client.api.certificates.get(params={"recursion": 1}))
        return [cls._from_record(client, record) for record in records]

    @classmethod
    def create(
        cls,
        client: Client,
        password: str,
        cert_data: bytes | str,
        cert_type: str = "client",
        name: str = "",
        projects: Sequence[str] | None = None,
        restricted: bool = False,
        secret: str = "",
    ) -> Self:
        """Make the server trust a certificate, and return it.

        `cert_data` is PEM. A client that is trusted needs neither `password` nor `secret`: give an empty
        password. Another proves itself by the server's trust password, or by the token `secret`. Raises ValueError
        for data that are no certificate, Forbidden for a wrong password, LXDAPIException when it is trusted already.

        >>> pem = client.host_info["environment"]["certificate"]
        >>> created = client.certificates.create("", pem, name="laptop", restricted=True, projects=["default"])
        >>> created.delete()
        """
        checks.text("password", password)
        checks.text("secret", secret)
        described = _described(name, projects, restricted)
        fingerprint, body = _parsed(cert_data)
        request: dict[str, Any] = {
            "type": checks.text("cert_type", cert_type),
            "certificate": body,
            **described,
            **proof(client, secret or password),
        }
        client.api.certificates.post(json=request)
        # Who has just proved himself may not be allowed to look: it is loaded when it is asked for.
        return cls(client, fingerprint=fingerprint)

    @classmethod
    def create_token(
        cls,
        client: Client,
        name: str = "",
        projects: Sequence[str] | None = None,
        restricted: bool = False,
    ) -> str:
        """Return a token by which one new client, of that name, becomes trusted: see `Client.authenticate`.

        Whoever has it can use it, once. Raises LXDAPIExtensionNotAvailable on servers before LXD 4.21.
        """
        client.assert_has_api_extension("certificate_token")
        request = {"type": "client", "token": True, **_described(name, projects, restricted)}
        made: dict[str, Any] = api.metadata(client.api.certificates.post(json=request))["metadata"]
        token = {
            "client_name": name,
            "fingerprint": made["fingerprint"],
            "addresses": made["addresses"],
            "secret": made["secret"],
        }
        if made.get("expiresAt"):
            token["expires_at"] = made["expiresAt"]
        return base64.b64encode(json.dumps(token, separators=(",", ":")).encode()).decode()


class CertificateManager(Manager[Certificate]):
    """`client.certificates`."""

    model = Certificate

    def get(self, fingerprint: str) -> Certificate:
        """Return the certificate with this fingerprint; the first characters of it will do. Raises NotFound."""
        return self.model.get(self.client, fingerprint)

    def all(self) -> list[Certificate]:
        """Return all certificates, by one request."""
        return self.model.all(self.client)

    def create(
        self,
        password: str,
        cert_data: bytes | str,
        cert_type: str = "client",
        name: str = "",
        projects: Sequence[str] | None = None,
        restricted: bool = False,
        secret: str = "",
    ) -> Certificate:
        """Make the server trust a certificate, and return it; see `Certificate.create`."""
        return self.model.create(
            self.client, password, cert_data, cert_type, name, projects=projects, restricted=restricted, secret=secret
        )

    def create_token(self, name: str = "", projects: Sequence[str] | None = None, restricted: bool = False) -> str:
        """Return a token by which one new client becomes trusted; see `Certificate.create_token`."""
        return self.model.create_token(self.client, name, projects, restricted)


def decoded_token(text: str) -> dict[str, Any] | None:
    """Return what a trust token holds: `client_name`, `fingerprint`, `addresses`, `secret`. None if it is none."""
    try:
        token = json.loads(base64.b64decode(_joined(text), validate=True))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(token, dict) or not {"fingerprint", "addresses", "secret"} <= token.keys():
        return None
    return token


def proof(client: Client, secret: str) -> dict[str, str]:
    """Return the field of a request by which this server takes a trust password or a token.

    Raises ValueError for a password where there are only tokens.
    """
    if not secret:
        return {}
    token = decoded_token(secret)
    # Incus 6.0 lacks the extension, but wants the field.
    if client.product == "incus" or client.has_api_extension("explicit_trust_token"):
        if token is None:
            raise ValueError(
                "this server has no trust password: give a token, as `incus config trust add NAME`, `lxc config trust "
                "add --name NAME`, or certificates.create_token(NAME) of a trusted client makes it"
            )
        return {"trust_token": _joined(secret)}
    return {"password": secret if token is None else _joined(secret)}


def _joined(token: str) -> str:
    # Terminals and mails break its line, and base64 has no use for white space.
    return "".join(token.split())


def _described(name: str, projects: Sequence[str] | None, restricted: bool) -> dict[str, Any]:
    """Return the fields by which a client is known, and held to what it may do."""
    return {
        "name": checks.text("name", name),
        "projects": [] if projects is None else checks.texts("projects", projects),
        "restricted": checks.flag("restricted", restricted),
    }


def _parsed(cert_data: bytes | str) -> tuple[str, str]:
    """Return the fingerprint of a PEM certificate, and its body as servers take it."""
    from cryptography import x509  # here and below, so that `import lxdnb` does not pay for it
    from cryptography.hazmat.primitives import hashes, serialization

    checks.text("cert_data", cert_data, bytes, bytearray)
    data = cert_data.encode() if isinstance(cert_data, str) else bytes(cert_data)
    try:
        certificate = x509.load_pem_x509_certificate(data)
    except ValueError:
        raise ValueError("these data are no certificate in PEM form: it begins -----BEGIN CERTIFICATE-----") from None
    body = certificate.public_bytes(serialization.Encoding.DER)
    return certificate.fingerprint(hashes.SHA256()).hex(), base64.b64encode(body).decode()
