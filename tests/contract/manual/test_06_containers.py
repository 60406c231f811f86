"""Chapter 6: containers, their snapshots and their files."""

from __future__ import annotations

import pytest

import lxdnb

from .examples import Repair, run

BROKEN_LINE = "the printed manual breaks this line"


def test_6_1_manager_methods(client, server):
    server.cli("init", "busybox", "c1")
    assert client.containers.exists("c1") is True
    assert client.containers.exists("c2") is False
    created = client.containers.create({"name": "c2", "source": {"type": "none"}})
    created.operation.wait()
    waited = client.containers.create({"name": "c3", "source": {"type": "none"}}, wait=True)
    assert [each["name"] for each in server.query("/1.0/instances?recursion=1")] == ["c1", "c2", "c3"]
    assert client.containers.all() == [client.containers.get(name) for name in ("c1", "c2", "c3")]
    assert created == client.containers.get("c2")
    assert waited == client.containers.get("c3")
    with pytest.raises(lxdnb.NotFound):
        client.containers.get("c4")


def test_6_2_container_attributes(client, container, server):
    server.cli("config", "set", container.name, "user.owner", "me")
    server.cli("config", "device", "add", container.name, "tmp", "disk", "source=/tmp", "path=/mnt")
    record = server.query(f"/1.0/instances/{container.name}")
    got = client.containers.get(container.name)
    editable = {
        "architecture": "x86_64",
        "description": "mine",
        "devices": {},
        "ephemeral": True,
        "profiles": [],
    }
    read_only = ["created_at", "expanded_config", "expanded_devices", "last_used_at", "name"]
    read_only += ["stateful", "status", "status_code"]
    for name in [*editable, *read_only, "config"]:
        assert getattr(got, name) == record[name], name
    assert got.config["user.owner"] == "me"
    assert got.expanded_devices.keys() == {"root", "tmp"}
    assert (got.status, got.status_code, got.stateful) == ("Running", 103, False)
    for name, value in editable.items():
        setattr(got, name, value)
        assert getattr(got, name) == value
    got.config = {"user.owner": "you"}
    # The server's own notes stay whatever is set.
    assert {key: value for key, value in got.config.items() if not key.startswith("volatile.")} == {"user.owner": "you"}
    for name in read_only:
        with pytest.raises(AttributeError, match=name):
            setattr(got, name, record[name])


def test_6_3_container_methods(client, server):
    """`execute` returns three parts by now, as in pylxd 2.4: the exit code comes first."""

    def told(name: str = "c1") -> str:
        return server.query(f"/1.0/instances/{name}")["status"]

    server.cli("init", "busybox", "c0")
    container = client.containers.get("c0")
    with pytest.raises(AttributeError, match="name"):
        container.name = "c1"
    container.rename("c1", wait=True)
    assert container.name == "c1"
    container.description = "mine"
    container.save(wait=True)
    assert server.query("/1.0/instances/c1")["description"] == "mine"
    container.start(wait=True)
    assert (container.status, told()) == ("Running", "Running")
    pid = container.state().pid
    assert str(pid) in server.cli("info", "c1")
    code, stdout, stderr = container.execute(["sh", "-c", "echo out; echo 'err or' >&2; exit 3"])
    assert (code, stdout, stderr) == (3, "out\n", "err or\n")
    container.restart(wait=True)
    assert container.state().pid != pid
    container.freeze(wait=True)
    assert (container.status, told()) == ("Frozen", "Frozen")
    container.unfreeze(wait=True)
    assert (container.status, told()) == ("Running", "Running")
    container.stop(wait=True)
    assert (container.status, told()) == ("Stopped", "Stopped")
    image = container.publish(wait=True)
    assert f"/1.0/images/{image.fingerprint}" in server.query("/1.0/images")
    assert client.images.get(image.fingerprint) == image


def test_6_3_container_methods_migrate(client, server, other_client):
    server.cli("init", "busybox", "c1", "-c", "user.owner=me")
    moved = client.containers.get("c1").migrate(other_client, wait=True)
    assert moved == other_client.containers.get("c1")
    assert moved.client is other_client
    assert moved.config["user.owner"] == "me"
    moved.start(wait=True)
    assert moved.execute(["hostname"]).stdout == "c1\n"
    assert not client.containers.exists("c1")


def test_6_4_examples_of_getting(client, server):
    server.cli("init", "busybox", "my-container")
    run(
        """
        >>> client.containers.get('my-container')
        <container.Container at 0x7f95d8af72b0>
        """,
        client=client,
    )
    run(
        """
        >>> client.containers.all()
        [<container.Container at 0x7f95d8af72b0>,]
        """,
        client=client,
    )


