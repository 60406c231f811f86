"""Snapshots: taken, listed, gone back to, and made images of."""

import pylxd

client = pylxd.Client()
source = {"type": "image", "alias": "busybox"}
container = client.containers.create({"name": "box", "source": source, "config": {"user.when": "before"}}, wait=True)
print("none:", container.snapshots.all())
snapshot = container.snapshots.create("one", stateful=False, wait=True)
print("created:", type(snapshot).__name__, snapshot.name, snapshot.stateful)
container.snapshots.create("two", wait=True)
print("all:", sorted(each.name for each in container.snapshots.all()))
got = container.snapshots.get("one")
print("got:", got.name, got.stateful, got.created_at[:2])
print("fields:", sorted(set(dict(got)) & {"name", "created_at", "stateful"}))
print("equal:", got == container.snapshots.get("one"))

container.config = dict(container.config, **{"user.when": "after"})
container.save(wait=True)
print("changed:", client.containers.get("box").config["user.when"])
print("restore_snapshot:", container.restore_snapshot("one", wait=True))
print("as before:", client.containers.get("box").config["user.when"])
container = client.containers.get("box")
container.config = dict(container.config, **{"user.when": "after"})
container.save(wait=True)
print("restore:", container.snapshots.get("two").restore(wait=True))
print("as before again:", client.containers.get("box").config["user.when"])

print("rename:", got.rename("first", wait=True), sorted(each.name for each in container.snapshots.all()))
first = container.snapshots.get("first")
image = first.publish(public=True, wait=True)
print("published:", type(image).__name__, image.public, len(image.fingerprint))
image.delete(wait=True)
print("delete:", first.delete(wait=True), [each.name for each in container.snapshots.all()])
try:
    container.snapshots.get("first")
except pylxd.exceptions.NotFound as error:
    print("gone:", type(error).__name__)
image = container.publish(wait=True, compression_algorithm="gzip")
print("published whole:", type(image).__name__, image.public)
image.delete(wait=True)
container.delete(wait=True)
