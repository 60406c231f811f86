"""What a server tells of what is done to it: on a sandbox the same operations and lifecycle events, word for word.

The expected ones are the real server's own, at the same requests in the same run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lxdnb
from tests.daemons import Daemon
from tests.simulated import simulated
from tests.watcher import DaemonError, ask, finish

Body = dict[str, Any] | bytes | None
Step = tuple[str, str, Body]
NETWORK, SUBNET = "told0", "10.77.8"
COPY = {"type": "copy", "source": "e1"}
POOL = "storage-pools/told"
MARK = "mark"
"""The profile whose end says that all has been told."""


def networks() -> Iterator[Step]:
    yield "POST", "networks", {"name": NETWORK, "config": {"ipv4.address": f"{SUBNET}.1/24", "ipv6.address": "none"}}
    yield "PATCH", f"networks/{NETWORK}", {"config": {"user.a": "b"}}
    yield "POST", f"networks/{NETWORK}/forwards", {"listen_address": f"{SUBNET}.2"}
    yield "PUT", f"networks/{NETWORK}/forwards/{SUBNET}.2", {"description": "x"}
    yield "DELETE", f"networks/{NETWORK}/forwards/{SUBNET}.2", None
    yield "POST", "network-acls", {"name": "acl1"}
    yield "PUT", "network-acls/acl1", {"description": "x"}
    yield "POST", "network-acls/acl1", {"name": "acl2"}
    yield "DELETE", "network-acls/acl2", None
    yield "POST", "network-zones", {"name": "told.example"}
    yield "PUT", "network-zones/told.example", {"description": "x"}
    yield (
        "POST",
        "network-zones/told.example/records",
        {"name": "r1", "entries": [{"type": "A", "value": "10.0.0.1"}]},
    )
    yield "PUT", "network-zones/told.example/records/r1", {"description": "x"}
    yield "DELETE", "network-zones/told.example/records/r1", None
    yield "DELETE", "network-zones/told.example", None
    yield "DELETE", f"networks/{NETWORK}", None


def profiles_and_projects() -> Iterator[Step]:
    yield "POST", "profiles", {"name": "p1", "config": {"limits.cpu": "1"}}
    yield "PATCH", "profiles/p1", {"description": "x"}
    yield "POST", "profiles/p1", {"name": "p2"}
    yield "DELETE", "profiles/p2", None
    yield "POST", "projects", {"name": "lab"}
    yield "PATCH", "projects/lab", {"description": "x"}
    yield "POST", "projects/lab", {"name": "lab2"}
    yield "DELETE", "projects/lab2", None
    yield "PATCH", "", {"config": {"images.auto_update_interval": "3"}}


def storage() -> Iterator[Step]:
    volume = f"{POOL}/volumes/custom/v1"
    yield "POST", "storage-pools", {"name": "told", "driver": "dir"}
    yield "PATCH", POOL, {"description": "x"}
    yield "POST", f"{POOL}/volumes/custom", {"name": "v1"}
    yield "PATCH", volume, {"description": "x"}
    yield "POST", f"{volume}/snapshots", {"name": "s1"}
    yield "PUT", f"{volume}/snapshots/s1", {"description": "x"}
    yield "POST", f"{volume}/snapshots/s1", {"name": "s2"}
    yield "PUT", volume, {"restore": "s2"}
    yield "POST", f"{volume}/backups", {"name": "b1"}
    yield "POST", f"{volume}/backups/b1", {"name": "b2"}
    yield "DELETE", f"{volume}/backups/b2", None
    yield "POST", f"{POOL}/volumes/custom", {"name": "v2", "source": {"type": "copy", "name": "v1", "pool": "told"}}
    yield "POST", f"{POOL}/volumes/custom/v2", {"name": "v3"}
    yield "DELETE", f"{POOL}/volumes/custom/v3", None
    yield "DELETE", f"{volume}/snapshots/s2", None
    yield "DELETE", volume, None
    yield "DELETE", POOL, None


def instances() -> Iterator[Step]:
    yield "POST", "instances", {"name": "e1", "source": {"type": "image", "alias": "busybox"}}
    yield "POST", "instances", {"name": "e0", "source": {"type": "image", "fingerprint": "none"}}
    yield "POST", "instances", {"name": "e0", "source": COPY}  # without profiles: LXD gives it none
    yield "DELETE", "instances/e0", None
    yield "PATCH", "instances/e1", {"config": {"user.a": "b"}}
    yield "PUT", "instances/e1/state", {"action": "start"}
    yield "POST", "instances/e1/exec", {"command": ["true"]}
    yield "POST", "instances/e1/files?path=/root/a", b"hello"
    yield "GET", "instances/e1/files?path=/root/a", None
    yield "DELETE", "instances/e1/files?path=/root/a", None
    yield "PATCH", "instances/e1/metadata", {"properties": {"a": "c"}}
    yield "POST", "instances/e1/metadata/templates?path=t.tpl", b"hello"
    yield "DELETE", "instances/e1/metadata/templates?path=t.tpl", None
    yield "DELETE", "instances/e1/console", None
    yield "PUT", "instances/e1/state", {"action": "freeze"}
    yield "PUT", "instances/e1/state", {"action": "unfreeze"}
    yield "PUT", "instances/e1/state", {"action": "restart", "force": True}
    yield "PUT", "instances/e1/state", {"action": "stop", "force": True}
    yield "PUT", "instances/e1/state", {"action": "stop", "force": True}
    yield "POST", "instances/e1/snapshots", {"name": "s1"}
    yield "PUT", "instances/e1/snapshots/s1", {"expires_at": "2037-01-01T00:00:00Z"}
    yield "POST", "instances/e1/snapshots/s1", {"name": "s2"}
    yield "PUT", "instances/e1", {"restore": "s2"}
    yield "POST", "instances", {"name": "e2", "profiles": ["default"], "source": COPY}
    yield "POST", "instances", {"name": "e3", "profiles": ["default"], "source": {**COPY, "source": "e1/s2"}}
    yield "POST", "instances/e2", {"name": "e4"}
    yield "POST", "instances/e1/backups", {"name": "b1"}
    yield "POST", "instances/e1/backups/b1", {"name": "b2"}
    yield "DELETE", "instances/e1/backups/b2", None
    yield "DELETE", "instances/e1/snapshots/s2", None
    yield "PUT", "instances", {"state": {"action": "start"}}
    yield "PUT", "instances", {"state": {"action": "stop", "force": True}}
    yield "POST", "images", {"source": {"type": "instance", "name": "e1"}, "properties": {"a": "b"}}
    yield "PATCH", "images/IMAGE", {"properties": {"k": "v"}}
    yield "POST", "images/IMAGE/refresh", None
    yield "POST", "images/aliases", {"name": "told", "target": "IMAGE"}
    yield "PUT", "images/aliases/told", {"target": "IMAGE", "description": "x"}
    yield "DELETE", "images/aliases/told", None
    yield "DELETE", "images/IMAGE", None
    yield "POST", "projects", {"name": "lab"}
    yield "POST", "instances?project=lab", {"name": "e5", "source": {"type": "none"}}
    yield "DELETE", "projects/lab", None
    yield "DELETE", "instances/e1", None
    yield "DELETE", "instances/e3", None
    yield "DELETE", "instances/e4", None


_VARYING = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"[0-9a-f]{64}", "FINGERPRINT"),
    (r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)", "TIME"),
    (r'\([\d.]+[kMG]?B/s\)|"(speed|size)": "\d+"', "SIZE"),
)
_SO_FAR = re.compile(r"[\d.]+[kMG]?B \(")
"""How many bytes were written until now: told once a second, so of what takes longer alone."""
_OF_OPERATIONS = ("class", "description", "resources", "metadata", "status", "may_cancel", "err", "location")


def written(told: Any) -> str:
    """What was told, as text, in which nothing is left that varies by nature."""
    text = json.dumps(told, sort_keys=True)
    for pattern, word in _VARYING:
        text = re.sub(pattern, word, text)
    return text


def answered(place: Path, method: str, path: str, body: Body) -> Any:
    """Send a request; return what it was answered with, and of an operation what became of it."""
    sent = {"Content-Type": "application/octet-stream"} if isinstance(body, bytes) else {}
    url = f"/1.0/{path}".rstrip("/")
    if method == "GET":
        connection = lxdnb.Client(str(place))
        connection.instances.get("e1").files.get("/root/a")
        connection.close()
        return None
    try:
        answer = ask(place, method, url, body, headers=sent)
        if answer["type"] == "sync":
            return answer["metadata"]
        ended = {each: value for each, value in finish(place, answer).items() if each in _OF_OPERATIONS}
        done = ended["metadata"] or {}
        if slow := [each for each, value in done.items() if _SO_FAR.match(str(value))]:
            ended["metadata"] = {each: value for each, value in done.items() if each not in slow} or None
        if path == "instances" and method == "PUT":
            ended["resources"]["instances"].sort()  # many at once are in any order
        return ended
    except DaemonError as error:
        return re.sub(r"^\w+ /\S+: ", "", str(error))


def all_told(place: Path, steps: Iterator[Step]) -> list[str]:
    """Do all, and return what was told of each step: its answer, and the events until its end."""
    client, lines, image = lxdnb.Client(str(place)), [], "IMAGE"
    with client.events(event_types=["lifecycle"], all_projects=True) as events:
        for method, path, body in steps:
            if not isinstance(body, bytes):
                body = json.loads(json.dumps(body).replace("IMAGE", image))
            told = answered(place, method, path.replace("IMAGE", image), body)
            if path == "images":
                image = told["metadata"]["fingerprint"]
            ask(place, "POST", "/1.0/profiles", {"name": MARK})
            ask(place, "DELETE", f"/1.0/profiles/{MARK}")
            heard: list[str] = []
            for event in events:
                if f"/{MARK}" not in event["metadata"]["source"]:
                    heard.append(f"    {written({**event, 'timestamp': ''})}")
                elif event["metadata"]["action"] == "profile-deleted":
                    break
            lines += [f"{method} {path}: {written(told)}", *(sorted(heard) if path == "instances" else heard)]
    client.close()
    return lines


def same(server: Daemon, flavour: str, steps: Any) -> None:
    with simulated(flavour) as sandbox:
        ours = all_told(sandbox.socket, steps())
    assert ours == all_told(server.socket, steps())


def test_networks(server: Daemon, flavour: str):
    same(server, flavour, networks)


def test_profiles_and_projects(server: Daemon, flavour: str):
    same(server, flavour, profiles_and_projects)


def test_storage(server: Daemon, flavour: str):
    same(server, flavour, storage)


def test_instances(server: Daemon, flavour: str):
    same(server, flavour, instances)
