"""Private, real LXD and Incus daemons for tests: each in a temporary directory of its own, gone when its owner is.

`with daemon("lxd") as d:` gives a daemon with a storage pool, a profile and a busybox image, reachable by unix
socket and by HTTPS, and leaves no process, mount or file behind, not even when the owner is killed: a watcher
process (watcher.py) holds the other end of a pipe. Nobody else's daemon or configuration is touched.

By hand: `python -m tests.daemons lxd` keeps one running until Ctrl-C.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from . import lxcfs
from .clearing import clear
from .image import ALIAS, busybox_image, find_busybox
from .watcher import DaemonError, Watcher, ask, finish

__all__ = [
    "ALIAS",
    "FLAVOURS",
    "REMOTE",
    "Daemon",
    "DaemonError",
    "busybox_image",
    "daemon",
    "find_daemon",
    "free_address",
    "furnish",
    "missing",
    "watch",
]

REMOTE = "private"  # the remote in a daemon's own command line configuration that goes by HTTPS


class _Flavour(NamedTuple):
    daemons: tuple[str, ...]  # where the daemon may be, first found wins
    cli: str
    directory: str
    configuration: str
    package: str


KINDS = {
    "lxd": _Flavour(("lxd",), "lxc", "LXD_DIR", "LXD_CONF", "lxd"),
    "incus": _Flavour(
        ("incusd", "/usr/libexec/incus/incusd", "/usr/lib/incus/incusd", "/opt/incus/bin/incusd"),
        "incus",
        "INCUS_DIR",
        "INCUS_CONF",
        "incus-base",
    ),
}
FLAVOURS = tuple(KINDS)
_PROFILE = {
    "description": "Default profile",
    "config": {},
    "devices": {"root": {"type": "disk", "path": "/", "pool": "default"}},
}


def missing(flavour: str, pool: str = "dir") -> str | None:
    """Why such a daemon cannot be started here: one sentence that says what to do. None when it can."""
    wanted = KINDS[flavour]
    install = "as root on Debian `python -m tests.install` installs it; elsewhere install the package {}."
    if not sys.platform.startswith("linux"):
        return f"{flavour} daemons run on Linux only, and this is {sys.platform}: run these tests on a Linux machine."
    if os.geteuid() != 0:
        return f"A private {flavour} daemon needs root: run the tests as root."
    if find_daemon(flavour) is None:
        snap = " (a snap's cannot be started privately)" if any(map(_which, wanted.daemons)) else ""
        return f"No {flavour} daemon program found{snap}: " + install.format(wanted.package)
    if _which(wanted.cli) is None:
        return f"No {wanted.cli} program found: " + install.format(wanted.package)
    if find_busybox() is None:
        return "No statically linked busybox found, which the image is made of: " + install.format("busybox-static")
    if not lxcfs.serves() and _which("lxcfs") is None:
        return "No lxcfs found, which containers need to start: " + install.format("lxcfs")
    if not lxcfs.serves() and not os.path.exists("/dev/fuse"):
        return "There is no /dev/fuse, which lxcfs needs: load the kernel module (modprobe fuse) or allow the device."
    if pool == "btrfs" and _which("mkfs.btrfs") is None:
        return "No mkfs.btrfs found for a btrfs pool: " + install.format("btrfs-progs")
    return None


def _clean() -> dict[str, str]:
    """This process's environment without what points lxc, incus or their daemons at another place, and with the
    folders that daemons and their tools lie in, which not every user's PATH has."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LXD_", "INCUS_", "LXC_"))}
    path = kept.get("PATH", os.defpath)
    return kept | {"PATH": f"{path}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"}


def _which(name: str) -> str | None:
    return shutil.which(name, path=_clean()["PATH"])


def find_daemon(flavour: str) -> str | None:
    """The path of the daemon's program, None when there is none that can be started privately: a snap's cannot, and
    a script may only offer to install one."""
    for name in KINDS[flavour].daemons:
        path = _which(name)
        if path and os.path.basename(os.path.realpath(path)) != "snap":
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    return path
    return None


