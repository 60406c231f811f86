"""Backups of an instance: files to keep elsewhere, and to make an instance of again."""
# What is private to a backup is its manager's too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from lxdnb.models._backup import BaseBackup, BaseBackupManager

__all__ = ["Backup", "BackupManager"]


class Backup(BaseBackup):
    """A backup of an instance, which lies on the server until it is deleted or expires.

    `name` is its own, without the instance's. `created_at` and `expires_at` are ISO 8601 texts.

    >>> instance = client.instances.get("c2")
    >>> backup = instance.backups.create("weekly", wait=True)
    >>> backup.export("c2.tar.gz")
    >>> backup.delete(wait=True)

    https://documentation.ubuntu.com/lxd/stable-5.0/howto/instances_backup/
    """

    within: ClassVar[str] = "instance"
    extension: ClassVar[str | None] = "container_backup"

    created_at: str
    instance_only: bool
    optimized_storage: bool


class BackupManager(BaseBackupManager[Backup]):
    """`instance.backups`."""

    model = Backup

    def create(
        self,
        name: str | None = None,
        *,
        expires_at: datetime | str | None = None,
        instance_only: bool = False,
        optimized_storage: bool = False,
        compression_algorithm: str | None = None,
        wait: bool = False,
    ) -> Backup:
        """Make a backup on the server and return it; without a `name` it gets one.

        `expires_at` is when the server deletes it: a datetime with a time zone, or an ISO 8601 text. `instance_only`
        leaves the snapshots out; `optimized_storage` is the format of the pool's driver, which only such a pool takes
        back. `compression_algorithm` is a program on the server, such as `gzip`, or `none`. Raises
        LXDAPIExtensionNotAvailable, and Conflict or OperationFailed when the name is taken.
        """
        flags = {"instance_only": instance_only, "optimized_storage": optimized_storage}
        return self.model._made(self._owner, name, expires_at, flags, compression_algorithm, wait)
