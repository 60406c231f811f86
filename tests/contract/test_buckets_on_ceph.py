"""Buckets, their keys and backups on a real Incus and a real Ceph: S3 itself says what a key can do."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

import lxdnb
from lxdnb.models import StorageBucketKey, StoragePool
from tests import daemons
from tests.ceph import ceph, missing
from tests.s3 import request

pytestmark = pytest.mark.ceph


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[daemons.Daemon, StoragePool]]:
    """A server of its own, which has a pool on Ceph."""
    if reason := daemons.missing("incus") or missing():
        pytest.skip(reason)
    with ceph() as running:
        monkeypatch.setenv("CEPH_CONF", str(running.configuration))  # for radosgw-admin, which the server calls
        with daemons.daemon("incus") as server:
            client = lxdnb.Client(str(server.socket))
            config = {"cephobject.radosgw.endpoint": running.gateway}
            yield server, client.storage_pools.create({"name": "remote", "driver": "cephobject", "config": config})


def may(key: StorageBucketKey, url: str) -> dict[str, int]:
    """The statuses that S3 answers a key's writing and reading with."""
    return {
        how: request(how, f"{url}/letter.txt", key.access_key, key.secret_key, body).status_code
        for how, body in (("PUT", b"dear"), ("GET", b""))
    }


