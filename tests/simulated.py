"""Sandboxes for tests, in the shape of `daemons.Daemon`: a process of its own, with the tests' image."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import daemons
from .image import busybox_image
from .watcher import DaemonError, ask, finish

__all__ = ["simulated"]

SECONDS = 20.0  # that one has to begin or to end


class Owner:
    """Owns the process of a sandbox: takes the words that `watcher.Watcher` takes."""

    def __init__(self, flavour: str, socket: Path, address: str, *more: str) -> None:
        self.flavour, self.socket, self.address, self.more = flavour, socket, address, more
        self.process: subprocess.Popen[bytes]
        self._away = False
        self.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self) -> None:
        command = [sys.executable, "-m", "lxdnb.sandbox", "--flavour", self.flavour, "--socket", str(self.socket)]
        command += ["--https", self.address, *self.more]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )
        self._await(there=True)

    def _await(self, *, there: bool) -> None:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                ask(self.socket, "GET", "/1.0")
                if there:
                    return
            except OSError:
                if not there:
                    return
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise DaemonError(f"The sandbox does not {'begin' if there else 'go away'}.")
            time.sleep(0.02)

    def say(self, word: str) -> None:
        """Have it go as a daemon goes, keeping what it has, or answer again."""
        if self._away == (word != "start"):
            return
        self.process.send_signal(signal.SIGUSR2 if word == "kill" else signal.SIGUSR1)
        self._away = not self._away
        self._await(there=not self._away)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(SECONDS)


@contextlib.contextmanager
def simulated(flavour: str, *more: str) -> Iterator[daemons.Daemon]:
    """Run a sandbox of that flavour while the block does, begun with `more` words."""
    with tempfile.TemporaryDirectory(prefix="lxdnb-simulated-") as folder:
        directory = Path(folder)
        directory.chmod(0o711)  # as that of a daemon
        unix, client = directory / "unix.socket", directory / "client"
        client.mkdir()
        owner = Owner(flavour, unix, daemons.free_address(), *more)
        kind = daemons.KINDS[flavour]
        try:
            there = ask(unix, "GET", "/1.0/images")["metadata"]
            for url in there:
                finish(unix, ask(unix, "DELETE", url))
            image = busybox_image(directory / "busybox.tar.gz").read_bytes()
            sent = {"Content-Type": "application/octet-stream"}
            made = finish(unix, ask(unix, "POST", "/1.0/images", image, headers=sent))
            fingerprint = made["metadata"]["fingerprint"]
            ask(unix, "POST", "/1.0/images/aliases", {"name": daemons.ALIAS, "target": fingerprint})
            server = directory / "server.crt"
            server.write_text(ask(unix, "GET", "/1.0")["metadata"]["environment"]["certificate"])
            made = daemons.Daemon(
                flavour=flavour,
                directory=directory,
                socket=unix,
                address=f"https://{owner.address}",
                server_certificate=server,
                client_certificate=(client / "client.crt", client / "client.key"),
                environment={kind.directory: folder, kind.configuration: str(client)}
                | ({"INCUS_CACHE": str(client / "cache")} if flavour == "incus" else {}),
                _watcher=owner,
            )
            made.cli("remote", "add", daemons.REMOTE, daemons.token(unix))  # makes the client's certificate as well
            yield made
        finally:
            owner.end()
