"""Errors, caught by the names that they have."""

import pylxd
from pylxd import exceptions
from pylxd.exceptions import ClientConnectionFailed, LXDAPIException, LXDAPIExtensionNotAvailable, NotFound

client = pylxd.Client()


def told(call, *arguments, **options):
    try:
        return call(*arguments, **options)
    except exceptions.NotFound as error:
        return "NotFound", error.response.status_code, "not found" in str(error)
    except exceptions.Conflict as error:
        return "Conflict", error.response.status_code
    except LXDAPIException as error:
        return "LXDAPIException", isinstance(error.response.status_code, int), bool(str(error))
    except ClientConnectionFailed:
        return "ClientConnectionFailed"
    except LXDAPIExtensionNotAvailable:
        return "LXDAPIExtensionNotAvailable"


print("no container:", told(client.containers.get, "nobody"))
print("no instance:", told(client.instances.get, "nobody"))
print("no profile:", told(client.profiles.get, "nobody"))
print("no certificate:", told(client.certificates.get, "nobody"))
print("no path:", told(client.api.no_such_thing.get)[0])
print("no operation:", told(client.operations.get, "00000000-0000-0000-0000-000000000000"))
print("no operation to wait for:", told(client.operations.wait_for_operation, "00000000-0000-0000-0000-000000000000"))
print("no image:", told(client.containers.create, {"name": "x", "source": {"type": "image", "alias": "no"}}, wait=True))
print("no server:", told(pylxd.Client, "https://127.0.0.1:1"))
print("no extension:", client.has_api_extension("no_such"), told(client.assert_has_api_extension, "no_such"))
print("an extension:", client.has_api_extension("etag"), client.assert_has_api_extension("etag"))
print("of the model:", pylxd.models.Container.NotFound is NotFound, pylxd.models.Profile.NotFound is NotFound)
try:
    client.containers.get("nobody")
except pylxd.models.Container.NotFound as error:
    print("by the model:", "nstance not found" in str(error))

source = {"type": "image", "alias": "busybox"}
container = client.containers.create({"name": "once", "source": source}, wait=True)
print("twice:", told(client.containers.create, {"name": "once", "source": source}, wait=True)[0])
print("execute while stopped:", told(container.execute, ["true"])[0])
print("stop while stopped:", told(container.stop, wait=True)[0])
print("no snapshot:", told(container.snapshots.get, "nothing")[0])
print("no snapshot to restore:", told(container.restore_snapshot, "nothing", wait=True)[0])
print("bad configuration:", told(container.patch, {"config": {"no.such.key": "1"}}, wait=True)[0])
print("a bad name:", told(container.rename, "no name", wait=True)[0])
again = client.containers.get("once")
container.delete(wait=True)
print("gone, sync:", told(again.sync)[0])
print("gone, state:", told(again.state)[0])
print("gone, delete:", told(again.delete, wait=True)[0])
for error in (LXDAPIException, NotFound, exceptions.Conflict, ClientConnectionFailed, LXDAPIExtensionNotAvailable):
    print("a kind of exception:", error.__name__, issubclass(error, Exception), issubclass(error, LXDAPIException))
print("raised by others:", str(ClientConnectionFailed("why")), "x" in str(LXDAPIExtensionNotAvailable("x")))