def test_a_bucket_its_keys_and_its_backups(own, tmp_path):
    server, pool = own
    assert pool.buckets.all() == []
    bucket = pool.buckets.create("photos", "of mine", {"user.owner": "me"})
    admin, path = bucket.admin_key, "/1.0/storage-pools/remote/buckets/photos"
    told = server.query(f"{path}/keys/admin")
    assert (admin.name, admin.role, admin.access_key) == ("admin", "admin", told["access-key"])
    assert str(admin.secret_key) == told["secret-key"]
    assert may(admin, bucket.s3_url) == {"PUT": 200, "GET": 200}
    with pytest.raises(lxdnb.Conflict):
        pool.buckets.create("photos")
    with pytest.raises(lxdnb.LXDAPIException, match="lowercase"):
        pool.buckets.create("My Photos")

    # What is told of it.
    told = server.query(path)
    for field in ("config", "description", "location", "name", "project", "s3_url"):
        assert getattr(bucket, field) == told[field], field
    assert dict(bucket) == {field: told[field] for field in dict(bucket)}
    assert (bucket.pool, bucket.storage_pool) == ("remote", pool)
    found = pool.buckets.get("photos")
    assert (found == bucket, found.admin_key, pool.buckets.exists("photos")) == (True, None, True)
    assert bucket.to_yaml().strip() == server.cli("storage", "bucket", "show", "remote", "photos").strip()
    shown = server.cli("storage", "bucket", "key", "show", "remote", "photos", "admin")
    assert admin.to_yaml().strip() == shown.strip()

    # Of another project.
    pool.client.projects.create("lab", config={"features.storage.buckets": True})
    other = pool.client.use_project("lab").storage_pools.get("remote")
    other.buckets.create("theirs")
    listed = {each.name: each for each in pool.buckets.all(all_projects=True)}
    assert {name: each.project for name, each in listed.items()} == {"photos": "default", "theirs": "lab"}
    assert [each.name for each in listed["theirs"].keys.all()] == ["admin"]
    listed["theirs"].delete()
    assert other.buckets.all() == []
    assert pool.buckets.all() == [bucket]
    assert [each.name for each in pool.buckets.all(filter="config.user.owner eq me")] == ["photos"]
    assert pool.buckets.all(filter="config.user.owner eq you") == []

    bucket.config["user.owner"] = "us"
    bucket.description = "of ours"
    bucket.save()
    told = server.query(path)
    assert (told["config"], told["description"]) == ({"user.owner": "us"}, "of ours")

    # Keys: what the server makes up, what is given, and what is changed.
    reader = bucket.keys.create("reader")
    assert may(reader, bucket.s3_url) == {"PUT": 403, "GET": 200}
    given = {"access_key": "mine1234", "secret_key": "hush1234"}
    writer = bucket.keys.create("a/b ä%41", role="admin", description="writes", **given)
    assert may(writer, bucket.s3_url) == {"PUT": 200, "GET": 200}
    (told,) = [each for each in server.query(f"{path}/keys?recursion=1") if each["name"] == "a/b ä%41"]
    assert (told["access-key"], told["secret-key"], told["description"]) == ("mine1234", "hush1234", "writes")
    assert "hush1234" not in f"{writer!r} {dict(writer)!r} {writer.marshall()} {bucket.keys.all()}"
    writer.secret_key = "other1234"
    assert "1234" not in f"{writer.changes()} {writer.changes()!r}"
    writer.save()
    assert may(writer, bucket.s3_url) == {"PUT": 200, "GET": 200}
    assert str(bucket.keys.get("a/b ä%41").secret_key) == "other1234"
    with pytest.raises(lxdnb.Conflict):
        bucket.keys.create("reader")
    with pytest.raises(lxdnb.LXDAPIException, match="role"):
        bucket.keys.create("owner", role="owner")
    assert {each.name for each in bucket.keys.all()} == {"admin", "reader", "a/b ä%41"}
    writer.delete()
    assert not bucket.keys.exists("a/b ä%41")
    assert may(writer, bucket.s3_url) == {"PUT": 403, "GET": 403}

    # Backups.
    backup = bucket.backups.create("monday", expires_at="2031-01-31T12:00:00Z", compression_algorithm="none")
    told = server.query(f"{path}/backups/monday")
    assert (told["name"], told["expires_at"]) == ("photos/monday", backup.expires_at)
    assert (backup.name, backup.bucket, bucket.backups.get("monday")) == ("monday", bucket, backup)
    with pytest.raises(lxdnb.LXDAPIException, match="exists"):
        bucket.backups.create("monday")
    with pytest.raises(lxdnb.LXDAPIException, match="by their names"):
        bucket.backups.all()  # should it list them once, then this is to be a test of what it lists
    backup.rename("tuesday")
    assert (bucket.backups.exists("monday"), bucket.backups.exists("tuesday")) == (False, True)
    backup.delete(wait=True)
    assert not bucket.backups.exists("tuesday")
    heard = []
    assert bucket.export_backup(tmp_path / "photos.tar.gz", on_progress=heard.append) is None
    assert (heard[-1].stage, heard[-1].percent) == ("export", 100)
    assert not list((server.directory / "backups/buckets/remote").glob("*/*"))
    server.cli("storage", "bucket", "export", "remote", "photos", str(tmp_path / "theirs.tar.gz"))

    # Ceph knows an access key once: its bucket has to go before the backup, which has its keys, can come.
    with pytest.raises(lxdnb.OperationFailed, match="existing S3 key") as caught:
        pool.buckets.import_backup(tmp_path / "photos.tar.gz", "again")
    secrets = {"admin": str(admin.secret_key), "reader": str(reader.secret_key)}
    shown = f"{caught.value} {caught.value.operation} {caught.value.response.text}"
    assert not any(each in shown for each in secrets.values())
    bucket.delete()
    assert pool.buckets.all() == []
    for name, file in {"again": "photos.tar.gz", "once-more": "theirs.tar.gz"}.items():
        again = pool.buckets.import_backup(tmp_path / file, name)
        assert (again.name, again.description, again.config) == (name, "of ours", {"user.owner": "us"})
        assert {each.name: str(each.secret_key) for each in again.keys.all()} == secrets
        letter = request("GET", f"{again.s3_url}/letter.txt", reader.access_key, reader.secret_key)
        assert (letter.status_code, letter.content) == (200, b"dear")
        with pytest.raises(lxdnb.LXDAPIException, match="exists"):
            pool.buckets.import_backup(io.BytesIO((tmp_path / file).read_bytes()), name)
        again.delete()
    with pytest.raises(lxdnb.LXDAPIException):
        pool.buckets.import_backup(b"no backup", "broken")
    assert pool.buckets.all() == []
