"""The sandbox asked for what nobody means: it refuses or answers, whatever it is sent, and never fails."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lxdnb.sandbox import handlers  # noqa: F401
from lxdnb.sandbox.beginning import first_host
from lxdnb.sandbox.replies import Content, Pieces, Refused, Request, Sync, Waits
from lxdnb.sandbox.routes import routes, take
from lxdnb.sandbox.state import Host
from lxdnb.sandbox.writing import written

EXAMPLES = 60
OFTEN = 80  # requests between two hosts
ROUTES = sorted(routes())
FIELDS = [
    "access", "action", "addresses", "alias", "aliases", "architecture", "auto_update", "certificate", "class",
    "cluster_certificate", "command", "compression_algorithm", "config", "content_type", "cwd", "default",
    "description", "devices", "driver", "egress", "enabled", "entries", "environment", "ephemeral", "expires_at",
    "fault", "filename", "fingerprint", "force", "groups", "height", "ingress", "instance_only", "interactive",
    "listen_address", "live", "migration", "mode", "name", "optimized_storage", "password", "pool", "ports",
    "profiles", "project", "projects", "properties", "protocol", "public", "record-output", "refresh", "request",
    "restore", "roles", "secret", "server", "server_address", "server_name", "snapshots", "source", "state",
    "stateful", "status", "target", "target_address", "template", "timeout", "times", "token", "trust_token", "type",
    "user", "value", "volume_only", "wait-for-websocket", "websockets", "width",
]  # fmt: skip
TEXTS = [
    "", "c1", "c2", "s1", "default", "busybox", "image", "copy", "none", "start", "container", "volume", "custom",
    "..", ".", "a/b", "%00", "\0", "\ud800", "ä", "x" * 300, "-1", "1e999", "9" * 5000, "true", "1GiB", "1%",
    "no\nline", "bridge", "tcp", "80", "1-999999999", "10.0.0.1", "10.0.0.0/33", "fe80::1", "dir", "nic", "disk",
    "(", "[a-", "*",
    "2030-01-01T00:00:00Z", "9999-99-99", "limits.cpu", "ipv4.address", "root", "eth0", "MTIz",
    "-----BEGIN CERTIFICATE",
]  # fmt: skip
LEAVES = st.sampled_from([None, True, False, 0, 1, -1, 2**31, 2**63, 2**70, 1.5, 1e308, *TEXTS])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, *TEXTS]), inner, max_size=4),
    max_leaves=6,
)
BODIES = st.one_of(
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8).map(lambda each: json.dumps(each).encode()),
    VALUES.map(lambda each: json.dumps(each).encode()),
    st.sampled_from(
        [b"", b"null", b"{", b"[" * 5000, b'{"a":' * 5000, b"\xff\xfe", b"\0", b"{}{}", b'{"name":1e999}', b"NaN",
         b'{"name":"\\ud800"}', b'{"config":{"user.a":"\\udfff"}}', b"-", b'"', b"\xef\xbb\xbf{}",
         b"\x1f\x8b\x08" + b"\0" * 20]
    ),
    st.binary(max_size=40),
)  # fmt: skip
QUERIES = st.dictionaries(
    st.sampled_from(["project", "all-projects", "recursion", "filter", "target", "path", "timeout", "type", "secret",
                     "public", "instance-type", "force"]),
    st.sampled_from([*TEXTS, "2", "name eq c1", "name eq (", "a b", "not", "config.user.a eq x", "/../../etc/passwd",
                     "/"]),
    max_size=4,
)  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "if-match", "x-lxd-type", "x-lxd-mode", "x-lxd-uid", "x-lxd-write", "x-lxd-name",
                     "x-lxd-filename", "x-lxd-properties", "x-lxd-fingerprint", "x-lxd-public", "x-lxd-pool"]),
    st.sampled_from(["", "application/octet-stream", "multipart/form-data", "multipart/form-data; boundary=x",
                     "application/json", "directory", "symlink", "file", "-1", "99999999999999999999", "ä", "%zz",
                     "a=b&c"]),
    max_size=4,
)  # fmt: skip
PARTS = st.sampled_from(
    ["default", "c1", "c2", "s1", "v1", "n1", "lab", "custom", "container", "busybox", "nosuch", "..", "%2e%2e",
     "a%2Fb",
     "%00", "%ff", "%ud800", "x" * 300, "-", "10.0.0.1", "0", "(", "%3C"]
)  # fmt: skip


WHAT = (PARTS, QUERIES, HEADERS, BODIES)


def furnished(kind: str) -> Host:
    """A host with one of most things."""
    now = 1_700_000_000.0
    host = first_host(kind, 7, clock=lambda: now)
    source = {"type": "image", "alias": "busybox"}
    for method, path, body in [
        ("POST", "/1.0/instances", {"name": "c1", "source": source}),
        ("POST", "/1.0/instances", {"name": "c2", "source": source}),
        ("PUT", "/1.0/instances/c2/state", {"action": "start"}),
        ("POST", "/1.0/instances/c1/snapshots", {"name": "s1"}),
        ("POST", "/1.0/storage-pools/default/volumes/custom", {"name": "v1"}),
        ("POST", "/1.0/networks", {"name": "n1", "config": {"ipv4.address": "10.9.8.1/24"}}),
        ("POST", "/1.0/projects", {"name": "lab", "config": {}}),
    ]:
        take(host, Request(method, path, body=json.dumps(body).encode()))
        for _ in range(20):
            now += 0.1
            host.agenda.run()
    return host


@pytest.mark.parametrize("kind", ["lxd", "incus"])
def test_whatever_it_is_sent_it_answers_or_refuses(kind: str, caplog: pytest.LogCaptureFixture):
    @settings(max_examples=EXAMPLES, derandomize=True, suppress_health_check=[*HealthCheck], database=None)
    @given(st.randoms(use_true_random=True), *(st.lists(each, min_size=9, max_size=9) for each in WHAT))
    def ask(chance: Random, parts: list[str], queries: list[Any], headers: list[Any], bodies: list[bytes]) -> None:
        for number, (method, template) in enumerate(chance.sample(ROUTES, len(ROUTES))):
            if number % OFTEN == 0:
                host = furnished(kind)  # much of the last is deleted by now
            path = "/".join(chance.choice(parts) if part == "*" else part for part in template.split("/"))
            sent = (chance.choice(each) for each in (queries, headers, bodies))
            answered(host, Request(method, path, *sent))

    ask()
    assert not caplog.records  # nor did an operation fail in a way that nobody foresaw


def answered(host: Host, request: Request) -> None:
    """Ask for something, and see to it that what comes is an answer or a refusal."""
    try:
        reply = take(host, request)
        reply = reply.answer() if isinstance(reply, Waits) else reply
    except Refused as refused:
        reply = refused
    for _ in range(3):
        host.agenda.run()
    if isinstance(reply, Refused):
        assert (400 <= reply.code <= 599, bool(reply.words)) == (True, True)
        written(reply.words)
    elif isinstance(reply, Sync):
        json.loads(written(reply.metadata))
    elif isinstance(reply, Content):
        assert all(isinstance(each, bytes) for each in reply.files)
    elif isinstance(reply, Pieces):
        assert b"".join(reply.pieces)
    else:
        json.loads(written(reply.operation.record()))
