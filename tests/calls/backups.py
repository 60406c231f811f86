"""Backups of instances."""

from __future__ import annotations

import io

from lxdnb.client import Client
from lxdnb.models import Backup
from lxdnb.models._backup import BackupManager
from tests.calls.basis import SNAPSHOT, Call, Place, c1, of_model

CLASSES: tuple[type, ...] = (BackupManager, Backup)
EXTENSIONS = {"container_backup", "backup_compression_algorithm"}


def backup(client: Client) -> Backup:
    return Backup._from_record(client, {"name": "b1"}, instance=c1(client))


CALLS: dict[str, Call] = {
    "BackupManager.get": Call(lambda client: c1(client).backups, {"name": "b1"}),
    "BackupManager.exists": Call(lambda client: c1(client).backups, {"name": "b1"}),
    "BackupManager.all": Call(lambda client: c1(client).backups),
    "BackupManager.create": Call(lambda client: c1(client).backups, {"name": "b1", "compression_algorithm": "none"}),
    "Backup.rename": Call(backup, {"new_name": "b2"}),
    "Backup.export": Call(backup, {"to": io.BytesIO()}),
    "Container.export_backup": Call(c1, {"to": io.BytesIO()}),
    **dict(of_model("Backup", backup)),
}

PLACES: dict[str, list[Place]] = {
    **{f"BackupManager.{name}(name)": [SNAPSHOT] for name in ("get", "exists", "create")},
    "Backup.rename(new_name)": [SNAPSHOT],
}
