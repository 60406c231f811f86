"""Images: made, named, read and deleted."""

import hashlib

import pylxd

client = pylxd.Client()
busybox = client.images.get_by_alias("busybox")
file = busybox.export()
whole = file.read()
file.close()
print("exported:", hashlib.sha256(whole).hexdigest() == busybox.fingerprint == client.images.all()[0].fingerprint)
print("there:", client.images.exists(busybox.fingerprint), client.images.exists("0" * 64))
print("there by alias:", client.images.exists("busybox", alias=True), client.images.exists("nobody", alias=True))
print("got:", client.images.get(busybox.fingerprint) == busybox, client.images.get(busybox.fingerprint[:12]) == busybox)
print("attributes:", busybox.public, busybox.auto_update, busybox.type, busybox.size == len(whole), busybox.cached)
print("properties:", busybox.properties["os"], [alias["name"] for alias in busybox.aliases])
print("fields:", sorted(set(dict(busybox)) & {"aliases", "fingerprint", "properties", "public", "size", "uploaded_at"}))
print("add alias:", busybox.add_alias("second", "another name"))
print("aliases:", sorted(alias["name"] for alias in client.images.get(busybox.fingerprint).aliases))
print("by it:", client.images.get_by_alias("second").fingerprint == busybox.fingerprint)
print("delete alias:", busybox.delete_alias("second"), client.images.exists("second", alias=True))

image = client.containers.create({"name": "c", "source": {"type": "image", "alias": "busybox"}}, wait=True).publish(
    wait=True
)
file = image.export()
data = file.read()
file.close()
image.delete(wait=True)
made = client.images.create(data, public=True, wait=True)
print("created:", type(made).__name__, made.fingerprint == hashlib.sha256(data).hexdigest(), made.public)
made.public = False
made.properties = {**made.properties, "os": "ours"}
print("save:", made.save(wait=True), client.images.get(made.fingerprint).public)
print("saved:", client.images.get(made.fingerprint).properties["os"])
print("delete:", made.delete(wait=True), client.images.exists(made.fingerprint))
client.containers.get("c").delete(wait=True)
for label, call in (
    ("no alias", lambda: client.images.get_by_alias("nobody")),
    ("no image", lambda: client.images.get("0" * 64)),
):
    try:
        call()
    except pylxd.exceptions.NotFound as error:
        print(f"{label}:", error.response.status_code)
