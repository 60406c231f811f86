"""Whole folders, in and out: modes, links and contents as they are, and nothing beside the folder that was named."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import lxdnb
from tests.boxes import no_sftp, run

SHOW = "find . -mindepth 1 | sort | while read p; do stat -c '%n %F %a' \"$p\"; done"


@pytest.fixture(params=["sftp", "rest"])
def files(request, box, monkeypatch):
    if request.param == "rest":
        monkeypatch.setattr(box.client._transport, "upgrade", no_sftp)
    run(box, "rm -rf /t; mkdir /t")
    return box.files


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of files, links and folders with modes of their own."""
    source = tmp_path / "source"
    (source / "a/deep/er").mkdir(parents=True)
    (source / "empty").mkdir()
    (source / "a/deep/er/file").write_bytes(os.urandom(100_000))
    (source / "script").write_text("#!/bin/sh\n")
    (source / "secret").write_text("secret")
    (source / "none").write_text("")
    (source / "..x").write_text("dots")
    (source / "link").symlink_to("a/deep")
    (source / "away").symlink_to("/etc/passwd")
    (source / "dangling").symlink_to("no where")
    for name, mode in {"script": 0o755, "secret": 0o600, "none": 0o444, "a": 0o711, "a/deep": 0o500}.items():
        (source / name).chmod(mode)
    return source


def seen(folder: Path) -> dict[str, tuple[str, int, bytes | str]]:
    """Each path with its kind, permissions and content, told by this machine's own system."""
    told: dict[str, tuple[str, int, bytes | str]] = {}
    for path in folder.rglob("*"):
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            told[str(path.relative_to(folder))] = ("link", 0o777, os.readlink(path))
        else:
            content = path.read_bytes() if path.is_file() else b""
            told[str(path.relative_to(folder))] = (stat.filemode(found.st_mode)[0], found.st_mode & 0o7777, content)
    return told


def test_a_folder_there_and_back(box, tmp_path, source):
    run(box, "rm -rf /t; mkdir /t")
    box.files.recursive_put(source, "/t/new")
    kinds = {"-": "regular file", "d": "directory", "link": "symbolic link"}
    expected = {f"./{name} {kinds[kind]} {mode:o}" for name, (kind, mode, _) in seen(source).items()}
    shown = run(box, f"cd /t/new; {SHOW}").replace("regular empty file", "regular file")
    assert set(shown.splitlines()) == expected
    assert run(box, "cd /t/new; for l in link away dangling; do readlink $l; done; stat -c '%u %g' script") == (
        "a/deep\n/etc/passwd\nno where\n0 0\n"
    )
    box.files.recursive_get("/t/new", tmp_path / "back")
    assert seen(tmp_path / "back") == seen(source)


def test_without_sftp_too(files, box, tmp_path, source):
    (source / "link").unlink()  # that way servers tell of links where they lead to
    (source / "dangling").unlink()
    files.recursive_put(source, "/t/new", uid=5, gid=6)
    assert run(box, "stat -c '%u %g' /t/new/a /t/new/script") == "5 6\n5 6\n"
    files.recursive_get("/t/new", tmp_path / "back")
    assert seen(tmp_path / "back") == seen(source)


def test_a_mode_for_all_files_lets_folders_be_entered(box, source):
    run(box, "rm -rf /t; mkdir /t")
    box.files.recursive_put(source, "/t/new", mode="640")
    assert run(box, "cd /t/new; stat -c %a script secret none a a/deep empty").split() == ["640"] * 3 + ["750"] * 3


def test_the_command_line_and_we_see_the_same(box, daemon, tmp_path, source):
    run(box, "rm -rf /t; mkdir -p /t/theirs /t/ours")
    daemon.cli("file", "push", "-r", f"{source}/a", f"{box.name}/t/theirs/")
    box.files.recursive_put(source / "a", "/t/ours/a")
    assert run(box, f"cd /t/ours; {SHOW}") == run(box, f"cd /t/theirs; {SHOW}")
    assert run(box, "sha256sum </t/ours/a/deep/er/file") == run(box, "sha256sum </t/theirs/a/deep/er/file")


