"""Copies and moves of instances, and verbs that act on many of them; their classes stand with the others of core."""

from __future__ import annotations

from typing import Any

from lxdnb.client import Client
from lxdnb.models import Outcome
from lxdnb.models.instance import InstanceManager
from tests.calls.basis import Call, Place, c1, no_name, no_segment, snapshot

CLASSES: tuple[type, ...] = ()
VALUES = (Outcome,)
EXTENSIONS = {
    *("api_filtering", "container_incremental_copy", "container_only_migration", "instance_allow_inconsistent_copy"),
    *("instance_pool_move", "instance_project_move", "instances_rebuild", "instance_bulk_state_change"),
}

_COPY = {"profiles": ["p1"], "config": {"user.x": "1"}, "devices": {"d": {"type": "none"}}, "pool": "p1"}
_COPY |= {"name": "n1", "target": "n2"}


def instances(client: Client) -> InstanceManager:
    return client.instances


CALLS: dict[str, Call] = {
    "Container.copy": Call(c1, _COPY),
    "Snapshot.copy": Call(snapshot, _COPY),
    "Container.move": Call(c1, {"name": "n1", "pool": "p1", "project": "p2", "target": "n2"}),
    "Container.rebuild": Call(c1, {"image": "a1"}),
    "InstanceManager.set_state": Call(instances, {"action": "start", "instances": ["c1"]}),
    "InstanceManager.delete": Call(instances, {"instances": ["c1"]}),
}
PLACES = {
    "pool": [Place(lambda text: text, no_name)],
    "instances": [Place(lambda text: [text], no_segment)],
    "Container.move(project)": [Place(lambda text: text, no_name)],
    "Container.rebuild(image)": [Place(lambda text: text, no_segment)],
}
_NAMES: list[Any] = ["text", 5, b"x", [5], [None], {1: "x"}, ["x\0"], ["\udcff"], [""], [".."]]
WRONG = {
    "Client | None": [5, "text", "https://10.0.0.1:8443"],
    "Sequence[str | Model] | None": _NAMES,
    "Sequence[str | Model]": [None, *_NAMES],
    "str | Image | Mapping[str, Any] | None": [5, b"x", ["x"], "", "..", {1: "x"}],
}
