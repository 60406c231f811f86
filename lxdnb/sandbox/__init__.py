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
import tempfile
import threading
from pathlib import Path
from typing import Self

from tornado.netutil import bind_unix_socket

from lxdnb.sandbox import handlers  # noqa: F401  # pyright: ignore[reportUnusedImport]
from lxdnb.sandbox.beginning import first_host
from lxdnb.sandbox.doors import TlsDoors
from lxdnb.sandbox.lines import ServerLines
from lxdnb.sandbox.listening import begin_listening
from lxdnb.sandbox.population import populate
from lxdnb.sandbox.server import Driver, server_of

__all__ = ["Sandbox"]


class Sandbox:
    """A running sandbox, until `close` or the end of the `with` block.

    `flavour` is `lxd` or `incus`; `socket` the path of its unix socket, in a temporary folder unless that is given;
    `https` is an address where it listens as well, by TLS with a certificate of its own, as `127.0.0.1:0` for any
    port; `instances` is how many are there already; `seed` settles all that it leaves to chance. Raises ValueError for
    another flavour, OSError where it cannot listen.

    >>> with sandbox.Sandbox(https="127.0.0.1:0") as simulated:
    ...     simulated.https_endpoint
    'https://127.0.0.1:39041'
    """

    def __init__(
        self,
        flavour: str = "lxd",
        *,
        socket: str | Path | None = None,
        https: str | None = None,
        instances: int = 0,
        seed: int = 0,
    ) -> None:
        self.host = first_host(flavour, seed)
        populate(self.host, instances)
        self._folder: Path | None = None
        if socket is None:
            self._folder = Path(tempfile.mkdtemp(prefix="lxdnb-sandbox-"))
            socket = self._folder / "unix.socket"
        self.socket = Path(socket)
        self._https = https
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
        """What a client is given."""
        return str(self.socket)

    @property
    def https_endpoint(self) -> str | None:
        """What a client elsewhere is given: the URL at which it listens by TLS, None where it does not."""
        return f"https://{self.host.addresses[0]}" if self.host.addresses else None

    def __repr__(self) -> str:
        return f"<Sandbox simulated {self.host.flavour.title} at {self.socket}>"

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
        doors = self.host.doors = TlsDoors(server, self.host.identity)
        try:
            server.add_socket(bind_unix_socket(str(self.socket), mode=0o600))
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
        self.socket.unlink(missing_ok=True)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
