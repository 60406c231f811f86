"""Whom the sandbox trusts, by which secret, and for how long, on a host whose clock the test turns.

What is expected was answered by LXD 5.0.2 and Incus 6.0.4.
"""

from __future__ import annotations

import base64
import datetime
import json
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lxdnb.sandbox.beginning import first_host
from lxdnb.sandbox.callers import caller_by_tls
from lxdnb.sandbox.listening import METRICS, begin_listening
from lxdnb.sandbox.replies import Async, Refused, Request, Sync
from lxdnb.sandbox.routes import take
from lxdnb.sandbox.state import Host

DAY = 86_400.0


def certificate(name: str, begins: float, days: int) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime.datetime.fromtimestamp(begins, datetime.UTC)
    built = x509.CertificateBuilder().subject_name(called).issuer_name(called).public_key(key.public_key())
    built = built.serial_number(7).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=days))
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Somebody:
    """A host, and who comes to it with a certificate that is good for thirty days."""

    def __init__(self, flavour: str) -> None:
        self.now = 1_700_000_000.0
        self.host: Host = first_host(flavour, clock=lambda: self.now)
        begin_listening(self.host, "127.0.0.1:8443")
        self.certificate: bytes | None = certificate("me@here", self.now, 30)
        self.field = "trust_token" if flavour == "incus" else "password"

    def ask(self, method: str, path: str, body: object = None, *, door: str = "") -> object:
        """What the host answers: the metadata, or the status and the words of a refusal."""
        caller = caller_by_tls(self.host, "10.0.0.7:51234", self.certificate, door)
        return answered(self.host, Request(method, path, body=json.dumps(body).encode(), caller=caller))

    def come(self, secret: str, **more: object) -> object:
        return self.ask("POST", "/1.0/certificates", {"type": "client", self.field: secret, **more})

    def token(self, **asked: object) -> str:
        reply = own(self.host, "POST", "/1.0/certificates", {"type": "client", "name": "token", "token": True, **asked})
        assert isinstance(reply, dict)
        return base64.b64encode(json.dumps(reply).encode()).decode()

    def trusted(self) -> list[str]:
        return [each.name for each in self.host.certificates.values()]


def answered(host: Host, request: Request) -> object:
    try:
        reply = take(host, request)
    except Refused as refused:
        return refused.code, refused.words
    assert isinstance(reply, Sync | Async)
    return reply.operation.metadata if isinstance(reply, Async) else reply.metadata


def own(host: Host, method: str, path: str, body: object) -> object:
    return answered(host, Request(method, path, body=json.dumps(body).encode()))


@pytest.fixture(params=["lxd", "incus"])
def somebody(request: pytest.FixtureRequest) -> Somebody:
    return Somebody(request.param)


def test_a_token_is_good_once_and_says_whom_it_lets_in(somebody):
    token = somebody.token()
    assert somebody.come(token, name="another", restricted=True, certificate="AAAA") is None
    (made,) = somebody.host.certificates.values()
    assert (made.name, made.kind, made.restricted) == ("token", "client", False)
    assert somebody.come(token) == (400, "Client is already trusted")
    somebody.host.certificates.clear()
    assert somebody.come(token) == (403, "No matching certificate add operation found")


def test_a_token_is_good_for_as_long_as_the_server_says(somebody):
    assert own(somebody.host, "PATCH", "/1.0", {"config": {"core.remote_token_expiry": "1H 30M"}}) == {}
    early, late = somebody.token(), somebody.token()
    told = json.loads(base64.b64decode(late))
    assert told["expiresAt"].startswith("2023-11-14T23:43:20")  # 22:13:20 and an hour and a half
    somebody.now += 5399
    assert somebody.come(early) is None
    somebody.host.certificates.clear()
    somebody.now += 2
    expired = "Failed during search for certificate add token operation: Token has expired"
    assert somebody.come(late) == (500, expired)
    assert somebody.come(late) == (403, "No matching certificate add operation found")


def test_a_token_is_spent_by_who_comes_without_a_certificate(somebody):
    token, mine, somebody.certificate = somebody.token(), somebody.certificate, None
    assert somebody.come(token) == (400, "No client certificate provided")
    somebody.certificate = mine
    assert somebody.come(token) == (403, "No matching certificate add operation found")


def test_what_is_no_token_is_refused_and_spends_none(somebody):
    token = somebody.token()
    halved = base64.b64encode(base64.b64decode(token)[:-20]).decode()
    for wrong in ("", "hunter2", "{}", base64.b64encode(b"{}").decode(), halved, "💩"):
        assert somebody.come(wrong) == (403, "not authorized")
    assert somebody.ask("POST", "/1.0/certificates", {"type": "client"}) == (403, "not authorized")
    assert somebody.trusted() == []
    assert somebody.come(token) is None


