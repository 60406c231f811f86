"""Trust: who is let in, by a password or by a token, for how much, and how he is put out again."""

from __future__ import annotations

import base64
import datetime
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import lxdnb


def keypair(folder: Path, name: str = "lxdnb") -> tuple[str, str]:
    """Make a client's certificate and key, as `lxc` makes its own, and return their paths."""
    key = ec.generate_private_key(ec.SECP384R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    built = built.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
    certificate = built.not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(pem))
    (folder / f"{name}.key").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return str(folder / f"{name}.crt"), str(folder / f"{name}.key")


def fingerprint(pair: tuple[str, str]) -> str:
    """Its SHA-256, by another program than ours."""
    command = ["openssl", "x509", "-in", pair[0], "-noout", "-fingerprint", "-sha256"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.partition("=")[2].strip().replace(":", "").lower()


def trusted(server) -> set[str]:
    return {url.rpartition("/")[2] for url in server.query("/1.0/certificates")}


@pytest.fixture
def pair(tmp_path) -> tuple[str, str]:
    return keypair(tmp_path)


@pytest.fixture(autouse=True)
def as_before(server):
    """Whom the server trusts, and by which password, is as before when a test ends."""
    before = trusted(server)
    yield
    for new in trusted(server) - before:
        server.cli("config", "trust", "remove", new)
    if server.flavour == "lxd":
        server.cli("config", "unset", "core.trust_password")
    for url in (server.query("/1.0/operations") or {}).get("running", []):  # a token that nobody has used is one
        server.cli("query", "-X", "DELETE", url)


@pytest.fixture
def stranger(server, pair):
    """A client by HTTPS that the server does not trust."""
    client = lxdnb.Client(server.address, cert=pair, fingerprint=server.fingerprint)
    assert not client.trusted
    yield client
    client.close()


def token_of_the_command_line(server) -> str:
    named = ("--name", "laptop") if server.flavour == "lxd" else ("laptop",)
    return server.cli("config", "trust", "add", *named).split()[-1]


@pytest.mark.parametrize("made", ["by the command line", "by a client", "by a client, broken in a mail"])
def test_a_token_lets_one_in_once(server, client, stranger, pair, tmp_path, made):
    if made == "by the command line":
        token = token_of_the_command_line(server)
    else:
        token = client.certificates.create_token("laptop")
    if "broken" in made:
        token = f"  {token[:76]}\r\n{token[76:]}\n"
    stranger.authenticate(token)
    assert stranger.trusted
    assert stranger.instances.all() == []
    told = server.query(f"/1.0/certificates/{fingerprint(pair)}")
    assert (told["name"], told["type"], told["restricted"]) == ("laptop", "client", False)
    # Once: whoever finds the token later finds nothing.
    again = lxdnb.Client(server.address, cert=keypair(tmp_path, "other"), fingerprint=server.fingerprint)
    with pytest.raises(lxdnb.exceptions.Forbidden) as raised:
        again.authenticate(token)
    assert not again.trusted
    assert token not in str(raised.value) + repr(raised.value)
    again.close()


def test_a_token_for_another_server_is_not_given_to_this_one(server, stranger, other_client, monkeypatch):
    token = other_client.certificates.create_token("laptop")
    request, sent = stranger._transport.request, []

    def noted(method, path, **options):
        sent.append(method)
        return request(method, path, **options)

    monkeypatch.setattr(stranger._transport, "request", noted)
    with pytest.raises(ValueError, match=f"this token is not of {server.address}.*{server.fingerprint}"):
        stranger.authenticate(token)
    assert set(sent) == {"GET"}
    assert json.loads(base64.b64decode(token))["secret"] not in str(sent)


def test_a_password(server, stranger, pair):
    if server.flavour == "incus":
        with pytest.raises(ValueError, match=r"no trust password: give a token, as `incus config trust add NAME`"):
            stranger.authenticate("hunter2")
        return
    with pytest.raises(lxdnb.exceptions.Forbidden):  # none is set
        stranger.authenticate("hunter2")
    server.cli("config", "set", "core.trust_password", "hunter2")
    with pytest.raises(lxdnb.exceptions.Forbidden) as raised:
        stranger.authenticate("hunter3")
    assert "hunter3" not in str(raised.value)
    assert not stranger.trusted
    stranger.authenticate("hunter2")
    assert stranger.trusted
    assert fingerprint(pair) in trusted(server)
    stranger.authenticate("whatever: it is trusted already")


def test_a_client_without_a_certificate_is_told_so(server):
    nobody = lxdnb.Client(server.address, fingerprint=server.fingerprint)
    with pytest.raises(ValueError, match="certificate"):
        nobody.authenticate("hunter2")
    with pytest.raises(lxdnb.exceptions.Forbidden):
        nobody.instances.all()
    nobody.close()


def test_a_secret_that_is_no_text_is_told_before_anything_is_sent(stranger, client, asked):
    with pytest.raises(TypeError, match="a password or token is a str, not bytes"):
        stranger.authenticate(b"hunter2")
    for arguments in ((b"hunter2", "x"), ("", 7), ("", "x", "client", "", "default")):
        with pytest.raises(TypeError):
            client.certificates.create(*arguments)
    with pytest.raises(TypeError, match="projects is a list"):
        client.certificates.create_token("x", "default")
    with pytest.raises(ValueError, match="no certificate in PEM form"):
        client.certificates.create("", "x")
    assert asked == []


@pytest.mark.parametrize("form", [str, bytes])
def test_certificates_come_and_go(server, client, pair, form):
    pem = Path(pair[0]).read_bytes()
    made = client.certificates.create("", pem if form is bytes else pem.decode(), name="made")
    told = server.query(f"/1.0/certificates/{fingerprint(pair)}")
    assert made.fingerprint == told["fingerprint"] == fingerprint(pair)
    assert (made.name, made.type, made.restricted, made.projects) == ("made", "client", False, [])
    assert made.certificate.split() == pem.decode().split()
    assert {each.fingerprint for each in client.certificates.all()} == trusted(server)
    assert client.certificates.get(made.fingerprint[:12]) == made
    with pytest.raises(lxdnb.LXDAPIException):  # it is there already
        client.certificates.create("", pem)
    assert made.delete() is None
    assert made.fingerprint not in trusted(server)
    with pytest.raises(lxdnb.NotFound):
        client.certificates.get(made.fingerprint)


def test_all_is_one_request(client, asked):
    assert [each.name for each in client.certificates.all()] == ["tests"]
    assert asked == ["/1.0/certificates"]


def test_a_stranger_brings_a_certificate_by_password_or_token(server, client, stranger, pair, tmp_path):
    if server.flavour == "lxd":
        server.cli("config", "set", "core.trust_password", "hunter2")
        proof = {"password": "hunter2"}
    else:
        proof = {"password": "", "secret": client.certificates.create_token("laptop")}
    made = stranger.certificates.create(cert_data=Path(pair[0]).read_text(), **proof)
    assert made.fingerprint == fingerprint(pair)
    assert made.fingerprint in trusted(server)


def test_a_restricted_one_may_do_no_more_than_its_projects(server, client, stranger, pair):
    for project in ("mine", "theirs"):
        server.cli("project", "create", project, "-c", "features.images=false", "-c", "features.profiles=false")
    stranger.authenticate(client.certificates.create_token("laptop", projects=["mine"], restricted=True))
    told = server.query(f"/1.0/certificates/{fingerprint(pair)}")
    assert (told["restricted"], told["projects"]) == (True, ["mine"])

    def instances(project: str) -> list:
        asking = lxdnb.Client(server.address, cert=pair, fingerprint=server.fingerprint, project=project)
        try:
            return asking.instances.all()
        finally:
            asking.close()

    assert instances("mine") == []
    with pytest.raises(lxdnb.LXDAPIException):
        instances("theirs")
    # Whoever may, lets him do more: a certificate can be edited.
    certificate = client.certificates.get(fingerprint(pair))
    certificate.projects.append("theirs")
    certificate.name = "office"
    certificate.save()
    assert server.query(f"/1.0/certificates/{fingerprint(pair)}")["name"] == "office"
    assert instances("theirs") == []


def test_the_command_line_takes_our_token(server, client, tmp_path):
    token = client.certificates.create_token("by-cli")
    conf = {"lxd": "LXD_CONF", "incus": "INCUS_CONF"}[server.flavour]
    new = replace(server, environment=server.environment | {conf: str(tmp_path), "HOME": os.environ["HOME"]})
    new.cli("remote", "add", "again", token)
    assert json.loads(new.cli("list", "again:", "--format", "json")) == []
    names = [each["name"] for each in server.query("/1.0/certificates?recursion=1")]
    assert "by-cli" in names
