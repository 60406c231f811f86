"""Storage pools and what lies in them."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable
from typing import Any

from lxdnb import managers
from lxdnb.client import Client
from lxdnb.models import (
    StoragePool,
    StorageResources,
    StorageVolume,
    StorageVolumeBackup,
    StorageVolumeSnapshot,
    StorageVolumeState,
)
from tests.calls.basis import (
    KEY,
    MEMBER,
    NAME,
    SNAPSHOT,
    VALUE,
    Call,
    Place,
    cannot_be_said,
    class_of,
    itself,
    model,
    no_segment,
    of_model,
)

CLASSES: tuple[type, ...] = (
    *(managers.StoragePoolManager, managers.StorageResourcesManager, managers.StorageVolumeManager),
    *(
        managers.AllStorageVolumesManager,
        managers.StorageVolumeBackupManager,
        StorageVolumeBackup,
        managers.StorageVolumeSnapshotManager,
    ),
    *(StoragePool, StorageResources, StorageVolume, StorageVolumeSnapshot),
)
VALUES = (StorageVolumeState,)
EXTENSIONS = {
    *("storage", "storage_api_project", "storage_api_volume_snapshots", "storage_volume_api_filtering"),
    *("storage_volume_project_move", "storage_volume_state", "storage_volumes_all_projects"),
    *("custom_volume_backup", "custom_volume_refresh", "custom_volume_snapshot_expiry"),
    *("custom_volume_refresh_exclude_older_snapshots", "custom_volume_iso", "storage_volumes_all"),
}

pool = model(StoragePool, name="p1", config={}, description="", driver="dir")


def volume(client: Client) -> StorageVolume:
    record = {"name": "v1", "type": "custom", "config": {}, "description": "", "content_type": "filesystem"}
    return StorageVolume._from_record(client, record, storage_pool=pool(client))


def snapshot(client: Client) -> StorageVolumeSnapshot:
    return StorageVolumeSnapshot._from_record(client, {"name": "s1"}, volume=volume(client))


def backup(client: Client) -> StorageVolumeBackup:
    return StorageVolumeBackup._from_record(client, {"name": "b1"}, volume=volume(client))


def resources(client: Client) -> StorageResources:
    return StorageResources._from_record(client, {"space": {}, "inodes": {}}, storage_pool=pool(client))


def in_owner(kind: type[Any], owner: Callable[[Client], Any]) -> Callable[[Client], Any]:
    """The class, with what its class methods look into."""

    class Bound:
        def __init__(self, client: Client) -> None:
            self.owner = owner(client)

        def __getattr__(self, name: str) -> Any:
            return functools.partial(getattr(kind, name), self.owner)

    return Bound


def both(name: str, on: Callable[[Client], Any], manager: Callable[[Client], Any], **calls: Any) -> dict[str, Call]:
    """The calls of a class and of its manager."""
    return {
        f"{kind}.{method}": Call(where, arguments)
        for kind, where in ((name, on), (f"{name}Manager", manager))
        for method, arguments in calls.items()
    }


_POOL = {"definition": {"name": "p2", "driver": "dir"}, "target": "n2"}
_VOLUME = {"definition": {"name": "v2", "config": {"user.x": "1"}}, "target": "n2"}
_COPY = {"name": "v2", "pool": "p2", "project": "pr2", "target": "n2"}
_AT = {"_type": "custom", "name": "v1"}
_WHEN = "2031-01-31T12:00:00Z"

CALLS: dict[str, Call] = {
    **both(
        "StoragePool",
        class_of(StoragePool),
        lambda client: client.storage_pools,
        get={"name": "p1"},
        exists={"name": "p1"},
        all={},
        create=_POOL,
    ),
    **dict(of_model("StoragePool", pool)),
    **both("StorageResources", in_owner(StorageResources, pool), lambda client: pool(client).resources, get={}),
    **dict(of_model("StorageResources", resources)),
    **both(
        "StorageVolume",
        in_owner(StorageVolume, pool),
        lambda client: pool(client).volumes,
        get=_AT,
        exists=_AT,
        all={"type": "custom", "filter": "name eq v1"},
        create=_VOLUME,
    ),
    "StorageVolumeManager.all": Call(lambda client: pool(client).volumes, {"filter": "name eq v1"}),
    **dict(of_model("StorageVolume", volume)),
    "StorageVolume.rename": Call(volume, {"_input": {"name": "v2", "pool": "p2", "project": "pr2"}}),
    "StorageVolume.move": Call(volume, _COPY),
    "StorageVolume.copy": Call(volume, {**_COPY, "refresh": True, "refresh_exclude_older": True}),
    "StorageVolume.restore_from": Call(volume, {"snapshot_name": "s1"}),
    "StorageVolume.state": Call(volume),
    "StorageVolume.export_backup": Call(volume, {"to": io.BytesIO()}),
    **{
        f"StorageVolumeManager.{each}": Call(lambda client: pool(client).volumes, {"data": b"x", "name": "v2"})
        for each in ("import_backup", "import_iso")
    },
    "AllStorageVolumesManager.all": Call(
        lambda client: client.storage_volumes, {"type": "custom", "filter": "name eq v1"}
    ),
    **both(
        "StorageVolumeBackup",
        in_owner(StorageVolumeBackup, volume),
        lambda client: volume(client).backups,
        get={"name": "b1"},
        exists={"name": "b1"},
        all={},
        create={"name": "b1", "expires_at": _WHEN, "compression_algorithm": "none"},
    ),
    **dict(of_model("StorageVolumeBackup", backup)),
    "StorageVolumeBackup.rename": Call(backup, {"new_name": "b2"}),
    "StorageVolumeBackup.export": Call(backup, {"to": io.BytesIO()}),
    **both(
        "StorageVolumeSnapshot",
        in_owner(StorageVolumeSnapshot, volume),
        lambda client: volume(client).snapshots,
        get={"name": "s1"},
        exists={"name": "s1"},
        all={},
        create={"name": "s1", "expires_at": _WHEN},
    ),
    **dict(of_model("StorageVolumeSnapshot", snapshot)),
    "StorageVolumeSnapshot.rename": Call(snapshot, {"new_name": "s2"}),
    "StorageVolumeSnapshot.restore": Call(snapshot),
    "StorageVolumeSnapshot.copy": Call(snapshot, _COPY),
}


def no_field(text: str) -> bool:
    return no_segment(text) or text != text.strip() or bool(re.search("[\x00-\x1f\x7f]", text))


def _with(**fields: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: {"name": "x1"} | {name: of(text) for name, of in fields.items()}


_DEFINITION = [
    Place(_with(name=itself), no_segment),
    Place(_with(description=itself), cannot_be_said),
    Place(_with(config=KEY.given), cannot_be_said),
    Place(_with(config=VALUE.given), cannot_be_said),
]
PLACES: dict[str, list[Place]] = {
    "_type": [NAME],
    "StorageVolume.all(type)": [NAME],
    "StorageVolumeManager.all(type)": [NAME],
    "AllStorageVolumesManager.all(type)": [NAME],
    **{
        f"{method}({name})": [MEMBER]
        for method in ("StorageVolume.copy", "StorageVolume.move", "StorageVolumeSnapshot.copy")
        for name in ("project", "target")
    },
    **{
        f"{method}(pool)": [NAME]
        for method in ("StorageVolume.copy", "StorageVolume.move", "StorageVolumeSnapshot.copy")
    },
    "StorageVolume.create(target)": [MEMBER],
    "StorageVolumeManager.create(target)": [MEMBER],
    "definition": _DEFINITION,
    "_input": [Place(itself, no_segment), *(Place(_with(**{each: itself}), no_segment) for each in ("name", "pool"))],
    "snapshot_name": [SNAPSHOT],
    **{f"StorageVolumeManager.{each}(name)": [Place(itself, no_field)] for each in ("import_backup", "import_iso")},
    **{
        f"{kind}{each}({name})": [SNAPSHOT]
        for kind in ("StorageVolumeSnapshot", "StorageVolumeBackup")
        for each in (".get", ".exists", ".create", ".rename", "Manager.get", "Manager.exists", "Manager.create")
        for name in ("name", "new_name")
    },
}
WRONG: dict[str, list[Any]] = {
    "Mapping[str, Any] | str": [None, 5, b"x", ["a"], {}, {1: "x"}, {"a": "b"}, {"name": 5}, "", "x\0", "\udcff"],
}
