"""Containers from their making to their end."""

import pylxd

client = pylxd.Client()
source = {"type": "image", "alias": "busybox"}
config = {"name": "web", "source": source, "config": {"user.owner": "me"}, "profiles": ["default"], "ephemeral": False}
print("there before:", client.containers.exists("web"))
web = client.containers.create(config, wait=True)
print("there after:", client.containers.exists("web"))
print("kind:", type(web).__name__, isinstance(web, pylxd.models.Instance))
print("status:", web.status, web.status_code)
print("attributes:", web.name, web.architecture, web.ephemeral, web.profiles, web.description, web.type, web.project)
print("config:", web.config["user.owner"], web.expanded_config["user.owner"], "nope" in web.config)
print("devices:", web.devices, sorted(web.expanded_devices))
print("times:", web.created_at[:2], web.last_used_at[:4])
print("stateful:", web.stateful)
print("location:", web.location)

print("start:", web.start(wait=True), web.status)
web.sync()
print("synced:", web.status)
state = web.state()
print("state:", state.status, state.status_code, state.pid > 0, state.processes > 0)
print("parts of state:", sorted(part for part in ("cpu", "disk", "memory", "network") if hasattr(state, part)))
print("usage:", state.memory["usage"] > 0, state.cpu["usage"] > 0, "lo" in state.network)
print("freeze:", web.freeze(wait=True), web.state().status)
print("unfreeze:", web.unfreeze(wait=True), web.state().status)
print("restart:", web.restart(timeout=10, force=True, wait=True), web.state().status)
print("stop:", web.stop(timeout=30, force=True, wait=True), web.state().status)

other = client.containers.create({"name": "db", "source": source}, wait=True)
print("all:", sorted(each.name for each in client.containers.all()))
print("all, recursion:", sorted((each.name, each.status) for each in client.containers.all(recursion=1)))
print("all, positional:", len(client.containers.all(0)), len(client.containers.all(2, ["state.disk"])))
print("instances:", sorted(each.name for each in client.instances.all()))
print("virtual machines:", [each.name for each in client.virtual_machines.all()])
print("a container as virtual machine:", client.virtual_machines.exists("web"))
print("by manager:", sorted(each.name for each in pylxd.managers.ContainerManager(client).all()))
print("by model:", pylxd.models.Container.get(client, "web").name)
print("equal:", web == client.containers.get("web"), web == other, web != other, web == "web")
print("fields:", sorted(dict(web)))
print("record:", dict(other)["name"], dict(other)["status"])
for name, value in other:
    if name == "architecture":
        print("iterated:", value)
print("to be saved:", sorted(web.marshall()))
print("marshalled whole:", set(web.marshall()) < set(web.marshall(skip_readonly=False)))
print("attribute of its own:", getattr(web, "no_such_thing", "none"))
print("not saved:", web.dirty)

print("rename:", web.rename("www", wait=True), client.containers.exists("web"), client.containers.exists("www"))
renamed = client.containers.get("www")
print("renamed:", renamed.name, renamed.config["user.owner"])
print("delete:", renamed.delete(wait=True), other.delete(wait=True), client.containers.all())
print("gone:", client.containers.exists("www"), client.instances.exists("db"))
