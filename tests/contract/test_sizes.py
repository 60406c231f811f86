"""Sizes, shares and cores: read as the server reads them, which refuses what is none and sets the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lxdnb.frames._sizes import cores, share, size
from tests.daemons import DaemonError

SIZES = [
    "1GiB", "512MB", "100kB", "100KB", "100KiB", "100kiB", "5", "5B", "5b", "1 GiB", "1GiB ", " 1GiB", "1.5GiB", "1e9",
    "00012", "-1", "+5", "1EB", "9EB", "1EiB", "7EiB", "8EiB", "16EB", "9223372036854775807", "9223372036854775808",
    "1ZB", "1g", "1G", "1Mb", "1gib", "GiB", "B", "10 bytes", "10bytes", "1 B", "1_000", "１GiB", "1GB\n", "1TB",
    "1PiB", "5  bytes", "0x10", "٣GiB",
]  # fmt: skip
SHARES = ["50%", "100%", "101%", "+5%", "50.5%", "%", "5 %", "abc%", "99999999999999999999%"]
CORES = [
    "2", "0-3", "1,3", "0-1,4", "3,0-1", "100", "01", "0-0", "a", "0-", "0,0", "0-1,1", "0-1,0-1", "1, 0", " 1", "1 ",
    "+1", "-1", "1.5", "1,", "0--1", "50%", "0-100000", "9223372036854775808", "٣",
]  # fmt: skip


@pytest.fixture
def taken(client, server):
    """Whether the server takes a setting of a container that does not run."""
    server.cli("init", "busybox", "s-1")
    root = json.loads(server.cli("query", "/1.0/instances/s-1"))["expanded_devices"]["root"]

    def take(key: str, text: str) -> bool:
        change = {"devices": {"root": root | {key: text}}} if key == "size" else {"config": {key: text}}
        try:
            server.cli("query", "-X", "PATCH", "-d", json.dumps(change), "/1.0/instances/s-1")
        except DaemonError as error:
            if re.search("Invalid|Overflow|parsing", str(error)):
                return False
            raise
        return True

    return take


@pytest.mark.parametrize("key", ["limits.memory", "size"])
def test_what_the_server_refuses_is_no_size(taken, key):
    assert {text for text in SIZES if size(text) is not None} == {text for text in SIZES if taken(key, text)}
    assert size("0") == 0  # which is no limit of memory, and no limit at all for a disk
    assert taken("size", "0")


def test_what_the_server_refuses_is_no_share(taken):
    assert {text for text in SHARES if share(text)} == {text for text in SHARES if taken("limits.memory", text)}


def test_what_the_server_refuses_is_no_number_of_cores(taken):
    assert {text for text in CORES if cores(text)} == {text for text in CORES if taken("limits.cpu", text)}


@pytest.mark.parametrize("server_kind", ["lxd", "incus"], indirect=True)
def test_the_limit_that_linux_enforces(client, server):
    """Of real servers alone: a sandbox has no Linux to ask."""
    server.cli("launch", "busybox", "s-1")
    kilobytes = int(re.search(r"MemTotal: +(\d+) kB", Path("/proc/meminfo").read_text())[1])
    for text in ("1GiB", "512MB", "100000kB", "50000000 bytes", "123456789", "50%", "7%"):
        server.cli("config", "set", "s-1", f"limits.memory={text}")
        asked = size(text) or kilobytes * 1000 * share(text)
        assert -100 <= asked - _memory_limit(client) < 2**12  # it is of whole pages


def _memory_limit(client) -> int:
    pid = client.instances.get("s-1").state().pid
    _, _, group = next(
        line.split(":", 2)
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        if line.split(":")[1] in ("", "memory")
    )
    for place in (f"memory{group}/memory.limit_in_bytes", f"{group.lstrip('/')}/memory.max"):
        if (file := Path("/sys/fs/cgroup") / place).exists():
            return int(file.read_text())
    raise AssertionError(f"no memory limit found under {group}")
