"""Ceph for tests, of one monitor, one store in memory and a gateway for S3, all in a folder of its own; gone after.

Incus makes buckets in it, in a pool of the driver `cephobject`, as it does with MinIO in others; Debian has no MinIO.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.daemons import free_address

__all__ = ["Ceph", "ceph", "missing"]

_PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin", "setpriv")
_SECONDS = 60.0
_CONFIG = """\
[global]
fsid = {fsid}
mon host = v1:{monitor}
auth cluster required = none
auth service required = none
auth client required = none
public addr = 127.0.0.1
ms bind ipv6 = false
run dir = {folder}
admin socket =
log file = {folder}/$name.log
mon data = {folder}/mon
mon data avail crit = 1
mon allow pool size one = true
mon max pg per osd = 1000
osd data = {folder}/osd
osd objectstore = memstore
osd crush chooseleaf type = 0
osd crush update on start = false
osd class update on start = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
rgw data = {folder}/rgw
rgw frontends = beast endpoint={gateway}
"""


class Ceph(NamedTuple):
    """A Ceph that runs: where its programs find it, as `CEPH_CONF`, and its gateway's address."""

    configuration: Path
    gateway: str


def missing() -> str | None:
    """Why Ceph cannot be started here: one sentence that says what to do. None when it can."""
    if lacking := [each for each in _PROGRAMS if _which(each) is None]:
        return (
            f"No Ceph found ({', '.join(lacking)}): as root on Debian `python -m tests.install ceph-mon ceph-osd "
            "radosgw` installs it."
        )
    return None


@contextlib.contextmanager
def ceph() -> Iterator[Ceph]:
    """Run a Ceph while the block does."""
    with tempfile.TemporaryDirectory(prefix="lxdnb-ceph-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        for each in ("mon", "osd", "rgw"):
            (folder / each).mkdir()
        fsid, monitor, gateway = str(uuid.uuid4()), free_address(), free_address()
        configuration = folder / "ceph.conf"
        configuration.write_text(_CONFIG.format(fsid=fsid, monitor=monitor, gateway=gateway, folder=folder))
        _start(folder, stack, fsid, monitor)
        _until(lambda: _answers(f"http://{gateway}"))
        yield Ceph(configuration, f"http://{gateway}")


def _start(folder: Path, stack: contextlib.ExitStack, fsid: str, monitor: str) -> None:
    environment = os.environ | {"CEPH_CONF": str(folder / "ceph.conf")}

    def run(*command: str | Path) -> None:
        subprocess.run(command, check=True, capture_output=True, env=environment, timeout=_SECONDS)

    def keep(*command: str) -> None:
        """Run a program until the end, or until this process is no more."""
        with open(folder / f"{command[0]}.out", "ab") as out:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
            )
        stack.callback(process.wait, _SECONDS)
        stack.callback(process.kill)  # there is nothing to be kept

    store = str(uuid.uuid4())
    run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v1:{monitor}]", folder / "monmap")
    run("ceph-mon", "-i", "a", "--mkfs", "--monmap", folder / "monmap")
    keep("ceph-mon", "-i", "a", "-f")
    monitor_says = ("ceph", "--connect-timeout", "30")
    run(*monitor_says, "osd", "new", store)
    # By itself the store may ask for its place before it knows of which Ceph it is, and is then refused.
    run(*monitor_says, "osd", "crush", "add", "osd.0", "1", "root=default", "host=here")
    run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store)
    keep("ceph-osd", "-i", "0", "-f")
    keep("radosgw", "-n", "client.admin", "-f")


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def _until(done: Callable[[], bool]) -> None:
    ends = time.monotonic() + _SECONDS
    while not done():
        if time.monotonic() > ends:
            raise RuntimeError("Ceph did not start.")
        time.sleep(0.05)


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin")
