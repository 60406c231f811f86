"""The websockets of a command: what comes in goes to it, what it says goes out, each no faster than the other reads.

As from real servers, an output ends with an empty text and a connection that is gone, without a frame that closes it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from tornado import iostream, web, websocket

from lxdnb.sandbox.access import refused_project
from lxdnb.sandbox.channels import Gate, Pipe
from lxdnb.sandbox.consoles import Attached
from lxdnb.sandbox.doors import caller_of
from lxdnb.sandbox.execs import Session
from lxdnb.sandbox.files import opened
from lxdnb.sandbox.instances import known
from lxdnb.sandbox.packets import Malformed
from lxdnb.sandbox.refusing import refuse
from lxdnb.sandbox.replies import Refused
from lxdnb.sandbox.sftp import Sftp
from lxdnb.sandbox.suffering import suffered
from lxdnb.sandbox.targets import check_reached

if TYPE_CHECKING:
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.server import Driver

__all__ = ["SftpHandler", "StreamHandler"]

_PIECE = 65_536  # bytes taken off a connection at once
_FRAMES = {"lxd": 65_536, "incus": 32_768}  # bytes in a frame, at most


class StreamHandler(websocket.WebSocketHandler):
    """One stream of a command."""

    driver: Driver
    _session: Session | Attached | None = None
    _name = ""
    _left = False
    _unwatch: Callable[[], None] | None = None
    _messages: int | None = None  # until a fault hangs up

    def initialize(self, driver: Driver) -> None:
        self.driver = driver

    def check_origin(self, origin: str) -> bool:
        return True  # as real servers; where a page could come in, it is turned away before

    async def get(self, *args: str, **kwargs: str) -> None:
        given = dict(parse_qsl((self.request.uri or "").partition("?")[2]))
        try:
            faults = await suffered(self.driver.host, "GET", self.request.path)
            self._messages = int(faults["drop"]) if "drop" in faults else None
            operation = self.driver.host.operations.get(args[0])
            session = operation.session
            if session is None:
                raise Refused(500, "Only websocket operations can be connected")
            if not given.get("secret"):
                raise Refused(500, "missing secret")
            found = [name for name, secret in session.secrets.items() if secret == given["secret"]]
            if not found or found[0] in session.connected:
                incus = session.host.flavour.incus
                raise Refused(403, "Forbidden") if incus else Refused(500, "permission denied")
        except Refused as refused:
            refuse(self, refused)
            return
        self._session, self._name = session, found[0]
        await super().get(*args, **kwargs)

    def open(self, *args: str, **kwargs: str) -> None:
        session = self._session
        if session is None:
            return
        self.set_nodelay(True)
        self._unwatch = session.host.cluster.watch(self._lost)
        session.connect(self._name)
        pipe = session.shown(self._name)
        self._task = asyncio.ensure_future(self._send(session, pipe) if pipe else self._end(session))
        self.driver.turn()

    def _lost(self, member: Member) -> None:
        """Hang up where the member of the cluster is lost on which the command runs."""
        if self._session is not None and self._session.instance.member is member:
            self._cut()

    async def _send(self, session: Session | Attached, pipe: Pipe) -> None:
        size = _FRAMES[session.host.flavour.name]
        with contextlib.suppress(websocket.WebSocketClosedError, iostream.StreamClosedError):
            while not pipe.ended:
                data = pipe.take(size)
                if data:
                    self._soon()
                    if self._is_dropped():
                        return
                    await self.write_message(data, binary=True)
                else:
                    await _opened(pipe.readable)
            if not session.severed:
                await self.write_message("")
            if session.interactive and not session.severed:
                return  # until the client closes it
        self._cut()

    async def _end(self, session: Session | Attached) -> None:
        """Wait for the end of the command, which is that of its input and of its control too."""
        while not session.over and not self._left:
            await _opened(session.changed)
        if session.interactive and not session.severed:
            return
        while not (session.severed or {"1", "2"} <= session.finished) and not self._left:
            await _opened(session.changed)
        self._cut()

    def _is_dropped(self) -> bool:
        """Whether a fault hangs up in place of one message more, sent or received."""
        if self._messages is None:
            return False
        self._messages -= 1
        if self._messages < 0:
            self._cut()
        return self._messages < 0

    def _soon(self) -> None:
        asyncio.get_running_loop().call_soon(self.driver.turn)

    def _cut(self) -> None:
        self._leave()
        if self.ws_connection is not None:
            self.ws_connection._abort()  # pyright: ignore  # closing it properly would send a frame

    def _leave(self) -> None:
        if not self._left and self._session is not None:
            self._left = True
            if self._unwatch is not None:
                self._unwatch()
            if self._name != "control" or not self._session.over:
                self._session.leave(self._name)
            self._soon()

    async def on_message(self, message: str | bytes) -> None:
        session = self._session
        if session is None or self._left or self._is_dropped():
            return
        if self._name == "control":
            session.control(message)
        elif self._name == "0" and session.interactive:
            if isinstance(message, bytes):
                session.feed(message)
        elif self._name == "0":
            if isinstance(message, str) or not message:
                session.end_input()
            else:
                await self._feed(session, message)
        self._soon()

    async def _feed(self, session: Session | Attached, data: bytes) -> None:
        session.feed(data)
        self._soon()
        while (gate := session.wants) is not None and not self._left:
            await _opened(gate)

    def on_close(self) -> None:
        self._leave()


async def _opened(gate: Gate) -> None:
    """Wait until a gate opens."""
    event = asyncio.Event()
    gate.wait(event.set)
    await event.wait()


class SftpHandler(web.RequestHandler):
    """Turns a connection into one that speaks SFTP."""

    driver: Driver

    def initialize(self, driver: Driver) -> None:
        self.driver = driver

    async def get(self, name: str) -> None:
        host = self.driver.host
        query = dict(parse_qsl((self.request.uri or "").partition("?")[2]))
        try:
            faults = await suffered(host, "GET", self.request.path)
            caller, project = caller_of(host, self.request), query.get("project") or "default"
            caller.check_trusted()
            if not caller.may_use(project):
                raise refused_project(host, project)
            instance = known(host, project, unquote(name))
            check_reached(instance.member)
            if self.request.headers.get("Upgrade") != "sftp":
                raise Refused(400, "Missing or invalid upgrade header")
        except Refused as refused:
            refuse(self, refused)
            return
        speaking = Sftp(opened(host, instance))
        left = int(faults["cut"]) if "cut" in faults else None  # bytes until it hangs up
        stream = self.detach()
        unwatch = host.cluster.watch(lambda member: stream.close() if member is instance.member else None)
        with contextlib.suppress(iostream.StreamClosedError, Malformed):
            await stream.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: sftp\r\nConnection: Upgrade\r\n\r\n")
            while True:
                answers = speaking.feed(await stream.read_bytes(_PIECE, partial=True))
                if answers:
                    await stream.write(answers[:left])
                if left is not None and (left := left - len(answers)) < 0:
                    break
        unwatch()
        stream.close()
