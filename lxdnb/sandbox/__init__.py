"""A simulated LXD or Incus, in a thread of this process: no root, nothing outside its own memory touched.

>>> from lxdnb import Client, sandbox
>>> with sandbox.Sandbox() as simulated:
...     client = Client(simulated.endpoint)
...     client.host_info["environment"]["server_name"]
...     client.close()
'simulated'
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from typing import Self

from tornado import netutil

from lxdnb.sandbox import handlers  # noqa: F401  # pyright: ignore[reportUnusedImport]
from lxdnb.sandbox.beginning import first_host
from lxdnb.sandbox.doors import HTTP, SocketDoors
from lxdnb.sandbox.lines import ServerLines
from lxdnb.sandbox.listening import address_of, begin_listening, place_of
from lxdnb.sandbox.population import populate
from lxdnb.sandbox.server import Driver, server_of

__all__ = ["Sandbox"]

_UNIX_SOCKETS = hasattr(socket, "AF_UNIX")


class Sandbox:
    """A running sandbox, until `close` or the end of the `with` block.

    `flavour` is `lxd` or `incus`; `socket` the path of its unix socket, in a temporary folder unless that is given.
    Where there are no unix sockets, as on Windows, it listens for this machine's programs by HTTP in their place: at
    `http`, a loopback address, which can be given elsewhere too. `https` is an address where it listens as well, by
    TLS with a certificate of its own. A port of 0 is any. `instances` is how many are there already; `seed` settles
    all that it leaves to chance. Raises ValueError for another flavour, OSError where it cannot listen.

    >>> from lxdnb import sandbox
    >>> with sandbox.Sandbox(https="127.0.0.1:0") as simulated:
    ...     simulated.https_endpoint
    'https://127.0.0.1:39041'
    """

    def __init__(
        self,
        flavour: str = "lxd",
        *,
        socket: str | Path | None = None,
        http: str | None = None,
        https: str | None = None,
        instances: int = 0,
        seed: int = 0,
    ) -> None:
        self.host = first_host(flavour, seed)
        populate(self.host, instances)
        self._folder: Path | None = None
        if socket is None and http is None:
            if _UNIX_SOCKETS:
                self._folder = Path(tempfile.mkdtemp(prefix="lxdnb-sandbox-"))
                socket = self._folder / "unix.socket"
            else:
                http = "127.0.0.1:0"
        self.socket = Path(socket) if socket is not None else None
        """The path of its unix socket; None where it has none."""
        self._http, self._https = http, https
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="lxdnb sandbox", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._tidy()
            raise self._failure

    @property
    def endpoint(self) -> str:
        """What a client is given: the path of the unix socket, or else `http_endpoint`."""
        return str(self.socket or self.http_endpoint)

    @property
    def http_endpoint(self) -> str | None:
        """The URL at which it listens by HTTP for this machine's programs; None where it does not."""
        return f"http://{self._http}" if self._http else None

    @property
    def https_endpoint(self) -> str | None:
        """What a client elsewhere is given: the URL at which it listens by TLS, None where it does not."""
        return f"https://{self.host.addresses[0]}" if self.host.addresses else None

    def __repr__(self) -> str:
        return f"<Sandbox simulated {self.host.flavour.title} at {self.endpoint}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it: what it held is gone."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            if threading.current_thread() is not self._thread:  # where the last client may be collected, too
                self._thread.join()
        self._tidy()

    def _tidy(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()
            self._ready.set()

    async def _serve(self) -> None:
        driver = Driver(self.host)
        server = server_of(driver)
        lines = self.host.lines = ServerLines(driver)
        doors = self.host.doors = SocketDoors(server, self.host.identity)
        try:
            if self.socket:
                server.add_socket(_unix_socket(self.socket))
            if self._http:
                name, port = place_of(self._http)
                self._http = address_of(name, doors.open(HTTP, name, int(port)))
            if self._https:
                begin_listening(self.host, self._https)
        except (OSError, ValueError) as error:
            self._failure = error
        else:
            self._ready.set()
            await self._over.wait()
        await doors.shut()
        lines.cut()
        server.stop()
        await server.close_all_connections()
        if self.socket:
            self.socket.unlink(missing_ok=True)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


def _unix_socket(path: Path) -> socket.socket:
    if not _UNIX_SOCKETS:
        raise OSError("this system has no unix sockets: give http='127.0.0.1:0' in place of socket")
    return netutil.bind_unix_socket(str(path), mode=0o600)
