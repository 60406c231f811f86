"""Backups on their way when the connection or the daemon goes: whole or not there, and the source as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import lxdnb
from tests import daemons
from tests.faults.background import SECONDS, begun
from tests.faults.conftest import BOX, revive
from tests.faults.proxy import ANSWER, ASKED, HEAD, REQUEST, down, up

LOST = lxdnb.ClientConnectionFailed
EXPORT, IMPORT = r"GET .*/export", r"POST /1\.0/instances( |$|\?)"
MIDDLE = 200_000  # bytes, of a backup of more


def names(server: daemons.Daemon) -> list[str]:
    return [url.rpartition("/")[2] for url in server.query("/1.0/instances") if not url.endswith(f"/{BOX}")]


def backups(server: daemons.Daemon) -> list[str]:
    return server.query("/1.0/instances/source/backups") or []


@pytest.fixture
def source(client, server) -> Iterator[lxdnb.models.Instance]:
    """A stopped instance, which is there and free after each test."""
    server.cli("init", "busybox", "source")
    yield client.instances.get("source")
    revive(server)
    for name in names(server):
        server.cli("delete", "--force", name)


def failure(call, *arguments, **options) -> BaseException | None:
    return begun(call, *arguments, **options).exception(SECONDS)


def test_an_export_that_is_cut_leaves_nothing_anywhere(source, server, proxy, tmp_path):
    file = tmp_path / "source.tar.gz"
    for moment in (REQUEST, ASKED, ANSWER, HEAD, down(), down(MIDDLE)):
        for how in (proxy.hang_up, proxy.reset):
            fault = how(EXPORT, moment)
            assert isinstance(failure(source.export_backup, file), LOST)
            fault.await_strike()
            assert not [path for path in tmp_path.iterdir() if path.is_file() and "source" in path.name]
            assert backups(server) == []
    source.export_backup(file)
    assert file.stat().st_size > MIDDLE


def test_an_import_that_is_cut_makes_no_instance(source, client, server, proxy, tmp_path):
    data = tmp_path / "source.tar"
    source.export_backup(data, compression_algorithm="none")
    for moment in (REQUEST, up(1), up(MIDDLE)):
        for how in (proxy.hang_up, proxy.reset):
            fault = how(IMPORT, moment)
            assert isinstance(failure(client.instances.import_backup, data, "again"), LOST)
            fault.await_strike()
    proxy.hang_up("/wait", ASKED)
    assert begun(client.instances.import_backup, data, "again").result(SECONDS).name == "again"
    assert sorted(names(server)) == ["again", "source"]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_daemon_ends_while_backups_are_on_their_way(source, client, server, proxy, tmp_path, end: str):
    data = tmp_path / "whole.tar"
    source.export_backup(data, compression_algorithm="none")
    comes, goes = proxy.stall(EXPORT, down(MIDDLE)), proxy.stall(IMPORT, up(MIDDLE))
    calls = [
        begun(source.export_backup, tmp_path / "half.tar"),
        begun(client.instances.import_backup, data, "again"),
    ]
    comes.await_strike()
    goes.await_strike()
    getattr(server, end)()
    proxy.release()
    assert all(isinstance(call.exception(SECONDS), LOST) for call in calls)
    assert not Path(tmp_path / "half.tar").exists()
    server.restart()
    assert names(server) == ["source"]
    server.cli("rename", "source", "free")
    server.cli("rename", "free", "source")
