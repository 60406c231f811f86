"""Names that a container may give its files: each comes and goes as it is, and means no other file."""

from __future__ import annotations

import os

import pytest

import lxdnb
from tests.boxes import run

NAMES = [
    b"..x",
    b"a b",
    b" ",
    b"-r",
    b"a\nb",
    b"a\tb",
    b"%2F..%2Fx",
    b"x?path=%2Fetc&y#z",
    b"<b>x",
    b"a'b\"c\\d",
    "é€𝄞".encode(),
    b"a\xff\xfeb",  # no UTF-8
    b"\xed\xa0\x80",  # a surrogate, which UTF-8 has not
    b"x" * 255,
]


@pytest.fixture
def files(box):
    run(box, "rm -rf /n; mkdir /n")
    return box.files


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_goes_and_comes_as_it_is(files, box, tmp_path, name: bytes):
    known = name.decode("utf-8", "surrogateescape")
    files.put(f"/n/{known}", name)
    assert box.execute(["find", "/n", "-type", "f", "-print0"], decode=False).stdout == b"/n/" + name + b"\0"
    assert [entry.name for entry in files.list("/n")] == [known]
    assert files.get(f"/n/{known}") == name
    files.recursive_get("/n", tmp_path / "here")
    assert os.listdir(os.fsencode(tmp_path / "here")) == [name]
    files.recursive_put(tmp_path / "here", "/n/again")
    assert (
        box.execute(["find", "/n/again", "-type", "f", "-print0"], decode=False).stdout == b"/n/again/" + name + b"\0"
    )
    files.delete(f"/n/{known}")
    assert run(box, "ls /n") == "again\n"


def test_paths_are_those_of_the_container(files, box, tmp_path):
    run(box, "mkdir /n/d; echo inside >/n/f; ln -s /n/f /n/absolute; ln -s ../../../../../n/f /n/d/up")
    for path in ("/n/f", "n/f", "//n/./d/../f", "/../../n/f", "/n/absolute", "/n/d/up"):
        assert files.get(path) == b"inside\n"


def test_a_very_long_path_is_an_error_of_one_line(files):
    for ask in (files.get, files.list, files.mk_dir, lambda path: files.put(path, b"")):
        with pytest.raises(lxdnb.FileFailed, match="file name too long") as told:
            ask("/n/" + "x" * 65_536)
        assert len(str(told.value)) < 300
