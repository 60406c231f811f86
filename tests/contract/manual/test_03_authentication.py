"""Chapter 3: a keypair of one's own, which the server comes to trust."""

from __future__ import annotations

import pytest

import lxdnb

from .examples import Repair, run


@pytest.fixture
def secret(server):
    """The server's trust password, or on Incus, which has none, a token."""
    before = {each["fingerprint"] for each in server.query("/1.0/certificates?recursion=1")}
    if server.flavour == "lxd":
        server.cli("config", "set", "core.trust_password", "a-secret-trust-password")
        yield "a-secret-trust-password"
        server.cli("config", "unset", "core.trust_password")
    else:
        yield server.cli("config", "trust", "add", "manual", "--quiet").split()[-1]
    for each in server.query("/1.0/certificates?recursion=1"):
        if each["fingerprint"] not in before:
            server.cli("config", "trust", "remove", each["fingerprint"])


def test_3_1_generate_a_certificate(keypair, server):
    assert keypair.read_text().startswith("-----BEGIN CERTIFICATE-----")
    # The server takes it: it answers whom it does not know, as one that may be trusted.
    client = lxdnb.Client(server.address, cert=("lxd.crt", "lxd.key"), fingerprint=server.fingerprint)
    assert client.host_info["auth"] == "untrusted"


def test_3_2_authenticate_a_new_keypair(keypair, server, secret):
    with pytest.warns(UserWarning, match=server.fingerprint):
        names = run(
            """
            >>> from pylxd import Client
            >>> client = Client(
            ... endpoint='http://10.0.0.1:8443',
            ... cert=('lxd.crt', 'lxd.key'))
            >>> client.trusted
            False
            """,
            Repair("http://10.0.0.1:8443", server.address, "a certificate is sent over https alone"),
            Repair("'lxd.key'))", "'lxd.key'), verify=False)", "as the note of 2.1 says of self-signed ones"),
        )
    with pytest.raises(lxdnb.Forbidden):
        names["client"].containers.all()
    password = Repair("a-secret-trust-password", secret, "Incus has tokens in place of a password")
    run(
        """
        >>> client.authenticate('a-secret-trust-password')
        >>> client.trusted
        >>> True
        """,
        Repair("\n        >>> True", "\n        True", "an output that bears a prompt"),
        *([password] if server.flavour == "incus" else []),
        client=names["client"],
    )
    assert names["client"].containers.all() == []
    assert lxdnb.Client(server.address, cert=("lxd.crt", "lxd.key"), fingerprint=server.fingerprint).trusted