def test_what_a_token_cannot_be_for(somebody):
    for asked, why in (
        ({"type": "metrics"}, "Tokens can only be issued for client certificates"),
        ({"type": "server"}, "Tokens can only be issued for client certificates"),
        ({"certificate": "AAAA"}, "Can't use certificate if token is requested"),
    ):
        body = {"type": "client", "token": True, **asked}
        assert own(somebody.host, "POST", "/1.0/certificates", body) == (400, why)
    assert own(somebody.host, "PATCH", "/1.0", {"config": {"core.https_address": ""}}) == {}
    why = "Can't issue token when server isn't listening on network"
    assert own(somebody.host, "POST", "/1.0/certificates", {"type": "client", "token": True}) == (400, why)


def test_a_password_is_lxds_alone(somebody):
    incus = somebody.host.flavour.incus
    setting = {"config": {"core.trust_password": "hunter2"}}
    unknown = (400, "cannot set 'core.trust_password' to 'hunter2': unknown key")
    assert own(somebody.host, "PATCH", "/1.0", setting) == (unknown if incus else {})
    assert somebody.come("hunter3") == (403, "not authorized")
    assert somebody.come("hunter2", token=True) == (403, "not authorized")
    assert somebody.come("hunter2") == ((403, "not authorized") if incus else None)
    assert somebody.trusted() == ([] if incus else ["me@here"])


def test_a_certificate_is_good_until_it_expires(somebody):
    old = certificate("old", somebody.now - 40 * DAY, 30)
    expired = (400, "The provided certificate is expired")
    asked = {"type": "client", "certificate": base64.b64encode(old).decode()}
    assert own(somebody.host, "POST", "/1.0/certificates", asked) == expired
    assert somebody.come(somebody.token()) is None
    somebody.now += 29 * DAY
    assert somebody.ask("GET", "/1.0/instances") == []
    somebody.now += 2 * DAY
    assert somebody.ask("GET", "/1.0/instances") == (403, "not authorized")
    assert somebody.come(somebody.token()) == expired


def test_a_refused_change_costs_what_it_costs_there(somebody):
    before = dict(somebody.host.settings)
    change = {"config": {"core.debug_address": "127.0.0.1:9999", "no.such": "1"}}
    unknown = (400, "cannot set 'no.such' to '1': unknown key")
    assert own(somebody.host, "PATCH", "/1.0", change) == unknown
    kept = {} if somebody.host.flavour.incus else before
    assert somebody.host.settings == kept | {"core.debug_address": "127.0.0.1:9999"}


def test_at_the_door_for_metrics_there_is_nothing_else(somebody):
    assert somebody.ask("GET", "/1.0/instances", door=METRICS) == (404, "not found")
    code, why = somebody.ask("GET", "/1.0/metrics", door=METRICS)  # pyright: ignore
    incus = "Failed to extract request details: Username not present in request context"
    assert (code, why) == (403, incus if somebody.host.flavour.incus else "not authorized")


@pytest.mark.parametrize("flavour", ["lxd", "incus"])
def test_no_secret_is_settled_by_the_seed(flavour: str):
    """Else whoever knows the seed would hold the key to all of them."""

    def told(method: str, path: str, body: object, members: int = 1) -> set[str]:
        now = [1_700_000_000.0]
        host = first_host(flavour, 7, lambda: now[0], members)
        if members == 1:
            begin_listening(host, "127.0.0.1:8443")
        for asked in (
            ("POST", "/1.0/instances", {"name": "c0", "source": {"type": "none"}}),
            ("POST", "/1.0/instances", {"name": "c1", "source": {"type": "image", "alias": "busybox"}}),
            ("PUT", "/1.0/instances/c1/state", {"action": "start"}),
        ):
            take(host, Request(*asked[:2], body=json.dumps(asked[2]).encode()))
            for _ in range(20):
                now[0] += 0.1
                host.agenda.run()
        image = next(iter(host.images("default")))
        reply = take(host, Request(method, path.replace("IMAGE", image), body=json.dumps(body).encode()))
        host.agenda.run()
        assert isinstance(reply, Async)
        return {*re.findall(r"[0-9a-f]{64}", json.dumps(reply.operation.metadata))} - {image}

    interactive = {"command": ["sh"], "wait-for-websocket": True, "interactive": True}
    for asked in (
        ("POST", "/1.0/certificates", {"type": "client", "name": "token", "token": True}),
        ("POST", "/1.0/images/IMAGE/secret", {}),
        ("POST", "/1.0/instances/c1/console", {"type": "console"}),
        ("POST", "/1.0/instances/c1/exec", interactive),
        ("POST", "/1.0/instances/c0", {"name": "c2", "migration": True}),
        ("POST", "/1.0/cluster/members", {"server_name": "n4"}, 3),
    ):
        once, again = told(*asked), told(*asked)
        fingerprints = once & again  # of the server's certificate, which is no secret
        assert once - fingerprints, asked
        assert not fingerprints, asked
