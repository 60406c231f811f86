"""The instruments: the proxy breaks what it is told to and nothing else, and the count sees what is left."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.leaks import Left, none_left
from tests.faults.proxy import ANSWER, ASKED, HEAD, REQUEST, Proxy, down, up

ASKING = b"GET /1.0 HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSING = b"GET /1.0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def connected(proxy: Proxy) -> socket.socket:
    if proxy.kind == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(10)
        try:
            connection.connect(proxy.endpoint)
        except OSError:
            connection.close()
            raise
        return connection
    address = urlsplit(proxy.endpoint)
    connection = socket.create_connection((address.hostname, address.port), 10)
    if proxy.kind == "tcp":
        return connection
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connection)


def rest(connection: socket.socket) -> bytes:
    """Return all that comes, until the end of the connection."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def said(connection: socket.socket, request: bytes = ASKING) -> bytes:
    """Send a request and return all that comes, until the end of the connection."""
    connection.sendall(request)
    return rest(connection)


def test_what_nobody_named_passes_whole(proxy, server):
    whole = said(connected(proxy), CLOSING)
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert str(server.query("/1.0")["environment"]["server_pid"]).encode() in whole
    assert proxy.lines == ["GET /1.0"]


@pytest.mark.parametrize(("moment", "passes"), [(REQUEST, b""), (ASKED, b""), (ANSWER, b""), (HEAD, b"HTTP/1.1 200")])
def test_a_cut_comes_at_its_moment(proxy, moment, passes: bytes):
    fault = proxy.hang_up("GET /1.0$", moment)
    assert said(connected(proxy)) == passes
    fault.await_strike()
    assert len(said(connected(proxy), CLOSING)) > 1000, "a cut happens once"


def test_a_cut_in_the_body_counts_bytes_or_finds_a_mark(proxy):
    proxy.hang_up("GET /1.0$", down(100))
    head, _, body = said(connected(proxy)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body) == 100
    proxy.hang_up("GET /1.0$", down(b'"api_extensions"'))
    assert b'{"type":"sync"' in (cut := said(connected(proxy)))
    assert b"api_extensions" not in cut


def test_a_request_is_cut_before_the_server_has_it(proxy, server):
    proxy.hang_up("POST /1.0/profiles", up(10))
    body = b'{"name": "never-made"}'
    head = f"POST /1.0/profiles HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert said(connected(proxy), head + body) == b""
    assert "/1.0/profiles/never-made" not in server.query("/1.0/profiles")


def test_of_several_requests_on_one_connection_one_is_chosen(proxy):
    fault = proxy.hang_up("GET /1.0", ANSWER, skip=1)
    connection = http.client.HTTPConnection("x")
    connection.sock = connected(proxy)
    connection.request("GET", "/1.0/profiles")
    assert connection.getresponse().read().startswith(b'{"type":"sync"')
    connection.request("GET", "/1.0/projects")
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    fault.await_strike()
    connection.close()
    assert proxy.lines == ["GET /1.0/profiles", "GET /1.0/projects"]


def test_silence_ends_when_it_is_released(proxy):
    fault = proxy.stall("GET /1.0$", down())
    connection = connected(proxy)
    connection.sendall(CLOSING)
    fault.await_strike()
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    connection.settimeout(0.2)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    proxy.release()
    connection.settimeout(10)
    assert len(rest(connection)) > 1000


def test_a_reset_is_one_over_tcp(server, tmp_path):
    with Proxy(server.socket, tmp_path, "tcp") as proxy:
        proxy.reset("GET /1.0$", down(10))
        with pytest.raises(ConnectionResetError):
            said(connected(proxy))
        assert said(connected(proxy), CLOSING).startswith(b"HTTP/1.1 200")


def test_tls_is_cut_below_its_own_goodbye(server, tmp_path):
    identity = (server.server_certificate, server.server_certificate.with_suffix(".key"))
    with Proxy(server.socket, tmp_path, "tls", identity) as proxy:
        proxy.reset("GET /1.0$", down(10))
        assert len(said(connected(proxy)).partition(b"\r\n\r\n")[2]) <= 10
        assert len(said(connected(proxy), CLOSING)) > 1000


def test_what_is_open_is_severed_by_its_request(proxy):
    with connected(proxy) as wanted, connected(proxy) as other:
        for connection, path in ((wanted, "projects"), (other, "profiles")):
            connection.sendall(ASKING.replace(b"/1.0", f"/1.0/{path}".encode()))
            answer = b""
            while not answer.endswith(b"}\n"):
                answer += connection.recv(65536)
        assert proxy.sever("/projects") == 1
        assert wanted.recv(65536) == b""
        other.sendall(ASKING)
        assert other.recv(65536).startswith(b"HTTP/1.1 200")


def test_nobody_listens_until_somebody_does_again(proxy):
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    proxy.accept()
    assert said(connected(proxy), CLOSING)


def test_what_is_left_is_seen(monkeypatch, tmp_path: Path):
    monkeypatch.setattr("tests.faults.leaks.GRACE", 0.1)
    with none_left([tmp_path]):
        pass
    ends = threading.Event()
    thread = threading.Thread(target=ends.wait, name="a forgotten thread")
    with pytest.raises(Left, match=r"thread a forgotten thread \(1\)"), none_left():
        thread.start()
    ends.set()
    thread.join()
    with pytest.raises(Left, match=r"descriptor of socket:\["), none_left():
        forgotten = socket.socket()
    forgotten.close()
    with pytest.raises(Left, match=r"file .*/half-written"), none_left([tmp_path]):
        (tmp_path / "half-written").touch()


def test_what_ends_by_itself_is_given_time():
    with none_left():
        threading.Timer(0.2, lambda: None).start()


def test_temporary_files_are_counted(counted: Path):
    descriptor, path = tempfile.mkstemp()
    os.close(descriptor)
    assert Path(path).parent == counted
    os.unlink(path)


def test_the_last_words_of_a_daemon_that_takes_no_more_arrive(tmp_path):
    """As when a websocket's pong comes after the daemon has closed it."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "deaf"))
        listening.listen()
        (folder := tmp_path / "way").mkdir()
        with Proxy(tmp_path / "deaf", folder) as way, connected(way) as client:
            daemon, _ = listening.accept()
            daemon.shutdown(socket.SHUT_RD)
            client.sendall(b"a pong")
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):
                client.recv(1)  # the proxy has tried to pass it on by now, and has not hung up
            client.settimeout(10)
            with daemon:
                daemon.sendall(b"the end")
            assert client.recv(100) == b"the end"
            assert client.recv(100) == b""
