"""Options whose effect no real server here can show: what is sent for them, and what needs a newer server is not sent.

The names in requests are those of the servers' API specifications. Which API extension something came with is told by
https://documentation.ubuntu.com/lxd/stable-5.0/api-extensions/: a server without it would leave out that part alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import lxdnb
from lxdnb.managers import ContainerManager
from lxdnb.transport import refusal
from tests.calls import EXTENSIONS, call
from tests.calls.basis import c1
from tests.recorder import ID, Recorder


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with Recorder(tmp_path_factory.mktemp("recorder"), EXTENSIONS) as recorder:
        yield recorder


@pytest.fixture
def asking(recorder: Recorder) -> Iterator[lxdnb.Client]:
    client = lxdnb.Client(recorder.endpoint)
    recorder.forget()
    yield client
    client.close()


TOLD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("BackupManager.create", {"optimized_storage": True}, {"optimized_storage": True, "instance_only": False}),
    ("Container.export_backup", {"optimized_storage": True}, {"optimized_storage": True, "instance_only": False}),
    ("Container.export_backup", {"instance_only": True}, {"optimized_storage": False, "instance_only": True}),
    ("Container.export_backup", {"compression_algorithm": "xz"}, {"compression_algorithm": "xz"}),
    ("Container.move", {"instance_only": True}, {"instance_only": True, "migration": True}),
    ("Container.move", {"allow_inconsistent": True}, {"allow_inconsistent": True, "migration": True}),
    ("Container.copy", {"allow_inconsistent": True}, {"type": "copy", "allow_inconsistent": True}),
    ("Container.copy", {}, {"name": "n1", "type": "container"}),
    ("Container.migrate", {}, {"name": "c1", "type": "container"}),
    ("Container.migrate", {"live": True}, {"migration": True, "live": True}),
    ("Container.migrate", {"live": True}, {"type": "migration", "mode": "pull", "live": True}),
    ("Container.generate_migration_data", {"live": True}, {"migration": True, "live": True}),
    ("Container.generate_migration_data", {"live": True}, {"type": "migration", "mode": "pull", "live": True}),
    ("Container.rebuild", {"image": {"type": "image", "alias": "a"}}, {"type": "image", "alias": "a"}),
    (
        "InstanceManager.set_state",
        {"action": "stop", "timeout": 5, "force": False},
        {"action": "stop", "timeout": 5, "force": False},
    ),
    ("InstanceManager.set_state", {"action": "stop"}, {"timeout": 30, "force": True}),
]


def parts(body: Any) -> Iterator[dict[str, Any]]:
    if isinstance(body, dict):
        yield body
        for part in body.values():
            yield from parts(part)


@pytest.mark.parametrize(("method", "options", "told"), TOLD)
def test_an_option_is_told(recorder, asking, method: str, options: dict[str, Any], told: dict[str, Any]):
    bodies = [call(asking, method, **options)]
    bodies += [request.json for request in recorder.requests if not request.line.startswith("GET")]
    assert any(told.items() <= part.items() for body in bodies for part in parts(body)), bodies


@pytest.fixture
def elsewhere(tmp_path) -> Iterator[Recorder]:
    """Another server."""
    with Recorder(tmp_path, EXTENSIONS) as elsewhere:
        yield elsewhere


@pytest.fixture
def other(elsewhere: Recorder) -> Iterator[lxdnb.Client]:
    client = lxdnb.Client(elsewhere.endpoint)
    client.host_info["environment"]["certificate"] = "another"
    yield client
    client.close()


@pytest.mark.parametrize("mode", ["pull", "push"])
def test_both_servers_are_told(recorder, asking, elsewhere, other, mode: str):
    c1(asking).copy("n1", other, instance_only=True, mode=mode)
    posts = [each.json for each in (*recorder.requests, *elsewhere.requests) if each.line.startswith("POST")]
    assert len(posts) == 2
    assert all(any(part.get("instance_only") is True for part in parts(body)) for body in posts)


@pytest.mark.parametrize("mode", ["pull", "push", "relay"])
def test_what_comes_to_nothing_is_withdrawn(recorder, asking, elsewhere, other, monkeypatch, mode: str):
    refusing = {"pull": other, "push": asking, "relay": None}[mode]  # the recorder takes no websockets
    if refusing is not None:
        request = refusing._transport.request

        def refused(method: str, path: str, **options: Any) -> Any:
            return refusal(403, "no") if method == "POST" else request(method, path, **options)

        monkeypatch.setattr(refusing._transport, "request", refused)
    with pytest.raises(lxdnb.LXDError):
        c1(asking).copy("n1", other, mode=mode)
    cancelled = [
        [each.line for each in server.requests if each.line.startswith("DELETE")] for server in (recorder, elsewhere)
    ]
    once = [f"DELETE /1.0/operations/{ID}"]
    assert cancelled == {"pull": [once, []], "push": [[], once], "relay": [once, once]}[mode]


def test_all_containers_are_not_all_instances(recorder, asking, monkeypatch):
    there = {name: ("Stopped", "container") for name in ("c1", "c2")} | {"v1": ("Stopped", "virtual-machine")}
    monkeypatch.setattr(ContainerManager, "_there", lambda _: there)
    assert [outcome.name for outcome in asking.containers.set_state("start", dry_run=True)] == ["c1", "c2"]
    asking.containers.set_state("start")
    put = sorted(request.asked.path for request in recorder.requests if request.line.startswith("PUT"))
    assert put == [["1.0", "instances", name, "state"] for name in ("c1", "c2")]


NEEDED: list[tuple[str, str, dict[str, Any]]] = [
    ("container_backup", "BackupManager.create", {}),
    ("container_backup", "Container.export_backup", {}),
    ("container_backup", "InstanceManager.import_backup", {}),
    ("backup_compression_algorithm", "BackupManager.create", {}),
    ("backup_compression_algorithm", "Container.export_backup", {"compression_algorithm": "xz"}),
    ("backup_override_name", "InstanceManager.import_backup", {}),
    ("container_backup_override_pool", "InstanceManager.import_backup", {}),
    ("container_only_migration", "Container.copy", {"instance_only": True}),
    ("container_incremental_copy", "Container.copy", {"refresh": True}),
    ("instance_allow_inconsistent_copy", "Container.copy", {"allow_inconsistent": True}),
    ("instance_allow_inconsistent_copy", "Container.move", {"allow_inconsistent": True}),
    ("instance_pool_move", "Container.move", {}),
    ("instance_project_move", "Container.move", {}),
    ("instances_rebuild", "Container.rebuild", {}),
    ("console", "Container.console_log", {}),
    ("console", "Container.clear_console_log", {}),
    ("container_exec_recording", "ExecOutputManager.all", {}),
    ("image_create_aliases", "Image.copy", {"mode": "pull"}),
    ("images_push_relay", "Image.copy", {"mode": "push"}),
    ("metrics", "Client.metrics_text", {}),
]


@pytest.mark.parametrize(("extension", "method", "options"), NEEDED)
def test_what_a_server_is_too_old_for_is_not_sent(recorder, asking, extension, method, options):
    asking.host_info["api_extensions"].remove(extension)
    with pytest.raises(lxdnb.LXDAPIExtensionNotAvailable, match=f"'{extension}'"):
        call(asking, method, **options)
    assert [request.line for request in recorder.requests if not request.line.startswith("GET")] == []
