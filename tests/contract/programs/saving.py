"""Changing a container, in each of the ways there are."""

import pylxd

client = pylxd.Client()
source = {"type": "image", "alias": "busybox"}
container = client.containers.create({"name": "saved", "source": source, "config": {"user.a": "1"}}, wait=True)


def there():
    found = client.containers.get("saved")
    return found.description, {key: value for key, value in found.config.items() if key.startswith("user.")}


print("clean:", container.dirty)
container.description = "by save"
print("dirty:", container.dirty, container.description)
print("save:", container.save(wait=True), there())
print("clean again:", container.dirty)
container.config["user.b"] = "2"
print("changed in place:", container.dirty)
container.save(wait=True)
print("saved in place:", there())
container.config = dict(container.config, **{"user.c": "3"})
container.save(wait=True)
print("a new dict:", there())
container.config.pop("user.a", None)
container.save(wait=True)
print("a key less:", there())
container.description = "thrown away"
print("rollback:", container.rollback(), container.description, container.dirty)
container.description = "kept"
print("sync:", container.sync(), container.description, container.dirty)
print("sync with rollback:", container.sync(rollback=True), container.description, container.dirty)

whole = container.marshall()
whole["description"] = "by put"
print("put:", container.put(whole, wait=True), there()[0], container.description)
whole["description"] = "by raw_put"
print("raw_put:", container.raw_put(whole, wait=True), there()[0])
container.sync(rollback=True)
print("patch:", container.patch({"description": "by patch"}, wait=True), there()[0], container.description)
print("raw_patch:", container.raw_patch({"config": {"user.d": "4"}}, wait=True), there())
print("post:", container.post(json={"name": "moved"}, wait=True), client.containers.exists("moved"))
container = client.containers.get("moved")
container.description = "once"
container.save(wait=True)
container.description = "twice"
container.save(wait=True)
print("saved twice:", client.containers.get("moved").description)
try:
    container.no_such_thing = 1
except AttributeError as error:
    print("no such attribute:", type(error).__name__)
container.delete(wait=True)
