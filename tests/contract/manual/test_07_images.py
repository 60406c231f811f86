"""Chapter 7: images, which are keyed on the hash of what is in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import lxdnb

from .examples import Repair, run


@pytest.fixture
def archive(server, tmp_path, monkeypatch) -> Path:
    """The image that the examples open, which the server does not have."""
    monkeypatch.chdir(tmp_path)
    server.cli("init", "busybox", "c1")
    server.cli("publish", "c1", "--alias", "of-c1")
    server.cli("image", "export", "of-c1", "an_image")
    server.cli("image", "delete", "of-c1")
    (found,) = tmp_path.glob("an_image*")
    return found.rename(tmp_path / "an_image.tar.gz")


def test_7_1_to_7_3_methods_and_attributes(client, server, other_client, other_server, archive):
    whole = archive.read_bytes()
    fingerprint = hashlib.sha256(whole).hexdigest()
    image = client.images.create(whole, public=True, wait=True)
    record = server.query(f"/1.0/images/{fingerprint}")
    assert record["public"] is True
    for name in (
        *("aliases", "auto_update", "architecture", "cached", "created_at", "expires_at", "filename", "fingerprint"),
        *("last_used_at", "properties", "public", "size", "uploaded_at"),
    ):
        assert getattr(image, name) == record.get(name), name
    assert image.size == len(whole)
    assert {each.fingerprint for each in client.images.all()} == {
        each["fingerprint"] for each in server.query("/1.0/images?recursion=1")
    }
    assert client.images.get(fingerprint) == image
    image.add_alias("an-alias", "a description")
    assert server.query("/1.0/images/aliases/an-alias") == {
        "name": "an-alias",
        "description": "a description",
        "target": fingerprint,
        "type": "container",
    }
    assert client.images.get_by_alias("an-alias") == image
    with image.export() as file:
        assert file.read() == whole
    image.delete_alias("an-alias")
    with pytest.raises(lxdnb.NotFound):
        client.images.get_by_alias("an-alias")
    copied = image.copy(other_client, public=False, wait=True)
    assert (copied.fingerprint, copied.client) == (fingerprint, other_client)
    assert other_server.query(f"/1.0/images/{fingerprint}")["public"] is False


def test_7_4_examples(client, server, archive):
    whole = hashlib.sha256(archive.read_bytes()).hexdigest()
    own = Repair("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", whole, "the hash of an empty file")
    run(
        """
        >>> image_data = open('an_image.tar.gz').read()
        >>> image = client.images.create(image_data, public=True, wait=True)
        >>> image.fingerprint
        'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
        """,
        own,
        Repair("'an_image.tar.gz')", "'an_image.tar.gz', 'rb')", "an image is no text"),
        Repair(
            "image_data = open('an_image.tar.gz', 'rb').read()",
            "with open('an_image.tar.gz', 'rb') as file: image_data = file.read()",
            "a file that nobody closes is warned of",
        ),
        client=client,
    )
    assert server.query(f"/1.0/images/{whole}")["public"] is True
    server.cli("query", "-X", "PATCH", "-d", '{"public": false}', f"/1.0/images/{whole}")
    image = run(
        """
        >>> image = client.images.get(
        ... 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
        >>> image
        <image.Image at 0x7f95d8af72b0>
        """,
        own,
        client=client,
    )["image"]
    run(
        """
        >>> image.public
        False
        >>> image.public = True
        >>> image.update()
        """,
        image=image,
    )
    assert server.query(f"/1.0/images/{whole}")["public"] is True
