"""What a sandbox refuses, it refuses as the real server does: each endpoint of its specification, asked for the wrong.

The expected status and words are the real server's own, in the same run.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lxdnb.sandbox import Sandbox
from tests.daemons import Daemon
from tests.specification import SERVERS, endpoints
from tests.watcher import ask, finish

BODIES = ("{}", "[]", None)
THERE = {"instances": "there", "networks": "there0", "network-acls": "there", "network-zones": "there.example",
         "profiles": "there", "projects": "there", "storage-pools": "default", "volumes": "custom"}  # fmt: skip
"""What both servers have, by the part of a path before it: of a volume its type, and its name is never there."""

MADE = (
    ("instances", {"source": {"type": "none"}}),
    ("networks", {"config": {"ipv4.address": "10.77.3.1/24", "ipv6.address": "none"}}),
    ("network-acls", {}),
    ("network-zones", {}),
    ("profiles", {}),
    ("projects", {}),
)


def answered(place: Path, method: str, path: str, body: str | None) -> tuple[int, str]:
    """Return the status of an answer, and its words where it is an error."""
    connection = http.client.HTTPConnection("server")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(30)
    connection.sock.connect(str(place))
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        told = answer.read()
    finally:
        connection.close()
    # Its own folder is nobody else's, and an operation's identifier neither.
    words = json.loads(told).get("error", "") if told[:1] == b"{" else told.decode()
    return answer.status, words.replace(str(place.parent), "/simulated")


@pytest.fixture
def both(server: Daemon, flavour: str) -> Iterator[tuple[Path, Path]]:
    """The sockets of a real server and of a sandbox of its kind, with the same things in both."""
    with Sandbox(flavour) as sandbox:
        for place in (server.socket, sandbox.socket):
            for kind, more in MADE:
                finish(place, ask(place, "POST", f"/1.0/{kind}", {"name": THERE[kind], **more}))
        yield server.socket, sandbox.socket


def wrongs(flavour: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield requests for what is not there, and such with bodies that are none."""
    (server,) = [name for name in SERVERS if name.startswith(flavour)]
    for endpoint in endpoints(server):
        method, path = endpoint.split(" ")
        if "{}" not in path:
            continue
        parts = path.split("/")
        holes = [place for place, part in enumerate(parts) if part == "{}"]
        for known in range(len(holes) + 1):
            filled = [*parts]
            for count, place in enumerate(holes):
                there = THERE.get(parts[place - 1]) if count < known else None
                filled[place] = there or "nope"
            whole = "nope" not in filled
            if whole and (known < len(holes) or method in ("GET", "DELETE")):
                continue
            if known and filled[holes[known - 1]] == "nope":
                break  # it has nothing of that kind
            for body in BODIES if method not in ("GET", "DELETE") else (None,):
                if not (whole and body == "{}"):  # which might be right
                    yield method, "/".join(filled), body


def test_what_is_not_there_and_what_is_no_body(both: tuple[Path, Path], flavour: str):
    real, simulated = both
    asked = [*dict.fromkeys(wrongs(flavour))]
    assert len(asked) > 300
    answers = [(each, answered(real, *each), answered(simulated, *each)) for each in asked]
    differences = [
        f"{method} {path} {body}: {theirs}, and the sandbox: {ours}"
        for (method, path, body), theirs, ours in answers
        if theirs != ours
    ]
    assert not differences, "\n".join(differences)
