"""Snapshots: a state to go back to, or to make something of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

import lxdnb


def names(server) -> list[str]:
    return [record["name"] for record in server.query("/1.0/instances/c1/snapshots?recursion=1") or []]


def told(server, snapshot: str) -> dict:
    every = server.query("/1.0/instances/c1/snapshots?recursion=1")
    return next(record for record in every if record["name"] == snapshot)


@pytest.fixture
def c1(client, server):
    server.cli("init", "busybox", "c1", "-c", "user.when=before")
    return client.containers.get("c1")


def test_create_and_delete(c1, server, client):
    snapshot = c1.snapshots.create("first", wait=True)
    record = told(server, "first")
    assert (snapshot.name, snapshot.stateful, snapshot.created_at) == ("first", False, record["created_at"])
    assert snapshot.config["user.when"] == "before"
    assert snapshot.instance is c1
    second = c1.snapshots.create("second")
    assert second.operation.wait().status == "Success"
    assert [each.name for each in c1.snapshots.all()] == ["first", "second"] == names(server)
    assert c1.snapshots.get("first") == snapshot
    assert c1.snapshots.exists("first")
    assert not c1.snapshots.exists("third")
    with pytest.raises(lxdnb.NotFound):
        c1.snapshots.get("third")
    with pytest.raises(lxdnb.LXDAPIException, match="first"):
        c1.snapshots.create("first", wait=True)
    assert snapshot.delete(wait=True) is None
    assert names(server) == ["second"]
    with pytest.raises(lxdnb.NotFound):
        snapshot.sync()


def test_all_is_one_request(c1, client, asked):
    for name in ("a", "b"):
        c1.snapshots.create(name, wait=True)
    asked.clear()
    assert [(each.name, each.size, each.profiles) for each in c1.snapshots.all()] == [
        ("a", -1, ["default"]),
        ("b", -1, ["default"]),
    ]
    assert asked == ["/1.0/instances/c1/snapshots"]


def test_snapshots_of_two_instances_are_not_the_same(c1, client, server):
    server.cli("init", "busybox", "c2")
    c2 = client.containers.get("c2")
    ours, theirs = c1.snapshots.create("s", wait=True), c2.snapshots.create("s", wait=True)
    assert ours != theirs
    assert len({ours, theirs, c1.snapshots.get("s")}) == 2


def test_rename(c1, server):
    snapshot = c1.snapshots.create("before", wait=True)
    c1.snapshots.create("taken", wait=True)
    assert snapshot.rename("after", wait=True) is None
    assert snapshot.name == "after"
    assert sorted(names(server)) == ["after", "taken"]
    snapshot.sync()
    assert (snapshot.name, snapshot.dirty) == ("after", False)
    with pytest.raises(lxdnb.LXDAPIException):
        snapshot.rename("taken", wait=True)
    assert snapshot.name == "after"


@pytest.mark.parametrize("running", [False, True])
def test_restore(c1, server, running):
    server.cli("start", "c1")
    c1.execute(["sh", "-c", "echo before >/root/state; sync"])
    if not running:
        c1.stop(wait=True)
    snapshot = c1.snapshots.create("before", wait=True)
    server.cli("config", "set", "c1", "user.when", "after")
    if not running:
        server.cli("start", "c1")
    c1.execute(["sh", "-c", "echo after >/root/state; sync"])
    if not running:
        c1.stop(wait=True)
    answer = snapshot.restore(wait=True) if running else c1.restore_snapshot("before", wait=True)
    assert answer.status_code == 202  # a response, as pylxd's is
    assert server.query("/1.0/instances/c1")["config"]["user.when"] == "before" == c1.config["user.when"]
    assert server.query("/1.0/instances/c1")["status"] == ("Running" if running else "Stopped")
    if not running:
        server.cli("start", "c1")
    assert server.output_of("c1", "--", "cat", "/root/state") == "before\n"
    with pytest.raises(lxdnb.LXDAPIException, match=r"not found|does not exist"):
        c1.restore_snapshot("never", wait=True)


def test_what_cannot_keep_its_memory_says_so_in_the_servers_words(c1, server):
    # LXD: "Unable to create a stateful snapshot. The instance isn't running"; with CRIU missing another text.
    with pytest.raises(lxdnb.LXDAPIException, match="stateful"):
        c1.snapshots.create("memory", stateful=True, wait=True)
    assert names(server) == []


def test_expiry(c1, server):
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    snapshot = c1.snapshots.create("by-datetime", wait=True, expires_at=later)
    assert datetime.fromisoformat(told(server, "by-datetime")["expires_at"].replace("Z", "+00:00")) == later
    c1.snapshots.create("by-text", wait=True, expires_at="2099-01-02T03:04:05Z")
    assert told(server, "by-text")["expires_at"] == "2099-01-02T03:04:05Z"
    assert told(server, c1.snapshots.create("never", wait=True).name)["expires_at"].startswith("0001-01-01")
    snapshot.expires_at = "2100-01-01T00:00:00Z"
    assert list(snapshot.changes()) == ["expires_at"]
    assert snapshot.save(wait=True) is None
    assert told(server, "by-datetime")["expires_at"] == "2100-01-01T00:00:00Z"
    assert (snapshot.name, snapshot.dirty) == ("by-datetime", False)
    snapshot.expires_at = "2100-01-01T02:00:00+02:00"
    assert not snapshot.dirty  # it is the same moment
    for moment, kept in (
        (later, later.isoformat().replace("+00:00", "Z")),
        (datetime(2040, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=1))), "2040-01-01T00:30:00Z"),
        ("2041-01-01 00:00:00+00:00", "2041-01-01T00:00:00Z"),
        (None, "0001-01-01T00:00:00Z"),
    ):
        snapshot.expires_at = moment
        snapshot.save(wait=True)
        assert told(server, "by-datetime")["expires_at"] == kept == snapshot.expires_at
        assert not snapshot.dirty


def test_a_wrong_expiry_is_told_when_it_is_set(c1, asked):
    snapshot = c1.snapshots.create("s", wait=True)
    asked.clear()
    for wrong in (5, b"2030-01-01T00:00:00Z", ["x"], timedelta(days=1), True):
        with pytest.raises(TypeError, match="expires_at is a datetime or an ISO 8601 text"):
            snapshot.expires_at = wrong
    for wrong in ("", "tomorrow", "2030-01-31", datetime(2030, 1, 1), "x\0", "\udcff"):
        with pytest.raises(ValueError, match=r"time zone|expires_at is a time"):
            snapshot.expires_at = wrong
    with pytest.raises(ValueError, match="before the year 1"):
        snapshot.expires_at = datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))
    assert asked == []
    assert not snapshot.dirty


def test_what_the_configuration_says_of_snapshots(c1, server):
    wanted = {"snapshots.schedule": "@daily", "snapshots.expiry": "2d", "snapshots.pattern": "auto-%d"}
    c1.config.update(wanted)
    c1.save(wait=True)
    shown = server.cli("config", "show", "c1")
    for key, value in wanted.items():
        assert f"{key}: '{value}'" in shown or f"{key}: {value}" in shown
    before = datetime.now(UTC)
    c1.snapshots.create("mine", wait=True)
    expires = datetime.fromisoformat(told(server, "mine")["expires_at"][:19] + "+00:00")
    assert before + timedelta(days=2, seconds=-2) <= expires <= datetime.now(UTC) + timedelta(days=2)
    c1.snapshots.create("other", wait=True, expires_at="2099-01-02T03:04:05Z")
    c1.snapshots.create("never", wait=True, expires_at="0001-01-01T00:00:00Z")
    assert told(server, "other")["expires_at"] == "2099-01-02T03:04:05Z"
    assert told(server, "never")["expires_at"] == "0001-01-01T00:00:00Z"
    server.cli(*(("snapshot", "c1") if server.flavour == "lxd" else ("snapshot", "create", "c1")))
    assert "auto-0" in names(server)


def test_wrong_arguments_are_told_before_anything_is_sent(c1, asked):
    for name in ("", ".", ".."):
        # Servers take `..` for a name, and then for the folder of all instances' snapshots.
        with pytest.raises(ValueError, match="no name"):
            c1.snapshots.create(name)
        with pytest.raises(ValueError, match="no name"):
            c1.snapshots.get(name)
        with pytest.raises(ValueError, match="no name"):
            c1.restore_snapshot(name)
    with pytest.raises(TypeError):
        c1.snapshots.create(7)
    with pytest.raises(ValueError, match="time zone"):
        c1.snapshots.create("s", expires_at=datetime(2099, 1, 1))
    with pytest.raises(ValueError, match=r"expires_at is a time, as in .*, not 'tomorrow'"):
        c1.snapshots.create("s", expires_at="tomorrow")
    with pytest.raises(TypeError, match="expires_at is a datetime"):
        c1.snapshots.create("s", expires_at=7)
    assert asked == []
    snapshot = lxdnb.models.Snapshot(c1.client, instance=c1, name="s")
    with pytest.raises(ValueError, match="no name"):
        snapshot.rename("..")
    assert asked == []


def test_odd_names(c1, server):
    for name in ("é", "a%2Fb", "<b>", "a\nb", "-x", "50%", "a%zz", "ü" * 40):
        snapshot = c1.snapshots.create(name, wait=True)
        assert names(server) == [name]
        assert c1.snapshots.get(name) == snapshot == c1.snapshots.all()[0]
        snapshot.rename("plain", wait=True)
        assert names(server) == ["plain"]
        snapshot.rename(name, wait=True)
        snapshot.delete(wait=True)
        assert names(server) == []


def test_names_that_servers_refuse(c1, server):
    for name in ("a b", "a?b", "a&b", "a+b"):
        with pytest.raises(lxdnb.LXDAPIException, match=r"[Ii]nvalid"):
            c1.snapshots.create(name, wait=True)
    assert names(server) == []


def test_servers_unquote_twice_and_still_get_the_one_that_was_named(c1, server):
    """Asked for `x%41`, quoted as a path wants it, both servers take `xA`; and `..` for `%2E%2E`."""
    for name in ("xA", "x%41"):
        c1.snapshots.create(name, wait=True)
    named = c1.snapshots.get("x%41")
    assert named.name == "x%41"
    named.rename("y%42", wait=True)
    assert c1.snapshots.exists("y%42")
    assert not c1.snapshots.exists("yB")
    named.delete(wait=True)
    with pytest.raises(ValueError, match="servers may take it for"):
        c1.snapshots.create("%2E%2E")
    assert names(server) == ["xA"]
