"""Backups of instances as files: a tar with an index, the instance's own folder, and those of its snapshots.

As real servers write them, and as they read them: but the folder of a virtual machine has its files where theirs has
the image of a disc.
https://documentation.ubuntu.com/lxd/stable-5.0/howto/instances_backup/
"""

from __future__ import annotations

import io
import lzma
import tarfile
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from lxdnb.sandbox.filesystem import Tree
from lxdnb.sandbox.instances import Instance
from lxdnb.sandbox.metadata import Described, described
from lxdnb.sandbox.packing import add_file, add_tree, compressed
from lxdnb.sandbox.replies import Refused
from lxdnb.sandbox.rootfs import files_of, tree_below
from lxdnb.sandbox.volumes import volume_of

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Unpacked", "index_of", "packed", "unpacked"]

_INDEX = "backup/index.yaml"
_UNREADABLE = (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)
_MAGICS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"]\x00\x00")


class _Loader(yaml.SafeLoader):
    """Reads times as the text that they are."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _folder(kind: str) -> tuple[str, str]:
    """The folders of an instance and of its snapshots."""
    if kind == "container":
        return "backup/container", "backup/snapshots"
    return "backup/virtual-machine", "backup/virtual-machine-snapshots"


# --- written


def packed(host: Host, instance: Instance, algorithm: str, *, alone: bool) -> bytes:
    """Write an instance, with its snapshots unless it is to be `alone`."""
    own, others = _folder(instance.kind)
    snapshots = [*(instance.snapshots or {}).values()]
    whole = _config(host, instance)
    config = {key: value for key, value in whole.items() if not alone or "snapshots" not in key}
    index: dict[str, Any] = {
        "name": instance.name,
        "backend": whole["pool"]["driver"] if "pool" in whole else "dir",
        "pool": instance.pool(host),
        **({"snapshots": [each.name for each in snapshots]} if snapshots and not alone else {}),
        "optimized": False,
        "optimized_header": False,
        "type": instance.kind,
        "config": config,
    }
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        add_file(archive, _INDEX, _yaml(index), host.clock())
        for snapshot in [] if alone else snapshots:
            _add(host, archive, f"{others}/{snapshot.name}", snapshot.then, _config(host, snapshot.then))
        _add(host, archive, own, instance, whole)
    return compressed(written.getvalue(), algorithm)


def _config(host: Host, instance: Instance) -> dict[str, Any]:
    """All that is noted of an instance, as its own folder has it."""
    pool = instance.pool(host)
    told: dict[str, Any] = {"container": instance.record(host)}
    if instance.snapshots:
        told["snapshots"] = [each.record(host) for each in instance.snapshots.values()]
    if pool in host.pools:
        told["pool"] = {**host.pools[pool].record(host), "used_by": []}
    keeper, profiles = host.keeper(instance.project, "profiles").name, host.profiles(instance.project)
    named = [profiles[name] for name in instance.profiles if name in profiles]
    told["profiles"] = [{**each.record(host, keeper), "used_by": []} for each in named]
    if pool in host.pools:
        volume = {**volume_of(host, pool, instance).record(host), "used_by": []}
        told["volume"] = volume
        if instance.snapshots:
            told["volume_snapshots"] = [
                {
                    "description": "",
                    "expires_at": each.expires_at,
                    "name": each.name,
                    "config": {},
                    "content_type": volume["content_type"],
                    "created_at": each.record(host)["created_at"],
                }
                for each in instance.snapshots.values()
            ]
    return told


def _yaml(told: Any) -> bytes:
    return yaml.dump(told, Dumper=_Dumper, sort_keys=False, allow_unicode=True).encode()


class _Dumper(yaml.SafeDumper):
    """Writes each thing out, as often as it is there."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _add(host: Host, archive: tarfile.TarFile, folder: str, instance: Instance, config: Mapping[str, Any]) -> None:
    entry = tarfile.TarInfo(folder)
    entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o100, int(host.clock())
    archive.addfile(entry)
    add_file(archive, f"{folder}/backup.yaml", _yaml(config), host.clock(), 0o400)
    told = described(host, instance)
    add_file(archive, f"{folder}/metadata.yaml", _yaml(told.told), told.told["creation_date"])
    for name, content in sorted(told.files.items()):
        add_file(archive, f"{folder}/templates/{name}", content, host.clock())
    tree = files_of(host, instance)
    # Of one that runs, a copy: without what is mounted in it, and what it makes as it runs.
    add_tree(archive, tree.copy() if instance.started is not None else tree, f"{folder}/rootfs")


