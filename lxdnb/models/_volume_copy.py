"""Volumes made anew in another pool, project or server, and moves there: the source goes once the copy stands."""
# What is private to a volume is its copies' too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lxdnb import checks
from lxdnb.exceptions import LXDAPIException, LXDError
from lxdnb.models._arrival import arrived
from lxdnb.models._copy import same_server
from lxdnb.models._offer import check_mode, hand_over

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models.storage_pool import StoragePool
    from lxdnb.models.storage_volume import StorageVolume
    from lxdnb.models.storage_volume_snapshot import StorageVolumeSnapshot

__all__ = ["copied", "moved"]


def copied(
    volume: StorageVolume,
    snapshot: StorageVolumeSnapshot | None,
    name: str | None,
    pool: str | None,
    *,
    project: str | None,
    new_client: Client | None,
    target: str | None,
    mode: str,
    flags: Mapping[str, bool],
    wait: bool,
) -> StorageVolume:
    """Copy a volume, or a snapshot of it, and return the copy."""
    giver, taker = volume.client, _taker(volume, new_client, project)
    if target is not None:
        taker = taker.use_target(target)
    way, asked = check_mode(mode), {key: checks.flag(key, value) for key, value in flags.items()}
    if asked.get("refresh_exclude_older") and not asked.get("refresh"):
        raise ValueError("refresh_exclude_older is a way to refresh: give refresh=True as well")
    name, pool = volume._name if name is None else name, volume.pool if pool is None else pool
    collection = taker.api["storage-pools"][pool].volumes.custom
    _ = collection[name]  # refuses what is no name, before anything is sent
    if volume._theirs["type"] != "custom":
        # Servers would look for a custom volume of its name.
        raise ValueError(f"{volume._name} is the volume of a {volume._theirs['type']}, not a custom one: copy that")
    for flag, extension in _EXTENSIONS.items():
        if asked.get(flag):
            taker.assert_has_api_extension(extension)
    owner = _pool(volume, pool, new_client)
    if same_server(giver, taker):
        what = volume._name if snapshot is None else f"{volume._name}/{snapshot._name}"
        source = {"type": "copy", "name": what, "pool": volume.pool, **asked}
        if giver.target is not None and giver.has_api_extension("cluster_internal_custom_volume_copy"):
            source["location"] = giver.target
        if (taker.project or "default") != (giver.project or "default"):
            giver.assert_has_api_extension("storage_api_project")
            source["project"] = giver.project or "default"
        return type(volume)._made(owner, taker, {"name": name, "type": "custom", "source": source}, wait)
    for each in (giver, taker):
        each.assert_has_api_extension("storage_api_remote_volume_handling")
    if snapshot is not None:
        giver.assert_has_api_extension("storage_api_remote_volume_snapshot_copy")
    what = volume if snapshot is None else snapshot
    record = {**volume._fresh(), **({} if snapshot is None else snapshot._fresh())}
    # The server's notes in it too: of the files they tell by which map their owners are to be read.
    description = {field: record.get(field) for field in ("config", "description")}
    description |= {"name": name, "type": "custom", "content_type": volume.content_type}
    journey = hand_over(giver, what.api, taker, collection, description, {"name": what._name, **asked}, way)
    made = type(volume)(taker, name=name, type="custom", storage_pool=owner)
    made._started(journey.answer, wait=False)
    if wait:
        arrived(made.operation, journey)
        made = made._at_its_member()
    return made


def moved(
    volume: StorageVolume,
    name: str | None,
    pool: str | None,
    *,
    project: str | None,
    new_client: Client | None,
    mode: str,
    wait: bool,
) -> StorageVolume:
    """Move a volume, and return it; without `wait` to another server, its copy there."""
    giver, taker = volume.client, _taker(volume, new_client, project)
    check_mode(mode)
    request = {"name": volume._name if name is None else name, "pool": volume.pool if pool is None else pool}
    volume._check_place(request["name"], request["pool"], project)
    if same_server(giver, taker):
        if new_client is not None or project is not None:
            giver.assert_has_api_extension("storage_volume_project_move")
            request["project"] = taker.project or "default"
        volume._move(request, wait)
        return volume
    response = volume.api.get()
    if users := volume._read(response).get("used_by"):
        # Servers would copy what may be written to, and only then refuse to delete it here.
        message = f"{volume._name} is in use by {', '.join(users)}: take it from there first, or copy it"
        raise LXDAPIException(response, message=message)
    flags: dict[str, bool] = {}
    more: dict[str, Any] = {"project": project, "new_client": new_client, "target": None, "mode": mode}
    copy = copied(volume, None, name, pool, flags=flags, wait=wait, **more)
    if not wait:
        return copy
    try:
        volume.delete(wait=True)
    except LXDError as error:
        error.add_note(f"the copy stands on {copy.client!r}, and the source could not be deleted")
        raise
    volume.client, volume._owner = copy.client, copy._owner
    volume._take(copy._theirs)
    return volume


_EXTENSIONS = {
    "refresh": "custom_volume_refresh",
    "refresh_exclude_older": "custom_volume_refresh_exclude_older_snapshots",
}


def _taker(volume: StorageVolume, new_client: Client | None, project: str | None) -> Client:
    """Return a client of where it is to be."""
    if new_client is not None and not hasattr(new_client, "host_info"):
        raise TypeError(f"new_client is a Client, not {type(new_client).__name__}")
    taker = volume.client if new_client is None else new_client
    return taker if project is None else taker.use_project(project)


def _pool(volume: StorageVolume, pool: str, new_client: Client | None) -> StoragePool:
    owner = volume._owner
    if new_client is None and pool == volume.pool:
        return owner
    return type(owner)(owner.client if new_client is None else new_client, name=pool)
