"""A good call of each public method, to be made wrong in one argument; none can be forgotten.

`METHODS` are found by looking at the classes, `CALLS` is written by hand; `missing` tells where they differ.
"""

from __future__ import annotations

import functools
import inspect
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import certifi

import lxdnb
from lxdnb.api import APINode
from lxdnb.client import Client
from lxdnb.models import Certificate, Container, Image, Operation, Profile, Snapshot
from lxdnb.models.certificate import CertificateManager
from lxdnb.models.files import FilesManager
from lxdnb.models.image import ImageManager
from lxdnb.models.instance import InstanceManager
from lxdnb.models.operation import OperationManager
from lxdnb.models.profile import ProfileManager
from lxdnb.models.snapshot import SnapshotManager
from lxdnb.streams import Events
from tests.recorder import FINGERPRINT, ID

__all__ = ["CALLS", "CLASSES", "METHODS", "Call", "call", "missing", "parameters"]

# Container stands for Instance and VirtualMachine too, and InstanceManager for their managers.
CLASSES: tuple[type, ...] = (
    *(Client, InstanceManager, ProfileManager, ImageManager, CertificateManager, OperationManager, SnapshotManager),
    *(Container, Snapshot, Profile, Image, Certificate, Operation, FilesManager, Events, APINode),
)

_SOURCE = Path(__file__)


class Call(NamedTuple):
    """What is called, with what; `sends` unless it is a matter of this side alone."""

    on: Callable[[Client], Any]
    arguments: Mapping[str, Any] = {}
    sends: bool = True


def _c1(client: Client) -> Container:
    return Container._from_record(client, {"name": "c1", "type": "container", "status": "Stopped", "config": {}})


def _snapshot(client: Client) -> Snapshot:
    return Snapshot._from_record(client, {"name": "s1"}, instance=_c1(client))


def _operation(client: Client) -> Operation:
    return Operation.from_record(client, {"id": ID, "status_code": 103, "status": "Running"})


def _model(kind: type[Any], **record: Any) -> Callable[[Client], Any]:
    return lambda client: kind._from_record(client, record)


def _files(client: Client) -> FilesManager:
    return _c1(client).files


def _class(kind: type[Any]) -> Callable[[Client], Any]:
    """The class, with a client for its class methods."""

    def of(client: Client) -> Any:
        class Bound:
            def __getattr__(self, name: str) -> Any:
                return functools.partial(getattr(kind, name), client)

        return Bound()

    return of


_SOURCES = {"type": "none"}
_CREATE = {"config": {"name": "n1", "source": _SOURCES}}
_LAUNCH = {"image": {"type": "none"}, "name": "n1"}
_OPTIONS = {"profiles": ["default"], "config": {"user.x": "1"}, "devices": {"d": {"type": "none"}}, "target": "n2"}
_EXECUTE = {"commands": ["id"], "environment": {"A": "b"}, "cwd": "/tmp", "user": 1, "group": 1}
_PROFILE = {"name": "p1", "config": {"user.x": "1"}, "devices": {"d": {"type": "none"}}, "description": "mine"}
_SNAPSHOT = {"name": "s1", "expires_at": "2030-01-01T00:00:00Z"}
_CERTIFICATE = {"password": "", "cert_type": "client", "name": "n", "projects": ["default"], "secret": ""}
_OWNED = {"mode": 0o644, "uid": 1, "gid": 1}

