"""Large bodies: whole or not at all, whatever becomes of the connection, of the file, or of who hears of it."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import lxdnb
from lxdnb.api import APINode
from lxdnb.models import _transfer
from lxdnb.models.operation import Progress
from lxdnb.transport import Transport

DATA = os.urandom(768 * 1024 + 17)  # some pieces and a rest
SHA = hashlib.sha256(DATA).hexdigest()
ANSWER = b'{"type": "sync", "metadata": {}}'


class Far(BaseHTTPRequestHandler):
    """A server of one body, told in the path how to break; what is sent to it is kept by whether it was whole."""

    protocol_version = "HTTP/1.1"
    got: list[tuple[bool, bytes]]

    def do_GET(self) -> None:
        self.send_response(200)
        cut = len(DATA) // 2 if self.path.endswith("cut") else len(DATA)
        if "chunked" in self.path:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n" % len(DATA) + DATA[:cut])
            if cut == len(DATA):
                self.wfile.write(b"\r\n0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(DATA)))
            self.end_headers()
            self.wfile.write(DATA[:cut])
        self.close_connection = cut < len(DATA)  # else one that is used again might be closed at that moment

    def do_POST(self) -> None:
        body, whole = b"", False
        assert self.headers["Transfer-Encoding"] == "chunked"
        while line := self.rfile.readline().strip():
            piece = self.rfile.read(int(line, 16))
            self.rfile.readline()
            whole = not piece
            body += piece
            if whole:
                break
        self.got.append((whole, body))
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def far() -> Iterator[type[Far]]:
    """That server, and as `node` the way to it."""
    kind = type("Kind", (Far,), {"got": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    transport = Transport(f"http://127.0.0.1:{server.server_port}")
    kind.node = APINode(transport, "/1.0")
    yield kind
    transport.close()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("body", ["measured", "chunked"])
def test_a_body_that_is_whole_has_its_place(far, tmp_path: Path, body: str):
    heard: list[Progress] = []
    to = tmp_path / "it"
    assert _transfer.fetch(far.node[body], to, stage="export", on_progress=heard.append, fingerprint=SHA) is None
    assert to.read_bytes() == DATA
    assert heard[-1] == ("export", 100.0, "768 KiB of 768 KiB")
    with open(tmp_path / "open", "w+b", buffering=0) as file:
        _transfer.fetch(far.node[body], file, stage="export")
        assert file.tell() == len(DATA)
    assert (tmp_path / "open").read_bytes() == DATA
    with _transfer.fetch(far.node[body], None, stage="export") as temporary:
        assert temporary.read() == DATA


@pytest.mark.parametrize("there", [None, b"before"])
@pytest.mark.parametrize("body", ["measured-cut", "chunked-cut"])
def test_a_body_that_is_cut_leaves_all_as_it_was(far, tmp_path: Path, body: str, there: bytes | None):
    to = tmp_path / "it"
    if there is not None:
        to.write_bytes(there)
    for place in (to, None, io.BytesIO()):
        with pytest.raises(lxdnb.ClientConnectionFailed, match="the server hung up"):
            _transfer.fetch(far.node[body], place, stage="export")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([] if there is None else [there])


def test_another_body_than_was_wanted_is_thrown_away(far, tmp_path: Path):
    with pytest.raises(lxdnb.FingerprintMismatch, match=f"{SHA}, not {'0' * 64}") as caught:
        _transfer.fetch(far.node.measured, tmp_path / "it", stage="export", fingerprint="0" * 64)
    assert (caught.value.wanted, caught.value.found) == ("0" * 64, SHA)
    assert not [*tmp_path.iterdir()]


def test_an_error_of_who_hears_or_writes_is_raised_as_it_is(far, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(_transfer, "TELL_SECONDS", 0)

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        _transfer.fetch(far.node.measured, Full(), stage="export")
    with pytest.raises(ZeroDivisionError):
        _transfer.fetch(far.node.measured, tmp_path / "it", stage="export", on_progress=lambda seen: 1 / 0)
    assert not [*tmp_path.iterdir()]


GIVEN: dict[str, Callable[[Path], Any]] = {
    "bytes": lambda path: DATA,
    "memoryview": lambda path: memoryview(DATA),
    "path": lambda path: path,
    "file": lambda path: path.open("rb"),
    "iterable": lambda path: (DATA[start : start + 1000] for start in range(0, len(DATA), 1000)),
}


@pytest.mark.parametrize("kind", GIVEN)
def test_what_is_given_arrives(far, tmp_path: Path, kind: str, monkeypatch):
    monkeypatch.setattr(_transfer, "TELL_SECONDS", 0)
    path = tmp_path / "it"
    path.write_bytes(DATA)
    heard: list[Progress] = []
    given = GIVEN[kind](path)
    answer = _transfer.send(far.node.images, given, stage="import", on_progress=heard.append)
    assert (answer.content, far.got) == (ANSWER, [(True, DATA)])
    piece = 100 * _transfer.PIECE / len(DATA)
    known = [piece, 2 * piece, 3 * piece] if kind != "iterable" else [None] * 3
    told = [seen.percent for seen in heard]
    assert told[:3] == pytest.approx(known)
    assert told[-1] == 100.0
    if kind == "file":
        assert not given.closed
        given.close()


def test_a_file_goes_from_where_it_stands(far):
    file = io.BytesIO(DATA)
    file.seek(5)
    heard: list[Progress] = []
    _transfer.send(far.node.images, file, stage="import", on_progress=heard.append)
    assert far.got == [(True, DATA[5:])]


def test_a_source_that_fails_sends_no_end(far):
    def source() -> Iterator[bytes]:
        yield DATA
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error") as caught:
        _transfer.send(far.node.images, source(), stage="import")
    assert not isinstance(caught.value, lxdnb.LXDError)
    far.node.images.post(data=iter([b"x"]))  # by another connection
    whole = [body for whole, body in far.got if whole]
    assert whole == [b"x"]


@pytest.mark.parametrize("given", ["a.tar.gz", None, 7, {"a": 1}, io.StringIO("x")])
def test_what_is_no_data_is_not_sent(far, given: Any):
    with pytest.raises(TypeError):
        _transfer.send(far.node.images, given, stage="import")
    with pytest.raises(TypeError, match="on_progress is a function"):
        _transfer.send(far.node.images, b"x", stage="import", on_progress=3)  # type: ignore[arg-type]
    assert not far.got


@pytest.mark.parametrize(
    ("to", "error"),
    [("", ValueError), ("a\0b", ValueError), (7, TypeError), (io.StringIO(), TypeError), ("no/it", FileNotFoundError)],
)
def test_what_is_no_place_is_not_asked_for(tmp_path: Path, monkeypatch, to: Any, error: type[Exception]):
    monkeypatch.chdir(tmp_path)
    node = APINode(Transport("http://127.0.0.1:1"), "/1.0")  # where nobody answers
    with pytest.raises(error):
        _transfer.fetch(node, to, stage="export")
    assert not [*tmp_path.iterdir()]
