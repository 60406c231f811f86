"""An image server of the tests' own, over HTTPS: simplestreams as LXD and Incus read it, and an image by its URL alone.

`with Streams(folder) as streams:` serves a busybox image as two files at `streams.url`, and as one at `streams.one`; a
daemon that is to trust it has `streams.authority` as its SSL_CERT_FILE. `publish()` makes a newer version.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/remote_image_servers/
"""

from __future__ import annotations

import datetime
import gzip
import hashlib
import ipaddress
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.image import busybox_image, split

__all__ = ["ALIAS", "Streams"]

ALIAS = "busybox/1"
_FTYPES = ("lxd.tar.xz", "incus.tar.xz")  # each kind of server looks for its own


class Streams:
    """The server, with what it has been asked for in `asked`."""

    def __init__(self, folder: Path) -> None:
        self.authority = folder / "authority.crt"
        identity = folder / "server.pem"
        _certificate(self.authority, identity)
        busybox = busybox_image(folder / "busybox.tar.gz").read_bytes()
        self.image = busybox + gzip.compress(b"", mtime=0)  # not what the daemon has of its own
        self.metadata, self.rootfs = split(self.image, "xz")
        self.files: dict[str, bytes] = {"/files/one.tar.gz": self.image}
        self.asked: list[str] = []
        self._versions: dict[str, Any] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="image server")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_port}"

    @property
    def one(self) -> str:
        return f"{self.url}/one"

    def publish(self) -> str:
        """Have a newer version of the image, and return its fingerprint."""
        number = f"202601{len(self._versions) + 1:02}_0000"
        rootfs = self.rootfs + b"\0" * 4 * len(self._versions)  # padding, which xz allows
        root = self._file(f"{number}/root.tar.xz", rootfs)
        fingerprint = hashlib.sha256(self.metadata + rootfs).hexdigest()
        items: dict[str, Any] = {"root.tar.xz": root | {"ftype": "root.tar.xz"}}
        for ftype in _FTYPES:
            first = self._file(f"{number}/{ftype}", self.metadata)
            items[ftype] = first | {"ftype": ftype, "combined_rootxz_sha256": fingerprint}
        self._versions[number] = {"items": items}
        product = {"aliases": ALIAS, "arch": "amd64", "os": "BusyBox", "release": "1", "release_title": "1"}
        products = {"busybox:1:amd64:default": product | {"versions": self._versions}}
        form = {"content_id": "images", "datatype": "image-downloads", "format": "products:1.0", "products": products}
        listed = {"path": "streams/v1/images.json", "format": "products:1.0", "datatype": "image-downloads"}
        index = {"format": "index:1.0", "index": {"images": listed | {"products": [*products]}}}
        self.files["/streams/v1/images.json"] = json.dumps(form).encode()
        self.files["/streams/v1/index.json"] = json.dumps(index).encode()
        return fingerprint

    def _file(self, path: str, data: bytes) -> dict[str, Any]:
        self.files[f"/{path}"] = data
        return {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        streams = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer()

            def do_GET(self) -> None:
                self.answer()

            def answer(self) -> None:
                streams.asked.append(f"{self.command} {self.path}")
                body = b"" if self.path == "/one" else streams.files.get(self.path)
                self.send_response(404 if body is None else 200)
                if self.path == "/one":
                    for product in ("LXD", "Incus"):
                        self.send_header(f"{product}-Image-URL", f"{streams.url}/files/one.tar.gz")
                        self.send_header(f"{product}-Image-Hash", hashlib.sha256(streams.image).hexdigest())
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body or b"")

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


def _certificate(authority: Path, identity: Path) -> None:
    """Write a self-signed certificate of this machine's loopback, and it with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "image server")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    authority.write_bytes(pem)
    plain = serialization.NoEncryption()
    identity.write_bytes(pem + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
