"""Single files of a container: what is put is there, what is got is whole, and what cannot be is told."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import lxdnb
from lxdnb.exceptions import LXDAPIException
from lxdnb.models import Container
from lxdnb.transport import refusal

BINARY = bytes(range(256)) * 400  # 100 kB: several packets, and no UTF-8


@pytest.fixture(scope="module")
def box(flavour, start_server) -> Iterator[Container]:
    """A running container for all tests of this module."""
    server = start_server(flavour)
    client = lxdnb.Client(str(server.socket))
    container = client.containers.launch("busybox", f"files-{os.getpid()}")
    yield container
    client.close()
    server.clear()


@pytest.fixture(params=["sftp", "rest"])
def files(request, box, monkeypatch):
    """The files of a container, by each of the two ways; `/t` is empty."""
    if request.param == "rest":

        def no_sftp(*_):
            raise LXDAPIException(refusal(404, "not found"))

        monkeypatch.setattr(box.client._transport, "upgrade", no_sftp)
    run(box, "rm -rf /t; mkdir /t")
    return box.files


def run(box: Container, script: str) -> str:
    result = box.execute(["sh", "-c", script])
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.parametrize(
    ("data", "written"),
    [
        ("héllo\n", "héllo\n".encode()),
        (BINARY, BINARY),
        (bytearray(BINARY), BINARY),
        (memoryview(BINARY)[::2], BINARY[::2]),
        (b"", b""),
        ([BINARY, b"", b"end"], BINARY + b"end"),
    ],
    ids=["text", "bytes", "bytearray", "memoryview", "empty", "list"],
)
def test_what_is_put_is_there_and_what_is_there_is_got(files, box, data, written: bytes):
    assert files.put("/t/a", data) is True
    assert box.execute(["cat", "/t/a"], decode=False).stdout == written
    assert run(box, "stat -c '%a %u %g' /t/a") == "644 0 0\n"
    assert files.get("/t/a") == written
