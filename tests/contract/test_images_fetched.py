"""Images that a server fetches from elsewhere: from a server of simplestreams, and from a URL."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

import lxdnb
from tests import daemons
from tests.simplestreams import ALIAS, Streams


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    with Streams(tmp_path_factory.mktemp("streams")) as streams:
        yield streams


@pytest.fixture(scope="module")
def fetching(flavour: str, streams: Streams) -> Iterator[daemons.Daemon]:
    """A daemon that trusts that server."""
    if reason := daemons.missing(flavour):
        pytest.skip(reason)
    with daemons.daemon(flavour, authority=streams.authority) as running:
        yield running


@pytest.fixture
def client(fetching: daemons.Daemon) -> Iterator[lxdnb.Client]:
    client = lxdnb.Client(str(fetching.socket))
    yield client
    client.close()
    fetching.clear()


def test_from_simplestreams_and_fetched_anew(client, fetching, streams):
    fingerprint = streams.publish()
    image = client.images.create_from_simplestreams(streams.url, ALIAS, public=True, auto_update=True, aliases=["b1"])
    record = fetching.query("/1.0/images/aliases/b1")
    assert record["target"] == image.fingerprint == fingerprint
    record = fetching.query(f"/1.0/images/{fingerprint}")
    assert (record["public"], record["auto_update"]) == (True, True)
    source = {key: record["update_source"][key] for key in ("alias", "protocol", "server")}
    assert source == {"alias": ALIAS, "protocol": "simplestreams", "server": streams.url}
    assert image.refresh(wait=True) is False
    newer = streams.publish()
    for kept in fetching.directory.glob("cache/*/*.json"):  # what there is counts for an hour
        kept.unlink()
    assert image.refresh(wait=True) is True
    assert fetching.query("/1.0/images/aliases/b1")["target"] == newer
    with pytest.raises(lxdnb.NotFound):
        image.sync()


def test_from_a_url(client, fetching, streams):
    image = client.images.create_from_url(streams.one, public=True, aliases=["one", "two"])
    assert image.fingerprint == hashlib.sha256(streams.image).hexdigest()
    record = fetching.query(f"/1.0/images/{image.fingerprint}")
    assert record["public"] is True
    assert {alias["name"] for alias in record["aliases"]} == {"one", "two"}
    assert "HEAD /one" in streams.asked


def test_what_is_not_there(client, streams):
    with pytest.raises(lxdnb.LXDAPIException):
        client.images.create_from_simplestreams(streams.url, "nothing")
    with pytest.raises(lxdnb.LXDAPIException):
        client.images.create_from_url(f"{streams.url}/nothing")
