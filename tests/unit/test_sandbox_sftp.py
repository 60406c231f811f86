"""The sandbox's SFTP, byte by byte: requests by the draft, and what is none."""

from __future__ import annotations

import struct

import pytest

from lxdnb.sandbox.filesystem import Tree
from lxdnb.sandbox.packets import Malformed
from lxdnb.sandbox.sftp import Sftp

INIT, VERSION, OPEN, READ, WRITE, READDIR, STAT, STATUS, HANDLE, DATA, NAME, ATTRS = (
    1,
    2,
    3,
    5,
    6,
    12,
    17,
    101,
    102,
    103,
    104,
    105,
)


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def packet(kind: int, body: bytes) -> bytes:
    return struct.pack(">IB", len(body) + 1, kind) + body


def request(kind: int, number: int, *parts: bytes) -> bytes:
    return packet(kind, struct.pack(">I", number) + b"".join(parts))


def status(number: int, code: int, message: bytes) -> bytes:
    return request(STATUS, number, struct.pack(">I", code), text(message), text(b""))


@pytest.fixture
def tree() -> Tree:
    return Tree(lambda: 1_000_000_000.0)


@pytest.fixture
def sftp(tree: Tree) -> Sftp:
    speaking = Sftp(tree)
    assert speaking.feed(packet(INIT, struct.pack(">I", 3)))[4:9] == struct.pack(">BI", VERSION, 3)
    return speaking


def test_a_file_is_written_and_read_however_the_bytes_come(tree, sftp):
    sent = b"".join(
        [
            request(OPEN, 1, text(b"/a\xff"), struct.pack(">II", 2 | 8 | 16, 4), struct.pack(">I", 0o100640)),
            request(WRITE, 2, text(b"1"), struct.pack(">Q", 0), text(b"hello")),
            request(OPEN, 3, text(b"/a\xff"), struct.pack(">II", 1, 0)),
            request(READ, 4, text(b"2"), struct.pack(">QI", 1, 100)),
            request(READ, 5, text(b"2"), struct.pack(">QI", 5, 100)),
        ]
    )
    heard = b"".join(sftp.feed(sent[at : at + 7]) for at in range(0, len(sent), 7))
    assert heard == b"".join(
        [
            request(HANDLE, 1, text(b"1")),
            status(2, 0, b""),
            request(HANDLE, 3, text(b"2")),
            request(DATA, 4, text(b"ello")),
            status(5, 1, b"EOF"),
        ]
    )
    assert tree.names("/") == ["a\udcff"]
    assert tree.find("/a\udcff").mode == 0o640


def test_what_cannot_be_is_told_with_its_reason(tree, sftp):
    tree.make_directory("/d")
    assert sftp.feed(request(STAT, 7, text(b"/no"))) == status(7, 2, b"stat /no: no such file or directory")
    opened = request(OPEN, 8, text(b"/d"), struct.pack(">II", 2, 0))
    assert sftp.feed(opened) == status(8, 4, b"open /d: is a directory")
    assert sftp.feed(request(99, 9)) == status(9, 8, b"unsupported")
    assert sftp.feed(request(READ, 10, text(b"nope"), struct.pack(">QI", 0, 1)))[4:5] == bytes([STATUS])


@pytest.mark.parametrize(
    "sent",
    [b"\xff\xff\xff\xff\x01", b"\0\0\0\0", packet(STAT, b"\0\0"), request(STAT, 1, b"\xff\xff\xff\xff/")],
    ids=["too long", "nothing", "no number", "cut"],
)
def test_what_is_no_packet_ends_it(sftp, sent: bytes):
    with pytest.raises(Malformed):
        sftp.feed(sent)
