"""Chapter 13: each class, and each method as it is to be called. Images, networks and pools are not here yet.

Where pylxd 2.4 has moved an argument its place is 2.4's: `live` stands before `wait` in `migrate`, None for an
environment of nothing in `execute`, and a FilesManager is made of an instance alone. The mode of a file that is put
without one is what servers of today make it: 0644.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests

import lxdnb
from lxdnb import client as client_module
from lxdnb import exceptions, models

from .examples import Repair, run

PRINT = "Python 3 calls print"


def assert_takes(function: Callable[..., Any], written: str) -> None:
    """Assert that a function takes the arguments as they are written, by their order and defaults; and maybe more."""
    wanted = inspect.signature(eval(f"lambda {written}: None")).parameters.values()
    there = [each for each in inspect.signature(function).parameters.values() if each.name != "self"]
    assert len(there) >= len(wanted), function
    for has, said in zip(there, wanted, strict=False):
        assert (has.name, has.default) == (said.name, said.default), function


def assert_has(model: type, classmethods: Mapping[str, str], methods: Mapping[str, str]) -> None:
    for name, written in {**classmethods, **methods}.items():
        assert inspect.ismethod(getattr(model, name)) is (name in classmethods), name
        assert_takes(getattr(model, name), written)


def test_13_1_client(local, client, server):
    assert client_module.Client is lxdnb.Client
    assert_takes(lxdnb.Client, "endpoint=None, version='1.0', cert=None, verify=True, timeout=None")
    assert_takes(client.events, "websocket_client=None")
    server.cli("init", "busybox", "test")
    collections = {"containers": "instances", "images": "images", "profiles": "profiles"}
    for name, path in collections.items():
        assert len(getattr(client, name).all()) == len(server.query(f"/1.0/{path}")), name
    assert callable(client.operations.get)
    api = run(
        """
        >>> api = Client().api
        # /
        >>> response = api.get()
        # Check status code and response
        >>> print response.status_code, response.json()
        # /containers/test/
        >>> print api.containers['test'].get().json()
        """,
        Repair("\n        #", "\n        >>> #", "a comment bears no prompt"),
        Repair(
            "print response.status_code, response.json()", "print(response.status_code, response.json())", "Python 3"
        ),
        Repair("print api.containers['test'].get().json()", "print(api.containers['test'].get().json())", "Python 3"),
        *([Repair("containers", "instances", "Incus has no other path")] if server.flavour == "incus" else []),
        Client=lxdnb.Client,
    )["api"]
    assert api.get().status_code == 200
    assert api.get().json()["metadata"]["api_version"] == server.query("/1.0")["api_version"]
    assert api["instances"]["test"].get().json()["metadata"] == server.query("/1.0/instances/test")


def test_13_2_exceptions(client, server):
    response = requests.Response()
    response.status_code = 404
    assert exceptions.LXDAPIException(response).response is response
    assert exceptions.NotFound(response).response is response
    assert issubclass(exceptions.NotFound, exceptions.LXDAPIException)
    with pytest.raises(exceptions.LXDAPIException) as raised:
        client.api.instances.post(json={"name": "no/name", "source": {"type": "none"}})
    assert raised.value.response.status_code == 400
    with pytest.raises(exceptions.NotFound) as raised:
        client.containers.get("nobody")
    assert raised.value.response.status_code == 404
    with pytest.raises(exceptions.ClientConnectionFailed):
        lxdnb.Client(endpoint=str(server.directory / "no.socket"))
    assert str(exceptions.ClientConnectionFailed())


def test_13_3_certificate(client, server, keypair):
    assert_has(
        models.Certificate,
        {"all": "client", "create": "client, password, cert_data", "get": "client, fingerprint"},
        {},
    )
    created = models.Certificate.create(client, "", keypair.read_bytes())
    try:
        assert created in models.Certificate.all(client)
        assert models.Certificate.get(client, created.fingerprint).certificate == keypair.read_text()
    finally:
        server.cli("config", "trust", "remove", created.fingerprint)


def test_13_4_container(client, server):
    state = "timeout=30, force=True, wait=False"
    assert_has(
        models.Container,
        {
            "all": "client",
            "create": "client, config, wait=False",
            "exists": "client, name",
            "get": "client, name",
        },
        {
            "execute": "commands, environment=None",
            "freeze": state,
            "generate_migration_data": "",
            "migrate": "new_client, live=False, wait=False",
            "publish": "public=False, wait=False",
            "rename": "name, wait=False",
            "restart": state,
            "start": state,
            "stop": state,
            "unfreeze": state,
        },
    )
    created = models.Container.create(client, {"name": "c1", "source": {"type": "none"}}, wait=True)
    assert server.query("/1.0/instances") == ["/1.0/instances/c1"]
    assert models.Container.exists(client, "c1") is True
    assert models.Container.exists(client, "c2") is False
    assert models.Container.all(client) == [created] == [models.Container.get(client, "c1")]


def test_13_4_container_and_its_migration_data(client, server, other_client):
    server.cli("init", "busybox", "c1", "-c", "user.owner=me")
    data = client.containers.get("c1").generate_migration_data()
    created = other_client.containers.create(data, wait=True)
    assert (created.name, created.config["user.owner"]) == ("c1", "me")
    assert client.containers.exists("c1")


def test_13_4_container_and_its_files(client, container, server):
    manager = models.Container.FilesManager(container)
    assert_takes(models.Container.FilesManager, "instance")
    assert_takes(manager.delete_available, "")
    assert_takes(manager.put, "filepath, data, mode=None, uid=None, gid=None")
    assert manager.delete_available() is True

    def told(path: str) -> str:
        return server.output_of(container.name, "--", "stat", "-c", "%a %u %g", path).strip()

    assert manager.put("/tmp/text", "grüße") is True
    assert manager.put("/tmp/bytes", b"\xff\x00") is True
    assert server.output_of(container.name, "--", "cat", "/tmp/text") == "grüße"
    assert manager.get("/tmp/bytes") == b"\xff\x00"
    assert told("/tmp/text") == "644 0 0"
    for name, mode in {"octal": 0o640, "text": "640", "zero": "0640"}.items():
        assert manager.put(f"/tmp/{name}", "", mode=mode, uid=12, gid=34) is True
        assert told(f"/tmp/{name}") == "640 12 34", name


def test_13_4_container_and_its_snapshots(client, container, server):
    assert_has(models.Snapshot, {}, {"publish": "public=False, wait=False", "rename": "new_name, wait=False"})
    snapshot = models.Snapshot.create(client, container, "s1", wait=True)
    snapshot.rename("s2", wait=True)
    image = snapshot.publish(public=True, wait=True)
    assert server.query(f"/1.0/images/{image.fingerprint}")["public"] is True
    assert models.Snapshot.all(client, container) == [models.Snapshot.get(client, container, "s2")]


def test_13_5_image(client, server):
    assert_has(
        models.Image,
        {
            "all": "client",
            "create": "client, image_data, metadata=None, public=False, wait=True",
            "create_from_simplestreams": "client, server, alias, public=False, auto_update=False",
            "create_from_url": "client, url, public=False, auto_update=False",
            "exists": "client, fingerprint, alias=False",
            "get": "client, fingerprint",
            "get_by_alias": "client, alias",
        },
        {
            "add_alias": "name, description",
            "copy": "new_client, public=None, auto_update=None, wait=False",
            "delete_alias": "name",
            "export": "",
        },
    )
    image = models.Image.get_by_alias(client, "busybox")
    assert image in models.Image.all(client)
    assert models.Image.exists(client, image.fingerprint) is True
    assert models.Image.exists(client, "busybox", alias=True) is True
    assert models.Image.exists(client, "nobody", alias=True) is False
    with image.export() as file:
        assert hashlib.sha256(file.read()).hexdigest() == image.fingerprint


def test_13_7_operation(client):
    assert_has(
        models.Operation,
        {"get": "client, operation_id", "wait_for_operation": "client, operation_id"},
        {"wait": ""},
    )
    assert models.Operation(id="a", status="Running").status == "Running"
    operation_id = client.containers.create({"name": "c1", "source": {"type": "none"}}).operation.id
    assert models.Operation.wait_for_operation(client, operation_id).status == "Success"
    operation = models.Operation.get(client, operation_id)
    assert operation.id == operation_id
    operation.wait()


def test_13_8_profile(client, server):
    assert_has(
        models.Profile,
        {
            "all": "client",
            "create": "client, name, config=None, devices=None",
            "exists": "client, name",
            "get": "client, name",
        },
        {"rename": "new_name"},
    )
    created = models.Profile.create(client, "p1")
    assert models.Profile.exists(client, "p1") is True
    assert created in models.Profile.all(client)
    models.Profile.get(client, "p1").rename("p2")
    assert models.Profile.exists(client, "p1") is False
    assert server.query("/1.0/profiles") == ["/1.0/profiles/default", "/1.0/profiles/p2"]
