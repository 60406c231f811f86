"""A server that keeps what it is asked, byte for byte, and answers as if everything were there.

For what must not be sent, and for how it is: a real daemon would not tell. It knows nothing of what it answers; what
real servers make of the same is for tests on those.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import unquote

from tests.wire import Asked, read

__all__ = ["FINGERPRINT", "ID", "Recorder", "Request"]

ID = "1b3c9e6a-3f0e-4c1a-9d3f-2f3b6b0c9a11"
FINGERPRINT = "ab12" * 16

EXTENSIONS = (
    *("certificate_token", "file_append", "file_delete", "file_symlinks", "directory_manipulation", "resources"),
    *("image_compression_algorithm", "instance_create_start", "instance_file_head", "snapshot_expiry_creation"),
    *("instances_state_selective_recursion", "operations_get_query_all_projects"),
    *("projects", "project_usage", "profiles_all_projects"),
)
HOST = {
    "auth": "trusted",
    "environment": {"server": "lxd", "server_version": "5.0.2", "addresses": ["10.0.0.1:8443"], "certificate": "PEM"},
}
COLLECTIONS = (["instances"], ["profiles"], ["images"])
"""What is a list also without recursion; further down, it is somebody's name."""


class Request(NamedTuple):
    """One request, as it came: its first line, the names and values of its head, its body."""

    line: str
    head: list[tuple[str, str]]
    body: bytes

    @property
    def asked(self) -> Asked:
        return read(self.line)

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    requests: list[Request]
    host: dict[str, Any]


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        try:
            while line := self.rfile.readline():
                self._one(line)
        except ConnectionError:
            pass  # whoever asked is gone

    def _one(self, line: bytes) -> None:
        head: list[tuple[str, str]] = []
        while (field := self.rfile.readline()) not in (b"\r\n", b""):
            name, _, value = field.decode("latin-1").partition(":")
            head.append((name.strip().lower(), value.strip(" \t\r\n")))
        fields = dict(head)
        body = self.rfile.read(int(fields.get("content-length", 0)))
        while fields.get("transfer-encoding") == "chunked" and (size := int(self.rfile.readline(), 16)) >= 0:
            body += self.rfile.read(size)
            self.rfile.readline()
            if not size:
                break
        said = line.decode("latin-1")
        assert said.endswith(" HTTP/1.1\r\n"), said
        request = Request(said.removesuffix(" HTTP/1.1\r\n"), head, body)
        self.server.requests.append(request)
        code, answer = _answer(request, self.server.host)
        payload = b"" if request.line.startswith("HEAD") else json.dumps(answer).encode()
        self.wfile.write(
            f"HTTP/1.1 {code} Said\r\nContent-Type: application/json\r\nX-LXD-type: file\r\n"
            f"Content-Length: {len(payload)}\r\n\r\n".encode()
            + payload
        )


def _answer(request: Request, host: dict[str, Any]) -> tuple[int, Any]:
    method, _, target = request.line.partition(" ")
    path = target.partition("?")[0]
    parts = path.split("/")[2:]
    if parts[-1:] in (["sftp"], ["exec"]):  # what would need more than an answer
        return 404, {"type": "error", "error": "not found", "error_code": 404}
    record: Any = {"name": "c1", "type": "container", "status": "Stopped", "status_code": 200}
    record |= {"fingerprint": FINGERPRINT, "target": FINGERPRINT, "id": ID, "expiresAt": "", "addresses": []}
    record |= {
        "config": {},
        "devices": {},
        "profiles": [],
        "secret": "s",
        "aliases": [],
        "metadata": {"fingerprint": FINGERPRINT, "secret": "s"},
    }
    if parts in ([], [""]):
        record = host
    elif method == "GET" and ("recursion" in request.asked.query or parts in COLLECTIONS):
        record = {} if parts == ["operations"] else []
    elif parts[0] == "certificates":
        record["metadata"] = dict(record)
    elif len(parts) >= 2:
        record["name"] = unquote(parts[-1])
        if parts[-2] == "snapshots" and "volumes" not in parts:
            record["name"] = unquote(record["name"])
    return 200, {"type": "sync", "status": "Success", "status_code": 200, "metadata": record}


class Recorder:
    """`with Recorder(folder) as recorder:` and clients connect to `recorder.endpoint`; it has more API `extensions`."""

    def __init__(self, folder: Path, extensions: Iterable[str] = ()) -> None:
        self.endpoint = str(folder / "recorder.socket")
        self._server = _Server(self.endpoint, _Handler)
        self._server.requests = []
        self._server.host = HOST | {"api_extensions": [*EXTENSIONS, *extensions]}
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def requests(self) -> list[Request]:
        """What was asked since `forget()`."""
        return list(self._server.requests)

    def forget(self) -> None:
        self._server.requests.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
