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
    giver = _giver(volume)
    taker = _taker(giver, new_client, project, target)
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
    one_copies = giver.target in (None, taker.target) or giver.has_api_extension("cluster_internal_custom_volume_copy")
    if same_server(giver, taker) and one_copies:  # else a member would copy what it has itself by that name
        what = volume._name if snapshot is None else f"{volume._name}/{snapshot._name}"
        source: dict[str, Any] = {"type": "copy", "name": what, "pool": volume.pool, **asked}
        if giver.target not in (None, taker.target):
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
    target: str | None,
    mode: str,
    wait: bool,
) -> StorageVolume:
    """Move a volume, and return it; without `wait` to another server or member, its copy there."""
    giver = _giver(volume)
    taker = _taker(giver, new_client, project, target)
    check_mode(mode)
    request = {"name": volume._name if name is None else name, "pool": volume.pool if pool is None else pool}
    volume._check_place(request["name"], request["pool"], project)
    if same_server(giver, taker) and taker.target == giver.target:
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
    more: dict[str, Any] = {"project": project, "new_client": new_client, "target": target, "mode": mode}
    copy = copied(volume, None, name, pool, flags=flags, wait=wait, **more)
    if not wait:
        return copy
    try:
        volume.delete(wait=True)
    except LXDError as error:
        error.add_note(f"the copy stands on {copy.client!r}, and the source could not be deleted")
        raise
    volume.client, volume._owner, volume._theirs["name"] = copy.client, copy._owner, copy._name
    volume.sync()
    return volume


_EXTENSIONS = {
    "refresh": "custom_volume_refresh",
    "refresh_exclude_older": "custom_volume_refresh_exclude_older_snapshots",
}


def _giver(volume: StorageVolume) -> Client:
    """Return a client of where it is: of the member of a cluster that has it."""
    client = volume.client
    if not client.server_clustered or client.target is not None:
        return client
    return client if volume.location in ("", "none", None) else client.use_target(volume.location)


def _taker(giver: Client, new_client: Client | None, project: str | None, target: str | None) -> Client:
    """Return a client of where it is to be: of the same member of a cluster, where nothing else is said."""
    if new_client is not None and not hasattr(new_client, "host_info"):
        raise TypeError(f"new_client is a Client, not {type(new_client).__name__}")
    taker = giver if new_client is None else new_client
    if project is not None:
        taker = taker.use_project(project)
    if target is not None:
        return taker.use_target(target)
    if giver.target is None or taker.target is not None or not same_server(giver, taker):
        return taker
    return taker.use_target(giver.target)


def _pool(volume: StorageVolume, pool: str, new_client: Client | None) -> StoragePool:
    owner = volume._owner
    if new_client is None and pool == volume.pool:
        return owner
    return type(owner)(owner.client if new_client is None else new_client, name=pool)
