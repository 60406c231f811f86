"""Backups of custom volumes as files: a tar with an index, what is in the volume, and what was in its snapshots.

https://documentation.ubuntu.com/lxd/stable-5.0/howto/storage_backup_volume/
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from lxdnb.sandbox.contents import Members, add_to, read_below
from lxdnb.sandbox.replies import Refused
from lxdnb.sandbox.volumes import NEVER, Snapshot, Volume

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["COMPRESSIONS", "packed", "unpacked"]

COMPRESSIONS = {"none": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}
_INDEX, _CONTENT, _SNAPSHOTS = "backup/index.yaml", "backup/volume", "backup/volume-snapshots"


def packed(host: Host, volume: Volume, method: str, *, alone: bool) -> bytes:
    """Write a volume, with its snapshots unless it is to be `alone`."""
    snapshots = [] if alone else [*volume.snapshots.values()]
    whole = {**volume.record(host), "used_by": []}
    index: dict[str, Any] = {
        "name": volume.name,
        "backend": host.pool(volume.pool).driver,
        "pool": volume.pool,
        **({"snapshots": [each.name for each in snapshots]} if snapshots else {}),
        "optimized": False,
        "optimized_header": False,
        "type": "custom",
        "config": {"volume": whole, "volume_snapshots": [_told(host, volume, each) for each in snapshots]},
    }
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        _add(host, archive, _INDEX, yaml.safe_dump(index, sort_keys=False, allow_unicode=True).encode())
        for snapshot in snapshots:
            add_to(archive, f"{_SNAPSHOTS}/{snapshot.name}", snapshot.content)
        add_to(archive, _CONTENT, volume.content)
    return COMPRESSIONS[method](written.getvalue())


def _told(host: Host, volume: Volume, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "description": snapshot.description,
        "expires_at": snapshot.expires_at or NEVER,
        "name": snapshot.name,
        "config": snapshot.config,
        "content_type": volume.content_type,
        "created_at": volume.record(host, snapshot)["created_at"],
    }


def _add(host: Host, archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = len(content), int(host.clock())
    archive.addfile(entry, io.BytesIO(content))


def unpacked(data: bytes) -> Volume:
    """Read what `packed` or a real server wrote, as a volume that is nowhere yet. Raises Refused with 500."""
    index: Any = None
    members: dict[str, tuple[tarfile.TarInfo, bytes]] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if member.name == _INDEX and content:
                    index = yaml.safe_load(content.read())
                else:
                    members[member.name] = (member, content.read() if content else b"")
    except (tarfile.TarError, EOFError, OSError, ValueError):
        raise Refused(500, "Unsupported compression") from None
    except yaml.YAMLError as error:
        raise Refused(500, f"Could not parse index.yaml: {error}") from None
    try:
        return _read(index, members)
    except (AttributeError, KeyError, TypeError):
        raise Refused(500, "Valid backup index.yaml config not found") from None


def _read(index: Any, members: Members) -> Volume:
    if index.get("type") != "custom":
        raise Refused(500, f"Unsupported backup type {index.get('type')!r}")
    told = index["config"]["volume"]
    made = Volume(str(index["name"]), "", "", 0.0, content_type=str(told.get("content_type", "filesystem")))
    made.description, made.config = str(told.get("description", "")), _texts(told.get("config"))
    made.content = read_below(members, _CONTENT, made.content_type, 0.0)
    for each in index["config"].get("volume_snapshots") or []:
        snapshot = Snapshot(str(each["name"]), 0.0, _texts(each.get("config")), str(each.get("description", "")))
        snapshot.content = read_below(members, f"{_SNAPSHOTS}/{snapshot.name}", made.content_type, 0.0)
        made.snapshots[snapshot.name] = snapshot
    return made


def _texts(config: Mapping[Any, Any] | None) -> dict[str, str]:
    return {str(key): str(value) for key, value in (config or {}).items()}
