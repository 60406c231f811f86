"""What one server tells another about a container that is to move."""

from pylxd import Client

client = Client()
source = {"type": "image", "alias": "busybox"}
container = client.containers.create(
    {"name": "mover", "source": source, "config": {"user.owner": "me"}, "profiles": ["default"]}, wait=True
)
data = container.generate_migration_data()
print("data:", sorted(data))
print("name:", data["name"], data["architecture"])
print("kept:", data.get("profiles"), data.get("ephemeral"))
print("config:", data["config"]["user.owner"])
print("devices:", data["devices"])
print("source:", sorted(data["source"]))
print("how:", data["source"]["type"], data["source"]["mode"])
print("from:", "/1.0/operations/" in data["source"]["operation"], sorted(data["source"]["secrets"]))
container.delete(wait=True)