def test_what_is_there_is_written_over_and_what_is_beside_it_stays(files, box, tmp_path, source):
    run(box, "mkdir -m 700 /t/d /t/d/a; echo old >/t/d/script; echo beside >/t/d/beside; ln -s /t/kept /t/d/secret")
    run(box, "echo kept >/t/kept; ln -s old /t/d/away")
    files.recursive_put(source, "/t/d")
    assert run(box, "cd /t/d; cat script beside secret ../kept; stat -c %a . a; readlink away") == (
        "#!/bin/sh\nbeside\nsecretkept\n700\n700\n/etc/passwd\n"
    )
    back = tmp_path / "back"
    back.mkdir(mode=0o750)
    (back / "script").write_text("old")
    (back / "beside").write_text("beside")
    files.recursive_get("/t/d", back)
    assert ((back / "script").read_text(), (back / "beside").read_text()) == ("#!/bin/sh\n", "beside\n")
    assert back.stat().st_mode & 0o777 == 0o750


def test_a_folder_where_a_file_is_to_be(files, box, tmp_path):
    run(box, "mkdir -p /t/d/x /t/f; echo file >/t/f/x")
    (tmp_path / "put").mkdir()
    (tmp_path / "put/x").write_text("file")
    with pytest.raises(lxdnb.FileFailed, match="/t/d/x: is a directory"):
        files.recursive_put(tmp_path / "put", "/t/d")
    (tmp_path / "get/x").mkdir(parents=True)
    with pytest.raises(IsADirectoryError, match="x"):
        files.recursive_get("/t/f", tmp_path / "get")
    with pytest.raises(FileExistsError, match="x"):
        files.recursive_get("/t/d", tmp_path / "put")
    assert sorted(os.listdir(tmp_path)) == ["get", "put"]
    assert os.listdir(tmp_path / "put") == ["x"]


def test_links_that_lie_here_are_never_written_through(files, box, tmp_path):
    run(box, "mkdir -p /t/d/folder; echo evil >/t/d/file; echo evil >/t/d/folder/file")
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    (outside / "kept").write_text("kept")
    (target / "file").symlink_to("../outside/kept")
    (target / "folder").symlink_to("../outside")
    with pytest.raises(FileExistsError, match="folder"):
        files.recursive_get("/t/d", target)
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"kept": "kept"}


def test_links_of_the_container_are_copied_and_never_followed(box, tmp_path):
    run(
        box,
        f"rm -rf /t; mkdir -p /t/d; ln -s {tmp_path}/outside /t/d/x; ln -s ../../.. /t/d/y; ln -s /etc/shadow /t/d/z",
    )
    (tmp_path / "outside").mkdir()
    target = tmp_path / "target"
    box.files.recursive_get("/t/d", target)
    assert {name: os.readlink(target / name) for name in os.listdir(target)} == {
        "x": f"{tmp_path}/outside",
        "y": "../../..",
        "z": "/etc/shadow",
    }
    # A second time the links lie here already: what is a folder now must not go through the one of before.
    run(box, "rm /t/d/x; mkdir /t/d/x; echo evil >/t/d/x/file")
    with pytest.raises(FileExistsError):
        box.files.recursive_get("/t/d", target)
    assert os.listdir(tmp_path / "outside") == []


def test_a_file_as_a_file_and_what_is_no_folder(files, box, tmp_path):
    run(box, "echo one >/t/one")
    files.recursive_get("/t/one", tmp_path / "here")
    assert (tmp_path / "here").read_text() == "one\n"
    with pytest.raises(NotADirectoryError):
        files.recursive_put(tmp_path / "here", "/t/x")
    with pytest.raises(FileNotFoundError):
        files.recursive_put(tmp_path / "nowhere", "/t/x")


def test_what_cannot_be_copied_is_left_out_and_told(box, tmp_path):
    run(box, "rm -rf /t; mkdir -p /t/d; mkfifo /t/d/fifo; echo x >/t/d/file")
    with pytest.warns(UserWarning, match="left out 1, .*'/t/d/fifo'"):
        box.files.recursive_get("/t/d", tmp_path / "here")
    assert os.listdir(tmp_path / "here") == ["file"]
    os.mkfifo(tmp_path / "here/pipe")
    with pytest.warns(UserWarning, match="left out 1, .*here/pipe'"):
        box.files.recursive_put(tmp_path / "here", "/t/back")
    assert run(box, "ls /t/back") == "file\n"


def test_two_thousand_small_files(box, tmp_path):
    source = tmp_path / "source"
    for folder in range(20):
        (source / f"{folder}").mkdir(parents=True)
        for number in range(100):
            (source / f"{folder}/{number}").write_bytes(b"x" * number * 7)
    run(box, "rm -rf /t")
    box.files.recursive_put(source, "/t")
    assert run(box, "find /t -type f | wc -l; find /t -type f -exec cat {} + | wc -c").split() == ["2000", "693000"]
    box.files.recursive_get("/t", tmp_path / "back")
    assert seen(tmp_path / "back") == seen(source)
