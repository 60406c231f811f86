"""Events, as they come."""

import threading

import pylxd
from pylxd.client import EventType

client = pylxd.Client()
print("types:", [(each.name, each.value) for each in EventType])
print("the same:", pylxd.EventType is EventType)
stream = client.events(event_types={EventType.Lifecycle})
print("resource:", stream.resource)
stream.connect()
client.containers.create({"name": "told", "source": {"type": "image", "alias": "busybox"}}, wait=True).delete(wait=True)
listener = threading.Thread(target=stream.run)
listener.start()
listener.join(1)
print("listening:", listener.is_alive())
stream.close()
listener.join(10)
print("ended:", not listener.is_alive())
told = [message for message in stream.messages if message["metadata"]["action"] == "instance-created"]
print("messages:", type(stream.messages).__name__, {message["type"] for message in stream.messages})
print("created:", told[0]["metadata"]["source"], told[0]["project"])
