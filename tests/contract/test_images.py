"""Images: made, exported, copied between servers, named, and deleted in bulk, compared with what the server tells."""

from __future__ import annotations

import gzip
import hashlib
import io
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


def test_one_file_goes_in_and_out(client, server, whole, tmp_path: Path):
    path = tmp_path / "böx.tar.gz"
    path.write_bytes(another(whole))
    fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()
    heard: list[float | None] = []
    more = {"properties": {"a b": "c&d=ü", "os": "Mine"}, "aliases": ["one", "two/2"]}
    image = client.images.create(path, public=True, on_progress=lambda seen: heard.append(seen.percent), **more)
    record = server.query(f"/1.0/images/{fingerprint}")
    assert (record["filename"], record["public"]) == ("böx.tar.gz", True)
    assert (record["properties"]["a b"], record["properties"]["os"]) == ("c&d=ü", "Mine")
    assert {alias["name"] for alias in record["aliases"]} == {"one", "two/2"}
    assert heard[-1] == 100
    assert image.export(to=tmp_path / "out") == [tmp_path / "out"]
    folder = tmp_path / "folder"
    folder.mkdir()
    (named,) = image.export(to=folder)
    assert named.name.startswith(fingerprint)
    into = io.BytesIO()
    assert image.export(to=into) is None
    for data in ((tmp_path / "out").read_bytes(), named.read_bytes(), into.getvalue()):
        assert hashlib.sha256(data).hexdigest() == fingerprint
    image.delete(wait=True)
    content = path.read_bytes()
    pieces = (content[start : start + 1000] for start in range(0, len(content), 1000))
    assert client.images.create(pieces, filename="x").fingerprint == fingerprint
    assert server.query(f"/1.0/images/{fingerprint}")["filename"] == "x"
    with pytest.raises(lxdnb.OperationFailed, match="already exists"), path.open("rb") as file:
        client.images.create(file)
    with pytest.raises(lxdnb.OperationFailed):
        client.images.create(b"no image")
    assert len(server.query("/1.0/images")) == 2


@pytest.mark.parametrize("vm", [False, True], ids=["container", "vm"])
def test_two_files_go_in_and_out(client, server, whole, tmp_path: Path, vm: bool):
    metadata, rootfs = split(whole)
    image = client.images.create(io.BytesIO(rootfs), metadata, vm=vm)
    record = server.query(f"/1.0/images/{image.fingerprint}")
    assert image.fingerprint == hashlib.sha256(metadata + rootfs).hexdigest()
    assert (record["type"], record["size"]) == ("virtual-machine" if vm else "container", len(metadata + rootfs))
    assert record["properties"]["os"] == "BusyBox"
    paths = image.export(to=tmp_path / "box")
    assert [path.name for path in paths] == ["box", "box.root"]
    assert [path.read_bytes() for path in paths] == [metadata, rootfs]
    for each in ("theirs", "ours"):
        (tmp_path / each).mkdir()
    server.cli("image", "export", image.fingerprint, str(tmp_path / "theirs"))
    theirs = {path.name: path.read_bytes() for path in (tmp_path / "theirs").iterdir()}
    assert {path.name: path.read_bytes() for path in image.export(to=str(tmp_path / "ours"))} == theirs
    with image.export() as both:
        assert metadata + b"\r\n--" in both.read()
    with pytest.raises(ValueError, match="two files"):
        image.export(to=io.BytesIO())


def test_aliases(client, server, asked):
    (image,) = client.images.all()
    fingerprint = image.fingerprint
    assert all(client.images.exists(each) for each in (fingerprint, fingerprint[:1], fingerprint.upper()))
    asked.clear()
    assert not any(client.images.exists(each) for each in ("busybox", "%", "", "..", "a/b", fingerprint + "0"))
    assert asked == []
    image.add_alias("old/1", "What we use")
    alias = client.images.aliases.get("old/1")
    alias.description = "Not any more"
    alias.save()
    assert server.query("/1.0/images/aliases/old%2F1")["description"] == "Not any more"
    with pytest.raises(lxdnb.Conflict):
        image.add_alias("old/1", "")
    with pytest.raises(lxdnb.Conflict):
        alias.rename("busybox")
    assert alias.name == "old/1"
    if server.flavour == "incus":  # LXD waits 10 s for a lock of its own
        assert alias.rename("old/2") is alias
        assert server.query("/1.0/images/aliases/old%2F2")["target"] == image.fingerprint
        assert client.images.exists("old/1", alias=True) is False
        alias.rename("old/1")
    assert sorted(each.name for each in client.images.aliases.all()) == ["busybox", "old/1"]
    image.delete_alias("old/1")
    assert [each["name"] for each in image.aliases] == ["busybox"]
    with pytest.raises(lxdnb.NotFound):
        image.delete_alias("old/1")