# --- a daemon --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Daemon:
    """One private daemon, running while its `with daemon(...)` block does."""

    flavour: str
    """lxd or incus."""
    directory: Path
    """Its own directory: LXD_DIR or INCUS_DIR. daemon.log in it is its log."""
    socket: Path
    """Its unix socket."""
    address: str
    """https://127.0.0.1:PORT"""
    server_certificate: Path
    """The certificate it shows at `address`, PEM, self-signed."""
    client_certificate: tuple[Path, Path]
    """Certificate and key, PEM, that it trusts."""
    environment: dict[str, str]
    """What to add to a process's environment so that its command line program and clients find this daemon, and
    read and write no configuration but one of its own, where the remote `private` (REMOTE) goes by HTTPS."""
    _watcher: Watcher = field(repr=False)
    _left: set[str] = field(default_factory=set, repr=False)

    @property
    def pid(self) -> int:
        """The daemon's process, another after `restart()`."""
        return self._watcher.pid

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the server's certificate, in hexadecimal."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.server_certificate.read_text())).hexdigest()

    def cli(self, *arguments: str, input: bytes | None = None, check: bool = True, timeout: float = 120) -> str:
        """Run `lxc` or `incus` against this daemon and return what it prints (its standard output).

        Raises DaemonError with its standard error when it fails, unless `check` is false, or when it takes
        longer than `timeout` seconds.
        """
        command = [KINDS[self.flavour].cli, *arguments]
        feed: dict[str, Any] = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        program = _which(command[0]) or command[0]
        try:
            ran = subprocess.run(
                [program, *arguments],
                capture_output=True,
                env=_clean() | self.environment,
                timeout=timeout,
                **feed,
            )
        except subprocess.TimeoutExpired as error:
            raise DaemonError(f"`{' '.join(command)}` still ran after {timeout:g} s.") from error
        if check and ran.returncode:
            stderr = ran.stderr.decode(errors="replace").strip()
            raise DaemonError(f"`{' '.join(command)}` failed ({ran.returncode}): {stderr}")
        return ran.stdout.decode(errors="replace")

    def output_of(self, *arguments: str, input: bytes | None = None) -> str:
        """What a command prints by `lxc exec` or `incus exec` with these arguments; it must print something.

        It is run again where it has printed nothing: of 600 quick commands `incus exec` lost the output of 7.
        """
        for _ in range(5):
            if printed := self.cli("exec", *arguments, input=input):
                return printed
        return ""

    def query(self, path: str) -> Any:
        """GET a path (`/1.0/instances`) with `lxc query` and return the parsed metadata of the answer."""
        return json.loads(self.cli("query", path) or "null")  # incus prints nothing for an empty list

    def rests(self) -> bool:
        """Whether nothing is under way on it but what an earlier test left: some operations end never (an import of
        nonsense that hangs, a look at a console whose program was killed), and a token that nobody has used may wait.
        """
        return not self.under_way()

    def under_way(self) -> list[str]:
        """What runs on it, but tokens and what ran at the last `clear()`: each operation's description."""
        return [
            f"{each['description']} ({each['class']})"
            for each in self._running()
            if each["id"] not in self._left and each["class"] != "token" and each["description"] != "Showing console"
        ]

    def _running(self) -> list[dict[str, Any]]:
        return (self.query("/1.0/operations?recursion=1") or {}).get("running") or []  # null, where there is none

    def kill(self) -> None:
        """End the daemon by SIGKILL and wait until it is gone. Its containers run on."""
        self._watcher.say("kill")

    def stop(self) -> None:
        """End the daemon by SIGTERM and wait until it is gone. Its containers run on."""
        self._watcher.say("stop")

    def restart(self) -> None:
        """Start it again, after `kill()`, `stop()` or a death of its own, and wait until it is ready."""
        self._watcher.say("start")

    def clear(self) -> None:
        """Delete what a test left, in all projects: instances, running or not, images but the busybox one, custom
        volumes of the pool, profiles, networks with their ACLs and zones, and the projects themselves. The default
        profile is as at first."""
        clear(self.socket, _PROFILE)
        self._left.update(each["id"] for each in self._running())


@contextlib.contextmanager
def daemon(
    flavour: str, *, pool: str = "dir", pool_size: str | None = None, authority: Path | None = None
) -> Iterator[Daemon]:
    """Run a private daemon while the block does: ready in about 2 s, and nothing left of it after.

    `pool` is the storage driver of its pool `default`: dir, or btrfs in a file of `pool_size` (1GiB unless said).
    `authority` is a certificate, PEM, that it trusts servers of images by, in place of the machine's.
    Raises DaemonError with the reason where none can run (see `missing`), or with its log where it fails.
    """
    if reason := missing(flavour, pool):
        raise DaemonError(reason)
    if pool_size and pool == "dir":
        raise ValueError("A dir pool has no size: leave out pool_size, or ask for pool='btrfs'.")
    watcher = watch(flavour, authority=authority)
    try:
        yield furnish(flavour, watcher, {"driver": pool, "size": pool_size})
    finally:
        left = watcher.end()
    if left:
        raise DaemonError(f"The {flavour} daemon is gone but these could not be removed: {', '.join(left)}")


def watch(flavour: str, *, clustered: bool = False, authority: Path | None = None) -> Watcher:
    """Have a process own a new daemon, and start it; its first answer is where that is."""
    programs = {name: path for name in KINDS if (path := find_daemon(name))}
    wanted = {
        "program": programs[flavour],
        "programs": [os.path.realpath(path) for path in (*programs.values(), _which("dnsmasq") or "dnsmasq")],
        "variable": KINDS[flavour].directory,
        "lxcfs": _which("lxcfs"),
        "parent": _parent(),
        "clustered": clustered,
    }
    trusted = {} if authority is None else {"SSL_CERT_FILE": str(authority), "SSL_CERT_DIR": os.devnull}
    return Watcher(wanted, _clean() | trusted)


