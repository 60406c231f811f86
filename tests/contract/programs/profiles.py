"""Profiles and certificates."""

import pylxd

client = pylxd.Client()
profile = client.profiles.create("small", config={"limits.memory": "64MiB"}, devices={}, description="for little")
print("created:", type(profile).__name__, profile.name, profile.config, profile.devices, profile.description)
print("there:", client.profiles.exists("small"), client.profiles.exists("nobody"))
print("all:", sorted(each.name for each in client.profiles.all()))
got = client.profiles.get("small")
print("got:", got.name, got.config["limits.memory"], got.description, got.used_by)
print("equal:", got == client.profiles.get("small"), got == client.profiles.get("default"))
print("fields:", sorted(set(dict(got)) & {"name", "config", "devices", "description", "used_by"}))
got.config = {"limits.memory": "128MiB"}
got.description = "for more"
print("save:", got.save(wait=True), client.profiles.get("small").config, client.profiles.get("small").description)
got.devices = {"tmp": {"type": "disk", "path": "/mnt", "source": "/tmp"}}
got.save()
print("devices:", client.profiles.get("small").devices["tmp"]["path"])
print("put:", got.put({"config": {}, "devices": {}, "description": "put"}), client.profiles.get("small").config)
print("patch:", got.patch({"description": "patched"}), client.profiles.get("small").description)
client.profiles.create("second")
print("made of a name:", client.profiles.get("second").config, client.profiles.get("second").devices)
source = {"type": "image", "alias": "busybox"}
client.containers.create({"name": "user", "source": source, "profiles": ["default", "second"]}, wait=True)
print("used by:", len(client.profiles.get("second").used_by), client.containers.get("user").profiles)
client.containers.get("user").delete(wait=True)
renamed = client.profiles.get("second").rename("third")
print("rename:", type(renamed).__name__, renamed and renamed.name, client.profiles.exists("second"))
print("delete:", client.profiles.get("third").delete(), client.profiles.get("small").delete())
print("left:", [each.name for each in client.profiles.all()])
try:
    client.profiles.create("default")
except pylxd.exceptions.LXDAPIException as error:
    print("twice:", isinstance(error, pylxd.exceptions.LXDAPIException))
