"""Instances: what is asked of them here is what `lxc` and `incus` then show."""

from __future__ import annotations

import json
import uuid

import pytest

import lxdnb
from lxdnb.models import Container, Instance


def shown(server, name: str) -> dict:
    return server.query(f"/1.0/instances/{name}")


def names(server) -> list[str]:
    return [url.rpartition("/")[2] for url in server.query("/1.0/instances")]


def test_all_is_one_request_and_asks_for_nothing_twice(client, server, asked):
    for number in range(3):
        server.cli("init", "busybox", f"i-{number}")
    everything = client.containers.all()
    assert [(c.name, c.status, c.config["image.os"]) for c in everything] == [
        (name, "Stopped", "BusyBox") for name in ("i-0", "i-1", "i-2")
    ]
    assert asked == ["/1.0/instances"]
    lazy = client.instances.all(recursion=0)
    assert [instance.name for instance in lazy] == ["i-0", "i-1", "i-2"]
    assert len(asked) == 2
    assert lazy[1].architecture == lazy[1].architecture == "x86_64"
    assert asked[2:] == ["/1.0/instances/i-1"]


def test_get_and_exists(client, server):
    server.cli("init", "busybox", "here")
    instance = client.instances.get("here")
    assert type(instance) is Instance
    assert type(client.containers.get("here")) is Container
    assert client.instances.exists("here")
    assert not client.instances.exists("not-here")
    with pytest.raises(lxdnb.NotFound, match="not found"):
        client.instances.get("not-here")
    # A container is no virtual machine, though both are instances.
    assert not client.virtual_machines.exists("here")
    assert client.virtual_machines.all() == []
    with pytest.raises(lxdnb.NotFound, match="is a container, not a virtual-machine"):
        client.virtual_machines.get("here")


def test_create_waits_only_if_asked(client, server):
    config = {"name": "made", "source": {"type": "image", "alias": "busybox"}, "config": {"limits.cpu": 2}}
    made = client.containers.create(config)
    assert made.operation.wait().status == "Success"
    assert shown(server, "made")["status"] == "Stopped" == made.status
    assert shown(server, "made")["config"]["limits.cpu"] == "2"
    again = client.containers.create({"source": {"type": "none"}}, wait=True)
    assert again.name in names(server)
    assert again.type == "container"


def test_launch_runs_with_what_was_asked(client, server):
    container = client.containers.launch(
        "busybox",
        "launched",
        config={"limits.processes": 100, "security.nesting": False},
        devices={"root": {"type": "disk", "path": "/", "pool": "default"}},
        ephemeral=True,
    )
    told = shown(server, "launched")
    assert container.status == told["status"] == "Running"
    assert told["config"]["limits.processes"] == "100"
    assert told["config"]["security.nesting"] == "false"
    assert told["devices"]["root"]["pool"] == "default"
    assert told["ephemeral"]
    container.stop(wait=True)
    assert container.status == "Stopped"
    assert names(server) == []


def test_launch_by_fingerprint_and_by_image(client, server):
    image = client.images.get_by_alias("busybox")
    client.containers.launch(image, "by-image")
    client.containers.launch(image.fingerprint[:12], "by-fingerprint")
    assert sorted(names(server)) == ["by-fingerprint", "by-image"]


def test_launch_leaves_nothing_behind_when_it_fails(client, server):
    with pytest.raises(lxdnb.NotFound):
        client.containers.launch("no-such-image", "failed")
    with pytest.raises(lxdnb.LXDAPIException):
        # It is created, and cannot start: the network is not there.
        client.containers.launch(
            "busybox", "failed", devices={"eth0": {"type": "nic", "nictype": "bridged", "parent": "no-such-bridge"}}
        )
    assert names(server) == []


def test_launch_never_touches_one_that_was_there(client, server):
    server.cli("init", "busybox", "mine")
    with pytest.raises(lxdnb.LXDAPIException):
        client.containers.launch("busybox", "mine")
    assert shown(server, "mine")["status"] == "Stopped"


def test_states(client, server, container):
    container.freeze(wait=True)
    assert container.status == shown(server, container.name)["status"] == "Frozen"
    container.unfreeze(wait=True)
    assert container.status == shown(server, container.name)["status"] == "Running"
    pid = container.state().pid
    container.restart(wait=True)
    assert container.state().pid != pid
    container.stop(wait=True)
    assert container.status == shown(server, container.name)["status"] == "Stopped"
    assert container.state().status == "Stopped"
    container.start(wait=True)
    assert container.status == shown(server, container.name)["status"] == "Running"
    state, told = container.state(), server.query(f"/1.0/instances/{container.name}/state")
    assert (state.pid, state.status) == (told["pid"], "Running")
    assert state.memory["usage"] > 0