def _parent() -> str:
    """Where temporary directories go: the usual place, unless containers' users could not get through to it."""
    usual = Path(tempfile.gettempdir()).resolve()
    through = all(folder.stat().st_mode & 0o001 for folder in [usual, *usual.parents])
    # A unix socket's path has 107 bytes at most, and daemons put sockets into subdirectories.
    return str(usual) if through and len(str(usual)) < 40 else "/tmp"


def furnish(flavour: str, watcher: Watcher, pool: dict[str, str | None]) -> Daemon:
    """Give an empty daemon its address, pool, profile, image and a client that it trusts."""
    with tempfile.TemporaryDirectory() as folder:
        image = busybox_image(Path(folder, "busybox.tar.gz")).read_bytes()  # while the daemon starts
    directory = Path(watcher.answer()["directory"])
    unix, client, kind = directory / "unix.socket", directory / "client", KINDS[flavour]
    client.mkdir()
    config = {"size": pool["size"] or "1GiB"} if pool["driver"] != "dir" else {}
    ask(unix, "POST", "/1.0/storage-pools", {"name": "default", "driver": pool["driver"], "config": config})
    ask(unix, "PUT", "/1.0/profiles/default", _PROFILE)
    address = _listen(unix)
    imported = ask(unix, "POST", "/1.0/images", image, headers={"Content-Type": "application/octet-stream"})
    made = Daemon(
        flavour=flavour,
        directory=directory,
        socket=unix,
        address=f"https://{address}",
        server_certificate=directory / "server.crt",
        client_certificate=(client / "client.crt", client / "client.key"),
        environment={kind.directory: str(directory), kind.configuration: str(client)}
        | ({"INCUS_CACHE": str(client / "cache")} if flavour == "incus" else {}),  # else it makes ~/.cache/incus
        _watcher=watcher,
    )
    made.cli("remote", "add", REMOTE, token(unix))  # makes the client's certificate as well
    fingerprint = finish(unix, imported)["metadata"]["fingerprint"]
    ask(unix, "POST", "/1.0/images/aliases", {"name": ALIAS, "target": fingerprint})
    return made


def free_address(host: str = "127.0.0.1") -> str:
    """An address with a port that nobody listens on, as far as can be known."""
    while True:
        # Below the range that the kernel takes ports of outgoing connections from, so that the daemon finds it
        # free again after a restart.
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            if probe.connect_ex((host, port)):
                return f"{host}:{port}"


def _listen(unix: Path) -> str:
    """Have the daemon listen on a free loopback port."""
    for attempts in reversed(range(10)):
        address = free_address()
        try:
            ask(unix, "PATCH", "/1.0", {"config": {"core.https_address": address}})
            break
        except DaemonError:  # somebody was quicker
            if not attempts:
                raise
    return address


def token(unix: Path) -> str:
    """A trust token, as `lxc config trust add` prints it."""
    granted = ask(unix, "POST", "/1.0/certificates", {"type": "client", "name": "tests", "token": True})
    said = granted["metadata"]["metadata"]
    token = {
        "client_name": "tests",
        "fingerprint": said["fingerprint"],
        "addresses": said["addresses"],
        "secret": said["secret"],
        "expires_at": "0001-01-01T00:00:00Z",
    }
    return base64.b64encode(json.dumps(token).encode()).decode()


# --- by hand ---------------------------------------------------------------------------------------------


def main() -> None:
    """Keep one daemon running until Ctrl-C or SIGTERM, and say how to reach it."""
    parser = argparse.ArgumentParser(prog="python -m tests.daemons", description=main.__doc__)
    parser.add_argument("flavour", choices=FLAVOURS)
    parser.add_argument("--pool", default="dir", choices=("dir", "btrfs"), help="storage driver of the pool")
    parser.add_argument("--pool-size", help="size of a btrfs pool, such as 2GiB")
    options = parser.parse_args()

    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    cli = KINDS[options.flavour].cli
    try:
        with daemon(options.flavour, pool=options.pool, pool_size=options.pool_size) as made:
            for name, value in made.environment.items():
                print(f"export {name}={value}")
            print(f"# {made.address}  (the remote `{REMOTE}:` of {cli}, once the above is exported)")
            print(f"# server certificate {made.server_certificate}\n#   SHA-256 {made.fingerprint}")
            print(f"# client certificate {made.client_certificate[0]}\n#   key {made.client_certificate[1]}")
            print(f"# log {made.directory / 'daemon.log'}")
            print(f"# for example: {cli} launch {ALIAS} c1 && {cli} exec c1 -- sh", flush=True)
            print("# Ctrl-C removes it.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("# removed", flush=True)
    except (DaemonError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
