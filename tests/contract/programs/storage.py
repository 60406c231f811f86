"""Storage pools, volumes and their snapshots."""

import random

import pylxd
from pylxd.models.storage_pool import StoragePool, StorageResources, StorageVolume, StorageVolumeSnapshot

client = pylxd.Client()
name = f"sp{random.randrange(16**8):08x}"


def shown(value):
    return str(value).replace(name, "NAME")


pool = client.storage_pools.create({"name": name, "driver": "dir", "description": "of a program", "config": {}})
print("created:", isinstance(pool, StoragePool), shown(pool.name), pool.driver, pool.description, pool.status)
print("fields:", sorted(pool.config), pool.used_by or [], pool.locations)
print("there:", client.storage_pools.exists(name), client.storage_pools.exists("nobody"))
print("all:", sorted(shown(each.name) for each in client.storage_pools.all()))
try:
    client.storage_pools.create({"name": name, "driver": "dir", "config": {}})
except pylxd.exceptions.LXDAPIException as error:
    print("twice:", shown(error))
try:
    client.storage_pools.get("nobody")
except pylxd.exceptions.NotFound as error:
    print("nobody:", error)
pool.description = "saved"
print("save:", pool.save(wait=True), client.storage_pools.get(name).description)
print("patch:", pool.patch({"description": "patched"}), pool.description)
print("put:", pool.put({"description": "put", "config": pool.config}), pool.description)
resources = pool.resources.get()
print("resources:", isinstance(resources, StorageResources), sorted(resources.space), sorted(resources.inodes))
print("resources as dict:", sorted(dict(resources)))

volume = pool.volumes.create({"name": "data", "type": "custom", "config": {"user.owner": "me"}}, wait=True)
print("volume:", isinstance(volume, StorageVolume), volume.name, volume.type, volume.content_type, volume.config)
print("volume fields:", volume.description, volume.used_by, volume.location, volume.project)
print("its pool:", shown(volume.storage_pool.name), shown(pool.volumes.get("custom", "data").storage_pool.name))
print("of a class:", StorageVolume.create(pool, {"name": "more", "type": "custom"}).name)
print("volumes:", sorted((each.type, each.name) for each in pool.volumes.all()))
print("by type and name:", pool.volumes.get("custom", "data").config, StorageVolume.get(pool, "custom", "more").name)
for label, attempt in (
    ("no volume", lambda: pool.volumes.get("custom", "nobody")),
    ("volume twice", lambda: pool.volumes.create({"name": "data", "type": "custom"})),
):
    try:
        attempt()
    except pylxd.exceptions.LXDAPIException as error:
        print(f"{label}:", type(error).__name__, error)
volume.description = "saved"
volume.config["user.n"] = "1"
print("volume save:", volume.save(wait=True), pool.volumes.get("custom", "data").description)
print("volume put:", volume.put({"description": "put", "config": {"user.n": "2"}}), volume.description, volume.config)
print("volume patch:", volume.patch({"description": "patched"}), volume.description)

snapshot = volume.snapshots.create("before", expires_at="2031-01-31T12:00:00Z")
print(
    "snapshot:", isinstance(snapshot, StorageVolumeSnapshot), snapshot.name, snapshot.expires_at, snapshot.volume.name
)
print("snapshot fields:", snapshot.description, snapshot.config, snapshot.content_type, snapshot.created_at)
print("picked:", volume.snapshots.create().name, volume.snapshots.create(wait=True).expires_at)
print("names:", volume.snapshots.all())
print("with recursion:", [each.name for each in volume.snapshots.all(use_recursion=True)])
print("its expiry:", [each.expires_at for each in volume.snapshots.all(use_recursion=True)])
print("snapshot there:", volume.snapshots.exists("before"), volume.snapshots.exists("nobody"))
try:
    volume.snapshots.get("nobody")
except pylxd.exceptions.NotFound as error:
    print("no snapshot:", error)
try:
    volume.snapshots.create("before")
except pylxd.exceptions.Conflict as error:
    print("snapshot twice:", error)
snapshot = volume.snapshots.get("before")
print("rename snapshot:", snapshot.rename("first"), snapshot.name, volume.snapshots.exists("before"))
snapshot.description = "saved"
print("snapshot save:", snapshot.save(wait=True), volume.snapshots.get("first").description)
print("restore:", snapshot.restore(wait=True))
print("restore from:", volume.restore_from("first", wait=True))
try:
    volume.restore_from("nobody", wait=True)
except pylxd.exceptions.LXDAPIException as error:
    print("restore nobody:", error)
print("delete snapshot:", snapshot.delete(wait=True), volume.snapshots.exists("first"))

print("listed with snapshots:", sorted(each.name for each in pool.volumes.all()))
print("rename:", volume.rename({"name": "renamed", "pool": name}, wait=True), volume.name)
volume = pool.volumes.get("custom", "renamed")
moved = volume.rename({"name": "moved", "pool": "default"}, wait=True)
print("move:", type(moved).__name__, moved["description"])
print("moved:", [each.name for each in pool.volumes.all()])
volume = client.storage_pools.get("default").volumes.get("custom", "moved")
print("delete:", volume.delete(wait=True), pool.volumes.get("custom", "more").delete())
print("pool delete:", pool.delete(wait=True), client.storage_pools.exists(name))
