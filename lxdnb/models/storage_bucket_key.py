"""Keys of a bucket: by which programs that speak S3 read it, or write to it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import checks
from lxdnb.models._named import Part, PartManager
from lxdnb.models._secret import Secret

if TYPE_CHECKING:
    from lxdnb.models.storage_bucket import StorageBucket

__all__ = ["StorageBucketKey", "StorageBucketKeyManager"]

_ACCESS, _SECRET = "access-key", "secret-key"


class StorageBucketKey(Part):
    """A key of a bucket, whose `role` is `admin` or `read-only`.

    Programs that speak S3 take its `access_key` and its `secret_key`, a str that no repr shows: print it to see it.

        reader = bucket.keys.create("reader")
        s3 = minio.Minio(host, reader.access_key, reader.secret_key)

    https://documentation.ubuntu.com/lxd/latest/howto/storage_buckets/
    """

    collection: ClassVar[str] = "keys"
    within: ClassVar[str] = "bucket"
    writable: ClassVar[frozenset[str]] = frozenset({_ACCESS, "description", "role", _SECRET})
    _fields: ClassVar[Mapping[str, str]] = {"description": "str", "role": "str", _ACCESS: "str", _SECRET: "str"}

    description: str
    role: str
    name: str

    @classmethod
    def get(cls, bucket: StorageBucket, name: str) -> Self:
        """Return the key of that name. Raises NotFound."""
        return cls._get(bucket, name)

    @classmethod
    def exists(cls, bucket: StorageBucket, name: str) -> bool:
        """Return whether there is a key of that name."""
        return cls._exists(bucket, name)

    @classmethod
    def all(cls, bucket: StorageBucket) -> list[Self]:
        """Return all keys of a bucket, by one request."""
        return cls._all(bucket)

    @classmethod
    def create(
        cls,
        bucket: StorageBucket,
        name: str,
        *,
        role: str = "read-only",
        description: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
    ) -> Self:
        """Create a key and return it. The server makes up its `access_key` and `secret_key`, unless they are given.

        `role` is `read-only` or `admin`. Raises Conflict or LXDAPIException when there is one of that name.

        Give no `access_key` that is in use: Incus 6.0.4, where Ceph refuses it, leaves the bucket without a user, and
        so without any key that works.
        """
        _ = cls._node(bucket, name)  # refuses what is no name, before anything is sent
        told = {"description": description, _ACCESS: access_key, _SECRET: secret_key}
        request: dict[str, Any] = {"name": name, "role": checks.text("role", role)}
        request |= {field: checks.text(field, value) for field, value in told.items() if value is not None}
        answer = cls._collection(bucket).post(json=request)
        made = cls._told(bucket, answer.json()) or cls(bucket.client, name=name, bucket=bucket)
        made._started(answer, wait=True)
        return made

    @property
    def bucket(self) -> StorageBucket:
        """The bucket that it is a key of."""
        return self._owner

    @property
    def access_key(self) -> str:
        """The name that S3 knows it by."""
        return getattr(self, _ACCESS)

    @access_key.setter
    def access_key(self, value: str) -> None:
        setattr(self, _ACCESS, value)

    @property
    def secret_key(self) -> str:
        """The secret that belongs to `access_key`, which no repr shows."""
        return getattr(self, _SECRET)

    @secret_key.setter
    def secret_key(self, value: str) -> None:
        setattr(self, _SECRET, Secret(checks.text("secret_key", value)))

    @classmethod
    def _told(cls, bucket: StorageBucket, body: Mapping[str, Any]) -> Self | None:
        """Return the key that a server tells of once it is made, None where it tells of none."""
        record = body["metadata"]
        if body["type"] != "sync" or not record or _SECRET not in record:
            return None
        return cls._from_record(bucket.client, cls._kept(record), bucket=bucket)

    @classmethod
    def _kept(cls, record: dict[str, Any]) -> dict[str, Any]:
        return {**record, _SECRET: Secret(record[_SECRET])} if record.get(_SECRET) else record


class StorageBucketKeyManager(PartManager[StorageBucketKey]):
    """`bucket.keys`."""

    model = StorageBucketKey

    def __call__(self) -> list[str]:
        """Return the names of the bucket's fields: for `dict(bucket)`, which takes what has `keys` for a mapping."""
        return [name for name, _ in self._owner]

    def create(
        self,
        name: str,
        *,
        role: str = "read-only",
        description: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
    ) -> StorageBucketKey:
        """Create a key and return it; see `StorageBucketKey.create`."""
        return self.model.create(
            self._owner, name, role=role, description=description, access_key=access_key, secret_key=secret_key
        )
