"""Backups of instances: on the server, and as the files that the command lines make and take."""

from __future__ import annotations

import io
import tarfile

import pytest

import lxdnb


@pytest.fixture
def c1(client, server):
    server.cli("init", "busybox", "c1", "-c", "user.when=before")
    return client.instances.get("c1")


@pytest.fixture
def second(server):
    """Another pool, by its name."""
    server.cli("storage", "create", "second", "dir")
    yield "second"
    server.clear()
    server.cli("storage", "delete", "second")


def told(server) -> list[str]:
    return [record["name"] for record in server.query("/1.0/instances/c1/backups?recursion=1") or []]


def contents(path) -> dict[str, tuple[int, int, int]]:
    with tarfile.open(path) as tar:
        return {
            member.name: (member.mode, member.uid, member.size) for member in tar if member.name != "backup/index.yaml"
        }


def test_life_of_a_backup(c1, server, tmp_path):
    backup = c1.backups.create("b1", expires_at="2040-01-31T12:00:00Z", compression_algorithm="none", wait=True)
    record = server.query("/1.0/instances/c1/backups/b1")
    assert (backup.name, backup.created_at, backup.expires_at) == ("b1", record["created_at"], "2040-01-31T12:00:00Z")
    assert [each.name for each in c1.backups.all()] == ["b1"] == told(server)
    backup.rename("b2", wait=True)
    assert told(server) == ["b2"]
    assert c1.backups.exists("b2")
    assert not c1.backups.exists("b1")
    backup.export(tmp_path / "b2.tar")
    assert tarfile.is_tarfile(tmp_path / "b2.tar")
    assert (tmp_path / "b2.tar").read_bytes()[:2] != b"\x1f\x8b"  # not compressed
    backup.delete(wait=True)
    one, other = (c1.backups.create(instance_only=True) for _ in range(2))
    for each in (one, other):
        each.operation.wait()
    assert sorted(told(server)) == sorted([one.name, other.name])
    assert server.query(f"/1.0/instances/c1/backups/{one.name}")["instance_only"] is True
    for each in (one, other):
        each.delete(wait=True)
    assert told(server) == []
    with pytest.raises(lxdnb.NotFound):
        backup.export(tmp_path / "none.tar")
    assert [each.name for each in tmp_path.iterdir()] == ["b2.tar"]


def test_export_is_what_the_command_line_makes_and_takes(c1, server, tmp_path):
    heard: list[lxdnb.models.operation.Progress] = []
    c1.export_backup(tmp_path / "ours.tar.gz", on_progress=heard.append)
    assert heard[-1].stage == "export"
    assert told(server) == []
    server.cli("export", "c1", str(tmp_path / "theirs.tar.gz"))
    assert contents(tmp_path / "ours.tar.gz") == contents(tmp_path / "theirs.tar.gz")
    c1.delete(wait=True)
    server.cli("import", str(tmp_path / "ours.tar.gz"))
    assert server.query("/1.0/instances/c1")["config"]["user.when"] == "before"


def test_an_import_takes_what_the_command_line_makes(c1, client, server, second, tmp_path):
    c1.snapshots.create("first", wait=True)
    server.cli("export", "c1", str(tmp_path / "theirs.tar.gz"))
    with pytest.raises(lxdnb.LXDAPIException):
        client.instances.import_backup(tmp_path / "theirs.tar.gz")
    heard: list[lxdnb.models.operation.Progress] = []
    again = client.containers.import_backup(tmp_path / "theirs.tar.gz", "again", pool=second, on_progress=heard.append)
    assert (type(again), again.name, again.status) == (type(client.containers.get("c1")), "again", "Stopped")
    assert (heard[-1].stage, heard[-1].percent) == ("import", 100)
    record = server.query("/1.0/instances/again")
    assert (record["config"]["user.when"], record["expanded_devices"]["root"]["pool"]) == ("before", second)
    assert server.query("/1.0/instances/again/snapshots") == ["/1.0/instances/again/snapshots/first"]
    c1.delete(wait=True)
    with (tmp_path / "theirs.tar.gz").open("rb") as file:
        made = client.instances.import_backup(file, wait=False)
    made.operation.wait()
    assert (made.name, made.config["user.when"]) == ("c1", "before")
    for text in (" c2", "c\x7f"):
        with pytest.raises(ValueError, match="white space at an end or a control character"):
            client.instances.import_backup(b"x", "c2", pool=text)
    for data in (b"no backup", (tmp_path / "theirs.tar.gz").read_bytes()[:5000]):
        with pytest.raises(lxdnb.LXDAPIException):
            client.instances.import_backup(data, "broken")
    assert sorted(server.query("/1.0/instances")) == ["/1.0/instances/again", "/1.0/instances/c1"]


def test_an_export_that_fails_leaves_nothing(c1, server, tmp_path, asked):
    def broken(progress):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        c1.export_backup(tmp_path / "c1.tar.gz", on_progress=broken)
    assert told(server) == []
    with pytest.raises(lxdnb.LXDAPIException, match="nonesuch"):  # what was wrong, not what could not be cleared then
        c1.export_backup(tmp_path / "c1.tar.gz", compression_algorithm="nonesuch")
    asked.clear()
    for to, error in ((tmp_path / "no" / "folder", FileNotFoundError), (io.StringIO(), TypeError)):
        with pytest.raises(error):
            c1.export_backup(to)
    assert asked == []
    assert list(tmp_path.iterdir()) == []
