"""The private daemons: that they are real and reachable, and above all that nothing of them is ever left."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import leftovers, lxcfs
from tests.daemons import ALIAS, FLAVOURS, Daemon, DaemonError, busybox_image, daemon, missing
from tests.watcher import Watcher

ROOT = Path(__file__).resolve().parents[1]
# One that opens a daemon, starts a container and tells where, then sleeps on; `{more}` comes before that.
OWNER = """
import json, os, sys, time
from tests.daemons import daemon
with daemon({flavour!r}) as made:
    name = "c" + made.directory.name[-8:]
    made.cli("launch", "busybox", name, "--quiet")
    {more}
    pid = made.query(f"/1.0/instances/{{name}}/state")["pid"]
    print(json.dumps([str(made.directory), [made.pid, pid]]), flush=True)
    time.sleep(300)
"""


@pytest.fixture(params=FLAVOURS)
def kind(request: pytest.FixtureRequest) -> str:
    if reason := missing(request.param):
        pytest.skip(reason)
    return request.param


@pytest.fixture
def private_lxcfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """lxcfs with a place and files of its own, since the real place may be somebody else's."""
    if reason := missing("lxd"):
        pytest.skip(reason)
    for name, value in {"PLACE": "place", "_USERS": "users", "_PID_FILE": "pid"}.items():
        monkeypatch.setattr(lxcfs, name, tmp_path / value)
    yield "/usr/bin/lxcfs"
    for place in leftovers.mounts_under(tmp_path):
        leftovers.unmount(place)


def remains(directory: Path, pids: list[int]) -> list[str]:
    """Everything on this machine that has to do with a daemon's directory, or is one of the processes."""
    found = [f"process {pid}" for pid in pids if leftovers.alive(pid)]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes()
            if os.fsencode(directory) in words and leftovers.alive(int(process.name)):
                found.append(words.decode(errors="replace"))
    found += leftovers.mounts_under(directory) + leftovers.loops_under(directory)
    groups = (f"{folder}/{name}" for folder, names, _ in os.walk("/sys/fs/cgroup") for name in names)
    found += [group for group in groups if group.endswith(own(directory))]
    found += [bridge for bridge in leftovers.interfaces() if bridge == own(directory)]
    return found + [str(path) for path in (directory,) if path.exists()]


def own(directory: Path) -> str:
    """A name for a container or a bridge that no other daemon's has."""
    return f"c{directory.name[-8:]}"


