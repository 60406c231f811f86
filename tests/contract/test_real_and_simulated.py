"""Between a real server and a simulated one: images go over, and what cannot ends at once, with a word of both."""

from __future__ import annotations

import pytest

import lxdnb
from lxdnb.sandbox import Sandbox
from tests.eventually import eventually


@pytest.fixture
def simulated(flavour):
    with Sandbox(flavour, https="127.0.0.1:0") as sandbox:
        client = lxdnb.Client(sandbox.endpoint)
        yield client
        client.close()


@pytest.mark.parametrize("mode", ["pull", "push", "relay"])
def test_images_go_over(client, simulated, mode):
    for source, target in ((client, simulated), (simulated, client)):
        image = source.images.get_by_alias("busybox")
        copy = image.copy(target, mode=mode, wait=True)
        assert (copy.fingerprint, copy.properties) == (image.fingerprint, image.properties)
        copy.delete(wait=True)


@pytest.mark.parametrize("mode", ["pull", "push", "relay"])
def test_instances_do_not(client, server, simulated, mode):
    server.cli("init", "busybox", "real")
    made = {"name": "simulated", "source": {"type": "image", "alias": "busybox"}}
    simulated.instances.create(made, wait=True)
    for name, source, target in (("real", client, simulated), ("simulated", simulated, client)):
        with pytest.raises(lxdnb.OperationFailed) as caught:
            source.instances.get(name).copy("copy", target, mode=mode, wait=True)
        said = f"{caught.value} {' '.join(caught.value.__notes__)}"
        assert "is no sandbox, and only backups go over" in said
        assert "invalid wire-format data" in said  # which is what the real one sees
        assert not target.instances.exists("copy")
        eventually(server.rests, otherwise=server.under_way)


def test_volumes_do_not(client, simulated):
    for source, target in ((client, simulated), (simulated, client)):
        volume = source.storage_pools.get("default").volumes.create({"name": "data"})
        with pytest.raises(lxdnb.OperationFailed) as caught:
            volume.copy("copy", new_client=target)
        assert "is no sandbox, and only backups go over" in f"{caught.value} {' '.join(caught.value.__notes__)}"
        assert not target.storage_pools.get("default").volumes.exists("custom", "copy")
