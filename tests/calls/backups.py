"""Backups of instances."""

from __future__ import annotations

import io
import re

from lxdnb.client import Client
from lxdnb.models import Backup
from lxdnb.models.backup import BackupManager
from tests.calls.basis import SNAPSHOT, Call, Place, c1, itself, no_name, no_segment, of_model

CLASSES: tuple[type, ...] = (BackupManager, Backup)
EXTENSIONS = {
    "backup_override_name",
    "container_backup_override_pool",
    "container_backup",
    "backup_compression_algorithm",
}


def backup(client: Client) -> Backup:
    return Backup._from_record(client, {"name": "b1"}, instance=c1(client))


CALLS: dict[str, Call] = {
    "BackupManager.get": Call(lambda client: c1(client).backups, {"name": "b1"}),
    "BackupManager.exists": Call(lambda client: c1(client).backups, {"name": "b1"}),
    "BackupManager.all": Call(lambda client: c1(client).backups),
    "BackupManager.create": Call(lambda client: c1(client).backups, {"name": "b1", "compression_algorithm": "none"}),
    "InstanceManager.import_backup": Call(lambda client: client.instances, {"data": b"x", "name": "n1", "pool": "p1"}),
    "Backup.rename": Call(backup, {"new_name": "b2"}),
    "Backup.export": Call(backup, {"to": io.BytesIO()}),
    "Container.export_backup": Call(c1, {"to": io.BytesIO()}),
    **dict(of_model("Backup", backup)),
}


def _no_field_at_all(text: str) -> bool:
    return text != text.strip() or bool(re.search("[\x00-\x1f\x7f]", text))


def _no_field(text: str) -> bool:
    return no_segment(text) or _no_field_at_all(text)


PLACES: dict[str, list[Place]] = {
    **{f"BackupManager.{name}(name)": [SNAPSHOT] for name in ("get", "exists", "create")},
    "Backup.rename(new_name)": [SNAPSHOT],
    "InstanceManager.import_backup(name)": [Place(itself, _no_field)],
    "InstanceManager.import_backup(pool)": [Place(itself, lambda text: no_name(text) or _no_field_at_all(text))],
}
