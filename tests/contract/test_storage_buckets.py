"""Buckets where the server makes none, and what is asked of one that does; real ones are in test_buckets_on_ceph."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import lxdnb
from lxdnb.models import StorageBucket, StorageBucketKey
from tests.calls import EXTENSIONS
from tests.recorder import Recorder

PATH = "/1.0/storage-pools/p1/buckets"


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with Recorder(tmp_path_factory.mktemp("recorder"), EXTENSIONS) as recorder:
        yield recorder


@pytest.fixture
def bucket(recorder: Recorder) -> Iterator[StorageBucket]:
    """One that the recorder knows nothing of."""
    client = lxdnb.Client(recorder.endpoint)
    pool = client.storage_pools.model(client, name="p1")
    recorder.forget()
    yield StorageBucket._from_record(client, {"name": "b1", "config": {}}, storage_pool=pool)
    client.close()


def a_key(bucket: StorageBucket) -> StorageBucketKey:
    record = {"name": "k1", "role": "admin", "description": "", "access-key": "ours1234", "secret-key": "hush1234"}
    return StorageBucketKey._from_record(bucket.client, StorageBucketKey._kept(record), bucket=bucket)


def test_a_server_without_buckets_is_not_asked_for_them(tmp_path: Path):
    with Recorder(tmp_path) as recorder:
        client = lxdnb.Client(recorder.endpoint)
        pool = client.storage_pools.model(client, name="p1")
        bucket = StorageBucket(client, name="b1", storage_pool=pool)
        recorder.forget()
        for call in (
            pool.buckets.all,
            lambda: pool.buckets.get("b1"),
            lambda: pool.buckets.exists("b1"),
            lambda: pool.buckets.create("b1"),
            lambda: pool.buckets.import_backup(b"x", "b1"),
            lambda: bucket.s3_url,
            bucket.delete,
            bucket.keys.all,
            bucket.backups.all,
            lambda: bucket.keys.create("k1"),
            bucket.export_backup,
        ):
            with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match="storage_bucket"):
                call()
        assert recorder.requests == []
        client.close()


def test_a_server_that_has_but_buckets_is_asked_for_no_more(tmp_path: Path):
    with Recorder(tmp_path, {"storage", "storage_buckets"}) as recorder:
        client = lxdnb.Client(recorder.endpoint)
        pool = client.storage_pools.model(client, name="p1")
        bucket = StorageBucket(client, name="b1", storage_pool=pool)
        recorder.forget()
        for call, lacking in (
            (lambda: pool.buckets.all(all_projects=True), "storage_buckets_all_projects"),
            (lambda: pool.buckets.all(filter="name eq b1"), "api_filtering_extended"),
            (lambda: pool.buckets.import_backup(b"x", "b2"), "storage_bucket_backup"),
            (bucket.export_backup, "storage_bucket_backup"),
            (bucket.backups.create, "storage_bucket_backup"),
            (bucket.backups.all, "storage_bucket_backup"),
        ):
            with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match=lacking):
                call()
        assert recorder.requests == []
        client.close()


def test_which_bucket_is_which(bucket: StorageBucket):
    client, pool = bucket.client, bucket.storage_pool
    others = {
        StorageBucket(client.use_project("lab"), name="b1", storage_pool=pool),
        StorageBucket(client.use_target("n2"), name="b1", storage_pool=pool),
        StorageBucket(client, name="b1", storage_pool=type(pool)(client, name="p2")),
        StorageBucket(client, name="b2", storage_pool=pool),
    }
    assert len({bucket, *others}) == 5
    assert bucket == StorageBucket(client, name="b1", storage_pool=pool)
    assert len({a_key(each) for each in others}) == 4


def test_what_a_server_makes_none_of(client, server):
    pool = client.storage_pools.get("default")
    if server.flavour == "lxd":  # 5.0 has none
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match="storage_buckets"):
            pool.buckets.all()
        return
    assert pool.buckets.all() == pool.buckets.all(all_projects=True, filter="name eq b1") == []
    assert not pool.buckets.exists("b1")
    gone = StorageBucket(client, name="b1", storage_pool=pool)
    for call in (
        lambda: pool.buckets.get("b1"),
        gone.delete,
        lambda: gone.description,
        gone.keys.all,
        lambda: gone.keys.create("k1"),
        lambda: gone.backups.create("b1"),
        gone.export_backup,
    ):
        with pytest.raises(lxdnb.NotFound, match=r"bucket .*not found"):
            call()
    assert not gone.keys.exists("k1")
    assert not gone.backups.exists("b1")
    if shutil.which("minio") is None:
        with pytest.raises(lxdnb.LXDAPIException, match="MinIO"):
            pool.buckets.create("photos")
    with pytest.raises(lxdnb.LXDAPIException, match="compression"):
        pool.buckets.import_backup(b"no backup", "photos")
    assert server.query("/1.0/storage-pools/default/buckets") in (None, [])


def test_what_is_asked_of_a_server(recorder: Recorder, bucket: StorageBucket):
    pool = bucket.storage_pool
    made = pool.buckets.create("b2", config={"size": 5}, target="n2")
    assert made.admin_key is None  # this server tells of none
    bucket.keys.create("k", access_key="ours1234", secret_key="hush1234")
    bucket.keys.create("k", role="admin")
    key = a_key(bucket)
    key.role = "read-only"
    bucket.backups.create("b", compression_algorithm="none")
    pool.buckets.import_backup(b"data", "b %é")
    asked = [(each.line, each.json if each.body.startswith(b"{") else each.body) for each in recorder.requests]
    assert asked == [
        (f"POST {PATH}?target=n2", {"name": "b2", "description": "", "config": {"size": "5"}}),
        (
            f"POST {PATH}/b1/keys",
            {"name": "k", "role": "read-only", "access-key": "ours1234", "secret-key": "hush1234"},
        ),
        (f"POST {PATH}/b1/keys", {"name": "k", "role": "admin"}),
        (f"POST {PATH}/b1/backups", {"name": "b", "compression_algorithm": "none"}),
        (f"POST {PATH}", b"data"),
    ]
    assert dict(recorder.requests[-1].head)["x-lxd-name"].encode("latin-1").decode() == "b %é"


def test_a_secret_is_there_to_be_used_and_shown_nowhere(bucket: StorageBucket, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    key = a_key(bucket)
    assert (key.access_key, str(key.secret_key), f"{key.secret_key}") == ("ours1234", "hush1234", "hush1234")
    assert key.secret_key == pickle.loads(pickle.dumps(key.secret_key)) == "hush1234"
    shown = [repr(key), repr(dict(key)), repr(key.marshall()), repr(key.secret_key), repr(bucket.keys)]
    with pytest.raises(TypeError) as wrong:
        key.secret_key = [b"hush1234"]
    with pytest.raises(ValueError, match="NUL") as half:
        bucket.keys.create("k", secret_key="hush1234\0")
    key.secret_key = "hush12345"
    shown += [repr(key.changes()), str(key.changes()), str(wrong.value), str(half.value)]
    bucket.keys.create("k", secret_key="hush1234")
    assert caplog.text
    assert "hush1234" not in "".join([*shown, caplog.text])
    assert "secret-key: hush12345" in key.to_yaml()  # as the command line shows it


def test_a_bucket_is_still_a_dict_of_its_fields(bucket: StorageBucket):
    assert dict(bucket) == bucket.marshall(skip_readonly=False)
    assert dict(bucket)["name"] == "b1"
