"""Chapter 5: whom a server trusts.

"Certificates are not editable" no longer holds: servers of today take a new name, and so did pylxd 2.4.
"""

from __future__ import annotations

import inspect

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

import lxdnb


@pytest.fixture
def certificate(keypair, server):
    """A certificate that the server does not know yet, removed from it after the test."""
    made = x509.load_pem_x509_certificate(keypair.read_bytes())
    yield made
    fingerprint = made.fingerprint(hashes.SHA256()).hex()
    if fingerprint in fingerprints(server):
        server.cli("config", "trust", "remove", fingerprint)


def fingerprints(server) -> set[str]:
    return {each["fingerprint"] for each in server.query("/1.0/certificates?recursion=1")}


def test_5_1_manager_methods(client, server, certificate, keypair):
    before = fingerprints(server)
    assert {each.fingerprint for each in client.certificates.all()} == before
    # Of a client that is trusted LXD asks no password; Incus has none.
    password = "a-secret-trust-password" if server.flavour == "lxd" else ""
    created = client.certificates.create(password, keypair.read_bytes())
    assert fingerprints(server) - before == {certificate.fingerprint(hashes.SHA256()).hex()}
    assert created.operation is None  # none of them is asynchronous
    assert "wait" not in inspect.signature(client.certificates.create).parameters
    got = client.certificates.get(created.fingerprint)
    assert got == created
    with pytest.raises(lxdnb.NotFound):
        client.certificates.get("0" * 64)
    got.delete()
    assert got.operation is None
    assert fingerprints(server) == before


def test_5_2_certificate_attributes(client, server, certificate, keypair):
    created = client.certificates.create("", keypair.read_bytes())
    assert created.fingerprint == certificate.fingerprint(hashes.SHA256()).hex()
    assert x509.load_pem_x509_certificate(created.certificate.encode()) == certificate
    assert created.type == "client"
    with pytest.raises(AttributeError, match="fingerprint"):
        created.fingerprint = "0" * 64
    created.name = "laptop"
    created.save()
    assert server.query(f"/1.0/certificates/{created.fingerprint}")["name"] == "laptop"