# --- read


class Unpacked:
    """What is in a backup, of one instance or of its snapshot: its record, its files, and what an image says of it."""

    def __init__(self, record: Mapping[str, Any], tree: Tree, told: Described | None) -> None:
        self.record, self.tree, self.described = record, tree, told
        self.snapshots: list[Unpacked] = []


def index_of(host: Host, data: bytes) -> dict[str, Any]:
    """Return the index of a backup. Raises Refused for what is none."""
    if not data:
        raise Refused(500, "EOF")
    if not data.startswith(_MAGICS) and data[257:262] != b"ustar":
        raise Refused(500, "Unsupported compression")
    text: bytes | None = None
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                if member.name == _INDEX and (file := archive.extractfile(member)):
                    text = file.read()
                    break
    except _UNREADABLE:
        raise Refused(500, "unexpected EOF") from None
    if text is None:
        raise Refused(400, f'Backup is missing at "{_INDEX}"' if host.flavour.incus else "Backup is missing index.yaml")
    try:
        index = yaml.load(text, _Loader)  # a safe one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise Refused(400, f"yaml: {where}did not find expected node content") from None
    if not isinstance(index, dict):
        kind = "seq" if isinstance(index, list) else "str"
        raise Refused(400, f"yaml: unmarshal errors:\n  line 1: cannot unmarshal !!{kind} into backup.Info")
    if host.flavour.incus and not _record_of(index):
        raise Refused(400, "Backup file is missing required information")
    return index


def _record_of(index: Mapping[str, Any]) -> Mapping[str, Any]:
    config = index.get("config")
    record = config.get("container") if isinstance(config, dict) else None
    return record if isinstance(record, dict) else {}


def unpacked(host: Host, index: Mapping[str, Any], data: bytes) -> Unpacked:
    """Read what a backup has, by its index. Raises Refused with 500 for what is not all there."""
    kind = index.get("type") or "container"
    if kind not in ("container", "virtual-machine"):
        raise Refused(500, "Create instance from backup: Invalid instance type")
    own, others = _folder(kind)
    names = [str(name) for name in index.get("snapshots") or []]
    config = index.get("config") or {}
    records = {str(each.get("name")): each for each in config.get("snapshots") or [] if isinstance(each, dict)}
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            there = archive.getnames()
            for folder in [*(f"{others}/{name}" for name in names), own]:
                if not any(each == folder or each.startswith(f"{folder}/") for each in there):
                    raise _unfit(host, f"tar: {folder}: Not found in archive")
            found = _of_folder(host, archive, own, _record_of(index))
            if f"{own}/backup.yaml" not in there:
                words = f"open {own}/backup.yaml: no such file or directory"
                raise Refused(500, f"Create instance from backup: Error updating backup file: {words}")
            found.snapshots = [
                _of_folder(host, archive, f"{others}/{name}", {**records.get(name, {}), "name": name}) for name in names
            ]
            return found
    except _UNREADABLE:
        raise _unfit(host, "tar: Unexpected EOF in archive") from None


def _unfit(host: Host, words: str) -> Refused:
    ended = "exit status 2" if host.flavour.incus else "Process exited with non-zero value 2"
    return Refused(500, f"Create instance from backup: Error starting unpack: Failed to run: tar: {ended} ({words})")


def _of_folder(host: Host, archive: tarfile.TarFile, folder: str, record: Mapping[str, Any]) -> Unpacked:
    tree = tree_below(host.clock, archive, f"{folder}/rootfs/")
    told: Described | None = None
    files: dict[str, bytes] = {}
    for member in archive.getmembers():
        inside = member.name.removeprefix(f"{folder}/")
        if inside == member.name or not (file := archive.extractfile(member) if member.isfile() else None):
            continue
        if inside.startswith("templates/"):
            files[inside.removeprefix("templates/")] = file.read()
        elif inside == "metadata.yaml":
            told = _metadata(file.read())
    if told is not None:
        told.files = files
    return Unpacked(record, tree, told)


def _metadata(text: bytes) -> Described | None:
    try:
        told = yaml.load(text, _Loader)  # a safe one
    except yaml.YAMLError:
        return None
    if not isinstance(told, dict):
        return None
    kept = {"architecture": str(told.get("architecture", "")), "creation_date": told.get("creation_date") or 0}
    kept |= {"expiry_date": told.get("expiry_date") or 0, "properties": told.get("properties") or {}}
    return Described({**kept, "templates": told.get("templates") or None})
