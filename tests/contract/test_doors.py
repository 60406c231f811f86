"""Who comes in by HTTPS: what strangers, and those who are trusted with little, may ask, and what is told of them."""

from __future__ import annotations

import pytest

import lxdnb
from tests import daemons
from tests.contract.test_certificates import fingerprint, keypair


@pytest.fixture
def pair(tmp_path) -> tuple[str, str]:
    return keypair(tmp_path)


@pytest.fixture
def visitor(server, pair):
    """A function that makes clients by HTTPS with the certificate `pair`."""
    made: list[lxdnb.Client] = []

    def visit(address: str | None = None, **options) -> lxdnb.Client:
        made.append(lxdnb.Client(address or server.address, cert=pair, fingerprint=server.fingerprint, **options))
        return made[-1]

    yield visit
    for each in made:
        each.close()


@pytest.fixture
def trust(client, pair):
    """A function by which the server trusts `pair`."""

    def begin(**options) -> None:
        with open(pair[0]) as file:
            client.certificates.create("", file.read(), name="visitor", **options)

    yield begin
    for each in client.certificates.all():
        if each.fingerprint == fingerprint(pair):
            each.delete()


def refusal(call, *arguments, **options) -> tuple[int, str]:
    with pytest.raises(lxdnb.LXDAPIException) as refused:
        call(*arguments, **options)
    said = refused.value.response
    return said.status_code, said.json()["error"]


def roles(node) -> list[str]:
    return sorted(each["role"] for each in node.access.get().json()["metadata"])


def test_strangers_are_shown_public_images_and_nothing_else(client, visitor):
    (image,) = client.images.all()
    stranger = visitor()
    assert {"config", "environment"}.isdisjoint(key for key, value in stranger.host_info.items() if value)
    assert stranger.images.all() == []
    assert refusal(stranger.images.get, image.fingerprint)[0] == 404
    assert refusal(stranger.api.images.aliases[daemons.ALIAS].get) == (404, "Image alias not found")
    image.public = True
    image.save(wait=True)
    try:
        assert [each.fingerprint for each in stranger.images.all()] == [image.fingerprint]
        assert stranger.images.get_by_alias(daemons.ALIAS).fingerprint == image.fingerprint
        with stranger.images.get(image.fingerprint).export() as given, image.export() as own:
            assert given.read() == own.read()
    finally:
        image.public = False
        image.save(wait=True)
    for path in ("instances", "certificates", "operations", "storage-pools", "events"):
        assert refusal(stranger.api[path].get) == (403, "not authorized"), path
    assert refusal(stranger.api.images.aliases.get) == (403, "not authorized")
    assert refusal(stranger.api.put, json={}) == (403, "not authorized")
    assert refusal(stranger.api.instances.patch, json={}) == (403, "not authorized")
    assert refusal(stranger.api.nothing.get) == (404, "not found")


def test_a_restricted_one_is_refused_in_the_servers_own_words(server, client, visitor, trust):
    client.projects.create("mine")
    client.profiles.create("ours")
    client.instances.create({"name": "kept", "source": {"type": "none"}}, wait=True)
    trust(restricted=True, projects=["mine"])
    visiting = visitor()
    assert visiting.trusted
    assert not visiting.host_info["config"]
    assert [each.name for each in visiting.projects.all()] == ["mine"]
    lxd, mine = server.flavour == "lxd", visiting.use_project("mine")
    kept, no_one = "Certificate is restricted", 'User does not have permission for project "default"'
    no_list = 'User does not have permissions for project "default"'
    for call, (code, words) in (
        (visiting.api.instances.get, (500, no_list)),
        (visiting.api.profiles.get, (500, no_list)),
        (visiting.api.networks.get, (500, no_list)),
        (visiting.api["network-acls"].get, (403, no_list)),
        (visiting.api["storage-pools"].default.volumes.get, (403, no_list)),
        (visiting.api.instances["c1"].get, (403, no_one)),
        (visiting.api.instances["c1"].files.get, (403, no_one)),
        (visiting.api.profiles.ours.delete, (403, no_one)),
        (visiting.api.projects["default"].get, (403, no_one)),
        (visiting.api.projects.mine.delete, (403, kept)),
        (visiting.api.warnings.get, (403, kept)),
        (visiting.api["storage-pools"].default.delete, (403, kept)),
    ):
        assert refusal(call) == ((403, "not authorized") if lxd else (code, words))
    assert refusal(visiting.api.patch, json={"config": {"user.x": "1"}}) == (403, "not authorized" if lxd else kept)
    assert refusal(visiting.certificates.create_token, "more") == (403, "not authorized")
    assert [each.name for each in mine.profiles.all()] == ["default"]
    assert visiting.images.all() == mine.images.all() == []
    pool = visiting.api["storage-pools"].default.get().json()["metadata"]
    assert pool["config"] is None
    assert "/1.0/instances/kept" not in (pool["used_by"] or ())
    if not lxd:
        client.projects.create("theirs")
        assert roles(client.api.projects.mine) == ["admin", "operator", "view"]
        assert roles(client.api.projects.theirs) == roles(client.api.instances.kept) == ["admin"]
        assert refusal(visiting.api.projects.mine.access.get) == (403, kept)
    own = visiting.certificates.get(next(each.fingerprint for each in client.certificates.all() if each.restricted))
    assert refusal(own.api.patch, json={"restricted": False}) == (403, "Only the certificate can be changed")
    assert refusal(own.delete) == (403, "not authorized" if lxd else kept)


def test_events_tell_who_asked(client, visitor, trust, pair):
    trust()
    visiting = visitor()
    if client.product == "incus":
        told = (visiting.host_info["auth_user_name"], visiting.host_info["auth_user_method"])
        assert told == (fingerprint(pair), "tls")
    with client.events(event_types=["lifecycle"]) as events:
        visiting.profiles.create("theirs")
        client.profiles.create("ours")
        both = [event["metadata"]["requestor"] for _, event in zip(range(2), events, strict=False)]
    assert (both[0]["username"], both[0]["protocol"]) == (fingerprint(pair), "tls")
    assert both[0]["address"].partition(":")[0] == "127.0.0.1"
    assert (":" in both[0]["address"]) == (client.product == "lxd")
    assert both[1] == {"username": "root", "protocol": "unix", "address": "@"}


def test_metrics_are_for_those_who_are_to_read_them_and_at_an_address_of_their_own(server, client, visitor, trust):
    address = daemons.free_address()
    client.server.patch({"config": {"core.metrics_address": address}})
    try:
        reader = visitor(f"https://{address}")
        assert refusal(reader.api.metrics.get, is_api=False)[0] == 403
        trust(cert_type="metrics")
        for each in (reader, visitor()):
            assert not visitor(each.endpoint).trusted
            text = each.api.metrics.get(is_api=False).text
            assert text.endswith("# EOF\n")
        assert refusal(reader.api.instances.get) == (404, "not found")
        assert refusal(visitor().api.instances.get) == (403, "not authorized")
    finally:
        client.server.patch({"config": {"core.metrics_address": ""}})
    with pytest.raises(lxdnb.ClientConnectionFailed):
        visitor(f"https://{address}")