def test_6_4_examples_of_creating(client, server):
    container = run(
        """
        >>> config = {'name': 'my-container', 'source': {'type': 'none'}}
        >>> container = client.containers.create(config, wait=False)
        >>> container
        <container.Container at 0x7f95d8af72b0>
        """,
        client=client,
    )["container"]
    container.operation.wait()
    assert server.query("/1.0/instances/my-container")["status"] == "Stopped"
    container.delete(wait=True)
    container = run(
        """
        >>> config = {'name': 'my-container', 'source': {'type': 'image', 'alias': 'ubuntu/
        →˓trusty'}}
        >>> container = client.containers.create(config, wait=True)
        >>> container.start()
        >>> container.freeze()
        >>> container.delete()
        """,
        Repair("\n        →˓", "", BROKEN_LINE),
        Repair("ubuntu/trusty", "busybox", "the image that is here"),
        Repair("start()", "start(wait=True)", "only what runs can be frozen"),
        Repair("freeze()", "freeze(wait=True)", "as above"),
        Repair("delete()", "stop(wait=True); container.delete(wait=True)", "servers delete nothing that runs"),
        client=client,
    )["container"]
    assert not client.containers.exists(container.name)


def test_6_4_examples_of_saving(client, server):
    server.cli("init", "busybox", "my-container", "-c", "user.owner=me")
    run(
        """
        >>> container = client.containers.get('my-container')
        >>> container.ephemeral = False
        >>> container.devices = { 'root': { 'path': '/', 'type': 'disk', 'size': '7GB'} }
        >>> container.save
        """,
        Repair("'size': '7GB'}", "'pool': 'default'}", "a root disk needs a pool, and one of folders has no sizes"),
        Repair("container.save", "container.save(wait=True)", "the manual forgets to call it"),
        client=client,
    )
    record = server.query("/1.0/instances/my-container")
    assert record["devices"] == {"root": {"path": "/", "type": "disk", "pool": "default"}}
    assert record["config"]["user.owner"] == "me"


def test_6_5_container_snapshots(client, container, server):
    container.snapshots.create("an-snapshot", wait=True)
    assert [snapshot.name for snapshot in container.snapshots.all()] == ["an-snapshot"]
    image = container.snapshots.get("an-snapshot").publish(wait=True)
    assert f"/1.0/images/{image.fingerprint}" in server.query("/1.0/images")
    snapshot = run(
        """
        >>> snapshot = container.snapshots.get('an-snapshot')
        >>> snapshot.created_at
        '1983-06-16T2:38:00'
        >>> snapshot.rename('backup-snapshot', wait=True)
        >>> snapshot.delete(wait=True)
        """,
        container=container,
    )["snapshot"]
    assert snapshot.name == "backup-snapshot"
    assert not server.query(f"/1.0/instances/{container.name}/snapshots")
    run(
        """
        >>> snapshot = container.snapshots.create(
        ... 'my-backup', stateful=True, wait=True)
        >>> snapshot.name
        'my-backup'
        """,
        Repair("stateful=True", "stateful=False", "it needs CRIU, as its note says, and there is none here"),
        container=container,
    )
    assert server.query(f"/1.0/instances/{container.name}/snapshots") == [
        f"/1.0/instances/{container.name}/snapshots/my-backup"
    ]
    with pytest.raises(lxdnb.LXDAPIException, match=r"CRIU|migration\.stateful"):
        container.snapshots.create("with-memory", stateful=True, wait=True)


# The manual leaves its files for Python to close.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_6_6_container_files(client, container, server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-script").write_text("#!/bin/sh\necho hello\n")
    server.cli("exec", container.name, "--", "sh", "-c", "printf '\\0\\377' >/tmp/my-script2")
    run(
        """
        >>> filedata = open('my-script').read()
        >>> container.files.put('/tmp/my-script', filedata)
        >>> newfiledata = container.files.get('/tmp/my-script2')
        >>> open('my-script2', 'wb').write(newfiledata)
        """,
        container=container,
    )
    assert (tmp_path / "my-script2").read_bytes() == b"\0\xff"
    assert server.cli("file", "pull", f"{container.name}/tmp/my-script", "-") == "#!/bin/sh\necho hello\n"
    assert container.files.put("/tmp/other", b"\xff") is True
    # All file operations are root's.
    owners = server.output_of(container.name, "--", "stat", "-c", "%u %g", "/tmp/my-script", "/tmp/other")
    assert owners.split() == ["0"] * 4
    assert container.files.delete_available() is True
    container.files.delete("/tmp/other")
    with pytest.raises(lxdnb.NotFound):
        container.files.get("/tmp/other")
    assert "other" not in server.cli("exec", container.name, "--", "ls", "/tmp")
