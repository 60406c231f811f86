"""Which server is meant, by the rules that `lxc` and `incus` have."""

from __future__ import annotations

import pytest

from lxdnb.remotes import image_source, local_sockets


def test_lxd_comes_before_incus():
    assert local_sockets({}) == [
        "/var/snap/lxd/common/lxd/unix.socket",
        "/var/lib/lxd/unix.socket",
        "/var/lib/incus/unix.socket",
        "/run/incus/unix.socket",
    ]


def test_what_the_environment_names_is_all_that_is_tried():
    assert local_sockets({"LXD_DIR": "/a"}) == ["/a/unix.socket"]
    assert local_sockets({"INCUS_DIR": "/b", "LXD_DIR": "/a"}) == ["/a/unix.socket", "/b/unix.socket"]
    assert local_sockets({"INCUS_SOCKET": "/c.sock", "INCUS_DIR": "/b"}) == ["/c.sock"]


def test_names_of_images():
    assert image_source("alpine/3.22", "lxd") == "alpine/3.22"
    assert image_source("local:alpine", "lxd") == "alpine"
    assert image_source("images:alpine/3.22", "incus") == {
        "type": "image",
        "mode": "pull",
        "protocol": "simplestreams",
        "server": "https://images.linuxcontainers.org",
        "alias": "alpine/3.22",
    }


@pytest.mark.parametrize("name", ["nowhere:alpine", "images:"])
def test_a_remote_that_is_not_there(name: str):
    with pytest.raises(ValueError, match="image"):
        image_source(name, "lxd")
