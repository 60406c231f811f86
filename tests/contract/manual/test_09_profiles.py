"""Chapter 9: profiles, which have no operations to wait for."""

from __future__ import annotations

import pytest

import lxdnb

from .examples import Repair, run

ROOT = {"path": "/", "pool": "default", "type": "disk"}


def test_9_1_manager_methods(client, server):
    created = client.profiles.create("p1")
    assert server.query("/1.0/profiles") == ["/1.0/profiles/default", "/1.0/profiles/p1"]
    whole = client.profiles.create("p2", {"user.owner": "me"}, {"root": ROOT})
    record = server.query("/1.0/profiles/p2")
    assert (record["config"], record["devices"]) == ({"user.owner": "me"}, {"root": ROOT})
    assert client.profiles.exists("p1") is True
    assert client.profiles.exists("p3") is False
    assert client.profiles.get("p1") == created
    assert client.profiles.all() == [client.profiles.get("default"), created, whole]
    with pytest.raises(lxdnb.NotFound):
        client.profiles.get("p3")


def test_9_2_profile_attributes(client, server):
    server.cli("init", "busybox", "c1")
    profile = client.profiles.get("default")
    record = server.query("/1.0/profiles/default")
    for name in ("config", "description", "devices", "name", "used_by"):
        assert getattr(profile, name) == record[name], name
    assert profile.description == "Default profile"
    assert profile.used_by == ["/1.0/instances/c1"]


def test_9_3_profile_methods(client, server):
    server.cli("profile", "create", "p1")
    profile = client.profiles.get("p1")
    profile.rename("p2")
    assert profile.name == "p2"
    assert server.query("/1.0/profiles") == ["/1.0/profiles/default", "/1.0/profiles/p2"]
    profile.config = {"user.one": "1", "user.two": "2"}
    profile.save()
    # A PUT: what is not there any more is gone.
    profile.config = {"user.two": "2"}
    profile.save()
    assert server.query("/1.0/profiles/p2")["config"] == {"user.two": "2"}
    profile.delete()
    assert server.query("/1.0/profiles") == ["/1.0/profiles/default"]


def test_9_4_examples(client, server):
    server.cli("profile", "create", "my-profile")
    server.cli("profile", "set", "my-profile", "user.owner", "me")
    profile = run(
        """
        >>> profile = client.profiles.get('my-profile')
        >>> profile
        <profile.Profile at 0x7f95d8af72b0>
        """,
        client=client,
    )["profile"]
    run(
        """
        >>> profile.config = profile.config.update({'security.nesting': 'true'})
        >>> profile.update()
        """,
        profile=profile,
    )
    assert server.query("/1.0/profiles/my-profile")["config"] == {"security.nesting": "true", "user.owner": "me"}
    created = run(
        """
        >>> profile = client.profiles.create(
        ... 'an-profile', config={'security.nesting': 'true'},
        ... devices={'root': {'path': '/', 'size': '10GB', 'type': 'disk'}})
        """,
        Repair("'type': 'disk'", "'pool': 'default', 'type': 'disk'", "a root disk needs a pool"),
        client=client,
    )["profile"]
    assert created == client.profiles.get("an-profile")
    record = server.query("/1.0/profiles/an-profile")
    assert record["config"] == {"security.nesting": "true"}
    assert record["devices"] == {"root": {**ROOT, "size": "10GB"}}
