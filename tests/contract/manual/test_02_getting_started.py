"""Chapter 2: a client, its managers, and the life of an object."""

from __future__ import annotations

import inspect
import os
import signal

import pytest

from lxdnb import models

from .examples import HERE, Repair, run


def test_2_1_client(local, server):
    client = run("""
        >>> from pylxd import Client
        >>> client = Client()
    """)["client"]
    assert client.endpoint == str(server.socket)
    certificate, key = map(str, server.client_certificate)
    with pytest.warns(UserWarning, match="not verified|fingerprint"):
        client = run(
            """
            >>> from pylxd import Client
            >>> client = Client(
            ... endpoint='http://10.0.0.1:8443',
            ... cert=('/path/to/client.crt', '/path/to/client.key'))
            """,
            Repair("http://10.0.0.1:8443", server.address, "a certificate is sent over https alone"),
            Repair("'/path/to/client.crt'", repr(certificate), HERE),
            Repair("'/path/to/client.key'))", f"{key!r}), verify=False)", "as its note says of self-signed ones"),
        )["client"]
    assert client.trusted
    assert client.host_info["environment"]["server_version"] == server.query("/1.0")["environment"]["server_version"]


def test_2_1_1_querying_lxd(client, server):
    server.cli("init", "busybox", "c1")
    run(
        """
        >>> client.containers.all()
        [<container.Container at 0x7f95d8af72b0>,]
        """,
        client=client,
    )
    for kind in ("certificates", "containers", "images", "operations", "profiles"):
        listed = getattr(client, kind).all()
        assert isinstance(listed, list), kind
    assert [image.fingerprint for image in client.images.all()] == [
        image["fingerprint"] for image in server.query("/1.0/images?recursion=1")
    ]


def test_2_1_2_pylxd_objects(client, server):
    server.cli("init", "--empty", "lxd-container", "-c", "security.privileged=true")
    container = run(
        """
        >>> container = client.containers.all()[0]
        >>> container.name
        'lxd-container'
        """,
        client=client,
    )["container"]
    notes = {key for key in container.config if key.startswith("volatile.")}
    run(
        """
        >>> container.config
        { 'security.privileged': True }
        >>> container.config.update({'security.nesting': True})
        >>> container.dirty
        True
        >>> container.rollback()
        >>> container.dirty
        False
        >>> container.config
        { 'security.privileged': True }
        >>> container.config = {'security.privileged': False}
        >>> container.save(wait=True) # The object is now saved back to LXD
        """,
        Repair(
            "{ 'security.privileged': True }",
            "{'security.privileged': 'true', 'volatile...}",
            "servers keep texts, and their own notes beside them",
        ),
        container=container,
    )
    config = server.query("/1.0/instances/lxd-container")["config"]
    assert config["security.privileged"] == "false"
    assert notes <= config.keys()
    assert "security.nesting" not in config
    assert not container.dirty


def test_2_1_2_pylxd_objects_load_what_is_not_there_yet(client, server, asked):
    server.cli("init", "busybox", "c1")
    container = models.Container(client, name="c1")
    assert asked == []
    assert container.status == "Stopped"
    assert container.architecture == server.query("/1.0/instances/c1")["architecture"]
    assert asked == ["/1.0/instances/c1"]
    assert not container.dirty
    server.cli("config", "set", "c1", "user.owner", "me")
    assert "user.owner" not in container.config
    container.sync()
    assert container.config["user.owner"] == "me"
    assert not container.dirty


def test_2_1_2_pylxd_objects_are_dirty_after_setting_attributes(client, server):
    server.cli("init", "busybox", "c1")
    container = client.containers.get("c1")
    container.description = "mine"
    assert container.dirty
    server.cli("config", "set", "c1", "user.owner", "me")
    container.rollback()
    assert (container.dirty, container.description, container.config["user.owner"]) == (False, "", "me")
    container.description = "mine"
    container.save()
    container.operation.wait()
    assert server.query("/1.0/instances/c1")["description"] == "mine"


def test_2_1_3_a_note_about_asynchronous_operations(client, container, server):
    states = ["start", "stop", "restart", "freeze", "unfreeze"]
    for verb in [*states, "rename", "publish", "migrate", "save", "delete", "restore_snapshot"]:
        assert inspect.signature(getattr(container, verb)).parameters["wait"].default is False, verb
    init = container.state().pid
    os.kill(init, signal.SIGSTOP)  # so that it does not hear yet that it is to end
    try:
        container.stop(timeout=60, force=False)
        assert client.operations.get(container.operation.id).status == "Running"
        assert server.query(f"/1.0/instances/{container.name}")["status"] == "Running"
    finally:
        os.kill(init, signal.SIGCONT)
    container.operation.wait()
    assert server.query(f"/1.0/instances/{container.name}")["status"] == "Stopped"
    container.start(wait=True)
    assert server.query(f"/1.0/instances/{container.name}")["status"] == "Running"
