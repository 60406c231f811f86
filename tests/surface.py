"""The surface of a package with pylxd's names, as JSON: each name that a program can use, and how it is called.

`python surface.py PACKAGE [SOCKET]`, run by any Python that has the package: imports it and the standard library alone.
With a socket it also tells what the objects have that a server gives. Names lead to None for a value, and for what
can be called to its parameters, each as (name, kind, default).
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from typing import Any

Parameters = list[tuple[str, str, str]]
Surface = dict[str, Parameters | None]

MODULES = ("client", "exceptions", "managers", "models")
ROOMS = (
    "certificate",
    "cluster",
    "container",
    "image",
    "instance",
    "network",
    "operation",
    "profile",
    "project",
    "storage_pool",
    "virtual_machine",
)  # of models
SPECIAL = {"__iter__", "__eq__"}


def of_package(package: str) -> Surface:
    """What can be imported, and what the classes among it have."""
    root = importlib.import_module(package)
    found: Surface = {name: None for name in (*MODULES, *dir(root)) if not name.startswith("_")}
    for path in (*MODULES, *(f"models.{room}" for room in ROOMS)):
        try:
            module = importlib.import_module(f"{package}.{path}")
        except ImportError:
            continue
        found[path] = None
        for name in dir(module):
            value = getattr(module, name)
            if name.startswith("_") or not getattr(value, "__module__", "").startswith(f"{package}."):
                continue
            found[f"{path}.{name}"] = parameters(value)
            if inspect.isclass(value) and "." not in path:
                found |= {f"{path}.{name}.{part}": how for part, how in of_class(value).items()}
                if path in ("exceptions", "models"):  # what `except` and `isinstance` go by
                    kin = [kind.__name__ for kind in value.__mro__[1:] if kind.__module__.startswith(f"{package}.")]
                    found |= {f"{path}.{name} is a {parent}": None for parent in kin}
    return found


def of_class(kind: type) -> Surface:
    """The attributes of a class's objects, as far as the class tells: what is annotated, and what is there."""
    named = {name: None for parent in kind.__mro__ for name in inspect.get_annotations(parent)}
    there = {name: _of(kind, name) for name in dir(kind) if name in SPECIAL or not name.startswith("_")}
    return {name: how for name, how in (named | there).items() if name in SPECIAL or not name.startswith("_")}


def of_object(thing: Any) -> Surface:
    """The attributes of an object."""
    return {name: _of(thing, name) for name in dir(thing) if not name.startswith("_")}


def of_server(package: str, socket: str) -> Surface:
    """The attributes of a client and of what it hands out."""
    client = importlib.import_module(package).Client(socket)
    collections = (
        "certificates",
        "containers",
        "images",
        "instances",
        "networks",
        "operations",
        "profiles",
        "projects",
        "storage_pools",
        "virtual_machines",
    )
    instance = client.instances.get("surface")
    things = {
        "client": client,
        "client.api": client.api,
        "client.api.instances": client.api.instances,
        **{f"client.{name}": getattr(client, name) for name in collections},
        "instance": instance,
        "instance.state()": instance.state(),
        "instance.snapshots": instance.snapshots,
        "snapshot": instance.snapshots.all()[0],
        "image": client.images.all()[0],
        "profile": client.profiles.get("default"),
        "project": client.projects.get("default"),
        "certificate": client.certificates.all()[0],
        "client.cluster": client.cluster,
        "client.cluster.members": client.cluster.members,
        "client.cluster.certificate": client.cluster.certificate,
        "cluster": client.cluster.get(),
        "operation": client.operations.get(
            client.api.instances["surface"].put(json=instance.marshall()).json()["operation"]
        ),
    }
    (network,) = [each for each in client.networks.all() if each.managed]
    things |= {"network": network, "network.state()": network.state(), "network.forwards": network.forwards}
    things |= {"forward": network.forwards.get(network.config["ipv4.address"].replace(".1/24", ".5"))}
    pool = client.storage_pools.get("default")
    volume = pool.volumes.get("custom", "surface")
    things |= {"pool": pool, "pool.resources": pool.resources, "pool.volumes": pool.volumes}
    things |= {"resources": pool.resources.get(), "volume": volume, "volume.snapshots": volume.snapshots}
    things |= {"volume snapshot": volume.snapshots.get("before")}
    things |= {"instance.files": instance.files} if hasattr(instance, "files") else {}
    found: Surface = {}
    for path, thing in things.items():
        found[path] = None
        found |= {f"{path}.{name}": how for name, how in of_object(thing).items()}
    client.operations.wait_for_operation(things["operation"].id)
    return found


def parameters(value: Any) -> Parameters | None:
    """How something is called; None for what is a value."""
    if not callable(value):
        return None
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    return [
        (each.name, each.kind.name, "" if each.default is each.empty else repr(each.default))
        for each in signature.parameters.values()
    ]


def _of(thing: Any, name: str) -> Parameters | None:
    raw = inspect.getattr_static(thing, name, None)
    if isinstance(raw, property) or inspect.isdatadescriptor(raw):
        return None
    return parameters(getattr(thing, name, None))


if __name__ == "__main__":
    print(json.dumps(of_package(sys.argv[1]) if len(sys.argv) == 2 else of_server(*sys.argv[1:])))
