"""Images: made, exported, copied between servers, named, and deleted in bulk, compared with what the server tells."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import lxdnb
from lxdnb.models.image import Image
from tests import daemons
from tests.image import split


@pytest.fixture(scope="module")
def whole(daemon: daemons.Daemon) -> bytes:
    """The busybox image's file."""
    client = lxdnb.Client(str(daemon.socket))
    with client.images.get_by_alias("busybox").export() as file:
        found = file.read()
    client.close()
    return found


def another(image: bytes, number: int = 0) -> bytes:
    """An image of the same content and another fingerprint: an empty member of gzip follows."""
    return image + gzip.compress(b"", mtime=number)


@pytest.fixture
def two(client, whole) -> list[Image]:
    """An image of one file, which is private, and one of two, which is public, with what is not in their metadata."""
    metadata, rootfs = split(whole)
    properties = {"os": "Other", "more": "1"}
    one = client.images.create(another(whole), aliases=["one"], properties=properties)
    return [one, client.images.create(rootfs, metadata, public=True, aliases=["two"], properties=properties)]


def test_a_copy_is_the_same_image_whichever_way_it_goes(server, other_client, other_server, two):
    same = ("architecture", "fingerprint", "properties", "public", "size", "type")
    ours = {image: server.query(f"/1.0/images/{image.fingerprint}") for image in two}
    for mode in ("pull", "push", "relay"):
        for image in two:
            copied = image.copy(other_client, wait=True, mode=mode, copy_aliases=True, aliases=[f"new-{mode}"])
            theirs = other_server.query(f"/1.0/images/{image.fingerprint}")
            assert {key: theirs[key] for key in same} == {key: ours[image][key] for key in same}, mode
            assert {alias["name"] for alias in theirs["aliases"]} == {f"new-{mode}", image.aliases[0]["name"]}, mode
            copied.delete(wait=True)
    for mode in ("pull", "push", "relay"):
        one = two[0]
        assert one.copy(other_client, public=True, mode=mode) is None
        if mode != "relay":
            one.operation.wait()
        assert other_server.query(f"/1.0/images/{one.fingerprint}")["public"] is True, mode
        other_client.images.get(one.fingerprint).delete(wait=True)


@pytest.fixture
def damaged(server, two) -> Image:
    """An image of which the server has one bit wrong."""
    stored = server.directory / "images" / two[0].fingerprint
    good = stored.read_bytes()
    stored.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    return two[0]


def test_damage_is_seen_and_nothing_is_left(damaged, other_client, other_server, tmp_path: Path):
    there = tmp_path / "there"
    there.write_bytes(b"before")
    for to in (there, tmp_path, None):
        with pytest.raises(lxdnb.FingerprintMismatch):
            damaged.export(to=to)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]
    with pytest.raises(lxdnb.FingerprintMismatch):
        damaged.copy(other_client, mode="relay")
    assert len(other_server.query("/1.0/images")) == 1
