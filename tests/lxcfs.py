"""One lxcfs for all private daemons of this machine: started when none serves, ended by its last user.

On Debian a container does not start unless lxcfs serves /var/lib/lxcfs. Users share it through locks that the kernel
drops when they are killed; an lxcfs that somebody else started is used and never ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .leftovers import alive, send, unmount, wait_gone

PLACE = Path("/var/lib/lxcfs")
_USERS = Path("/run/lxdnb-lxcfs")  # locked, shared, by each user; inside, the pid of the lxcfs that we started
_PID_FILE = Path("/run/lxdnb-lxcfs.pid")  # lxcfs's own; it also tells ours from others by their command lines


@contextlib.contextmanager
def _alone(program: str) -> Iterator[None]:
    """One process at a time starts or ends lxcfs. The lock is on the program, so no lock file is left behind."""
    with open(program, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _mounted() -> bool:
    return any(line.split()[1] == str(PLACE) for line in Path("/proc/mounts").read_text().splitlines())


def serves() -> bool:
    """Whether an lxcfs answers at its usual place; one that has died leaves a mount that does not."""
    return _mounted() and os.path.isdir(PLACE / "proc")


def use(program: str | None) -> IO[str] | None:
    """Make sure that lxcfs serves, and return our share in it, for `leave`. None where there is no such program.

    To be called before this process becomes a subreaper: lxcfs must not descend from it.
    """
    if program is None:
        return None
    with _alone(program):
        share = _USERS.open("a+")  # stays open: it is the share
        fcntl.flock(share, fcntl.LOCK_SH)
        try:
            if not serves():
                _start(program, share)
        except BaseException:
            _leave(share)
            raise
    return share


def _start(program: str, share: IO[str]) -> None:
    if _mounted():
        unmount(str(PLACE))  # of an lxcfs that died
    PLACE.mkdir(parents=True, exist_ok=True)
    command = [program, "--foreground", f"--pidfile={_PID_FILE}", str(PLACE)]
    # Through a shell that ends at once: other users may need it longer than this process lives.
    shell = ["/bin/sh", "-c", '"$@" </dev/null >/dev/null 2>&1 & echo $!', "sh", *command]
    pid = int(subprocess.run(shell, stdout=subprocess.PIPE, start_new_session=True, cwd="/", check=True).stdout)
    share.truncate(0)
    share.write(str(pid))
    share.flush()
    end = time.monotonic() + 10
    while not serves():
        if not alive(pid) or time.monotonic() > end:
            raise RuntimeError(f"lxcfs does not serve {PLACE}; to see why, run: {' '.join(command)}")
        time.sleep(0.01)


def leave(program: str | None, share: IO[str] | None) -> None:
    """Give up our share. The last user to do so ends lxcfs, if it is one that we started."""
    if program is not None and share is not None:
        with _alone(program):
            _leave(share)


def _leave(share: IO[str]) -> None:
    with share:
        try:
            fcntl.flock(share, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # not the last
        share.seek(0)
        pid = int(share.read() or 0)
        if _is_ours(pid):
            if serves() and _used_by_others():
                return
            send(pid, signal.SIGTERM)
            if not wait_gone({pid}, 5):
                send(pid, signal.SIGKILL)
                wait_gone({pid}, 5)
            if _mounted():
                unmount(str(PLACE))
        for leftover in (_USERS, _PID_FILE):
            leftover.unlink(missing_ok=True)


def _is_ours(pid: int) -> bool:
    try:
        return pid > 0 and os.fsencode(_PID_FILE) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _used_by_others() -> bool:
    """Whether containers rely on it that are none of ours, which are gone by now: then it stays for the next of us."""
    device = os.stat(PLACE).st_dev
    number = f" {os.major(device)}:{os.minor(device)} "
    for mounts in Path("/proc").glob("[0-9]*/mountinfo"):
        with contextlib.suppress(OSError):
            for line in mounts.read_text(errors="replace").splitlines():
                if number in line and line.split()[4] != str(PLACE):
                    return True
    return False
