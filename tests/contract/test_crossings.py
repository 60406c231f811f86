"""Instances, volumes and images that go from server to server, as the command line sends them, request by request."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest
import requests

import lxdnb
from tests.beside import other_remote
from tests.daemons import Daemon
from tests.instance_files import file_of
from tests.watcher import DaemonError, ask

SECRET = re.compile("[0-9a-f]{64}")
VOLUMES = "/1.0/storage-pools/default/volumes/custom"
NOBODY = "x" * 64


@pytest.fixture(autouse=True)
def _cleared(other_client):
    """The other server is as at first after each test."""


@pytest.fixture
def c1(client, server):
    server.cli("init", "busybox", "c1", "-c", "user.mine=x")
    file_of(server, "c1").write_text("old\n")
    server.cli("snapshot", "c1", "before") if server.flavour == "lxd" else server.cli(
        "snapshot", "create", "c1", "before"
    )
    file_of(server, "c1").write_text("newer\n")
    return client.instances.get("c1")


def offered(server: Daemon, path: str, **asked: Any) -> dict[str, Any]:
    """The operation by which something is offered."""
    return ask(server.socket, "POST", path, {"migration": True, **asked})["metadata"]


def ended(server: Daemon, operation: dict[str, Any]) -> str:
    """The words with which an operation has failed; none where it has not."""
    try:
        told = ask(server.socket, "GET", f"/1.0/operations/{operation['id']}/wait")["metadata"]
    except DaemonError as error:
        return str(error).partition(": ")[2]
    return told["err"]


def source(server: Daemon, offer: dict[str, Any], **other: Any) -> dict[str, Any]:
    told = {"operation": f"{server.address}/1.0/operations/{offer['id']}", "secrets": offer["metadata"]}
    told |= {"certificate": server.server_certificate.read_text()}
    return {"type": "migration", "mode": "pull", **told, **other}


def description(server: Daemon, name: str, given: dict[str, Any]) -> dict[str, Any]:
    record = server.query("/1.0/instances/c1")
    kept = ("architecture", "config", "devices", "profiles", "ephemeral", "description", "type")
    return {**{key: record[key] for key in kept}, "name": name, "source": given}


def names(server: Daemon) -> list[str]:
    return [each["name"] for each in server.query("/1.0/instances?recursion=1") or []]


@pytest.mark.parametrize("mode", ["pull", "push", "relay"])
def test_the_program_copies_and_moves(c1, server, other_server, mode):
    other = other_remote(server, other_server)
    server.cli("copy", "private:c1", f"{other}:c2", "--mode", mode)
    assert file_of(other_server, "c2").read_text() == "newer\n"
    assert other_server.query("/1.0/instances/c2")["config"]["user.mine"] == "x"
    assert other_server.query("/1.0/instances/c2/snapshots") == ["/1.0/instances/c2/snapshots/before"]
    server.cli("copy", "private:c1/before", f"{other}:c3", "--mode", mode)
    assert (file_of(other_server, "c3").read_text(), other_server.query("/1.0/instances/c3/snapshots") or []) == (
        "old\n",
        [],
    )
    file_of(server, "c1").write_text("newest of all\n")
    server.cli("copy", "private:c1", f"{other}:c2", "--mode", mode, "--refresh")
    assert file_of(other_server, "c2").read_text() == "newest of all\n"
    server.cli("move", "private:c1", f"{other}:c4", "--mode", mode)
    assert (names(server), names(other_server)) == ([], ["c2", "c3", "c4"])
    with pytest.raises(DaemonError, match=r"(?i)not found"):
        server.cli("copy", "private:c1", f"{other}:c5", "--mode", mode)


@pytest.mark.parametrize("mode", ["pull", "push", "relay"])
def test_the_program_copies_images(server, other_client, other_server, mode):
    other = other_remote(server, other_server)
    fingerprint = server.query("/1.0/images/aliases/busybox")["target"]
    other_client.images.get(fingerprint).delete(wait=True)
    try:
        server.cli("image", "copy", "private:busybox", f"{other}:", "--alias", "new", "--mode", mode)
        record = other_server.query(f"/1.0/images/{fingerprint}")
        assert record["properties"] == server.query(f"/1.0/images/{fingerprint}")["properties"]
        assert [each["name"] for each in record["aliases"]] == ["new"]
    finally:
        if not other_client.images.exists(fingerprint):
            server.cli("image", "copy", "private:busybox", f"{other}:")
        other_client.images.get(fingerprint).add_alias("busybox", "")
    assert other_client.images.exists("busybox", alias=True)


def test_an_offer_waits_until_it_is_withdrawn(c1, server):
    offer = offered(server, "/1.0/instances/c1", name="c1")
    assert (offer["class"], offer["status"], offer["may_cancel"]) == ("websocket", "Running", True)
    assert offer["description"] == "Migrating instance"
    assert offer["resources"]["instances"] == ["/1.0/instances/c1"]
    assert offer["metadata"].keys() == {"control", "fs"}
    assert all(map(SECRET.fullmatch, offer["metadata"].values()))
    websocket = f"{server.address}/1.0/operations/{offer['id']}/websocket"
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    certificate = tuple(map(str, server.client_certificate))
    for query, code, words in (
        ("", *((400, "Missing migration source secret") if server.flavour == "incus" else (500, "missing secret"))),
        (
            f"?secret={NOBODY}",
            *((403, "Invalid migration source secret") if server.flavour == "incus" else (500, "permission denied")),
        ),
    ):
        answer = requests.get(websocket + query, headers=headers, cert=certificate, verify=server.server_certificate)
        assert (answer.status_code, answer.json()["error"]) == (code, words)
    ask(server.socket, "DELETE", f"/1.0/operations/{offer['id']}")
    assert ask(server.socket, "GET", f"/1.0/operations/{offer['id']}/wait")["metadata"]["status"] == "Cancelled"
    with pytest.raises(DaemonError, match='The character "/" is reserved for snapshots'):
        offered(server, "/1.0/instances/c1", name="a/b")


def test_what_cannot_be_fetched_leaves_nothing(c1, server, other_server):
    offer = offered(server, "/1.0/instances/c1", name="c1")
    whole = source(server, offer)
    incus = server.flavour == "incus"
    began = "Error transferring instance data: "
    if incus:
        began += "Failed waiting for migration control connection on target: "
    unknown = "x509: certificate signed by unknown authority"
    for changed, words in (
        ({"secrets": {**offer["metadata"], "control": NOBODY}}, "websocket: bad handshake"),
        ({"operation": f"{server.address}/1.0/operations/1"}, "websocket: bad handshake"),
        (
            {"operation": "https://127.0.0.1:1/1.0/operations/1"},
            "Unable to connect to: 127.0.0.1:1 ([dial tcp 127.0.0.1:1: connect: connection refused])",
        ),
        ({"certificate": ""}, f"tls: failed to verify certificate: {unknown}" if incus else unknown),
    ):
        given = description(server, "c9", {**whole, **changed})
        taking = ask(other_server.socket, "POST", "/1.0/instances", given)["metadata"]
        assert (taking["class"], taking["description"]) == ("task", "Creating instance")
        assert ended(other_server, taking) == began + words
        assert names(other_server) == []
    for changed, code in (
        ({"mode": "carry"}, r'Mode "carry" not implemented'),
        ({"secrets": {"control": NOBODY}}, 'Expected "fs" connection secret missing' if incus else "Missing fs secret"),
        ({"certificate": "none"}, "Failed PEM decoding certificate" if incus else "Invalid certificate"),
    ):
        with pytest.raises(DaemonError, match=code):
            ask(other_server.socket, "POST", "/1.0/instances", description(server, "c9", {**whole, **changed}))
        assert names(other_server) == []
    ask(server.socket, "DELETE", f"/1.0/operations/{offer['id']}")
    assert names(server) == ["c1"]


def test_a_target_awaits_who_brings_it(c1, server, other_server):
    pushed = {"type": "migration", "mode": "push"}
    taking = ask(other_server.socket, "POST", "/1.0/instances", description(server, "c9", pushed))["metadata"]
    assert (taking["class"], taking["description"], taking["may_cancel"]) == ("websocket", "Creating instance", False)
    assert all(map(SECRET.fullmatch, (taking["metadata"]["control"], taking["metadata"]["fs"])))
    assert names(other_server) == ["c9"]  # while it waits
    with pytest.raises(DaemonError, match=r"already exists|UNIQUE constraint|is busy running a"):
        ask(other_server.socket, "POST", "/1.0/instances", description(server, "c9", pushed))
    with pytest.raises(DaemonError, match='Requested profile "nope" doesn\'t exist'):
        ask(
            other_server.socket,
            "POST",
            "/1.0/instances",
            {**description(server, "c8", pushed), "profiles": ["nope"]},
        )
    target = {"operation": f"{other_server.address}/1.0/operations/{taking['id']}"}
    target |= {"certificate": other_server.server_certificate.read_text(), "secrets": taking["metadata"]}
    giving = offered(server, "/1.0/instances/c1", name="c1", target=target)
    assert (giving["class"], giving["description"], giving["may_cancel"]) == ("task", "Migrating instance", False)
    assert (ended(server, giving), ended(other_server, taking)) == ("", "")
    assert file_of(other_server, "c9").read_text() == "newer\n"


def test_a_running_one_goes_nowhere_without_criu(c1, server, other_server):
    server.cli("start", "c1")
    words = "live migration. CRIU isn't installed|live container migration. CRIU isn't installed"
    with pytest.raises(DaemonError, match=words):
        offered(server, "/1.0/instances/c1", name="c1", live=True)
    given = description(server, "c9", {"type": "migration", "mode": "push", "live": True})
    with pytest.raises(DaemonError, match=words):
        ask(other_server.socket, "POST", "/1.0/instances", given)
    assert names(other_server) == []


def test_a_project_has_no_room_for_it(c1, client, server, other_client, other_server):
    other_server.cli("project", "create", "small", "-c", "limits.instances=0", "-c", "features.profiles=false")
    with pytest.raises(lxdnb.LXDAPIException, match='Reached maximum number of instances in project "small"'):
        c1.copy("c2", other_client.use_project("small"), wait=True)
    assert other_server.query("/1.0/instances?project=small") in ([], None)


def test_volumes_that_cannot_be_fetched_leave_nothing(client, server, other_server):
    client.storage_pools.get("default").volumes.create({"name": "data"})
    offer = offered(server, f"{VOLUMES}/data", name="data")
    assert (offer["class"], offer["description"], offer["may_cancel"]) == (
        "websocket",
        "Migrating storage volume",
        False,
    )
    began = "Error transferring storage volume: "
    if server.flavour == "incus":
        began += 'Failed waiting for migration "control" connection on target: '
    for changed, words in (
        ({"secrets": {**offer["metadata"], "control": NOBODY}}, "websocket: bad handshake"),
        (
            {"operation": "https://127.0.0.1:1/1.0/operations/1"},
            "Unable to connect to: 127.0.0.1:1 ([dial tcp 127.0.0.1:1: connect: connection refused])",
        ),
    ):
        given = {"name": "v", "type": "custom", "source": source(server, offer, **changed)}
        taking = ask(other_server.socket, "POST", VOLUMES, given)["metadata"]
        assert taking["description"] == "Copying storage volume"
        assert ended(other_server, taking) == began + words
        assert other_server.query(VOLUMES) in ([], None)
    given = {"name": "v", "type": "custom", "source": source(server, offer, mode="carry")}
    with pytest.raises(DaemonError, match="Mode 'carry' not implemented"):
        ask(other_server.socket, "POST", VOLUMES, given)
    with pytest.raises(DaemonError, match="can't be cancelled"):
        ask(server.socket, "DELETE", f"/1.0/operations/{offer['id']}")
    # It is taken after all, so that it waits for nobody.
    given = {"name": "v", "type": "custom", "source": source(server, offer)}
    assert ended(other_server, ask(other_server.socket, "POST", VOLUMES, given)["metadata"]) == ""
    assert ended(server, offer) == ""


def test_the_secret_of_an_image_is_good_once(client, server, other_server):
    (image,) = client.images.all()
    token = ask(server.socket, "POST", f"/1.0/images/{image.fingerprint}/secret")["metadata"]
    assert (token["class"], token["description"], token["may_cancel"]) == ("token", "Image download token", True)
    path, told = f"{server.address}/1.0/images/{image.fingerprint}", {"verify": str(server.server_certificate)}
    assert requests.get(path, **told).status_code == 404
    assert requests.get(f"{path}/export?secret={NOBODY}", **told).status_code == 404
    answer = requests.get(f"{path}?secret={token['metadata']['secret']}", **told)
    assert answer.json()["metadata"]["fingerprint"] == image.fingerprint
    record = ask(server.socket, "GET", f"/1.0/operations/{token['id']}")["metadata"]
    assert record["status"] == "Cancelled"

    def fetched(**other: Any) -> str:
        given = {"type": "image", "mode": "pull", "server": server.address, "protocol": server.flavour}
        given |= {"certificate": server.server_certificate.read_text(), "fingerprint": image.fingerprint}
        begun = ask(other_server.socket, "POST", "/1.0/images?project=default", {"source": {**given, **other}})
        return ended(other_server, begun["metadata"])

    ask(other_server.socket, "DELETE", f"/1.0/images/{image.fingerprint}")
    try:
        assert fetched().endswith("not found")
        assert fetched(secret=NOBODY).endswith("not found")
        assert fetched(protocol="carry") == "Unsupported protocol: carry"
        assert fetched(certificate="none").endswith("Invalid remote certificate")
        assert "connection refused" in fetched(server="https://127.0.0.1:1")
        assert "one of alias or fingerprint" in fetched(fingerprint="")
        assert other_server.query("/1.0/images") in ([], None)
    finally:
        image.copy(lxdnb.Client(str(other_server.socket)), wait=True, copy_aliases=True, mode="relay")


def test_an_image_is_refreshed_from_where_it_came(client, server, other_server):
    """The one that its alias names there by then takes its place."""
    (image,) = client.images.all()
    with image.export() as file:
        whole = file.read()
    newer = client.images.create(whole + gzip.compress(b"", mtime=1), public=True, aliases=["latest"])
    given = {"type": "image", "mode": "pull", "server": server.address, "protocol": server.flavour, "alias": "latest"}
    given["certificate"] = server.server_certificate.read_text()
    begun = ask(other_server.socket, "POST", "/1.0/images", {"source": given, "aliases": [{"name": "ours"}]})
    assert ended(other_server, begun["metadata"]) == ""
    record = other_server.query(f"/1.0/images/{newer.fingerprint}")
    assert {key: record["update_source"][key] for key in ("alias", "protocol", "server")} == {
        key: given[key] for key in ("alias", "protocol", "server")
    }

    def refreshed(fingerprint: str) -> bool:
        begun = ask(other_server.socket, "POST", f"/1.0/images/{fingerprint}/refresh")["metadata"]
        waited = ask(other_server.socket, "GET", f"/1.0/operations/{begun['id']}/wait")["metadata"]
        assert (waited["description"], waited["err"]) == ("Refreshing image", "")
        return waited["metadata"]["refreshed"]

    assert not refreshed(newer.fingerprint)
    newer.delete(wait=True)
    assert not refreshed(newer.fingerprint)  # nor is it an error that there is nothing
    newest = client.images.create(whole + gzip.compress(b"", mtime=2), public=True, aliases=["latest"])
    assert refreshed(newer.fingerprint)
    assert other_server.query("/1.0/images/aliases/ours")["target"] == newest.fingerprint
    assert f"/1.0/images/{newer.fingerprint}" not in other_server.query("/1.0/images")
    begun = ask(other_server.socket, "POST", f"/1.0/images/{image.fingerprint}/refresh")["metadata"]
    assert "Image source not found" in ended(other_server, begun)
