"""Backups of volumes: what they bring back is what was in the volume, also for the command line."""

from __future__ import annotations

import io

import pytest

import lxdnb
from tests.volumes import file_in


def test_a_backup_brings_a_volume_back(client, server, tmp_path):
    pool = client.storage_pools.get("default")
    volume = pool.volumes.create({"name": "data", "config": {"user.owner": "me"}})
    file_in(server, "data").write_text("kept")
    volume.snapshots.create("before")
    backup = volume.backups.create("monday", expires_at="2031-01-31T12:00:00Z")
    slim = volume.backups.create("slim", volume_only=True, compression_algorithm="none")
    (record,) = [
        each
        for each in server.query("/1.0/storage-pools/default/volumes/custom/data/backups?recursion=1")
        if each["name"].endswith("monday")
    ]
    for field in ("expires_at", "created_at", "volume_only", "optimized_storage"):
        assert getattr(backup, field) == record[field], field
    assert (backup.name, backup.volume, slim.volume_only) == ("monday", volume, True)
    assert {each.name for each in volume.backups.all()} == {"monday", "slim"}
    assert volume.backups.get("slim") == slim
    with pytest.raises(lxdnb.LXDAPIException, match="exists"):
        volume.backups.create("slim")

    heard = []
    path = tmp_path / "data.tar.gz"
    assert backup.export(path, on_progress=heard.append) is None
    assert (heard[-1].stage, heard[-1].percent) == ("export", 100)
    with slim.export() as file:
        assert file.read(512).startswith(b"backup/")  # a plain tar
    slim.rename("plain")
    assert (slim.name, volume.backups.exists("plain"), volume.backups.exists("slim")) == ("plain", True, False)
    slim.delete(wait=True)
    backup.delete(wait=True)
    unnamed = volume.backups.create(volume_only=True, compression_algorithm="none")
    (told,) = server.query("/1.0/storage-pools/default/volumes/custom/data/backups?recursion=1")
    assert told["name"].rpartition("/")[2] == unnamed.name
    unnamed.delete(wait=True)
    assert volume.backups.all() == []
    with pytest.raises(lxdnb.NotFound):
        backup.export(io.BytesIO())

    # What we export the command line imports, and the other way round.
    assert volume.export_backup(path, on_progress=heard.append) is None
    with volume.export_backup(volume_only=True, compression_algorithm="none") as file:
        pool.volumes.import_backup(file, "alone")
    assert pool.volumes.get("custom", "alone").snapshots.all() == []
    assert volume.backups.all() == []
    server.cli("storage", "volume", "import", "default", str(path), "theirs")
    assert file_in(server, "theirs").read_text() == "kept"
    assert pool.volumes.get("custom", "theirs").snapshots.all() == ["before"]
    server.cli("storage", "volume", "export", "default", "data", str(tmp_path / "theirs.tar.gz"))
    again = pool.volumes.import_backup(tmp_path / "theirs.tar.gz", "again %41ü", on_progress=heard.append)
    assert (heard[-1].stage, heard[-1].percent) == ("import", 100)
    assert (again.name, again.config["user.owner"], again.snapshots.all()) == ("again %41ü", "me", ["before"])
    assert file_in(server, "again %41ü").read_text() == "kept"
    with pytest.raises(lxdnb.LXDAPIException, match=r"exists|UNIQUE"):
        pool.volumes.import_backup(path.read_bytes(), "data")
    assert file_in(server, "data").read_text() == "kept"
    assert volume.snapshots.all() == ["before"]
    with pytest.raises(lxdnb.LXDAPIException):
        pool.volumes.import_backup(b"no backup", "broken")
    assert not pool.volumes.exists("custom", "broken")


def test_an_iso_image_becomes_a_volume(client, server, asked, tmp_path):
    pool = client.storage_pools.get("default")
    (tmp_path / "some.iso").write_bytes(bytes(range(256)) * 4096)
    asked.clear()
    if server.flavour == "lxd":
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable):
            pool.volumes.import_iso(tmp_path / "some.iso", "ours")
        assert asked == []
        return
    server.cli("storage", "volume", "import", "default", str(tmp_path / "some.iso"), "theirs", "--type=iso")
    heard = []
    ours = pool.volumes.import_iso(tmp_path / "some.iso", "ours", on_progress=heard.append)
    theirs = server.query("/1.0/storage-pools/default/volumes/custom/theirs")
    assert (ours.content_type, ours.config) == (theirs["content_type"], theirs["config"])
    assert (theirs["content_type"], heard[-1].percent) == ("iso", 100)
    assert ours.config["size"] == str(256 * 4096)
    if (folder := server.directory / "storage-pools/default").exists():  # a sandbox has none, and shows no ISO's bytes
        (stored,) = folder.glob("custom/*_ours*/*")
        assert stored.read_bytes() == (tmp_path / "some.iso").read_bytes()
    with pytest.raises(lxdnb.LXDAPIException, match="does not support snapshots"):
        ours.snapshots.create("s1", wait=True)
    with pytest.raises(lxdnb.LXDAPIException, match='Volume of content type "iso" cannot be backed up'):
        ours.backups.create("b1", wait=True)
    with pytest.raises(lxdnb.LXDAPIException, match=r"exists|UNIQUE"):
        pool.volumes.import_iso(b"x", "ours")
