"""What a hostile or broken SFTP server does: nothing is written outside, nothing left half-written, nothing hangs."""

from __future__ import annotations

import os
import signal
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import lxdnb
from lxdnb.api import APINode
from lxdnb.models._folder import problem
from lxdnb.models.files import FilesManager
from lxdnb.transport import Transport
from tests.sftp import (
    ATTRS,
    CLOSE,
    DATA,
    DIRECTORY,
    FAILURE,
    FIFO,
    FILE,
    FSETSTAT,
    HANDLE,
    LINK,
    MKDIR,
    NAME,
    OK,
    OPEN,
    READ,
    STAT,
    VERSION,
    WRITE,
    Server,
    attributes,
    packet,
    status,
    text,
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    served = Server(tmp_path / "socket")
    yield served
    served.stop()


@pytest.fixture
def files(server: Server, tmp_path: Path) -> Iterator[FilesManager]:
    transport = Transport(str(tmp_path / "socket"), timeout=5)
    yield FilesManager(SimpleNamespace(api=APINode(transport, "/1.0/instances/c1")))  # type: ignore
    assert server.closed.wait(5), "the connection was left open"
    transport.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A folder to pull into, beside one that nothing may be written into."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("kind", [FILE, DIRECTORY, LINK, FIFO])
@pytest.mark.parametrize("name", [b"../outside/x", b"/x", b"a/b", b"", b"a\0b", b"../x"])
def test_a_name_that_is_none_is_an_error_and_writes_nothing(server, files, target, name: bytes, kind: int):
    server.folders = {b"/d": [(name, kind, b"bad")], b"/d/" + name: [(b"x", FILE, b"bad")]}
    with pytest.raises(lxdnb.FileFailed, match="no name of a file"):
        files.recursive_get("/d", target)
    assert tree(target.parent) == {"outside", "target", "socket"}


def test_dots_are_the_folder_itself_and_passed_over(server, files, target):
    server.folders = {b"/d": [(b".", DIRECTORY, b""), (b"..", DIRECTORY, b""), (b"..x", FILE, b"good")]}
    files.recursive_get("/d", target)
    assert tree(target) == {"..x"}
    assert [entry.name for entry in files.list("/d")] == ["..x"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_link_that_is_a_folder_as_well_is_never_written_through(server, files, target, order: int):
    outside = str(target.parent / "outside").encode()
    server.folders = {
        b"/d": [(b"x", LINK, outside), (b"x", DIRECTORY, b"")][::order],
        b"/d/x": [(b"evil", FILE, b"bad")],
    }
    with pytest.raises(OSError, match="x"):
        files.recursive_get("/d", target)
    assert os.listdir(outside) == []
    assert not [name for name in tree(target) if "lxdnb" in name]


def test_a_link_that_is_a_file_as_well_is_never_written_through(server, files, target):
    (target.parent / "outside/kept").write_text("kept")
    server.folders = {b"/d": [(b"x", LINK, b"../outside/kept"), (b"x", FILE, b"bad")]}
    files.recursive_get("/d", target)
    assert (target.parent / "outside/kept").read_text() == "kept"
    assert tree(target) == {"x"}


def test_what_a_name_of_bytes_or_a_mode_says_stays(server, files, target):
    server.folders = {b"/d": [(b"a\xffb", stat.S_IFREG | 0o6751, b"1"), (b"\n", stat.S_IFREG | 0o600, b"2")]}
    files.recursive_get("/d", target)
    assert sorted(os.listdir(os.fsencode(target))) == [b"\n", b"a\xffb"]
    # Programs of a container do not become ones that run as root here.
    assert stat.S_IMODE(os.stat(os.fsencode(target) + b"/a\xffb").st_mode) == 0o751


@pytest.mark.parametrize("longest", [1000, 32768])
def test_a_file_is_whole_however_short_its_pieces_are(server, files, longest: int):
    held = os.urandom(100_000)
    server.longest = longest
    server.folders = {b"": [(b"f", FILE, held)]}
    assert files.get("/f") == held


def test_a_file_is_read_to_its_end_whatever_its_size_is_said_to_be(server, files):
    held = os.urandom(100_000)
    server.folders = {b"": [(b"f", FILE, held)]}
    for said in (0, 50_000, 2**62):
        server.answers[STAT] = lambda identifier, body, said=said: packet(
            ATTRS, struct.pack(">I", identifier) + attributes(FILE, said)
        )
        assert files.get("/f") == held


def test_answers_may_come_in_any_order(server, files):
    held = os.urandom(32768 * 3)
    server.folders = {b"": [(b"f", FILE, held)]}
    kept: list[bytes] = []
    own = server._answer_to(READ)

    def late(identifier: int, body: bytes) -> bytes:
        # Four are asked for at once, the last beyond the end: all four come together, the last one first.
        kept.insert(0, own(identifier, body))
        if len(kept) < 4:
            return b""
        return b"".join(kept)

    server.answers[READ] = late
    assert files.get("/f") == held


def test_an_error_of_any_write_is_told(server, files):
    count = 0

    def full(identifier: int, body: bytes) -> bytes:
        nonlocal count
        count += 1
        return (
            status(identifier, FAILURE, b"write /f: no space left on device") if count == 3 else status(identifier, OK)
        )

    server.answers[WRITE] = full
    with pytest.raises(lxdnb.FileFailed, match=r"^/f: no space left on device$") as told:
        files.put("/f", bytes(32768 * 5))
    assert (told.value.path, told.value.reason) == ("/f", "no space left on device")


def test_an_error_of_the_last_write_and_of_closing_is_told(server, files):
    for kind in (WRITE, CLOSE, FSETSTAT):
        server.answers = {kind: lambda identifier, body: status(identifier, FAILURE, b"Failure")}
        with pytest.raises(lxdnb.FileFailed, match="/f: failed"):
            files.put("/f", b"x", mode=0o600)


@pytest.mark.parametrize(
    "answer",
    [
        lambda identifier, body: packet(DATA, struct.pack(">II", identifier, 1000) + b"short"),
        lambda identifier, body: packet(DATA, struct.pack(">I", identifier) + text(b"")),
        lambda identifier, body: packet(DATA, struct.pack(">I", identifier) + text(b"x" * 32769)),
        lambda identifier, body: packet(DATA, struct.pack(">I", identifier + 1000) + text(b"x")),
        lambda identifier, body: packet(HANDLE, struct.pack(">I", identifier)),
        lambda identifier, body: packet(NAME, struct.pack(">II", identifier, 2**32 - 1)),
        lambda identifier, body: packet(ATTRS, struct.pack(">II", identifier, 0)),
        lambda identifier, body: packet(200, struct.pack(">I", identifier)),
        lambda identifier, body: struct.pack(">I", 0),
        lambda identifier, body: struct.pack(">I", 2**31) + bytes(100),
        lambda identifier, body: packet(DATA, b"\0"),
        lambda identifier, body: b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
        lambda identifier, body: None,
    ],
)
def test_what_is_no_answer_ends_it_and_leaves_the_file_here_as_it_was(server, files, target, answer):
    server.folders = {b"": [(b"f", FILE, b"x" * 40_000)]}
    server.answers[READ] = answer
    (target / "f").write_text("before")
    with pytest.raises(lxdnb.ClientConnectionFailed):
        files.get("/f", to=target / "f")
    assert (target / "f").read_text() == "before"
    assert tree(target) == {"f"}


def test_a_connection_that_is_cut_in_the_middle_of_a_packet(server, files, target):
    server.folders = {b"/d": [(b"f", FILE, b"x" * 40_000)]}
    server.last = READ
    server.answers[READ] = lambda identifier, body: server._answer(READ, identifier, body)[:-1]
    with pytest.raises(lxdnb.ClientConnectionFailed, match="hung up"):
        files.recursive_get("/d", target)
    assert tree(target) == set()


def test_a_server_that_says_nothing_is_given_up(server, tmp_path, target):
    server.folders = {b"": [(b"f", FILE, b"x")]}
    server.answers[READ] = lambda identifier, body: b""
    transport = Transport(str(tmp_path / "socket"), timeout=0.3)
    files = FilesManager(SimpleNamespace(api=APINode(transport, "/1.0/instances/c1")))  # type: ignore
    with pytest.raises(lxdnb.ClientConnectionFailed, match="no answer in time"):
        files.recursive_get("/f", target / "f")
    assert tree(target) == set()


def test_an_interrupt_leaves_nothing_half_written(server, files, target):
    server.folders = {b"/d": [(b"f%d" % number, FILE, b"x" * 100_000) for number in range(5)]}
    taken = 0

    def interrupt(identifier: int, body: bytes) -> bytes:
        nonlocal taken
        taken += 1
        if taken == 5:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # which wakes it from its read
            return b""
        return server._answer(READ, identifier, body)

    server.answers[READ] = interrupt
    with pytest.raises(KeyboardInterrupt):
        files.recursive_get("/d", target)
    assert not [name for name in tree(target) if "lxdnb" in name]


def test_what_the_upgrade_is_refused_with(server, files):
    body = b'{"type":"error","error_code":403,"error":"not for you"}'
    server.greeting = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with pytest.raises(lxdnb.Forbidden, match="not for you"):
        files.get("/f")


@pytest.mark.parametrize("greeting", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
def test_what_is_no_upgrade(server, files, greeting: bytes):
    server.greeting = greeting
    server.version = packet(VERSION, struct.pack(">I", 2))
    with pytest.raises(lxdnb.LXDError):
        files.get("/f")


def test_an_older_protocol(server, files):
    server.version = packet(VERSION, struct.pack(">I", 2))
    with pytest.raises(lxdnb.ClientConnectionFailed, match="does not speak SFTP 3"):
        files.get("/f")


def test_special_files_are_left_out_and_told(server, files, target):
    server.folders = {b"/d": [(b"fifo", FIFO, b""), (b"a", FILE, b"1")]}
    with pytest.warns(UserWarning, match="left out 1, .*'/d/fifo'"):
        files.recursive_get("/d", target)
    assert tree(target) == {"a"}
    with pytest.raises(lxdnb.FileFailed, match="is a fifo"):
        files.get("/d/fifo")
    assert server.seen.count(OPEN) == 1


@pytest.mark.parametrize("name", ["a:b", "x?", "CON", "nul.txt", "com1", "a.", "a ", "\n", "a\\b", "\udcff", "lpt¹.x"])
def test_names_that_windows_forbids(name: str):
    assert problem(name, windows=True) == "Windows does not allow such a name"
    assert problem(name, windows=False) is None


@pytest.mark.parametrize("name", ["..x", ".x", "console", "com", "a b", "é", "nullify.txt"])
def test_names_that_any_system_takes(name: str):
    assert problem(name, windows=True) is None


def test_a_server_that_does_not_read_before_it_has_answered_is_listened_to(server, files, tmp_path):
    # Its lists and what we write are each more than a socket holds.
    server.answers[MKDIR] = lambda identifier, body: status(identifier, FAILURE)  # each is there already
    server.folders[b"/t"] = []
    for number in range(40):
        folder = tmp_path / "here" / f"d{number}"
        folder.mkdir(parents=True)
        (tmp_path / "here" / f"f{number}").write_bytes(b"x" * 1_000_000)
        server.folders[b"/t/d%d" % number] = [(b"%d" % name + b"n" * 200, FILE, b"") for name in range(1000)]
    files.recursive_put(tmp_path / "here", "/t")
    assert [len(content) for content in server.written.values()] == [1_000_000] * 40
