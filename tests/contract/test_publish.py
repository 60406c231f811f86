"""Publishing: an image made of an instance or of a snapshot."""

from __future__ import annotations

import pytest

import lxdnb


@pytest.fixture
def c1(client, server):
    server.cli("init", "busybox", "c1")
    server.cli("file", "push", "-", "c1/root/mark", input=b"of c1\n")
    return client.containers.get("c1")


def image_of(server, alias: str) -> dict:
    return server.query(f"/1.0/images/{server.query(f'/1.0/images/aliases/{alias}')['target']}")


def mark_in(server, image: str) -> str:
    server.cli("init", image, "copy")
    return server.cli("file", "pull", "copy/root/mark", "-")


def test_an_instance_becomes_an_image(c1, client, server):
    image = c1.publish(
        public=True, wait=True, compression_algorithm="none", properties={"os": "ours"}, aliases=["mine", "also"]
    )
    told = image_of(server, "mine")
    assert image.fingerprint == told["fingerprint"] == image_of(server, "also")["fingerprint"]
    assert (image.public, image.properties["os"], image.size) == (True, "ours", told["size"])
    assert sorted(alias["name"] for alias in image.aliases) == ["also", "mine"]
    assert mark_in(server, "mine") == "of c1\n"


def test_a_snapshot_becomes_an_image_also_while_the_instance_runs(c1, client, server):
    snapshot = c1.snapshots.create("s", wait=True)
    server.cli("start", "c1")
    server.cli("exec", "c1", "--", "rm", "/root/mark")
    image = snapshot.publish(wait=True, compression_algorithm="none", aliases=["mine"])
    assert image.fingerprint == image_of(server, "mine")["fingerprint"]
    assert not image.public
    assert mark_in(server, image.fingerprint) == "of c1\n"


def test_without_wait_the_operation_tells(c1, client):
    assert c1.publish(compression_algorithm="none") is None
    done = c1.operation.wait()
    assert client.images.get(done.metadata["fingerprint"]).fingerprint == done.metadata["fingerprint"]


def test_a_running_one_is_refused_in_the_servers_words(c1, server):
    before = server.query("/1.0/images")
    server.cli("start", "c1")
    with pytest.raises(lxdnb.LXDAPIException, match="running"):
        c1.publish(wait=True)
    assert server.query("/1.0/images") == before


def test_wrong_arguments_are_told_before_anything_is_sent(c1, asked):
    with pytest.raises(TypeError, match=r"aliases is a list of texts, as in \['mine'\]"):
        c1.publish(aliases="mine")
    with pytest.raises(TypeError, match="properties"):
        c1.publish(properties={"os": []})
    with pytest.raises(TypeError, match="properties is a dict"):
        c1.publish(properties="os")
    assert asked == []