CALLS: dict[str, Call] = {
    "Client.has_api_extension": Call(lambda client: client, {"name": "resources"}, sends=False),
    "Client.assert_has_api_extension": Call(lambda client: client, {"name": "resources"}, sends=False),
    "Client.authenticate": Call(lambda client: client, {"secret": "hunter2"}),
    "Client.launch": Call(lambda client: client, _LAUNCH | _OPTIONS),
    "Client.events": Call(lambda client: client, {"event_types": ["lifecycle"], "project": "p1"}, sends=False),
    "Client.close": Call(lambda client: client, sends=False),
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (
            ("InstanceManager", lambda client: client.instances),
            ("Container", _class(Container)),
        )
        for name, arguments in (
            ("get", {"name": "c1"}),
            ("exists", {"name": "c1"}),
            ("all", {"recursion": 2, "fields": ["state.disk"]}),
            ("create", _CREATE | {"target": "n2"}),
            ("launch", _LAUNCH | _OPTIONS),
        )
    },
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (("ProfileManager", lambda client: client.profiles), ("Profile", _class(Profile)))
        for name, arguments in (
            ("get", {"name": "p1"}),
            ("exists", {"name": "p1"}),
            ("all", {}),
            ("create", _PROFILE),
        )
    },
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (("ImageManager", lambda client: client.images), ("Image", _class(Image)))
        for name, arguments in (("get", {"fingerprint": "ab12"}), ("get_by_alias", {"alias": "a1"}), ("all", {}))
    },
    "ImageManager.find": Call(lambda client: client.images, {"name": "a1"}),
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (
            ("CertificateManager", lambda client: client.certificates),
            ("Certificate", _class(Certificate)),
        )
        for name, arguments in (
            ("get", {"fingerprint": "ab12"}),
            ("all", {}),
            ("create", _CERTIFICATE),  # and cert_data, which is made when it is needed
            ("create_token", {"name": "n", "projects": ["default"]}),
        )
    },
    **{
        f"{owner}.{name}": Call(on, arguments, sends=name != "extract_operation_id" and name != "from_record")
        for owner, on in (("OperationManager", lambda client: client.operations), ("Operation", _class(Operation)))
        for name, arguments in (
            ("get", {"operation_id": ID}),
            ("all", {}),
            ("wait_for_operation", {"operation_id": ID, "timeout": 5}),
            ("from_record", {"record": {"id": ID}}),
        )
    },
    "OperationManager.extract_operation_id": Call(lambda client: client.operations, {"s": ID}, sends=False),
    "Operation.extract_operation_id": Call(lambda client: Operation, {"s": ID}, sends=False),
    "Operation.sync": Call(_operation),
    "Operation.cancel": Call(_operation),
    "Operation.wait": Call(_operation, {"timeout": 5, "on_progress": print}),
    "SnapshotManager.get": Call(lambda client: _c1(client).snapshots, {"name": "s1"}),
    "SnapshotManager.exists": Call(lambda client: _c1(client).snapshots, {"name": "s1"}),
    "SnapshotManager.all": Call(lambda client: _c1(client).snapshots),
    "SnapshotManager.create": Call(lambda client: _c1(client).snapshots, _SNAPSHOT),
    **{
        f"Snapshot.{name}": Call(
            lambda client, name=name: functools.partial(getattr(Snapshot, name), client, _c1(client)), arguments
        )
        for name, arguments in (
            ("get", {"name": "s1"}),
            ("exists", {"name": "s1"}),
            ("all", {}),
            ("create", _SNAPSHOT),
        )
    },
    "Snapshot.rename": Call(_snapshot, {"new_name": "s2"}),
    "Snapshot.restore": Call(_snapshot),
    "Container.rename": Call(_c1, {"name": "c2"}),
    "Container.restore_snapshot": Call(_c1, {"snapshot_name": "s1"}),
    "Container.state": Call(_c1),
    **{f"Container.{verb}": Call(_c1) for verb in ("start", "stop", "restart", "freeze", "unfreeze")},
    "Container.execute": Call(_c1, _EXECUTE | {"stdin_payload": "x", "encoding": "utf-8", "timeout": 1}),
    "Container.start_command": Call(
        _c1, {"command": ["id"], "environment": {"A": "b"}, "cwd": "/tmp", "user": 1, "interactive": True, "width": 80}
    ),
    "Container.raw_interactive_execute": Call(_c1, _EXECUTE),
    "Container.wait_ready": Call(_c1, {"timeout": 0}),
    "Container.migrate": Call(_c1),  # and new_client
    "Container.generate_migration_data": Call(_c1),
    **{
        f"{kind}.publish": Call(on, {"compression_algorithm": "none", "properties": {"os": "x"}, "aliases": ["a1"]})
        for kind, on in (("Container", _c1), ("Snapshot", _snapshot))
    },
    "Profile.rename": Call(_model(Profile, name="p1"), {"new_name": "p2"}),
    "Profile.update": Call(_model(Profile, name="p1"), sends=False),
    "Image.update": Call(_model(Image, fingerprint=FINGERPRINT), sends=False),
    **{
        f"{kind}.{name}": Call(on, arguments, sends=name not in ("changes", "marshall", "to_yaml", "save"))
        for kind, on in (
            ("Container", _c1),
            ("Snapshot", _snapshot),
            ("Profile", _model(Profile, name="p1")),
            ("Image", _model(Image, fingerprint=FINGERPRINT)),
            ("Certificate", _model(Certificate, fingerprint=FINGERPRINT)),
        )
        for name, arguments in (
            ("changes", {}),
            ("sync", {}),
            ("rollback", {}),
            ("save", {}),
            ("delete", {}),
            ("marshall", {}),
            ("to_yaml", {}),
            ("post", {"json": {"a": "b"}}),
            ("put", {"put_object": {"a": "b"}}),
            ("patch", {"patch_object": {"a": "b"}}),
            ("raw_put", {"put_object": {"a": "b"}}),
            ("raw_patch", {"patch_object": {"a": "b"}}),
        )
    },
    "FilesManager.put": Call(_files, {"filepath": "/a", "data": "x"} | _OWNED),
    "FilesManager.append": Call(_files, {"filepath": "/a", "data": "x"}),
    "FilesManager.get": Call(_files, {"filepath": "/a", "to": io.BytesIO()}),
    "FilesManager.delete": Call(_files, {"filepath": "/a"}),
    "FilesManager.delete_available": Call(_files, sends=False),
    "FilesManager.mk_dir": Call(_files, {"path": "/a"} | _OWNED),
    "FilesManager.symlink": Call(_files, {"path": "/a", "target": "b"}),
    "FilesManager.stat": Call(_files, {"path": "/a"}),
    "FilesManager.list": Call(_files, {"path": "/a"}),
    "FilesManager.recursive_put": Call(_files, {"src": str(_SOURCE.parent), "dst": "/a"} | _OWNED),
    "FilesManager.recursive_get": Call(_files, {"remote_path": "/a", "local_path": "/nowhere/x"}),
    "Events.connect": Call(lambda client: client.events()),
    "Events.run": Call(lambda client: client.events()),
    "Events.start": Call(lambda client: client.events(), {"callback": print}),
    "Events.close": Call(lambda client: client.events(), sends=False),
    **{
        f"APINode.{verb}": Call(lambda client: client.api.instances["c1"], {"params": {"a": "b"}})
        for verb in ("get", "head", "post", "put", "patch", "delete")
    },
    "APINode.open_websocket": Call(lambda client: client.api.events, {"params": {"a": "b"}}),
    "APINode.upgrade": Call(lambda client: client.api.instances["c1"].sftp, {"protocol": "sftp"}),
    "APINode.location": Call(lambda client: client.api.instances, {"params": {"a": "b"}}, sends=False),
    "APINode.ask": Call(lambda client: client.api.instances, {"params": {"a": "b"}, "timeout": 5}),
}

