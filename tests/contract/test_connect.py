"""Finding a server and being sure that it is the right one: sockets, TLS, and what to do when nobody answers."""

from __future__ import annotations

import grp
import hashlib
import json
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests

import lxdnb
from lxdnb.transport import Transport
from tests.on_sandbox import SANDBOXES


@pytest.fixture
def fingerprint(server) -> str:
    """The SHA-256 of the server's certificate, from its file."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(server.server_certificate.read_text())).hexdigest()


@pytest.fixture
def certificate(server) -> tuple[str, str]:
    crt, key = server.client_certificate
    return str(crt), str(key)


def test_connect_takes_the_daemon_that_the_environment_names(server, server_kind, monkeypatch):
    for name in ("LXD_SOCKET", "LXD_DIR", "INCUS_SOCKET", "INCUS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LXD_DIR" if server.flavour == "lxd" else "INCUS_DIR", str(server.directory))
    client = lxdnb.connect()
    told = server.query("/1.0")
    assert client.endpoint == str(server.socket)
    assert client.trusted
    assert client.host_info["environment"]["server_version"] == told["environment"]["server_version"]
    name = {"lxd": "LXD", "incus": "Incus"}[server.flavour]
    name = f"simulated {name}" if server_kind in SANDBOXES else name
    assert repr(client) == f"<Client {name} {told['environment']['server_version']} at {server.socket}>"


def test_extensions_are_the_servers(server, client):
    told = server.query("/1.0")["api_extensions"]
    assert all(client.has_api_extension(name) for name in told)
    with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match="no_such_extension"):
        client.assert_has_api_extension("no_such_extension")


def test_nobody_there_lists_each_path_and_its_reason(tmp_path, monkeypatch):
    (tmp_path / "lxd").mkdir()
    (tmp_path / "lxd" / "unix.socket").write_text("not a socket")
    monkeypatch.setenv("LXD_DIR", str(tmp_path / "lxd"))
    monkeypatch.setenv("INCUS_DIR", str(tmp_path / "incus"))
    monkeypatch.delenv("LXD_SOCKET", raising=False)
    monkeypatch.delenv("INCUS_SOCKET", raising=False)
    with pytest.raises(lxdnb.ClientConnectionFailed) as raised:
        lxdnb.connect()
    lxd, incus = str(tmp_path / "lxd" / "unix.socket"), str(tmp_path / "incus" / "unix.socket")
    assert list(raised.value.tried) == [lxd, incus]
    assert raised.value.tried[incus] == "there is no such socket"
    for line in (f"{lxd}: {raised.value.tried[lxd]}", f"{incus}: there is no such socket", "LXD_DIR"):
        assert line in str(raised.value)
    assert isinstance(raised.value, ConnectionError)


def test_a_daemon_that_was_killed_is_said_to_be_down(start_server, server_kind):
    server = start_server(server_kind)
    server.kill()
    try:
        with pytest.raises(lxdnb.ClientConnectionFailed, match="the daemon is not running"):
            lxdnb.Client(str(server.socket))
    finally:
        server.restart()
    assert lxdnb.Client(str(server.socket)).trusted


def as_nobody(expression: str, environment: Mapping[str, str] | None = None) -> str:
    """What a user without any rights is told where nothing answers."""
    # The interpreter may be readable by root alone, so the user changes only after the import.
    code = (
        "import os, lxdnb\n"
        "import encodings.idna, grp, websocket\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        f"try: {expression}\n"
        "except lxdnb.ClientConnectionFailed as error: print(error)\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LXD_", "INCUS_"))}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=kept | dict(environment or {})
    )
    return ran.stdout


def test_without_permission_the_group_to_join_is_named(server):
    expression = f"lxdnb.Client({str(server.socket)!r})"
    assert "permission denied: it is root's alone; run as root" in as_nobody(expression)
    os.chown(server.socket, -1, grp.getgrnam("users").gr_gid)
    try:
        assert "permission denied: join the group users (sudo usermod -aG users $USER" in as_nobody(expression)
    finally:
        os.chown(server.socket, -1, 0)


def test_each_path_has_a_reason_of_its_own(server):
    named, other = ("LXD_DIR", "INCUS_DIR") if server.flavour == "lxd" else ("INCUS_DIR", "LXD_DIR")
    told = as_nobody("lxdnb.connect()", {named: str(server.directory), other: "/nowhere"})
    assert f"  {server.socket}: permission denied: it is root's alone; run as root\n" in told
    assert "  /nowhere/unix.socket: there is no such socket\n" in told
    assert "set LXD_DIR or INCUS_DIR, or give its socket or https:// address" in told


def test_no_origin_is_sent():
    # Servers answer 403 to one that they do not expect.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told: list[bytes] = []

        def listen() -> None:
            connection, _ = listener.accept()
            with connection:
                told.append(connection.recv(65536))

        thread = threading.Thread(target=listen)
        thread.start()
        with pytest.raises(lxdnb.LXDError):
            Transport(f"http://127.0.0.1:{listener.getsockname()[1]}").websocket("/1.0/events")
        thread.join(10)
    assert told[0].startswith(b"GET /1.0/events HTTP/1.1\r\n")
    assert b"upgrade: websocket" in told[0].lower()
    assert b"origin" not in told[0].lower()


def test_https_with_the_fingerprint(server, fingerprint, certificate, monkeypatch):
    # As in an office: neither a company's CA bundle nor its proxy has a say in whom we talk to.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    client = lxdnb.Client(server.address, cert=certificate, fingerprint=fingerprint.upper())
    assert client.trusted
    assert client.websocket_url == server.address.replace("https", "wss")
    container = client.containers.launch("busybox", "over-https")
    with client.events(event_types=["lifecycle"]) as events:
        assert container.execute(["cat"], stdin_payload=b"\x00\xff", decode=False).stdout == b"\x00\xff"
        assert "over-https" in json.dumps(next(events))


def test_https_with_another_fingerprint_is_refused_and_says_what_it_found(server, fingerprint, certificate):
    other = "ab" * 32
    with pytest.raises(lxdnb.ClientConnectionFailed, match=f"{fingerprint}, not {other}"):
        lxdnb.Client(server.address, cert=certificate, fingerprint=other)


def test_a_websocket_is_held_to_the_fingerprint_too(server, fingerprint, certificate):
    client = lxdnb.Client(server.address, cert=certificate, fingerprint=fingerprint)
    client._transport.fingerprint = "ab" * 32
    with pytest.raises(lxdnb.ClientConnectionFailed, match=fingerprint):
        client.events().connect()


def test_https_without_a_pin_is_refused_for_a_self_signed_certificate(server, certificate):
    with pytest.raises(lxdnb.ClientConnectionFailed, match=r"not trusted .*fingerprint="):
        lxdnb.Client(server.address, cert=certificate)


def test_verify_false_warns_once_and_names_the_fingerprint(server, fingerprint, certificate):
    with pytest.warns(UserWarning, match=fingerprint) as caught:
        client = lxdnb.Client(server.address, cert=certificate, verify=False)
    client.images.all()  # a second warning would be an error here
    assert len(caught) == 1
    assert Path(caught[0].filename) == Path(__file__)


def test_verify_by_the_certificate_file(server, certificate):
    assert lxdnb.Client(server.address, cert=certificate, verify=str(server.server_certificate)).trusted


def test_a_client_without_a_certificate_is_not_trusted(server, fingerprint):
    client = lxdnb.Client(server.address, fingerprint=fingerprint)
    assert not client.trusted
    assert "not trusted" in repr(client)
    with pytest.raises(lxdnb.Forbidden):
        client.containers.all()


@pytest.mark.parametrize("endpoint", ["", "ftp://host", "https://"])
def test_an_endpoint_that_is_none(endpoint: str):
    with pytest.raises(ValueError, match="https://host:8443"):
        lxdnb.Client(endpoint)


def test_an_endpoint_of_another_type():
    with pytest.raises(TypeError, match="endpoint is a str"):
        lxdnb.Client(8443)


@pytest.mark.parametrize("fingerprint", ["abc", "g" * 64])
def test_a_fingerprint_that_is_none(fingerprint: str):
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        lxdnb.Client("https://127.0.0.1:1", fingerprint=fingerprint)


def test_a_port_where_nothing_listens():
    with pytest.raises(lxdnb.ClientConnectionFailed, match="nothing listens there"):
        lxdnb.Client("https://127.0.0.1:1", fingerprint="ab" * 32)


def test_a_session_of_ones_own_is_held_to_the_fingerprint_too(server, fingerprint, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    with requests.Session() as session, pytest.raises(lxdnb.ClientConnectionFailed, match=fingerprint):
        lxdnb.Client(server.address, cert=certificate, fingerprint="ab" * 32, session=session)
    with requests.Session() as session, pytest.warns(UserWarning, match=fingerprint):
        assert lxdnb.Client(server.address, cert=certificate, verify=False, session=session).trusted
    with requests.Session() as session:
        # Its own certificate and its own idea of whom to trust count, for websockets too.
        session.cert, session.verify = certificate, str(server.server_certificate)
        client = lxdnb.Client(server.address, session=session)
        assert client.containers.launch("busybox", "by-session").execute(["echo", "hi"]).stdout == "hi\n"
    with requests.Session() as session:
        assert lxdnb.Client(str(server.socket), session=session).trusted


@pytest.mark.parametrize("options", [{"fingerprint": "ab" * 32}, {"cert": ("client.crt", "client.key")}])
def test_a_certificate_is_never_sent_in_the_clear(options):
    with pytest.raises(ValueError, match="write https://"):
        lxdnb.Client("http://127.0.0.1:1", **options)


def test_nothing_secret_is_logged_or_told(server, fingerprint, certificate, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    client = lxdnb.Client(server.address, cert=certificate, fingerprint=fingerprint)
    secrets: list[str] = []
    websocket = client._transport.websocket

    def noted(path, params=None, silence=None):
        secrets.extend(value for name, value in params.items() if name == "secret")
        return websocket(path, params, silence)

    monkeypatch.setattr(client._transport, "websocket", noted)
    running = client.containers.launch("busybox", "discreet").start_command(["true"])
    running.wait()
    with pytest.raises(lxdnb.LXDAPIException) as refused:
        client.api.operations[running.operation_id].websocket.open_websocket({"secret": secrets[0]})
    assert len(secrets) == 5
    told = caplog.text + repr(running) + str(refused.value) + repr(refused.value) + repr(client)
    assert "/1.0/instances/discreet/exec" in told
    assert not any(secret in told for secret in secrets)
