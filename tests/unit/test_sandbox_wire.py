"""Bytes that are no good HTTP, and connections that come to nothing: the sandbox goes on answering everybody else."""

from __future__ import annotations

import contextlib
import re
import socket

import pytest

from lxdnb.sandbox import Sandbox
from tests.watcher import ask


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as running:
        yield running


def sent(sandbox: Sandbox, data: bytes, *, ends: bool = True) -> bytes:
    """Send bytes, and return what comes back until the sandbox hangs up."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(sandbox.endpoint)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
            if ends:
                connection.shutdown(socket.SHUT_WR)
        held = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65_536):
                held += piece
        return held


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GET /1.0 HTTP/9.9\r\n\r\n",
        b"GET /1.0 HTTP/1.1\r\nHost\r\n\r\n",
        b"GET /1.0 HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /1.0/profiles HTTP/1.1\r\nHost: a\r\nContent-Length: nine\r\n\r\n{}",
        b"POST /1.0/profiles HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n{}",
        b"POST /1.0/profiles HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n{}",
        b"POST /1.0/profiles HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{}",
        b"POST /1.0/profiles HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"POST /1.0/profiles HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
        b"POST /1.0/images HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /1.0/events HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET /1.0/events HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=lambda data: repr(data[:40]) if len(data) < 1000 else f"{data[:20]!r} of {len(data)} bytes",
)
def test_what_is_no_request_ends_with_its_connection(sandbox, data, caplog):
    told = sent(sandbox, data)
    assert told == b"" or told.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    assert b"Traceback" not in told
    assert not any(each.exc_info for each in caplog.records)
    assert ask(sandbox.socket, "GET", "/1.0/profiles")["metadata"] == ["/1.0/profiles/default"]


def test_chunks_are_taken(sandbox):
    body = b'{"name": "chunked"}'
    head = b"POST /1.0/profiles HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    told = sent(sandbox, head + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n", ends=False)
    assert told.startswith(b"HTTP/1.1 201")
    ask(sandbox.socket, "DELETE", "/1.0/profiles/chunked")


def test_two_requests_at_once_are_two(sandbox):
    one = b"POST /1.0/profiles HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
    told = sent(sandbox, one + b"GET /1.0/profiles HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", ends=False)
    assert re.findall(rb"HTTP/1\.1 (\d+) ", told) == [b"400", b"200"]


def test_who_hangs_up_in_the_middle_of_an_upload_leaves_nothing(sandbox):
    head = b"POST /1.0/images HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n"
    for _ in range(5):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(sandbox.endpoint)
            connection.sendall(head + bytes(1_000_000))
    assert len(ask(sandbox.socket, "GET", "/1.0/images")["metadata"]) == 1
    assert ask(sandbox.socket, "GET", "/1.0/operations")["metadata"] == {}


def test_many_who_say_nothing_hold_nobody_up(sandbox):
    idle = [socket.socket(socket.AF_UNIX) for _ in range(200)]
    try:
        for number, each in enumerate(idle):
            each.connect(sandbox.endpoint)
            each.sendall(b"GET /1.0 HTTP/1.1\r\n"[: number % 20])
        assert ask(sandbox.socket, "GET", "/1.0")["metadata"]["environment"]["server_name"] == "simulated"
    finally:
        for each in idle:
            each.close()


def test_a_body_that_is_too_large_is_told_so(sandbox):
    told = sent(sandbox, b"POST /1.0/images HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n", ends=False)
    assert told.startswith(b"HTTP/1.1 4")