def gone(directory: Path, pids: list[int], seconds: float = 20) -> list[str]:
    """Wait until nothing remains; what does when the time is up."""
    end = time.monotonic() + seconds
    while (left := remains(directory, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def busy(made: Daemon) -> list[int]:
    """Give the daemon a running container with a process of its own; the pids to look for later."""
    name = own(made.directory)
    made.cli("launch", ALIAS, name, "--quiet")
    made.cli("exec", name, "--", "sh", "-c", "sleep 1000 </dev/null >/dev/null 2>&1 &")
    return [made.pid, made.query(f"/1.0/instances/{name}/state")["pid"]]


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def start_owner(flavour: str, more: str = "") -> tuple[subprocess.Popen[str], Path, list[int]]:
    code = OWNER.format(flavour=flavour, more=more)
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    directory, pids = json.loads(owner.stdout.readline())
    return owner, Path(directory), pids


def get_https(made: Daemon, path: str) -> Any:
    """GET over HTTPS, with the server's certificate pinned and the client's shown."""
    context = ssl.create_default_context(cafile=str(made.server_certificate))
    context.load_cert_chain(*made.client_certificate)
    connection = http.client.HTTPSConnection(made.address.removeprefix("https://"), context=context, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())["metadata"]


def test_answers_on_its_socket_and_by_https(kind: str) -> None:
    with daemon(kind) as made:
        for server in (made.query("/1.0"), made.query("private:/1.0"), get_https(made, "/1.0")):
            assert server["auth"] == "trusted"
            assert server["environment"]["server"] == kind
            assert server["environment"]["server_pid"] == made.pid
            assert server["environment"]["certificate_fingerprint"] == made.fingerprint
        assert made.socket.is_socket()
        assert [pool["driver"] for pool in made.query("/1.0/storage-pools?recursion=1")] == ["dir"]


def test_a_container_runs_and_stops_cleanly_at_once(kind: str) -> None:
    with daemon(kind) as made:
        made.cli("launch", ALIAS, "c1")
        assert made.output_of("c1", "--", "sh", "-c", "hostname; id -un; wc -c", input=b"1\xff") == "c1\nroot\n2\n"
        assert made.output_of("c1", "--user", "1000", "--", "id", "-un") == "user\n"
        with pytest.raises(DaemonError, match="exec c1 -- false"):
            made.cli("exec", "c1", "--", "false")
        took = {}
        for force in (["--force"], []):  # without it, its init is asked
            began = time.monotonic()
            made.cli("stop", "c1", *force)
            took[bool(force)] = time.monotonic() - began
            assert made.query("/1.0/instances/c1/state")["status"] == "Stopped"
            made.cli("start", "c1")
        assert took[False] < took[True] + 1.5


@pytest.mark.parametrize("pool", ["dir", "btrfs"])
def test_nothing_remains(kind: str, pool: str) -> None:
    if reason := missing(kind, pool):
        pytest.skip(reason)
    with daemon(kind, pool=pool) as made:
        pids = busy(made)
        assert remains(made.directory, pids)
        assert bool(leftovers.loops_under(made.directory)) == (pool == "btrfs")
    assert remains(made.directory, pids) == []


@pytest.mark.parametrize("state", ["running", "frozen", "orphaned"])
def test_nothing_remains_of_a_daemon_that_died(kind: str, state: str) -> None:
    with daemon(kind) as made:
        pids = busy(made)
        if state == "frozen":
            made.cli("pause", own(made.directory))
        made.kill()
        assert not leftovers.alive(pids[0])
        assert leftovers.alive(pids[1]), "containers outlive their daemon"
        if state == "orphaned":  # what monitored it is gone; it may live on
            os.kill(parent(pids[1]), signal.SIGKILL)
    assert remains(made.directory, pids) == []


@pytest.mark.parametrize("end", [lambda made: None, Daemon.kill], ids=["alive", "dead"])
def test_no_bridge_remains(kind: str, end: Callable[[Daemon], None]) -> None:
    if shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin") is None:
        pytest.skip("No dnsmasq found, which bridges need: as root on Debian `python -m tests.install` installs it.")
    with daemon(kind) as made:
        bridge = own(made.directory)
        address = f"ipv4.address=10.{int(bridge[1:3], 16)}.{int(bridge[3:5], 16)}.1/24"
        made.cli("network", "create", bridge, address, "ipv4.nat=false", "ipv6.address=none")
        assert bridge in leftovers.interfaces()
        end(made)
    assert bridge not in leftovers.interfaces()
    if nft := shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin"):
        assert bridge not in subprocess.run([nft, "list", "ruleset"], capture_output=True, text=True).stdout


def test_nothing_remains_of_a_daemon_that_hangs(kind: str) -> None:
    with daemon(kind) as made:
        pids = busy(made)
        os.kill(made.pid, signal.SIGSTOP)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert remains(made.directory, pids) == []


def test_nothing_remains_when_the_owner_is_killed(kind: str) -> None:
    owner, directory, pids = start_owner(kind)
    with owner:
        assert remains(directory, pids)
        owner.kill()
    assert gone(directory, pids) == []


def test_a_forked_child_of_a_killed_owner_does_not_keep_it() -> None:
    if reason := missing("lxd"):
        pytest.skip(reason)
    # The child has no standard output of the owner, whose end is read here.
    more = "child = os.fork() or (os.close(1), time.sleep(300), os._exit(0))\n    print(child, file=sys.stderr)"
    code = OWNER.format(flavour="lxd", more=more)
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        assert owner.stderr
        directory, pids = json.loads(owner.stdout.readline())
        child = int(owner.stderr.readline())
        try:
            owner.kill()
            assert gone(Path(directory), pids) == []
            assert leftovers.alive(child)
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_killed_watcher_is_swept_up_after(kind: str) -> None:
    owner, directory, pids = start_owner(kind, "os.kill(made._watcher.process.pid, 9)")
    with owner:
        owner.kill()
    try:
        assert leftovers.alive(pids[0])
        os.utime(directory, (0, 0))  # as if time had passed
    finally:
        with daemon(kind) as made:
            assert remains(directory, pids) == []
            assert made.query("/1.0")["environment"]["server_pid"] == made.pid


def test_ending_one_leaves_another_alone(kind: str) -> None:
    with daemon(kind) as first:
        pids = busy(first)
        with daemon(kind) as second:
            busy(second)
        assert second.directory != first.directory
        assert all(map(leftovers.alive, pids))
        assert first.output_of(own(first.directory), "--", "echo", "here") == "here\n"


@pytest.mark.parametrize("end", [Daemon.kill, Daemon.stop])
def test_restarts_in_place_with_its_containers(kind: str, end: Callable[[Daemon], None]) -> None:
    with daemon(kind) as made:
        pids = busy(made)
        end(made)
        with pytest.raises(DaemonError, match=r"query /1\.0"):
            made.query("/1.0")
        made.restart()
        assert made.pid != pids[0]
        assert get_https(made, f"/1.0/instances/{own(made.directory)}/state")["pid"] == pids[1]
        with pytest.raises(DaemonError, match="runs already"):
            made.restart()
    assert remains(made.directory, pids) == []


def test_clear_deletes_what_a_test_left(kind: str) -> None:
    kinds = ("instances", "images", "profiles", "projects", "storage-pools/default/volumes/custom")
    kinds += ("network-acls", "network-zones", "images/aliases")
    with daemon(kind) as made:
        before = {each: made.query(f"/1.0/{each}") for each in kinds}
        busy(made)
        made.cli("publish", own(made.directory), "--force", "--alias", "mine")
        made.cli("image", "alias", "create", "another", made.query(f"/1.0/images/aliases/{ALIAS}")["target"])
        made.cli("launch", ALIAS, "default", "--ephemeral")
        made.cli("profile", "create", "<b>%2F?")
        made.cli("storage", "volume", "create", "default", "data")
        made.cli("network", "acl", "create", "web")
        made.cli("network", "zone", "create", "lab.example")
        made.cli("project", "create", "p1", "-c", "features.profiles=false")
        made.cli("image", "copy", ALIAS, "local:", "--target-project", "p1", "--alias", "own")
        made.cli("init", "own", "c1", "--project", "p1")
        assert all(made.query(f"/1.0/{each}") != before[each] for each in kinds)
        made.clear()
        assert {each: made.query(f"/1.0/{each}") for each in kinds} == before
        made.cli("launch", ALIAS, "c1")


def test_writes_nobodys_configuration(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("LXD_DIR", "LXD_CONF", "INCUS_DIR", "INCUS_CONF", "INCUS_REMOTE", "INCUS_SOCKET"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    with daemon(kind) as made:
        assert f"{made.address} " in made.cli("remote", "list")
        assert made.cli("list", "--format", "csv") == ""
    assert list(tmp_path.iterdir()) == []


def test_by_hand_it_runs_until_it_is_told_to_end(kind: str) -> None:
    command = [sys.executable, "-m", "tests.daemons", kind]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as ran:
        assert ran.stdout
        lines = iter(ran.stdout.readline, "# Ctrl-C removes it.\n")
        exported = dict(line.removeprefix("export ").strip().split("=") for line in lines if line.startswith("export"))
        directory = Path(exported[f"{kind.upper()}_DIR"])
        assert (directory / "unix.socket").is_socket()
        ran.terminate()
        assert ran.stdout.read() == "# removed\n"
    assert ran.returncode == 0
    assert remains(directory, []) == []


def test_a_daemon_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho no room on the moon\nexit 1\n")
    program.chmod(0o755)
    wanted = {"program": str(program), "programs": [], "variable": "LXD_DIR", "lxcfs": None, "parent": str(tmp_path)}
    watcher = Watcher(wanted, dict(os.environ))
    with pytest.raises(DaemonError, match=r"ended at once[^\0]*no room on the moon"):
        watcher.answer()
    assert watcher.end() == []
    assert list(tmp_path.iterdir()) == [program]


def test_the_last_user_ends_lxcfs(private_lxcfs: str, tmp_path: Path) -> None:
    first, second = lxcfs.use(private_lxcfs), lxcfs.use(private_lxcfs)
    pid = int((tmp_path / "users").read_text())
    lxcfs.leave(private_lxcfs, first)
    assert lxcfs.serves()
    lxcfs.leave(private_lxcfs, second)
    assert not lxcfs.serves()
    assert not leftovers.alive(pid)
    assert list(tmp_path.iterdir()) == [lxcfs.PLACE]


def test_a_killed_user_of_lxcfs_does_not_count(private_lxcfs: str) -> None:
    share = lxcfs.use(private_lxcfs)
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        lxcfs.use(private_lxcfs)
        os.write(writer, b"!")
        time.sleep(300)
        os._exit(0)
    assert os.read(reader, 1) == b"!"
    for end in (reader, writer):
        os.close(end)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    lxcfs.leave(private_lxcfs, share)
    assert not lxcfs.serves()


def test_somebody_elses_lxcfs_is_used_and_left(private_lxcfs: str, tmp_path: Path) -> None:
    lxcfs.PLACE.mkdir()
    command = [private_lxcfs, "--foreground", f"--pidfile={tmp_path / 'theirs'}", str(lxcfs.PLACE)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as theirs:
        try:
            while not lxcfs.serves():
                time.sleep(0.01)
            lxcfs.leave(private_lxcfs, lxcfs.use(private_lxcfs))
            assert lxcfs.serves()
            assert theirs.poll() is None
        finally:
            theirs.terminate()


def test_a_dead_lxcfs_is_replaced(private_lxcfs: str, tmp_path: Path) -> None:
    share = lxcfs.use(private_lxcfs)
    os.kill(int((tmp_path / "users").read_text()), signal.SIGKILL)
    while lxcfs.serves():
        time.sleep(0.01)
    again = lxcfs.use(private_lxcfs)
    assert lxcfs.serves()
    lxcfs.leave(private_lxcfs, share)
    lxcfs.leave(private_lxcfs, again)
    assert not lxcfs.serves()


def test_the_image_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    if reason := missing("lxd") or missing("incus"):
        pytest.skip(reason)
    first = busybox_image(tmp_path / "first").read_bytes()
    time.sleep(1.1)  # a second is what archives count in
    assert busybox_image(tmp_path / "second").read_bytes() == first
    assert 500_000 < len(first) < 2_000_000