# What takes nothing that a person writes: other parts of lxdnb call it, with what they have got.
INNER = {"APINode.pieces", "APINode.lost", "APINode.open_call", "Container.FilesManager", "Snapshot.NotFound"} | {
    f"{kind}.NotFound" for kind in ("Container", "Profile", "Image", "Certificate")
}


def _methods() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in CLASSES:
        for name in dir(kind):
            value = getattr(kind, name)
            if not name.startswith("_") and callable(value) and f"{kind.__name__}.{name}" not in INNER:
                found[f"{kind.__name__}.{name}"] = value
    return found


METHODS = _methods()


def missing() -> set[str]:
    """The public methods without a call here, and calls of what is no such method."""
    managers = {f"{kind.__name__}.model" for kind in CLASSES}
    return (METHODS.keys() - managers) ^ CALLS.keys()


def parameters(method: str) -> dict[str, str]:
    """The parameters that a caller gives, with their annotations."""
    given = inspect.signature(METHODS[method]).parameters.values()
    skipped = ("self", "cls", "client")
    return {
        each.name: str(each.annotation)
        for each in given
        if each.name not in skipped
        and not (each.name == "instance" and method.startswith("Snapshot."))
        and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    }


def call(client: lxdnb.Client, method: str, **changed: Any) -> Any:
    """Call a method as `CALLS` has it, but for some arguments."""
    on, arguments, _ = CALLS[method]
    owner = on(client)
    function = owner if isinstance(owner, functools.partial) else getattr(owner, method.partition(".")[2])
    made: dict[str, Any] = {"new_client": client} if method == "Container.migrate" else {}
    if method in ("Certificate.create", "CertificateManager.create"):
        made["cert_data"] = a_certificate()
    return function(**{**arguments, **made, **changed})


@functools.cache
def a_certificate() -> str:
    """Some certificate, as PEM: the first of the public authorities'."""
    text = Path(certifi.where()).read_text()
    start, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return start + text.partition(start)[2].partition(end)[0] + end
