"""What a daemon leaves in the kernel (processes, control groups, mounts, loop devices, bridges), and its removal.

Only what descends from the calling process, or is a daemon's program that names the directory, or lies in the
directory, is ever touched: other daemons on the machine, of the same kind too, never notice.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

PREFIX = "lxdnb-daemon-"
_GROUP_SECONDS = 1.0  # for control groups to be empty; another daemon's of the same name never are
_KILL_SECONDS = 20.0


# --- processes -------------------------------------------------------------------------------------------


def _stat(pid: int | str) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold anything: state first, then the parent."""
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def belonging(directory: Path, programs: set[str]) -> set[int]:
    """The processes of this directory: all that descend from this one, and daemons' that name it, with theirs.

    A daemon's containers descend from its watcher even when the daemon is dead, because it is their subreaper.
    The command line counts only for a daemon's own programs (its monitors and helpers run the same file), so a
    reader of the log or a test that was given the path is safe.
    """
    children: dict[int, list[int]] = {}
    todo: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            pid = int(process.name)
            children.setdefault(int(_stat(pid)[1]), []).append(pid)
            named = os.fsencode(f"{directory}/") in (process / "cmdline").read_bytes()
            if named and os.readlink(process / "exe").removesuffix(" (deleted)") in programs:
                todo.append(pid)
    todo += children.get(os.getpid(), [])
    found: set[int] = set()
    while todo:
        pid = todo.pop()
        if pid not in found and pid != os.getpid():
            found.add(pid)
            todo.extend(children.get(pid, []))
    return found


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be collected does not."""
    try:
        return _stat(pid)[0] != "Z"
    except OSError:
        return False


def alive_child(pid: int) -> bool:
    """Whether the process runs and is a child of this one: a number used again by the system is not."""
    try:
        state, parent = _stat(pid)[:2]
    except OSError:
        return False
    return state != "Z" and int(parent) == os.getpid()


def reap() -> None:
    """Collect children that have ended, ours by birth or by adoption."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def wait_gone(pids: set[int], seconds: float) -> bool:
    """Wait until none of the processes runs any more; False when the time is up first."""
    end = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        reap()
        time.sleep(0.01)
    reap()
    return True


def wait_reaped(pid: int, seconds: float) -> bool:
    """Wait until the last thread of a child that has ended is gone, and with it the sockets that it listened on."""
    end = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > end:
            return False
        reap()
        time.sleep(0.005)
    return True


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_all(directory: Path, programs: set[str]) -> None:
    """End every process of the directory, frozen ones too, and remove the control groups they leave."""
    groups: set[Path] = set()
    # Those of processes that are gone already go by their containers' names. They are removed only if they are empty:
    # another daemon's container of the same name keeps its own.
    named = _groups_named(directory)
    ours = _control_groups({os.getpid()})  # where the tests themselves run in a container
    end = time.monotonic() + _KILL_SECONDS
    while (pids := belonging(directory, programs)) and time.monotonic() < end:
        groups |= _control_groups(pids) - ours
        for pid in pids:
            send(pid, signal.SIGKILL)
        for group in groups:
            # In a frozen group of version 1 not even SIGKILL is heard.
            with contextlib.suppress(OSError):
                (group / "freezer.state").write_text("THAWED")
        wait_gone(pids, 1)
    # One of which the last process has just ended is busy for a moment more.
    end = time.monotonic() + _GROUP_SECONDS
    while (left := [group for group in groups | named if group.is_dir()]) and time.monotonic() < end:
        for group in left:
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        time.sleep(0.01)


def _groups_named(directory: Path) -> set[Path]:
    containers = [path.name for path in (directory / "containers").glob("*")]
    roots = [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]
    return {root / f"lxc.{kind}.{name}" for root in roots for name in containers for kind in ("monitor", "payload")}


def _control_groups(pids: set[int]) -> set[Path]:
    """The control groups that LXC made for these processes (lxc.monitor.NAME, lxc.payload.NAME)."""
    roots = [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]
    inner: set[str] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
                if made := re.match(r".*/lxc\.(?:monitor|payload)\.[^/]*", line.split(":", 2)[2]):
                    inner.add(made[0].strip("/"))
    return {root / group for root in roots for group in inner if (root / group).is_dir()}


