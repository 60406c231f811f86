"""Operations, and paths of the API as they are."""

import pylxd

client = pylxd.Client()
source = {"type": "image", "alias": "busybox"}
answer = client.api.instances.post(json={"name": "op", "source": source})
body = answer.json()
print("answer:", answer.status_code, body["type"], body["status"])
operation = client.operations.get(body["operation"])
print("operation:", type(operation).__name__, operation.id == body["operation"].split("/")[-1])
print("class:", getattr(operation, "class"))
print("attributes:", operation.description, operation.may_cancel, operation.err == "", operation.location)
print("wait:", operation.wait() is not None)
print("ended:", client.operations.wait_for_operation(body["operation"]).status)
print("ended, by id:", client.operations.wait_for_operation(operation.id).status_code)
print("id:", operation.extract_operation_id(body["operation"]) == operation.id)
print("resources:", operation.resources["instances"])
print("by attribute:", client.api.instances.get().json()["metadata"])
print("by item:", client.api.instances["op"].get().json()["metadata"]["name"])
print("by both:", client.api["instances"]["op"].state.get().json()["metadata"]["status"])
print("parameters:", [each["name"] for each in client.api.instances.get(params={"recursion": 1}).json()["metadata"]])
print("a word with a hyphen:", client.api.storage_pools.get().json()["metadata"])
print("where:", client.api.scheme, client.api.netloc.endswith("unix.socket"))
print("patch:", client.api.instances["op"].patch(json={"description": "patched"}).json()["type"])
print("read:", client.containers.get("op").description)
start = client.api.instances["op"].state.put(json={"action": "start", "timeout": 10})
client.operations.wait_for_operation(start.json()["operation"])
print(
    "file:", client.api.instances["op"].files.get(params={"path": "/etc/passwd"}, is_api=False).text.startswith("root:")
)
container = client.containers.get("op")
container.stop(wait=True)
try:
    failing = client.api.instances["op"].state.put(json={"action": "stop", "timeout": 10})
    client.operations.wait_for_operation(failing.json()["operation"])
except pylxd.exceptions.LXDAPIException as error:
    print("failed:", type(error.response).__name__, "already stopped" in str(error))
gone = client.api.instances["op"].delete()
client.operations.wait_for_operation(gone.json()["operation"])
print("gone:", client.containers.exists("op"))
