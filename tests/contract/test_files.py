"""Single files of a container: what is put is there, what is got is whole, and what cannot be is told."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

import lxdnb
from lxdnb.models import Container
from tests.boxes import no_sftp, run

BINARY = bytes(range(256)) * 400  # 100 kB: several packets, and no UTF-8


@pytest.fixture(params=["sftp", "rest"])
def files(request, box: Container, monkeypatch):
    """The files of a container, by each of the two ways; `/t` is empty."""
    if request.param == "rest":
        monkeypatch.setattr(box.client._transport, "upgrade", no_sftp)
    run(box, "rm -rf /t; mkdir /t")
    return box.files


@pytest.fixture
def sftp(box: Container):
    run(box, "rm -rf /t; mkdir /t")
    return box.files


@pytest.mark.parametrize(
    ("data", "written"),
    [
        ("héllo\n", "héllo\n".encode()),
        (BINARY, BINARY),
        (bytearray(BINARY), BINARY),
        (memoryview(BINARY)[::2], BINARY[::2]),
        (b"", b""),
        ([BINARY, b"", b"end", "é"], BINARY + b"end" + "é".encode()),
    ],
    ids=["text", "bytes", "bytearray", "memoryview", "empty", "list"],
)
def test_what_is_put_is_there_and_what_is_there_is_got(files, box, data, written: bytes):
    assert files.put("/t/a", data) is True
    assert box.execute(["cat", "/t/a"], decode=False).stdout == written
    assert run(box, "stat -c '%a %u %g' /t/a") == "644 0 0\n"
    assert files.get("/t/a") == written


def test_files_and_generators_are_read_as_they_come(files, box, tmp_path):
    here = tmp_path / "here"
    here.write_bytes(BINARY)
    files.put("/t/path", here)
    with open(here, "rb") as file:
        file.seek(1000)
        files.put("/t/file", file)
    files.put("/t/text", io.StringIO("é" * 50_000))
    files.put("/t/pieces", (bytes([number % 256]) for number in range(70_000)))
    sums = run(box, "cd /t; sha256sum path file text pieces")
    expected = [BINARY, BINARY[1000:], ("é" * 50_000).encode(), bytes(number % 256 for number in range(70_000))]
    assert [line.split()[0] for line in sums.splitlines()] == [hashlib.sha256(each).hexdigest() for each in expected]


@pytest.mark.parametrize(("mode", "shown"), [(0o640, "640"), ("0640", "640"), ("640", "640"), ("0o7", "7"), (0, "0")])
def test_a_new_file_has_the_mode_and_owner_that_were_named(files, box, mode, shown: str):
    files.put("/t/a", b"x", mode=mode, uid=1000, gid="2000")
    assert run(box, "stat -c '%a %u %g' /t/a") == f"{shown} 1000 2000\n"


def test_a_file_that_is_there_keeps_its_mode_and_owner(files, box):
    run(box, "echo longer than before >/t/a; chown 5:6 /t/a; chmod 4751 /t/a; ln -s a /t/l")
    files.put("/t/l", b"new")
    assert run(box, "cat /t/a; stat -c ' %a %u %g' /t/a; readlink /t/l").split() == ["new", "751", "5", "6", "a"]


def test_a_file_that_is_there_takes_what_is_named(sftp, box):
    run(box, "echo x >/t/a; chown 5:6 /t/a; chmod 600 /t/a")
    sftp.put("/t/a", b"new", mode=0o755, gid=9)
    assert run(box, "stat -c '%a %u %g' /t/a") == "755 5 9\n"


def test_bits_that_servers_do_not_set_are_told(sftp, box):
    with pytest.warns(UserWarning, match="no bit of a mode beyond 0777, so not those of 4755"):
        sftp.put("/t/a", b"x", mode=0o4755)
    assert run(box, "stat -c %a /t/a") == "755\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("/t/a", None), TypeError),
        (("/t/a", 5), TypeError),
        (("/t/a", {"a": 1}), TypeError),
        ((b"/t/a", b""), TypeError),
        ((None, b""), TypeError),
        (("", b""), ValueError),
        (("/t/a\0b", b""), ValueError),
        (("/t/\ud800", b""), ValueError),
        (("/t/a", b"", True), TypeError),
        (("/t/a", b"", 1.5), TypeError),
        (("/t/a", b"", "rw"), ValueError),
        (("/t/a", b"", "99"), ValueError),
        (("/t/a", b"", -1), ValueError),
        (("/t/a", b"", 0o10000), ValueError),
        (("/t/a", b"", None, True), TypeError),
        (("/t/a", b"", None, "root"), TypeError),
        (("/t/a", b"", None, -1), ValueError),
        (("/t/a", b"", None, None, 2**32), ValueError),
        (("/t/a", Path("/no/such/file")), FileNotFoundError),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_sent(box, monkeypatch, arguments, error):
    def sent(*_, **__):
        raise AssertionError("something was sent")

    monkeypatch.setattr(box.client._transport, "upgrade", sent)
    monkeypatch.setattr(box.client._transport, "request", sent)
    with pytest.raises(error):
        box.files.put(*arguments)


def test_an_iterable_that_fails_or_yields_what_is_no_data(files):
    def pieces() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        files.put("/t/a", pieces())
    with pytest.raises(TypeError, match="a piece of a file's data is bytes or str, not 5"):
        files.put("/t/a", [b"x", 5])
    files.put("/t/a", b"fine again")
    assert files.get("/t/a") == b"fine again"


def test_what_is_not_there_and_what_is_no_file(files, box):
    run(box, "ln -s nowhere /t/dangling; ln -s loop /t/loop; echo x >/t/f")
    for ask in (
        lambda: files.get("/t/no"),
        lambda: files.put("/t/no/a", b"x"),
        lambda: files.delete("/t/no"),
        lambda: files.mk_dir("/t/no/a"),
        lambda: files.list("/t/no"),
        lambda: files.stat("/t/no"),
        lambda: files.get("/t/dangling"),
        lambda: files.recursive_get("/t/no", "unused"),
    ):
        with pytest.raises(lxdnb.NotFound, match=r"^/t/.*: no such file or directory"):
            ask()
    for ask, reason in (
        (lambda: files.get("/t"), "is a directory"),
        (lambda: files.put("/t", b"x"), "is a directory"),
        (lambda: files.list("/t/f"), "not a directory"),
        (lambda: files.get("/t/f/g"), "not a directory"),
        (lambda: files.get("/t/loop"), "too many levels of symbolic links"),
        (lambda: files.delete("/t"), "directory not empty"),
        (lambda: files.mk_dir("/t/f"), "file exists"),
        (lambda: files.put("/proc/version", b"x"), "permission denied"),
    ):
        with pytest.raises(lxdnb.FileFailed) as told:
            ask()
        assert told.value.reason == reason


def test_an_instance_that_is_not_there(box):
    gone = Container(box.client, name="nobody")
    with pytest.raises(lxdnb.NotFound, match="nstance not found"):
        gone.files.get("/etc/passwd")


def test_a_full_disk_is_told(files, box):
    run(box, "mkdir /t/small; mount -t tmpfs -o size=1m none /t/small")
    try:
        with pytest.raises(lxdnb.FileFailed, match="no space left on device"):
            files.put("/t/small/a", [b"x" * 100_000] * 50)
    finally:
        run(box, "umount /t/small")


def test_a_fifo_is_refused_and_waits_for_nobody(sftp, box):
    run(box, "mkfifo /t/fifo")
    for ask in (lambda: sftp.get("/t/fifo"), lambda: sftp.put("/t/fifo", b"x")):
        with pytest.raises(lxdnb.FileFailed, match="is a fifo"):
            ask()


def test_files_whose_size_is_said_to_be_nothing(sftp, box):
    assert sftp.get("/proc/version").decode() == run(box, "cat /proc/version")


def test_append(files, box):
    run(box, "echo one >/t/a; chmod 600 /t/a")
    files.append("/t/a", "two\n")
    files.append("/t/new", b"x")
    assert run(box, "cat /t/a /t/new; stat -c ' %a' /t/a").split() == ["one", "two", "x", "600"]


def test_folders_links_and_deleting(files, box):
    assert files.delete_available() is True
    files.mk_dir("/t/d")
    files.mk_dir("/t/e", mode="700", uid=3, gid=4)
    files.mk_dir("/t/e", mode=0o777)  # one that is there stays as it is
    files.symlink("/t/l", "../somewhere else")
    assert run(box, "stat -c '%a %u %g' /t/d /t/e; readlink /t/l") == "750 0 0\n700 3 4\n../somewhere else\n"
    for path in ("/t/d", "/t/e", "/t/l"):
        files.delete(path)
    assert run(box, "ls -A /t") == ""


def test_a_link_to_a_folder_is_listed_as_the_folder(files, box, tmp_path):
    run(box, "mkdir /t/d; touch /t/d/x; ln -s /t/d /t/whole; ln -s whole /t/again; ln -s round /t/round")
    for link in ("/t/whole", "/t/again"):
        assert [entry.name for entry in files.list(link)] == ["x"]
        files.recursive_get(link, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["x"]
    with pytest.raises(lxdnb.LXDAPIException):
        files.list("/t/round")


def test_what_stat_and_list_tell(sftp, box):
    run(box, "cd /t; printf 12345 >b; chmod 640 b; chown 7:8 b; touch -d '2001-02-03 04:05:06' b; mkdir a; ln -s b c")
    entry = sftp.stat("/t/b")
    told = f"{entry.mode:o} {entry.uid} {entry.gid} {entry.size} {entry.modified}\n"
    assert told == run(box, "stat -c '%a %u %g %s %Y' /t/b")
    assert [(each.name, each.type) for each in sftp.list("/t")] == [("a", "directory"), ("b", "file"), ("c", "symlink")]
    assert (sftp.stat("/t/c").target, sftp.stat("t/a").type) == ("b", "directory")


def test_what_is_fetched_to_a_path(files, box, tmp_path):
    files.put("/t/a", BINARY, mode=0o600)
    (tmp_path / "there").write_text("before")
    (tmp_path / "there").chmod(0o640)
    (tmp_path / "link").symlink_to("there")
    assert files.get("/t/a", to=tmp_path / "link") is None
    assert (tmp_path / "there").read_bytes() == BINARY
    assert os.lstat(tmp_path / "there").st_mode & 0o777 == 0o640
    files.get("/t/a", to=str(tmp_path))  # a folder: it keeps its name
    assert sorted(os.listdir(tmp_path)) == ["a", "link", "there"]
    files.get("/t/a", to="/dev/null")
    assert not os.path.isfile("/dev/null")
    with pytest.raises(FileNotFoundError, match="no folder"):
        files.get("/t/a", to=tmp_path / "no/a")
    with pytest.raises(lxdnb.NotFound):
        files.get("/t/no", to=tmp_path / "there")
    assert (tmp_path / "there").read_bytes() == BINARY
    assert sorted(os.listdir(tmp_path)) == ["a", "link", "there"]


def test_what_is_fetched_to_an_open_file(files):
    files.put("/t/a", BINARY)
    held = io.BytesIO(b"before")
    held.seek(6)
    files.get("/t/a", to=held)
    assert held.getvalue() == b"before" + BINARY
    with pytest.raises(TypeError, match="open for bytes"):
        files.get("/t/a", to=io.StringIO())


def test_the_command_line_and_we_see_the_same(files, box, daemon, tmp_path):
    (tmp_path / "up").write_bytes(BINARY)
    daemon.cli("file", "push", str(tmp_path / "up"), f"{box.name}/t/theirs")
    assert files.get("/t/theirs") == BINARY
    files.put("/t/ours", BINARY[::-1])
    daemon.cli("file", "pull", f"{box.name}/t/ours", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == BINARY[::-1]


def test_the_files_of_a_stopped_instance(box, daemon):
    daemon.cli("init", "busybox", f"{box.name}-off")
    stopped = box.client.containers.get(f"{box.name}-off")
    stopped.files.put("/root/a", b"x", mode=0o600)
    assert (stopped.files.get("/root/a"), stopped.files.stat("/root/a").mode) == (b"x", 0o600)
    stopped.delete(wait=True)


def test_over_https_too(box, daemon):
    certificate = tuple(map(str, daemon.client_certificate))
    client = lxdnb.Client(daemon.address, cert=certificate, fingerprint=daemon.fingerprint)
    try:
        remote = client.containers.get(box.name).files
        remote.put("/tls", BINARY * 20)
        assert remote.get("/tls") == box.files.get("/tls") == BINARY * 20
    finally:
        client.close()


def test_the_class_takes_an_instance_as_pylxd_s_does(box):
    assert type(box).FilesManager(box).get("/etc/passwd") == box.files.get("/etc/passwd")


def test_large_files_take_no_memory(files, box, tmp_path):
    large = tmp_path / "large"
    subprocess.run(f"head -c 64M /dev/urandom >{large}", shell=True, check=True)
    tracemalloc.start()
    try:
        files.put("/t/large", large)
        files.get("/t/large", to=tmp_path / "back")
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()
    assert subprocess.run(["cmp", large, tmp_path / "back"], check=False).returncode == 0


def test_nothing_is_left_open(box):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        box.files.put("/t/a", b"x")
        box.files.get("/t/a")
        with pytest.raises(lxdnb.NotFound):
            box.files.get("/t/no")
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # a pooled connection of the client's