# --- the rest --------------------------------------------------------------------------------------------


def mounts_under(directory: Path) -> list[str]:
    """Where something is mounted in the directory, or on it, the last mounted first."""
    lines = Path("/proc/mounts").read_text(errors="surrogateescape").splitlines()
    places = [re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[1]) for line in lines]
    return [place for place in reversed(places) if f"{place}/".startswith(f"{directory}/")]


def _into_memory(directory: Path) -> bool:
    """Have what is in the directory lie in memory, where that may be; else it stays on the disk: False.

    ext4 gives no inode away again within seconds of its file's end and looks through all of those for each new one:
    where many containers come and go that takes more time than all else.
    """
    return not ctypes.CDLL(None).mount(b"lxdnb-daemon", os.fsencode(directory), b"tmpfs", 0, b"mode=700")


def unmount(place: str) -> None:
    """Take a mount away at once, whoever still uses it (umount -l)."""
    ctypes.CDLL(None).umount2(os.fsencode(place), 2)


def loops_under(directory: Path, *, free: bool = False) -> list[str]:
    """The loop devices whose file lies in the directory; `free` detaches them."""
    found = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if backing.read_text().startswith(f"{directory}/"):
                found.append(f"/dev/{backing.parts[3]}")
                if free:
                    with open(found[-1], "rb") as device:
                        fcntl.ioctl(device, 0x4C01)  # LOOP_CLR_FD
    return found


def interfaces() -> set[str]:
    """The names of the machine's network interfaces."""
    return set(os.listdir("/sys/class/net"))


def make_directory(parent: str) -> tuple[Path, list[int]]:
    """A new directory for a daemon, and the locks on it that say that somebody looks after it."""
    directory = Path(parent) / f"{PREFIX}{os.urandom(4).hex()}"
    directory.mkdir(mode=0o700)
    locks = [_locked(directory)]
    if _into_memory(directory):  # where mounts of here are not seen, what it is mounted on is
        locks.append(_locked(directory))
    directory.chmod(0o711)  # containers' root is nobody here, and must get through
    (directory / "interfaces").write_text("\n".join(interfaces()))
    return directory, locks


def _locked(directory: Path) -> int:
    lock = os.open(directory, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def networks(directory: Path) -> set[str]:
    """The names of the networks that the directory's daemon made; never one that was there before."""
    made, known = directory / "networks", directory / "interfaces"
    before = set(known.read_text().split("\n")) if known.exists() else interfaces()
    return {each.name for each in made.iterdir()} - before if made.is_dir() else set()


def remove(directory: Path, programs: set[str]) -> list[str]:
    """Take away what is left of a directory whose daemon has ended or does not answer; returns what resists."""
    bridges = networks(directory)
    kill_all(directory, programs)
    for bridge in bridges & interfaces():
        subprocess.run(["ip", "link", "delete", bridge], check=False, capture_output=True, timeout=10)
    for place in _inner(directory):
        unmount(place)
    end = time.monotonic() + 5  # a loop device goes a moment after its last mount
    while loops_under(directory, free=True) and time.monotonic() < end:
        time.sleep(0.02)
    left = [f"process {pid}" for pid in sorted(belonging(directory, programs))]
    left += _inner(directory) + loops_under(directory)
    if not _inner(directory):
        shutil.rmtree(directory, ignore_errors=True)  # first: a namespace of somebody's may keep what was mounted
        if mounts_under(directory):
            unmount(str(directory))
            shutil.rmtree(directory, ignore_errors=True)
    return left + ([str(directory)] if directory.exists() else [])


def _inner(directory: Path) -> list[str]:
    return [place for place in mounts_under(directory) if place != str(directory)]


def sweep(parent: str, programs: set[str]) -> None:
    """Remove what a watcher left that was itself killed: directories of ours that nobody holds."""
    for directory in Path(parent).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                status = os.fstat(held)
                if status.st_uid != os.geteuid() or time.time() - status.st_mtime < 10:
                    continue  # somebody else's, or one that its watcher is just making
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(directory, programs)
            finally:
                os.close(held)
