"""`client.api` and its answers, against what `lxc query` and the server's own words say."""

from __future__ import annotations

import socket
from urllib.parse import unquote

import pytest

import lxdnb
from tests.faults.proxy import Proxy

HOSTILE = ["a?b", "a#b", "a%2Fb", "a b", "ünï", "a+b", "a&b=c"]


def test_paths_of_the_api(client, server):
    assert client.api.storage_pools.get().json()["metadata"] == server.query("/1.0/storage-pools")
    assert repr(client.api.instances["a/b"].state) == "APINode('/1.0/instances/a%2Fb/state')"
    assert client.api.scheme == "http+unix"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_data_whatever_characters_it_has(client, server, name: str):
    client.api.profiles.post(json={"name": name})
    try:
        assert client.api.profiles[name].get().json()["metadata"]["name"] == name
        client.api.profiles[name].patch(json={"description": "mine"})
        told = {profile["name"]: profile["description"] for profile in server.query("/1.0/profiles?recursion=1")}
        assert told[name] == "mine"
    finally:
        client.api.profiles[name].delete()
    assert server.query("/1.0/profiles?recursion=1")[0]["name"] == "default"
    assert len(server.query("/1.0/profiles")) == 1


@pytest.mark.parametrize("name", ["", ".", "..", "%2e%2e", "%252E", "a\0", "\0"])
def test_names_that_are_paths_never_leave(client, name: str):
    with pytest.raises(ValueError, match="no name of anything"):
        client.api.instances[name]
    with pytest.raises(ValueError, match="no name of anything"):
        client.instances.get(name)
    with pytest.raises(ValueError, match="no name of anything"):
        client.instances.create({"name": name, "source": {"type": "none"}})


@pytest.mark.parametrize(
    "name", ["../x", "a/../../profiles/default", "a?recursion=1", "a%2F..", "%2e%2ex", "a\nb", "a\rb: c"]
)
def test_a_name_is_one_segment_on_the_wire(server, tmp_path, name: str):
    with Proxy(server.socket, tmp_path) as proxy:
        client = lxdnb.Client(proxy.endpoint)
        with pytest.raises(lxdnb.LXDAPIException):
            client.api.instances[name].state.get()
        method, _, target = proxy.lines[-1].partition(" ")
        client.close()
    path, question, _ = target.partition("?")
    assert (method, question) == ("GET", "")
    assert [unquote(segment) for segment in path.split("/")] == ["", "1.0", "instances", name, "state"]


def test_a_name_that_is_no_text(client):
    with pytest.raises(TypeError, match="not bytes"):
        client.api.instances[b"c1"]
    with pytest.raises(ValueError, match="surrogates"):
        client.api.instances["\udcff"]
    with pytest.raises(TypeError, match="not int"):
        client.instances.get(1)


def test_what_the_server_refuses_is_a_typed_error_with_its_words(client):
    with pytest.raises(lxdnb.NotFound) as raised:
        client.api.instances["nobody"].get()
    assert raised.value.status_code == 404
    assert "not found" in str(raised.value).lower()
    assert raised.value.response.json()["error"] == str(raised.value)
    with pytest.raises(lxdnb.LXDAPIException) as raised:
        client.api.instances.post(json={"name": "no such name!", "source": {"type": "none"}})
    assert raised.value.status_code == 400


def test_a_path_that_the_server_has_not(client):
    with pytest.raises(lxdnb.NotFound):
        client.api.no_such_thing.get()


def test_a_change_that_was_overtaken_is_a_conflict(client):
    with pytest.raises(lxdnb.Conflict) as raised:
        client.api.profiles.default.put(json={"description": "x"}, headers={"If-Match": "0" * 64})
    assert raised.value.status_code == 412


def test_an_unreadable_websocket_is_a_typed_error(client):
    with pytest.raises(lxdnb.NotFound):
        client.api.operations["7f1d8a3e-0000-4000-8000-000000000000"].websocket.open_websocket({"secret": "x"})


def test_a_hundred_paths_use_one_connection(client, server, monkeypatch):
    connections: list[object] = []
    connect = socket.socket.connect

    def counted(self, address):
        connections.append(address)
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", counted)
    fresh = lxdnb.Client(str(server.socket))
    for number in range(100):
        with pytest.raises(lxdnb.NotFound):
            fresh.api.instances[f"nobody-{number}"].get()
    assert len(connections) == 1


def test_a_client_outlives_its_server(start_server, server_kind):
    server = start_server(server_kind)
    client = lxdnb.Client(str(server.socket))
    server.kill()
    with pytest.raises(lxdnb.ClientConnectionFailed):
        client.containers.all()
    server.restart()
    assert client.containers.all() == []


def test_a_project_is_asked_for_everywhere(server, client):
    server.cli("project", "create", "other", "-c", "features.profiles=false", "-c", "features.images=false")
    try:
        other = lxdnb.Client(str(server.socket), project="other")
        other.containers.create({"name": "there", "source": {"type": "none"}}, wait=True)
        assert [container.name for container in other.containers.all()] == ["there"]
        assert client.containers.all() == []
        assert server.query("/1.0/instances/there?project=other")["project"] == "other"
        other.containers.get("there").delete(wait=True)
    finally:
        server.cli("project", "delete", "other")


def test_instances_have_an_older_path_on_lxd(client, server):
    server.cli("init", "busybox", "c1")
    of_lxd = server.flavour == "lxd"
    whole = client.api.instances["c1"].get().json()

    def done(answer) -> None:
        client.operations.wait_for_operation(answer.json()["metadata"]["id"])

    for path in ("containers", "virtual-machines"):
        if not of_lxd or path == "virtual-machines":
            with pytest.raises(lxdnb.NotFound, match=r"(?i)not found"):
                client.api[path]["c1"].get()
            continue
        assert client.api[path]["c1"].get().json() == whole
        done(client.api[path]["c1"].snapshots.post(json={"name": "s"}))
        snapshots = client.api.containers["c1"].snapshots.get().json()["metadata"]
        assert snapshots == ["/1.0/instances/c1/snapshots/s"]
        done(client.api[path].post(json={"name": "c2", "source": {"type": "none"}}))
        assert client.instances.get("c2").type == "container"
        done(client.api[path]["c2"].delete())
