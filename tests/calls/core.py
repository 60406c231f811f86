"""The client, instances, profiles, projects, certificates, operations, files, events, and the API's nodes."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lxdnb.api import APINode
from lxdnb.client import Client
from lxdnb.models import (
    Certificate,
    Container,
    ExecResult,
    InstanceState,
    Operation,
    Profile,
    Project,
    Snapshot,
)
from lxdnb.models.certificate import CertificateManager
from lxdnb.models.files import FilesManager
from lxdnb.models.instance import InstanceManager
from lxdnb.models.operation import OperationManager
from lxdnb.models.profile import ProfileManager
from lxdnb.models.project import ProjectManager
from lxdnb.models.snapshot import SnapshotManager
from lxdnb.streams import Events
from tests.calls import basis
from tests.calls.basis import (
    BODY,
    DEVICE,
    KEY,
    LINK,
    MEMBER,
    NAME,
    NAMES,
    OPTION,
    PATH,
    SECRET,
    SNAPSHOT,
    TEXT,
    TEXTS,
    VALUE,
    VARIABLE,
    WORD,
    WORDS,
    Call,
    Place,
    c1,
    cannot_be_said,
    class_of,
    files,
    itself,
    model,
    no_fingerprint,
    no_segment,
    of_model,
    operation,
    snapshot,
)
from tests.recorder import FINGERPRINT, ID

# Container stands for Instance and VirtualMachine too, and InstanceManager for their managers.
CLASSES: tuple[type, ...] = (
    *(
        Client,
        InstanceManager,
        ProfileManager,
        ProjectManager,
        CertificateManager,
        OperationManager,
        SnapshotManager,
    ),
    *(Container, Snapshot, Profile, Project, Certificate, Operation, FilesManager, Events, APINode),
)
VALUES: tuple[type, ...] = (ExecResult, InstanceState)

_SOURCE = Path(__file__)

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
    "Client.use_project": Call(lambda client: client, {"project": "p1"}, sends=False),
    "Client.use_target": Call(lambda client: client, {"target": "n2"}, sends=False),
    "Client.close": Call(lambda client: client, sends=False),
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (
            ("InstanceManager", lambda client: client.instances),
            ("Container", class_of(Container)),
        )
        for name, arguments in (
            ("get", {"name": "c1"}),
            ("exists", {"name": "c1"}),
            ("all", {"recursion": 2, "fields": ["state.disk"], "filter": "status eq Running"}),
            ("create", _CREATE | {"target": "n2"}),
            ("launch", _LAUNCH | _OPTIONS),
        )
    },
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (("ProfileManager", lambda client: client.profiles), ("Profile", class_of(Profile)))
        for name, arguments in (
            ("get", {"name": "p1"}),
            ("exists", {"name": "p1"}),
            ("all", {}),
            ("create", _PROFILE),
        )
    },
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (
            ("CertificateManager", lambda client: client.certificates),
            ("Certificate", class_of(Certificate)),
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
        for owner, on in (("OperationManager", lambda client: client.operations), ("Operation", class_of(Operation)))
        for name, arguments in (
            ("get", {"operation_id": ID}),
            ("all", {}),
            ("wait_for_operation", {"operation_id": ID, "timeout": 5}),
            ("from_record", {"record": {"id": ID}}),
        )
    },
    "OperationManager.extract_operation_id": Call(lambda client: client.operations, {"s": ID}, sends=False),
    "Operation.extract_operation_id": Call(lambda client: Operation, {"s": ID}, sends=False),
    "Operation.sync": Call(operation),
    "Operation.cancel": Call(operation),
    "Operation.wait": Call(operation, {"timeout": 5, "on_progress": print}),
    "SnapshotManager.get": Call(lambda client: c1(client).snapshots, {"name": "s1"}),
    "SnapshotManager.exists": Call(lambda client: c1(client).snapshots, {"name": "s1"}),
    "SnapshotManager.all": Call(lambda client: c1(client).snapshots),
    "SnapshotManager.create": Call(lambda client: c1(client).snapshots, _SNAPSHOT),
    **{
        f"Snapshot.{name}": Call(
            lambda client, name=name: functools.partial(getattr(Snapshot, name), client, c1(client)), arguments
        )
        for name, arguments in (
            ("get", {"name": "s1"}),
            ("exists", {"name": "s1"}),
            ("all", {}),
            ("create", _SNAPSHOT),
        )
    },
    "Snapshot.rename": Call(snapshot, {"new_name": "s2"}),
    "Snapshot.restore": Call(snapshot),
    "Container.rename": Call(c1, {"name": "c2"}),
    "Container.restore_snapshot": Call(c1, {"snapshot_name": "s1"}),
    "Container.state": Call(c1),
    **{f"Container.{verb}": Call(c1) for verb in ("start", "stop", "restart", "freeze", "unfreeze")},
    "Container.execute": Call(c1, _EXECUTE | {"stdin_payload": "x", "encoding": "utf-8", "timeout": 1}),
    "Container.start_command": Call(
        c1, {"command": ["id"], "environment": {"A": "b"}, "cwd": "/tmp", "user": 1, "interactive": True, "width": 80}
    ),
    "Container.raw_interactive_execute": Call(c1, _EXECUTE),
    "Container.wait_ready": Call(c1, {"timeout": 0}),
    "Container.migrate": Call(c1),  # and new_client
    "Container.generate_migration_data": Call(c1),
    **{
        f"{kind}.publish": Call(on, {"compression_algorithm": "none", "properties": {"os": "x"}, "aliases": ["a1"]})
        for kind, on in (("Container", c1), ("Snapshot", snapshot))
    },
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (("ProjectManager", lambda client: client.projects), ("Project", class_of(Project)))
        for name, arguments in (
            ("get", {"name": "p1"}),
            ("exists", {"name": "p1"}),
            ("all", {}),
            ("create", {"name": "p1", "config": {"user.x": "1"}, "description": "mine"}),
        )
    },
    "Project.rename": Call(model(Project, name="p1"), {"new_name": "p2"}),
    "Project.state": Call(model(Project, name="p1")),
    "Profile.rename": Call(model(Profile, name="p1"), {"new_name": "p2"}),
    "Profile.update": Call(model(Profile, name="p1"), sends=False),
    **dict(of_model("Container", c1)),
    **dict(of_model("Snapshot", snapshot)),
    **dict(of_model("Profile", model(Profile, name="p1"))),
    **dict(of_model("Project", model(Project, name="p1"))),
    **dict(of_model("Certificate", model(Certificate, fingerprint=FINGERPRINT))),
    "FilesManager.put": Call(files, {"filepath": "/a", "data": "x"} | _OWNED),
    "FilesManager.append": Call(files, {"filepath": "/a", "data": "x"}),
    "FilesManager.get": Call(files, {"filepath": "/a", "to": io.BytesIO()}),
    "FilesManager.delete": Call(files, {"filepath": "/a"}),
    "FilesManager.delete_available": Call(files, sends=False),
    "FilesManager.mk_dir": Call(files, {"path": "/a"} | _OWNED),
    "FilesManager.symlink": Call(files, {"path": "/a", "target": "b"}),
    "FilesManager.stat": Call(files, {"path": "/a"}),
    "FilesManager.list": Call(files, {"path": "/a"}),
    "FilesManager.recursive_put": Call(files, {"src": str(_SOURCE.parent), "dst": "/a"} | _OWNED),
    "FilesManager.recursive_get": Call(files, {"remote_path": "/a", "local_path": "/nowhere/x"}),
    "Events.connect": Call(lambda client: client.events()),
    "Events.run": Call(lambda client: client.events()),
    "Events.start": Call(lambda client: client.events(), {"callback": print}),
    "Events.close": Call(lambda client: client.events(), sends=False),
    "Events.finish": Call(lambda client: client.events(), sends=False),
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
INNER = {"APINode.pieces", "APINode.lost", "APINode.open_call", "Container.FilesManager"}


def _created(**fields: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: {"name": "n1", "source": {"type": "none"}} | {name: of(text) for name, of in fields.items()}


DESCRIPTION = [
    Place(_created(name=itself), lambda text: (text != "" and no_segment(text)) or text == ""),
    Place(_created(config=KEY.given), cannot_be_said),
    Place(_created(config=VALUE.given), cannot_be_said),
    Place(_created(devices=DEVICE.given), cannot_be_said),
    Place(_created(description=itself), cannot_be_said),
    Place(_created(profiles=TEXTS.given), cannot_be_said),
    Place(_created(source=lambda text: {"type": "image", "alias": text}), cannot_be_said),
    Place(
        _created(source=lambda text: {"type": "image", "fingerprint": f"a{text}"}), lambda t: no_fingerprint(f"a{t}")
    ),
    Place(_created(source=lambda text: {"type": "copy", "source": text}), cannot_be_said),
]
# Each parameter of a public method in which there can be a text, by method, else by its name alone.
PLACES: dict[str, list[Place]] = {
    **{
        f"{owner}.{name}(name)": [SNAPSHOT]
        for owner in ("Snapshot", "SnapshotManager")
        for name in ("get", "exists", "create")
    },
    "Snapshot.rename(new_name)": [SNAPSHOT],
    "Container.restore_snapshot(snapshot_name)": [SNAPSHOT],
    **{
        f"{owner}.{name}(name)": [TEXT]
        for owner in ("Certificate", "CertificateManager")
        for name in ("create", "create_token")
    },
    **{f"{owner}.create(config)": DESCRIPTION for owner in ("InstanceManager", "Container")},
    "FilesManager.symlink(target)": [LINK],
    "name": [NAME],
    "new_name": [NAME],
    "alias": [NAME],
    "image": [NAME],
    "fingerprint": [basis.FINGERPRINT],
    "operation_id": [
        Place(
            lambda text: f"{ID}{text}" if text != WORD else ID,
            lambda text: bool(text) and not re.fullmatch("[/?].*", text),
        )
    ],
    "target": [MEMBER],
    "project": [NAME],
    "fields": [TEXTS],
    "projects": [TEXTS],
    "profiles": [TEXTS],
    "aliases": [NAMES],
    "config": [KEY, VALUE],
    "properties": [KEY, VALUE],
    "devices": [DEVICE, OPTION],
    "description": [TEXT],
    "cert_type": [TEXT],
    "password": [SECRET],
    "secret": [SECRET],
    "compression_algorithm": [TEXT],
    "cwd": [TEXT],
    "commands": [WORDS],
    "command": [WORDS],
    "environment": [VARIABLE, VALUE],
    "json": BODY,
    "put_object": BODY,
    "patch_object": BODY,
    "params": [KEY, VALUE],
    "filepath": [PATH],
    "path": [PATH],
    "dst": [PATH],
    "remote_path": [PATH],
}

# What a parameter takes though its annotation does not say so, or what cannot be known to be wrong.
TAKEN: dict[tuple[str, str], list[Any]] = {
    **{(f"Container.{verb}", "timeout"): [None] for verb in ("start", "stop", "restart", "freeze", "unfreeze")},
    **{(f"Container.{verb}", "force"): [None] for verb in ("start", "stop", "restart", "freeze", "unfreeze")},
}
