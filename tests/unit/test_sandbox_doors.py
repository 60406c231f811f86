"""Where the sandbox listens: by TLS, whose handshakes hold nobody up, and by HTTP for this machine alone."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

import lxdnb
from lxdnb.sandbox import Sandbox, tls


def place(url: str | None) -> tuple[str, int]:
    parts = urlsplit(url or "")
    return parts.hostname or "", parts.port or 0


def anybody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def until_it_ends(connection: socket.socket) -> None:
    """Wait until the other side closes, whatever it says before."""
    with connection, contextlib.suppress(ConnectionResetError):
        while connection.recv(4096):
            pass


def test_who_never_shakes_hands_holds_up_nobody_and_is_sent_away(monkeypatch):
    with Sandbox(https="127.0.0.1:0") as sandbox:
        silent = [socket.create_connection(place(sandbox.https_endpoint), 20) for _ in range(20)]
        silent[0].sendall(b"\x16\x03\x01")  # a record's beginning, and no more of it
        silent[1].sendall(b"GET / HTTP/1.1\r\n\r\n")
        client = lxdnb.Client(sandbox.https_endpoint, fingerprint=sandbox.host.identity.fingerprint)
        assert not client.trusted
        client.close()
        monkeypatch.setattr(tls, "HANDSHAKE", 0.1)  # for who comes from now on
        until_it_ends(socket.create_connection(place(sandbox.https_endpoint), 20))
    for connection in silent:
        until_it_ends(connection)


def test_older_tls_is_refused():
    with Sandbox(https="127.0.0.1:0") as sandbox:
        context = anybody()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with (
            socket.create_connection(place(sandbox.https_endpoint), 20) as connection,
            pytest.raises(ssl.SSLError, match="alert protocol version"),
        ):
            context.wrap_socket(connection)


def test_its_certificate_is_for_it_and_for_loopback_addresses(tmp_path):
    with Sandbox(https="127.0.0.1:0") as sandbox:
        certificate = tmp_path / "server.crt"
        certificate.write_text(sandbox.host.identity.certificate)
        said = subprocess.run(
            ["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha256", "-ext", "subjectAltName"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for alternative in ("DNS:simulated", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"):
            assert alternative in said
        client = lxdnb.Client(sandbox.https_endpoint, verify=str(certificate))
        assert client.host_info["auth"] == "untrusted"
        client.close()
        owner = lxdnb.Client(sandbox.endpoint)
        told = owner.host_info["environment"]
        owner.close()
        assert told["certificate_fingerprint"].upper() in said.replace(":", "")
        assert told["certificate"] == certificate.read_text()
        assert told["addresses"] == [f"127.0.0.1:{place(sandbox.https_endpoint)[1]}"]
    with Sandbox(https="127.0.0.1:0") as other:
        assert other.host.identity.fingerprint != told["certificate_fingerprint"]


def test_it_listens_where_it_is_set_to_and_nowhere_else():
    with Sandbox() as sandbox, socket.create_server(("127.0.0.1", 0)) as taken:
        assert sandbox.https_endpoint is None
        client = lxdnb.Client(sandbox.endpoint)
        client.server.patch({"config": {"core.https_address": "127.0.0.1:0"}})
        first = place(sandbox.https_endpoint)
        with socket.create_connection(first, 20) as open_still:
            mine = anybody().wrap_socket(open_still)
            client.server.patch({"config": {"core.https_address": "[::1]:0"}})
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(first, 20)
            mine.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")  # who has come already may stay
            assert mine.recv(15) == b"HTTP/1.1 200 OK"
            mine.close()
        second = place(sandbox.https_endpoint)
        assert second[0] == "::1"
        port = taken.getsockname()[1]
        why = f'Cannot listen on network HTTPS socket "127.0.0.1:{port}": listen tcp 127.0.0.1:{port}: bind: address'
        with pytest.raises(lxdnb.LXDAPIException, match=f"{why} already in use"):
            client.api.patch(json={"config": {"core.https_address": f"127.0.0.1:{port}"}})
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(second, 20)
        client.api.patch(json={"config": {"core.https_address": ""}})
        assert sandbox.https_endpoint is None
        client.close()


def test_it_does_not_begin_where_it_cannot_listen(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="already in use"):
            Sandbox(https=f"127.0.0.1:{port}")
        with pytest.raises(OSError, match="already in use"):
            Sandbox(http=f"127.0.0.1:{port}")
    with pytest.raises(OSError, match=r"0\.0\.0\.0 is no loopback address"):
        Sandbox(http="0.0.0.0:0")
    socket_path = tmp_path / "unix.socket"
    with pytest.raises(OSError, match="no loopback address"):
        Sandbox(socket=socket_path, http=":0")
    assert not socket_path.exists()


@pytest.mark.parametrize("flavour", ["lxd", "incus"])
def test_by_http_all_goes_as_by_a_unix_socket(flavour, tmp_path):
    with Sandbox(flavour, http="127.0.0.1:0") as sandbox:
        assert sandbox.socket is None
        client = lxdnb.Client(sandbox.endpoint)
        assert client.trusted
        assert client.endpoint == sandbox.endpoint == sandbox.http_endpoint
        with client.events(event_types=["lifecycle"]) as events, client.launch("busybox", "c1") as box:
            assert box.execute(["cat"], stdin_payload="by websockets").stdout == "by websockets"
            (tmp_path / "there").mkdir()
            (tmp_path / "there" / "file").write_text("by SFTP")
            box.files.recursive_put(str(tmp_path / "there"), "/tmp/there")
            assert box.files.get("/tmp/there/file") == b"by SFTP"
            assert next(iter(events))["metadata"]["action"] == "instance-created"
        client.close()


FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "evil.example:80"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("path", ["/1.0", "/1.0/events", "/1.0/operations/x/websocket", "/1.0/instances/x/sftp"])
@pytest.mark.parametrize("headers", FOREIGN)
def test_by_http_no_web_page_comes_in(path, headers):
    with Sandbox(http="127.0.0.1:0") as sandbox:
        line = http.client.HTTPConnection(*place(sandbox.http_endpoint), timeout=20)
        line.request("GET", path, headers=headers)
        refused = line.getresponse()
        assert refused.status == 403
        assert b"no web pages" in refused.read()
        line.request("GET", "/1.0", headers={"Host": "localhost"})
        assert line.getresponse().status == 200
        line.close()


def test_where_there_are_no_unix_sockets_it_speaks_http():
    program = """if True:
        import socket
        pair, family = socket.socketpair, socket.AF_UNIX
        socket.socketpair = lambda: pair(family)
        del socket.AF_UNIX  # as on Windows, which has pairs all the same
        import lxdnb
        from lxdnb.sandbox import Sandbox
        client = lxdnb.connect("sandbox:incus")
        print(client.endpoint.rpartition(":")[0], client.trusted)
        with client.launch("busybox", "c1") as box:
            print(box.execute(["hostname"]).stdout.strip())
        client.close()
        try:
            Sandbox(socket="unix.socket")
        except OSError as error:
            print(error)
    """
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, timeout=100)
    assert ran.stdout.splitlines() == [
        "http://127.0.0.1 True",
        "c1",
        "this system has no unix sockets: give http='127.0.0.1:0' in place of socket",
    ], ran.stderr