@pytest.mark.parametrize(("argument", "value"), [("timeout", "3"), ("timeout", 0.5), ("timeout", True), ("force", 1)])
def test_arguments_of_another_type_are_not_sent(client, server, asked, argument: str, value):
    server.cli("init", "busybox", "c1")
    container = client.containers.get("c1")
    asked.clear()
    with pytest.raises(TypeError, match=argument):
        container.stop(**{argument: value})
    assert asked == []


def test_without_wait_the_operation_is_there(container):
    container.stop(wait=True)
    container.start()
    assert container.operation.wait().description == "Starting instance"
    container.sync()
    assert container.status == "Running"


def test_what_cannot_be_done_says_so(client, container):
    with pytest.raises(lxdnb.LXDAPIException, match="running"):
        container.start(wait=True)
    with pytest.raises(lxdnb.LXDAPIException, match="running"):
        container.delete(wait=True)


def test_rename_and_delete(client, server):
    server.cli("init", "busybox", "before")
    container = client.containers.get("before")
    container.rename("after", wait=True)
    assert container.name == "after"
    assert names(server) == ["after"]
    container.delete(wait=True)
    assert names(server) == []
    with pytest.raises(lxdnb.NotFound):
        container.sync()


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_rename_that_nobody_waited_for_and_that_is_refused(client, container, forgotten):
    before = container.name
    container.rename("after")
    with pytest.raises(lxdnb.OperationFailed, match="not allowed"):  # of one that runs
        container.operation.wait()
    if forgotten:  # as servers do after 5 s
        container.operation._record |= {"id": str(uuid.uuid4()), "status_code": 103}
    assert container.execute(["hostname"]).stdout == f"{before}\n"
    assert container.name == before


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_rename_that_nobody_waited_for(client, server, forgotten):
    server.cli("init", "busybox", "before")
    container = client.containers.get("before")
    container.rename("after")
    if forgotten:
        container.operation.wait()
        container.operation._record |= {"id": str(uuid.uuid4()), "status_code": 103}
    container.config["user.x"] = "1"
    container.save(wait=True)
    assert shown(server, "after")["config"]["user.x"] == "1"
    assert container.name == "after"


def test_changes_are_saved_on_top_of_what_others_changed(client, server):
    server.cli("init", "busybox", "edited", "-c", "user.old=1")
    container = client.containers.get("edited")
    assert not container.dirty
    container.config["user.mine"] = True
    container.config["limits.cpu"] = 2
    del container.config["user.old"]
    container.description = "by me"
    assert container.dirty
    server.cli("config", "set", "edited", "user.theirs", "1")
    container.save(wait=True)
    assert not container.dirty
    told = shown(server, "edited")
    user = {key: value for key, value in told["config"].items() if key.startswith(("user", "limits"))}
    assert user == {"user.mine": "true", "limits.cpu": "2", "user.theirs": "1"}
    assert told["description"] == "by me"
    assert container.config["user.theirs"] == "1"
    container.config["user.mine"] = False
    container.save(wait=True)
    assert shown(server, "edited")["config"]["user.mine"] == "false"


def test_changes_of_one_device_are_merged_too(client, server):
    server.cli("init", "busybox", "devices")
    server.cli("config", "device", "override", "devices", "root")
    container = client.containers.get("devices")
    container.devices["root"]["boot.priority"] = 5
    server.cli("config", "device", "set", "devices", "root", "readonly", "false")
    container.save(wait=True)
    root = shown(server, "devices")["devices"]["root"]
    assert (root["boot.priority"], root["readonly"], root["path"]) == ("5", "false", "/")


def test_what_only_a_newer_server_knows_goes_back_as_it_came(client, server, monkeypatch):
    server.cli("init", "busybox", "newer")
    request, sent = client._transport.request, []

    def newer(method, path, **options):
        if method == "PUT":
            sent.append(options["json"].pop("placement"))
            del options["headers"]  # the real server's ETag is of the record without it
        response = request(method, path, **options)
        if method == "GET" and path.endswith("/newer"):
            body = response.json()
            body["metadata"]["placement"] = "rack-1"
            response._content = json.dumps(body).encode()
        return response

    monkeypatch.setattr(client._transport, "request", newer)
    container = client.containers.get("newer")
    container.description = "x"
    container.save(wait=True)
    container.placement = "rack-2"
    container.save(wait=True)
    assert sent == ["rack-1", "rack-2"]


