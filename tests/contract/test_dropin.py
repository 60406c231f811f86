"""What a server's objects have is what pylxd's have; each difference that is wanted has its reason here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests import daemons, peer
from tests.bridges import a_bridge
from tests.surface import Surface, of_server

MANAGERS = (
    "certificates",
    "cluster",
    "cluster.certificate",
    "cluster.members",
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
STORAGE = ("pool.resources", "pool.volumes", "volume.snapshots")
LISTS = ("containers", "instances", "virtual_machines")

WANTED = {
    "client.ssl_options": "of pylxd's insides, for ws4py, which is not used here",
    "client.api.session": "of pylxd's insides: a request goes by get, post, put, patch and delete",
    "client.api.instances.session": "of pylxd's insides: a request goes by get, post, put, patch and delete",
    **{f"client.{name}.manager_for": "of pylxd's insides: `model` is the class itself" for name in MANAGERS},
    "instance.snapshots.manager_for": "of pylxd's insides: `model` is the class itself",
    **{f"client.{name}.all": "recursion=1: a list is one request, not one for each" for name in LISTS},
    "instance.all": "recursion=1: a list is one request, not one for each",
    "client.operations.extract_operation_id": "takes the URL; pylxd's takes nothing and cannot be called",
    "client.operations.wait_for_operation": "`timeout` too, after which the operation goes on",
    "operation.wait": "`timeout` too, after which the operation goes on",
    "operation.wait_for_operation": "`timeout` too, after which the operation goes on",
    "network.forwards.manager_for": "of pylxd's insides: `model` is the class itself",
    **{f"{owner}.manager_for": "of pylxd's insides: `model` is the class itself" for owner in STORAGE},
    "volume.create": "tells what it takes; pylxd's takes anything, and needs what is here",
    "snapshot.publish": "`compression_algorithm` too, as an instance's",
}


@pytest.fixture
def theirs(start_server: Callable[[str], daemons.Daemon]) -> Iterator[Surface]:
    """pylxd's surface, on the server that it is made for."""
    lxd = start_server("lxd")
    _fill(lxd)
    yield peer.surface(str(lxd.socket))
    lxd.clear()


def test_what_a_server_gives_is_as_pylxd_has_it(server, theirs):
    if not server.query("/1.0/instances"):  # where it is not the one that pylxd was shown
        _fill(server)
    assert peer.surprises(theirs, of_server("lxdnb", str(server.socket)), WANTED) == []


def _fill(server: daemons.Daemon) -> None:
    server.cli("init", "busybox", "surface")
    bridge = a_bridge()
    config = [f"{key}={value}" for key, value in bridge.config.items()]
    server.cli("network", "create", bridge.name, *config)
    server.cli("network", "forward", "create", bridge.name, bridge.at(5))
    create = ["create"] if server.flavour == "incus" else []
    server.cli("snapshot", *create, "surface", "before")
    server.cli("storage", "volume", "create", "default", "surface")
    server.cli("storage", "volume", "snapshot", *create, "default", "surface", "before")


def test_all_takes_fields_where_the_server_knows_them(client, server, monkeypatch):
    server.cli("init", "busybox", "surface")
    assert [each.name for each in client.containers.all(2, ["state.disk"])] == ["surface"]  # an older one sends all
    monkeypatch.setitem(client.host_info, "api_extensions", ["instances_state_selective_recursion"])
    asked: list[str] = []
    request = client._transport.request

    def noted(method: str, path: str, *, params: dict[str, str], **options):
        asked.append(params["recursion"])
        return request(method, path, params={"recursion": "2"}, **options)

    monkeypatch.setattr(client._transport, "request", noted)
    client.containers.all(2, ["state.disk", "state.network"])
    client.containers.all(1, ["state.disk"])
    client.instances.all(fields=None)
    assert asked == ["2;fields=state.disk,state.network", "1", "1"]
    with pytest.raises(TypeError, match=r"\['state.disk'\]"):
        client.containers.all(2, "state.disk")
