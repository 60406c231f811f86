"""Networks and forwards."""

import random

import pylxd
from pylxd.models.network import Network, NetworkForward

client = pylxd.Client()
name = f"np{random.randrange(16**8):08x}"
subnet = f"10.{random.randrange(100, 250)}.{random.randrange(250)}"
config = {"ipv4.address": f"{subnet}.1/24", "ipv4.nat": "false", "ipv4.dhcp": "false", "ipv6.address": "none"}


def shown(value):
    return str(value).replace(name, "NAME").replace(subnet, "NET")


network = client.networks.create(name, description="of a program", type="bridge", config=config)
print("created:", type(network).__name__, isinstance(network, Network), shown(network.name), network.description)
print(
    "fields:", network.type, network.managed, network.status, network.locations, shown(sorted(network.config.items()))
)
print("there:", client.networks.exists(name), client.networks.exists("nobody"))
print("all:", sum(each.name == name for each in client.networks.all()), "lo" in [n.name for n in client.networks.all()])
print("unmanaged:", client.networks.get("lo").managed, client.networks.get("lo").type, client.networks.get("lo").config)
try:
    client.networks.create(name)
except pylxd.exceptions.LXDAPIException as error:
    print("twice:", isinstance(error, pylxd.exceptions.LXDAPIException))
try:
    client.networks.get("nobody")
except pylxd.exceptions.NotFound as error:
    print("nobody:", error)
state = network.state()
print("state:", state.state, state.type, state.mtu, [shown(each["address"]) for each in state.addresses])
print("counters:", sorted(state.counters), state.bond, state.vlan, state.bridge["stp"])
network.description = "saved"
network.config["user.owner"] = "me"
print("save:", network.save(wait=True), client.networks.get(name).description)
print("saved:", client.networks.get(name).config["user.owner"])
print("patch:", network.patch({"description": "patched"}), network.description)
print("put:", network.put({"description": "put", "config": config}), network.description, shown(network.config))
port = {"protocol": "tcp", "listen_port": "80", "target_address": f"{subnet}.9"}
address = f"{subnet}.5"
forward = network.forwards.create({"listen_address": address, "description": "web", "config": {}, "ports": [port]})
print("forward:", type(forward).__name__, isinstance(forward, NetworkForward), shown(forward.listen_address))
forward = network.forwards.get(address)
print("forwards to:", forward.description, forward.config, shown(forward.ports), forward.location)
forward.description = "changed"
print("forward save:", forward.save(), network.forwards.get(address).description, shown(forward.network.name))
print(
    "forward put:", forward.put({"description": "put", "config": {}, "ports": []}), forward.description, forward.ports
)
try:
    network.forwards.create({"listen_address": address})
except pylxd.exceptions.Conflict as error:
    print("forward twice:", error)
print("forward delete:", forward.delete(wait=True))
try:
    network.forwards.get(address)
except pylxd.exceptions.NotFound as error:
    print("no forward:", error)
renamed = network.rename(f"{name}x")
print("rename:", type(renamed).__name__, shown(renamed.name), client.networks.exists(name))
print("delete:", renamed.delete(wait=True), client.networks.exists(f"{name}x"))