def test_rollback_drops_changes_and_sync_keeps_them(client, server):
    server.cli("init", "busybox", "synced")
    container = client.containers.get("synced")
    container.description = "mine"
    server.cli("config", "set", "synced", "user.theirs", "1")
    container.sync()
    assert container.description == "mine"
    assert container.config["user.theirs"] == "1"
    assert container.dirty
    container.rollback()
    assert container.description == ""
    assert not container.dirty


def test_looking_is_not_changing(client, server):
    server.cli("init", "busybox", "seen")
    container = client.containers.get("seen")
    assert container.devices == {}
    assert container.profiles == ["default"]
    assert not container.dirty
    image = client.images.get_by_alias("busybox")
    assert image.update_source == {}  # the server sends none, for an image that came from a file
    assert not image.dirty
    server.cli("start", "seen")
    assert container.status == "Stopped"
    container.sync()
    assert (container.status, container.dirty) == ("Running", False)


def test_fields_that_are_the_servers_cannot_be_set(client, server):
    server.cli("init", "busybox", "fixed")
    container = client.containers.get("fixed")
    with pytest.raises(AttributeError, match="the server's to set"):
        container.status = "Running"
    with pytest.raises(AttributeError, match="did you mean 'description'"):
        container.descriptoin = "x"
    with pytest.raises(AttributeError, match="did you mean 'architecture'"):
        _ = container.architectur
    assert "expanded_config" in dir(container)


def test_a_repr_asks_nobody(server):
    client = lxdnb.Client(str(server.socket))
    instance = Instance(client, name="nobody")
    client._transport.session.close()
    assert repr(instance) == "<Instance 'nobody'>"
    assert "nobody" in instance._repr_html_()


def test_html_shows_what_a_person_asks_first(container):
    html = container._repr_html_()
    assert container.name in html
    assert "Running" in html


def test_images(client, server):
    told = server.query("/1.0/images?recursion=1")
    assert [image.fingerprint for image in client.images.all()] == [image["fingerprint"] for image in told]
    image = client.images.get_by_alias("busybox")
    assert image.size == told[0]["size"]
    assert image.properties["os"] == told[0]["properties"]["os"]
    assert client.images.get(image.fingerprint[:8]).fingerprint == image.fingerprint
    assert client.images.find("busybox").fingerprint == image.fingerprint
    with pytest.raises(lxdnb.NotFound):
        client.images.get("0" * 64)
    with pytest.raises(lxdnb.NotFound):
        client.images.find("no such image")
    assert "BusyBox" in image._repr_html_()


def test_access(client, server, flavour, asked):
    instance = client.instances.create({"name": "c1", "source": {"type": "none"}}, wait=True)
    asked.clear()
    if flavour == "lxd":
        with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match="instance_access"):
            instance.access()
        assert asked == []
    else:
        (told,) = instance.access()
        assert told == {"identifier": server.query("/1.0/certificates?recursion=1")[0]["fingerprint"]} | {
            "role": "admin",
            "provider": "tls",
        }


def test_none_uses_more_memory_than_it_may(client):
    for number in range(3):
        used = client.containers.launch("busybox", f"small-{number}", config={"limits.memory": "16MiB"}).state().memory
        assert 0 < used["usage"] <= 16 * 2**20
        assert used["usage_peak"] <= 16 * 2**20


def test_what_a_patch_does_not_name_stays_but_for_the_description(client, server):
    server.cli("init", "busybox", "c1", "--ephemeral", "-c", "user.a=1")
    c1 = client.instances.get("c1")
    c1.description = "mine"
    c1.save(wait=True)
    client.api.instances["c1"].patch(json={"config": {"user.b": "2"}})
    record = server.query("/1.0/instances/c1")
    assert (record["config"]["user.a"], record["config"]["user.b"], record["ephemeral"]) == ("1", "2", True)
    assert (record["profiles"], record["description"]) == (["default"], "")
    client.api.instances["c1"].patch(
        json={"profiles": [], "devices": {"root": {"type": "disk", "path": "/", "pool": "default"}}}
    )
    assert server.query("/1.0/instances/c1")["profiles"] == []
