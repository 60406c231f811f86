"""Buckets of storage pools, their keys and their backups."""

from __future__ import annotations

import io

from lxdnb import managers
from lxdnb.client import Client
from lxdnb.models import StorageBucket, StorageBucketBackup, StorageBucketKey
from tests.calls.basis import MEMBER, SNAPSHOT, TEXT, Call, Place, itself, of_model
from tests.calls.storage import both, in_owner, no_field, pool

CLASSES: tuple[type, ...] = (
    *(managers.StorageBucketManager, managers.StorageBucketKeyManager, managers.StorageBucketBackupManager),
    *(StorageBucket, StorageBucketKey, StorageBucketBackup),
)
EXTENSIONS = {
    *("storage_buckets", "storage_buckets_create_credentials", "storage_bucket_backup"),
    *("storage_buckets_all_projects", "api_filtering_extended"),
}


def bucket(client: Client) -> StorageBucket:
    return StorageBucket._from_record(
        client, {"name": "b1", "config": {}, "description": ""}, storage_pool=pool(client)
    )


def key(client: Client) -> StorageBucketKey:
    record = {"name": "k1", "role": "admin", "description": "", "access-key": "a", "secret-key": "s"}
    return StorageBucketKey._from_record(client, record, bucket=bucket(client))


def backup(client: Client) -> StorageBucketBackup:
    return StorageBucketBackup._from_record(client, {"name": "b1"}, bucket=bucket(client))


_SECRETS = ("access_key", "secret_key")
_KEY = {"name": "k2", "role": "admin", "description": "of mine", "access_key": "a", "secret_key": "s"}

CALLS: dict[str, Call] = {
    **both(
        "StorageBucket",
        in_owner(StorageBucket, pool),
        lambda client: pool(client).buckets,
        get={"name": "b1"},
        exists={"name": "b1"},
        all={"filter": "name eq b1"},
        create={"name": "b2", "description": "mine", "config": {"size": "1GiB"}, "target": "n2"},
    ),
    **dict(of_model("StorageBucket", bucket)),
    "StorageBucket.export_backup": Call(bucket, {"to": io.BytesIO()}),
    "StorageBucketManager.import_backup": Call(lambda client: pool(client).buckets, {"data": b"x", "name": "b2"}),
    **both(
        "StorageBucketKey",
        in_owner(StorageBucketKey, bucket),
        lambda client: bucket(client).keys,
        get={"name": "k1"},
        exists={"name": "k1"},
        all={},
        create=_KEY,
    ),
    **dict(of_model("StorageBucketKey", key)),
    **both(
        "StorageBucketBackup",
        in_owner(StorageBucketBackup, bucket),
        lambda client: bucket(client).backups,
        get={"name": "b1"},
        exists={"name": "b1"},
        all={},
        create={"name": "b1", "expires_at": "2031-01-31T12:00:00Z", "compression_algorithm": "none"},
    ),
    **dict(of_model("StorageBucketBackup", backup)),
    "StorageBucketBackup.rename": Call(backup, {"new_name": "b2"}),
    "StorageBucketBackup.export": Call(backup, {"to": io.BytesIO()}),
}

PLACES: dict[str, list[Place]] = {
    **{f"StorageBucketKey{each}.create({name})": [TEXT] for each in ("", "Manager") for name in ("role", *_SECRETS)},
    "StorageBucket.create(target)": [MEMBER],
    "StorageBucketManager.create(target)": [MEMBER],
    "StorageBucketManager.import_backup(name)": [Place(itself, no_field)],
    **{
        f"StorageBucketBackup{each}({name})": [SNAPSHOT]
        for each in (".get", ".exists", ".create", ".rename", "Manager.get", "Manager.exists", "Manager.create")
        for name in ("name", "new_name")
    },
}
