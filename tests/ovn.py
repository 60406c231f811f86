"""OVN for tests, in user space: Open vSwitch without the kernel's module, OVN's databases, its daemons; gone after.

Both servers look for it at its usual places, so there is one a machine: tests that want it take turns by a lock that
the kernel drops when they are killed. An Open vSwitch of the machine's own is never touched: where one runs, these
tests are skipped.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["Occupied", "missing", "ovn"]

UPLINK = "lxdnb-uplink"  # the bridge that OVN's networks go out by

_SWITCH = Path("/var/run/openvswitch/db.sock")
_NORTH, _SOUTH = (Path(f"/var/run/ovn/ovn{side}_db.sock") for side in ("nb", "sb"))
_LOG = Path("/var/log/ovn/ovn-controller.log")  # where servers read what rules have met
_INTERFACES = ("br-int", UPLINK, "ovs-netdev")
_PROGRAMS = ("ovsdb-server", "ovsdb-tool", "ovs-vswitchd", "ovs-vsctl", "ovn-northd", "ovn-controller", "ovn-nbctl")
_SCHEMAS = {
    _SWITCH: "/usr/share/openvswitch/vswitch.ovsschema",
    _NORTH: "/usr/share/ovn/ovn-nb.ovsschema",
    _SOUTH: "/usr/share/ovn/ovn-sb.ovsschema",
}
_SECONDS = 30.0


class Occupied(RuntimeError):
    """There is one here already, which is somebody's."""


def missing() -> str | None:
    """Why OVN cannot be started here: one sentence that says what to do. None when it can."""
    lacking = [each for each in (*_PROGRAMS, "setpriv") if _which(each) is None]
    if lacking or not all(map(os.path.exists, _SCHEMAS.values())):
        return (
            f"No OVN found ({', '.join(lacking) or 'its schemas'}): as root on Debian `python -m tests.install` "
            "installs it; elsewhere install ovn-central, ovn-host and openvswitch-switch."
        )
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        return "OVN needs root and /dev/net/tun: run the tests as root, and load the kernel module (modprobe tun)."
    return None


@contextlib.contextmanager
def ovn() -> Iterator[str]:
    """Run OVN while the block does, and tell the name of the bridge that its networks can go out by.

    Raises Occupied where another one runs that is none of tests'.
    """
    with (
        open(_which("ovs-vswitchd") or "", "rb") as program,
        tempfile.TemporaryDirectory(prefix="lxdnb-ovn-") as folder,
    ):
        fcntl.flock(program, fcntl.LOCK_EX)
        if any(map(_answers, _SCHEMAS)):
            raise Occupied("An Open vSwitch or OVN of this machine's own runs: stop it to run these tests.")
        with contextlib.ExitStack() as stack:
            stack.callback(_sweep)
            _sweep()  # what a killed one left
            _start(Path(folder), stack)
            yield UPLINK


def _start(folder: Path, stack: contextlib.ExitStack) -> None:
    environment = os.environ | {f"{name}_RUNDIR": str(folder) for name in ("OVS", "OVN")}  # their control sockets

    def run(*command: str | Path) -> None:
        subprocess.run(command, check=True, capture_output=True, env=environment, timeout=_SECONDS)

    def keep(*command: str | Path) -> None:
        """Run a program until the end, or until this process is no more."""
        with open(folder / f"{Path(command[0]).name}.out", "ab") as out:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
            )
        stack.callback(process.wait, _SECONDS)
        stack.callback(process.terminate)

    for place, schema in _SCHEMAS.items():
        place.parent.mkdir(exist_ok=True)
        database = folder / f"{place.stem}.db"
        run("ovsdb-tool", "create", database, schema)
        keep("ovsdb-server", database, f"--remote=punix:{place}", f"--unixctl={folder}/{place.stem}.ctl")
    _until(lambda: all(map(_answers, _SCHEMAS)))
    switch = ["ovs-vsctl", f"--db=unix:{_SWITCH}", "--timeout=30"]
    run(*switch, "--no-wait", "init")
    settings = {
        "system-id": "lxdnb",
        "ovn-remote": f"unix:{_SOUTH}",
        "ovn-encap-type": "geneve",
        "ovn-encap-ip": "127.0.0.1",
        "ovn-bridge-datapath-type": "netdev",  # in user space
    }
    run(*switch, "--no-wait", "set", "open", ".", *(f"external-ids:{key}={value}" for key, value in settings.items()))
    keep("ovs-vswitchd", f"unix:{_SWITCH}")
    for bridge in (UPLINK, "br-int"):
        run(*switch, "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev")
    keep("ovn-northd", f"--ovnnb-db=unix:{_NORTH}", f"--ovnsb-db=unix:{_SOUTH}")
    north = ["ovn-nbctl", f"--db=unix:{_NORTH}"]
    run(*north, "--timeout=30", "--wait=sb", "sync")
    # Only now: one that finds the database empty, or makes the bridge itself, crashes now and then.
    if not _LOG.exists():
        _LOG.parent.mkdir(exist_ok=True)
        stack.callback(_LOG.unlink)
    keep("ovn-controller", f"unix:{_SWITCH}", f"--log-file={_LOG}")
    # A first one that comes too early is answered never, though all is well.
    command = [*north, "--timeout=1", "--wait=hv", "sync"]
    _until(lambda: subprocess.run(command, capture_output=True, env=environment).returncode == 0)


def _sweep() -> None:
    """Remove what outlives the daemons: interfaces, as far as they are user space's, and the sockets of killed ones."""
    for name in _INTERFACES:
        if os.path.exists(f"/sys/class/net/{name}/tun_flags"):
            subprocess.run(["ip", "link", "delete", name], check=True, capture_output=True)
    for place in _SCHEMAS:
        place.unlink(missing_ok=True)


def _answers(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(place)) == 0


def _until(done: Callable[[], bool]) -> None:
    ends = time.monotonic() + _SECONDS
    while not done():
        if time.monotonic() > ends:
            raise RuntimeError("OVN did not start.")
        time.sleep(0.02)


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin")
