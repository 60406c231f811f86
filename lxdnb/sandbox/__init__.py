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
import contextlib
import shutil
import socket
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Self

from lxdnb.sandbox import handlers  # noqa: F401  # pyright: ignore[reportUnusedImport]
from lxdnb.sandbox.beginning import add_bridge, first_host
from lxdnb.sandbox.doors import HTTP, SocketDoors
from lxdnb.sandbox.faults import Fault, Faults
from lxdnb.sandbox.lines import ServerLines
from lxdnb.sandbox.listening import address_of, begin_listening, place_of
from lxdnb.sandbox.members import CLUSTER_ADDRESS, Member
from lxdnb.sandbox.population import populate
from lxdnb.sandbox.presence import Presence
from lxdnb.sandbox.pruning import begin_rounds
from lxdnb.sandbox.server import Driver, server_of

__all__ = ["Fault", "Faults", "Sandbox"]

_UNIX_SOCKETS = hasattr(socket, "AF_UNIX")


class Sandbox:
    """A running sandbox, until `close` or the end of the `with` block.

    `flavour` is `lxd` or `incus`; `socket` the path of its unix socket, in a temporary folder unless that is given.
    Where there are no unix sockets, as on Windows, it listens for this machine's programs by HTTP in their place: at
    `http`, a loopback address, which can be given elsewhere too. `https` is an address where it listens as well, by
    TLS with a certificate of its own. A port of 0 is any. `instances` is how many are there already; `seed` settles
    all that it leaves to chance. Raises ValueError for another flavour, OSError where it cannot listen.

    With `bridge` it has a bridge as `lxd init` makes one, `lxdbr0` or `incusbr0`, and each instance a card on it with
    addresses. With `members` it is a cluster of so many, n1, n2 and so on, each of which listens in these ways for
    itself, and by TLS in any case: see `endpoints` and `https_endpoints`.

    >>> from lxdnb import sandbox
    >>> with sandbox.Sandbox(https="127.0.0.1:0") as simulated:
    ...     simulated.https_endpoint
    'https://127.0.0.1:39041'
    >>> with sandbox.Sandbox(members=3) as simulated:
    ...     [*simulated.endpoints]
    ['n1', 'n2', 'n3']
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
        members: int = 1,
        bridge: bool = False,
    ) -> None:
        if members < 1:
            raise ValueError(f"a cluster has at least one member, not {members}")
        self.host = first_host(flavour, seed, members=members)
        if bridge:
            add_bridge(self.host, instances)
        populate(self.host, instances)
        self._folder: Path | None = None
        if socket is None and http is None:
            if _UNIX_SOCKETS:
                self._folder = Path(tempfile.mkdtemp(prefix="lxdnb-sandbox-"))
                socket = self._folder / "unix.socket"
                # Also where nobody closes it before the process ends.
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            else:
                http = "127.0.0.1:0"
        self.socket = Path(socket) if socket is not None else None
        """The path of its unix socket; None where it has none."""
        if members > 1:
            https = https or "127.0.0.1:0"  # by which the members would reach each other
        self._http, self._https = http, https
        self._names = [each.name for each in self.host.cluster.members]
        self._sockets = {name: path for name, path in zip(self._names, self._paths(), strict=False)}
        self._plain: dict[str, str] = {}  # where each listens by HTTP, by its first name
        begin_rounds(self.host)
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
    def faults(self) -> Faults:
        """The rules by which requests go wrong on purpose: none at first. They may be changed while it runs.

        >>> from lxdnb import sandbox
        >>> with sandbox.Sandbox() as simulated:
        ...     simulated.faults.add(sandbox.Fault("POST /1.0/instances", "fail", 40, times=1))
        ...     [rule.record() for rule in simulated.faults]
        [{'request': 'POST /1.0/instances', 'fault': 'fail', 'amount': 40, 'times': 1}]
        """
        return self.host.faults

    @property
    def http_endpoint(self) -> str | None:
        """The URL at which it listens by HTTP for this machine's programs; None where it does not."""
        return f"http://{self._plain[self._names[0]]}" if self._http else None

    @property
    def https_endpoint(self) -> str | None:
        """What a client elsewhere is given: the URL at which it listens by TLS, None where it does not."""
        addresses = self.host.cluster.first.addresses
        return f"https://{addresses[0]}" if addresses else None

    @property
    def endpoints(self) -> dict[str, str]:
        """What a client of each member is given, by the name that this had at first.

        The first one's socket is at `socket`, those of the others in folders beside it, of their names.
        """
        sockets = {name: str(path) for name, path in self._sockets.items()}
        return sockets or {name: f"http://{address}" for name, address in self._plain.items()}

    @property
    def https_endpoints(self) -> dict[str, str]:
        """The URL at which each member listens by TLS, by its name; of those that do."""
        return {each.name: f"https://{each.addresses[0]}" for each in self.host.cluster.members if each.addresses}

    def __repr__(self) -> str:
        title, count = self.host.flavour.title, len(self._names)
        return f"<Sandbox simulated {f'cluster of {count} {title}' if count > 1 else title} at {self.endpoint}>"

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

    def stop(self, *, kill: bool = False) -> None:
        """Have it be away until `start`, as a server whose service was stopped: operations are forgotten.

        What it holds stays, and its instances run on. With `kill` its socket stays behind, as where one was killed.
        Raises RuntimeError once it is closed.

        >>> from lxdnb import sandbox
        >>> simulated = sandbox.Sandbox()
        >>> simulated.stop()
        >>> simulated.start()
        >>> simulated.close()
        """
        self._have(lambda: self._presence.leave(kill=kill))

    def start(self) -> None:
        """Have it answer again after `stop`. Raises OSError where it cannot listen, RuntimeError once it is closed."""
        self._have(lambda: self._presence.come_back())

    def restart(self, seconds: float = 0.0) -> None:
        """Have it go as by `stop`, and come back by itself in so many seconds; returns at once.

        Raises RuntimeError once it is closed.
        """
        self._have(lambda: self._presence.restart(seconds))

    def _have(self, done: Callable[[], None]) -> None:
        """Do something in its own thread, and wait for that."""
        if not self._thread.is_alive():
            raise RuntimeError("The sandbox is closed: begin another one.")
        result: Future[None] = Future()

        def do() -> None:
            try:
                result.set_result(done())
            except OSError as error:
                result.set_exception(error)

        self._loop.call_soon_threadsafe(do)
        result.result()

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
        driver, opened = Driver(self.host), list[SocketDoors]()
        servers = [server_of(driver, each) for each in self.host.cluster.members]
        lines = self.host.lines = ServerLines(driver)
        try:
            for number, (member, server) in enumerate(zip(self.host.cluster.members, servers, strict=True)):
                member.doors = doors = SocketDoors(server, self.host.identity)
                opened.append(doors)
                self._open(member, doors, number)
        except (OSError, ValueError) as error:
            self._failure = error
        else:
            self._presence = Presence(driver, opened, lines)
            self._ready.set()
            await self._over.wait()
            self._presence.stay()
        for doors in opened:
            await doors.shut()
        lines.cut()
        for server in servers:
            await server.close_all_connections()
        self._take_away()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    def _open(self, member: Member, doors: SocketDoors, number: int) -> None:
        """Have a member listen: the first where that is wanted, the others in folders, and at ports, that follow."""
        if member.name in self._sockets:
            path = self._sockets[member.name]
            path.parent.mkdir(exist_ok=True)
            doors.open_unix(path)
        if self._http:
            name, port = _following(self._http, number)
            self._plain[member.name] = address_of(name, doors.open(HTTP, name, int(port)))
        if self._https:
            self.host.here = member
            begin_listening(self.host, address_of(*_following(self._https, number)))
            self.host.here = self.host.cluster.first
            if self.host.cluster.enabled:
                member.address = member.settings[CLUSTER_ADDRESS] = member.addresses[0]

    def _paths(self) -> Iterator[Path]:
        """The paths of the members' unix sockets, where they have some."""
        if self.socket is not None:
            yield self.socket
            for name in self._names[1:]:
                yield self.socket.parent / name / self.socket.name

    def _take_away(self) -> None:
        """Leave nothing where they listened."""
        for path in self._sockets.values():
            path.unlink(missing_ok=True)
            if path != self.socket:
                with contextlib.suppress(OSError):  # somebody has put something there
                    path.parent.rmdir()


def _following(address: str, number: int) -> tuple[str, str]:
    """Return name and port of the address so many ports behind one; any port stays any."""
    name, port = place_of(address)
    return name, str(int(port) + number) if port.isdecimal() and int(port) else port