def test_many_are_listed_by_one_request_and_deleted_with_one_result_each(client, server, asked, whole):
    made = [client.images.create(another(whole, number), properties={"n": str(number)}) for number in (1, 2, 3)]
    asked.clear()
    assert {image.properties.get("n") for image in client.images.all()} == {"1", "2", "3", None}
    assert asked == ["/1.0/images"]
    assert client.images.all(filter="properties.n eq 2") == [made[1]]
    if client.has_api_extension("images_all_projects"):
        server.cli("project", "create", "p1")
        client.use_project("p1").images.create(another(whole, 4))
        assert len(client.images.all()) == 4
        assert {image.client.project for image in client.images.all(all_projects=True)} == {"default", "p1"}
    else:
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match=r"images_all_projects.*use_project"):
            client.images.all(all_projects=True)
    made[1].delete(wait=True)
    gone = client.images.delete([made[0], made[1].fingerprint, made[2]])
    assert [outcome.name for outcome in gone] == [image.fingerprint for image in made]
    assert [type(outcome.error) for outcome in gone] == [type(None), lxdnb.NotFound, type(None)]
    assert len(server.query("/1.0/images")) == 1


@pytest.fixture
def two(client, whole) -> list[Image]:
    """An image of one file, which is private, and one of two, which is public, with what is not in their metadata."""
    metadata, rootfs = split(whole)
    properties = {"os": "Other", "more": "1"}
    one = client.images.create(another(whole), aliases=["one"], properties=properties)
    return [one, client.images.create(rootfs, metadata, public=True, aliases=["two"], properties=properties)]


def test_a_copy_is_the_same_image_whichever_way_it_goes(client, server, other_client, other_server, two):
    same = ("architecture", "fingerprint", "properties", "public", "size", "type")
    for image in two:
        image.expires_at = "2031-01-31T12:00:00Z"
        image.save(wait=True)
        (alias,) = image.aliases
        described = client.images.aliases.get(alias["name"])
        described.description = f"of {alias['name']}"
        described.save()
        image.sync()
    ours = {image: server.query(f"/1.0/images/{image.fingerprint}") for image in two}
    for mode in ("pull", "push", "relay"):
        for image in two:
            copied = image.copy(other_client, wait=True, mode=mode, copy_aliases=True, aliases=[f"new-{mode}"])
            theirs = other_server.query(f"/1.0/images/{image.fingerprint}")
            assert {key: theirs[key] for key in same} == {key: ours[image][key] for key in same}, mode
            (alias,) = ours[image]["aliases"]
            told = {each["name"]: each["description"] for each in theirs["aliases"]}
            assert told == {f"new-{mode}": "", alias["name"]: f"of {alias['name']}"}, mode
            assert (theirs["expires_at"] == ours[image]["expires_at"]) == (mode != "relay")
            copied.delete(wait=True)
    stranger = lxdnb.Client(server.address, fingerprint=server.fingerprint)
    assert not stranger.trusted
    stranger.images.get(two[1].fingerprint).copy(other_client, wait=True).delete(wait=True)
    stranger.close()


def test_a_copy_goes_from_project_to_project(client, other_client, other_server, two):
    for each in (client, other_client):
        each.projects.create("lab")
    lab, far = client.use_project("lab"), other_client.use_project("lab")
    one = two[0].copy(lab, wait=True)
    assert one.client.project == "lab"
    two[0].delete(wait=True)  # so that it can come from the project alone
    heard: list[str] = []
    for mode in ("pull", "push", "relay"):
        update = True if mode == "pull" else None
        assert one.copy(far, True, update, mode=mode, on_progress=lambda seen: heard.append(seen.stage)) is None
        if mode != "relay":
            one.operation.wait()
        record = other_server.query(f"/1.0/images/{one.fingerprint}?project=lab")
        assert (record["public"], record["auto_update"]) == (True, update is True), mode
        far.images.get(one.fingerprint).delete(wait=True)
    assert set(heard) == {"copy"}
    with pytest.raises(ValueError, match="only an image that is pulled can be updated"):
        one.copy(far, auto_update=True, mode="push")


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
