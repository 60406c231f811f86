"""Projects, and clients of one."""

import pylxd

client = pylxd.Client()
made = client.projects.create("lab", "of the lab", {"features.profiles": "false", "features.images": "false"})
print("created:", type(made).__name__, made.name, made.description)
print("there:", client.projects.exists("lab"), client.projects.exists("nowhere"))
print("all:", sorted(each.name for each in client.projects.all()))
got = client.projects.get("lab")
print("got:", got.name, got.description, got.config["features.images"], got.used_by)
print("equal:", got == client.projects.get("lab"), got == client.projects.get("default"))
print("fields:", sorted(dict(got)))
got.description = "for all"
got.config = {**got.config, "user.owner": "me"}
print(
    "save:",
    got.save(wait=True),
    client.projects.get("lab").description,
    client.projects.get("lab").config["user.owner"],
)
print("patch:", got.patch({"description": "patched"}), client.projects.get("lab").description)

lab = pylxd.Client(project="lab")
print("project:", client.project, lab.project)
source = {"type": "image", "alias": "busybox"}
box = lab.instances.create({"name": "box", "source": source}, wait=True)
print("instances:", [each.name for each in lab.instances.all()], [each.name for each in client.instances.all()])
print(
    "of a project:",
    box.project if hasattr(box, "project") else None,
    lab.instances.exists("box"),
    client.instances.exists("box"),
)
box.start(wait=True)
print("execute:", box.execute(["hostname"]).stdout.strip())
box.stop(wait=True, force=True)
box.snapshots.create("before", wait=True)
print("snapshots:", [each.name for each in box.snapshots.all()])
box = lab.instances.get("box")
box.description = "of lab"
box.save(wait=True)
print("saved:", lab.instances.get("box").description)
print("used by:", client.projects.get("lab").used_by)
try:
    client.projects.get("lab").delete()
except pylxd.exceptions.LXDAPIException as error:
    print("in use:", str(error).rstrip("."))
box.delete(wait=True)
other = client.projects.create("other")
renamed = other.rename("third")
print("rename:", type(renamed).__name__, renamed.name, client.projects.exists("other"), client.projects.exists("third"))
print("delete:", client.projects.get("third").delete(), client.projects.get("lab").delete())
print("left:", [each.name for each in client.projects.all()])
try:
    client.projects.get("lab")
except pylxd.exceptions.NotFound as error:
    print("gone:", error)
