"""Backups of a bucket: files to keep elsewhere, and to make a bucket of again."""
# What is private to a resource is its manager's too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb.exceptions import LXDAPIException
from lxdnb.models._backup import BaseBackup, BaseBackupManager

if TYPE_CHECKING:
    from lxdnb.models.storage_bucket import StorageBucket

__all__ = ["StorageBucketBackup", "StorageBucketBackupManager"]


class StorageBucketBackup(BaseBackup):
    """A backup of a bucket, which the server keeps until it is deleted or expires. Its keys are in it, with their
    secrets. Only Incus makes them.

    `expires_at` is an ISO 8601 text.

    https://linuxcontainers.org/incus/docs/main/howto/storage_buckets/
    """

    within: ClassVar[str] = "bucket"
    extension: ClassVar[str | None] = "storage_bucket_backup"

    compression_algorithm: str

    @classmethod
    def get(cls, bucket: StorageBucket, name: str) -> Self:
        """Return the backup of that name. Raises NotFound."""
        return cls._get(bucket, name)

    @classmethod
    def exists(cls, bucket: StorageBucket, name: str) -> bool:
        """Return whether there is a backup of that name."""
        return cls._exists(bucket, name)

    @classmethod
    def all(cls, bucket: StorageBucket) -> list[Self]:
        """Return all backups of a bucket, by one request.

        Raises LXDAPIException where the server, as Incus 6.0.4, tells of the bucket in their place.
        """
        return cls._all(bucket)

    @classmethod
    def create(
        cls,
        bucket: StorageBucket,
        name: str | None = None,
        *,
        expires_at: datetime | str | None = None,
        compression_algorithm: str | None = None,
        wait: bool = True,
    ) -> Self:
        """Make a backup and return it; with `wait`, when it is there. Without a `name` it gets one.

        `compression_algorithm` is `gzip`, `zstd`, `none` …, and the server's own choice if it is not said. Raises
        OperationFailed when it cannot be made, or there is one of that name.
        """
        return cls._made(bucket, name, expires_at, {}, compression_algorithm, wait)

    @property
    def bucket(self) -> StorageBucket:
        """The bucket that it is a backup of."""
        return self._owner

    @classmethod
    def _kept(cls, record: dict[str, Any]) -> dict[str, Any]:
        # Servers put the bucket's name before it: photos/monday.
        return {**record, "name": record["name"].rpartition("/")[2]}

    @classmethod
    def _all(cls, owner: Any) -> list[Any]:
        answer = cls._collection(owner).get(params={"recursion": 1})
        records = answer.json()["metadata"]
        if not isinstance(records, list | None):
            words = "this server tells of the bucket in place of its backups: get them by their names"
            raise LXDAPIException(answer, message=words)
        return [cls._from_record(owner.client, cls._kept(record), bucket=owner) for record in records or []]


class StorageBucketBackupManager(BaseBackupManager[StorageBucketBackup]):
    """`bucket.backups`."""

    model = StorageBucketBackup

    def create(
        self,
        name: str | None = None,
        *,
        expires_at: datetime | str | None = None,
        compression_algorithm: str | None = None,
        wait: bool = True,
    ) -> StorageBucketBackup:
        """Make a backup and return it; see `StorageBucketBackup.create`."""
        return self.model.create(
            self._owner, name, expires_at=expires_at, compression_algorithm=compression_algorithm, wait=wait
        )
