"""The sandbox on a socket: HTTP and websockets by tornado, in front of a host that knows of neither.

All of it lives in one thread, so that the host is never asked by two at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

from tornado import web, websocket
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest

from lxdnb.sandbox.access import refused_project
from lxdnb.sandbox.archives import ending_of
from lxdnb.sandbox.doors import caller_of, comes_from_a_page
from lxdnb.sandbox.events import TYPES, Listener
from lxdnb.sandbox.lines import AwaitsServer, ChannelHandler
from lxdnb.sandbox.members import Member
from lxdnb.sandbox.refusing import refusal, refuse
from lxdnb.sandbox.replies import Async, Content, Pieces, Refused, Reply, Request, Sync, Waits
from lxdnb.sandbox.routes import take
from lxdnb.sandbox.state import Host
from lxdnb.sandbox.streams import SftpHandler, StreamHandler
from lxdnb.sandbox.suffering import suffered
from lxdnb.sandbox.writing import Records, pieces, written

__all__ = ["Driver", "server_of"]

FEW = 100  # records that are written at once
LARGEST_BODY = 4 * 2**30  # bytes, which are in memory: a larger one is refused before it is sent
MOST_UNREAD = 2**24  # characters of events that wait for a listener, before he is given up
PATIENCE = 0.02  # seconds that the host does things before others have their turn
_LAST_WORDS = 0.02  # seconds in which the answer that tells of a restart goes out
PING = 10  # seconds between two signs of life

_log = logging.getLogger("lxdnb.sandbox")


class Driver:
    """Drives a host in the event loop: does what it has to do when that is due."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.restart: Callable[[float], None] = lambda seconds: None
        """Goes away for so many seconds, as whoever listens for it does that."""
        self._timer: asyncio.TimerHandle | None = None

    def turn(self) -> None:
        """Do what is due, and come back when there is more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.host.agenda.run(PATIENCE)
        due = self.host.agenda.due
        if self.host.leaving is not None:
            seconds, self.host.leaving = self.host.leaving, None
            asyncio.get_running_loop().call_later(_LAST_WORDS, self.restart, seconds)
        if due is not None:
            self._timer = asyncio.get_running_loop().call_later(due, self.turn)


class _Application(web.Application):
    """Lets in no web page where everybody else is let in."""

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        if comes_from_a_page(request):
            return self.get_handler_delegate(request, _Unwelcome)
        return super().find_handler(request, **kwargs)


class _Unwelcome(web.RequestHandler):
    def prepare(self) -> None:
        self.set_status(403)
        words = "a sandbox answers programs on this machine, and no web pages: ask for http://127.0.0.1"
        self.finish({"type": "error", "error": words, "error_code": 403, "metadata": None})


def server_of(driver: Driver, member: Member) -> HTTPServer:
    """Return the server of a member of the cluster, which listens nowhere yet."""
    given = {"driver": driver}
    application = _Application(
        [
            (r"/1\.0/events", EventsHandler, given),
            (AwaitsServer(driver), ChannelHandler, given),
            (r"/1\.0/operations/([^/]+)/websocket", StreamHandler, given),
            (r"/1\.0/(?:instances|containers|virtual-machines)/([^/]+)/sftp", SftpHandler, given),
            (r".*", RestHandler, {"driver": driver, "member": member}),
        ],
        log_function=_log_request,
    )
    return HTTPServer(application, max_body_size=LARGEST_BODY, max_buffer_size=LARGEST_BODY)


def _log_request(handler: web.RequestHandler) -> None:
    _log.debug("%s %s %s", handler.request.method, handler.request.path, handler.get_status())  # no secret is in a path


def _query(uri: str) -> dict[str, str]:
    return dict(reversed(parse_qsl(uri.partition("?")[2], keep_blank_values=True)))


def _enveloped(kind: str, code: int, status: str, operation: str, metadata: Any) -> dict[str, Any]:
    told = {"type": kind, "status": status, "status_code": code, "operation": operation}
    return {**told, "error_code": 0, "error": "", "metadata": metadata}


class RestHandler(web.RequestHandler):
    """Everything that is no websocket."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS")
    driver: Driver
    member: Member

    def initialize(self, driver: Driver, member: Member) -> None:
        self.driver, self.member = driver, member
        self._gone = asyncio.Event()
        self._faults: dict[str, float] = {}

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say in the words of a server what tornado refuses: a method that there is not."""
        if status_code != 405:
            super().write_error(status_code)
            return
        self._write_error(Refused(404, f'Method "{self.request.method}" not found'))
        self.finish()

    def compute_etag(self) -> str | None:
        return None  # the host's own are of what a thing is, not of how it is written

    def set_default_headers(self) -> None:
        self.clear_header("Server")

    def on_connection_close(self) -> None:
        self._gone.set()

    def finish(self, chunk: Any = None) -> asyncio.Future[None]:
        """Send what is written; or where a fault wants it, a part of it, and hang up."""
        if "cut" not in self._faults:
            return super().finish(chunk)
        body, part = b"".join(self._write_buffer), int(self._faults["cut"])
        head = (
            f"HTTP/1.1 {self.get_status()} OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        stream = self.detach()
        sent = asyncio.ensure_future(stream.write(head.encode() + body[:part]))
        sent.add_done_callback(lambda _: stream.close())
        return sent

    async def _answer(self) -> None:
        uri = self.request.uri or "/"
        headers = self.request.headers.items()
        asked = Request(
            str(self.request.method),
            uri.partition("?")[0],
            _query(uri),
            # Tornado reads headers as Latin-1; clients write UTF-8.
            {name.lower(): value.encode("latin-1").decode(errors="replace") for name, value in headers},
            self.request.body,
            caller_of(self.driver.host, self.request),
            self.member,
        )
        try:
            self._faults = await suffered(self.driver.host, asked.method, asked.path)
            if "restart" in self._faults:
                self.driver.restart(self._faults["restart"])
                return
            reply = take(self.driver.host, asked)
            if isinstance(reply, Async) and "fail" in self._faults:
                self.driver.host.operations.doom(reply.operation, self._faults["fail"])
            await self._write(reply)
        except Refused as refused:
            self._write_error(refused)
        except Exception:
            _log.exception("The sandbox failed at %s %s", asked.method, asked.path)
            self._write_error(Refused(500, "the sandbox failed at this: see its log"))
        finally:
            asyncio.get_running_loop().call_soon(self.driver.turn)

    get = head = post = delete = patch = put = options = _answer

    async def _write(self, reply: Reply) -> None:
        if isinstance(reply, Waits):
            await self._wait(reply)
            if self._gone.is_set():
                return
            reply = reply.answer()
        if isinstance(reply, Content):
            self._write_content(reply)
        elif isinstance(reply, Pieces):
            self.set_header("Content-Type", reply.kind)
            await self._pour(reply.pieces)
        elif isinstance(reply, Async):
            operation = reply.operation
            self.set_status(202)
            url = operation.url + (f"?project={quote_plus(operation.project)}" if reply.forwarded else "")
            self.set_header("Location", url)
            self._envelope("async", 100, "Operation created", url, operation.record())
        elif isinstance(reply.metadata, Records) and len(reply.metadata) > FEW and not self._faults:
            await self._write_list(reply.metadata)
        else:
            self._write_sync(reply)

    async def _write_list(self, records: Records) -> None:
        self.set_header("Content-Type", "application/json")
        before, _, after = written(_enveloped("sync", 200, "Success", "", [])).rpartition(b"[]")
        await self._pour(pieces(records, before, after + b"\n"))

    async def _pour(self, made: Iterator[bytes]) -> None:
        """Send what is made piece by piece, while it is made."""
        for piece in made:
            if piece:
                self.write(piece)
                await self.flush()
            await asyncio.sleep(0)
            if self._gone.is_set():
                return

    def _write_sync(self, reply: Sync) -> None:
        if reply.created is not None:
            self.set_status(201)
            self.set_header("Location", quote(reply.created, safe="/?=&:~"))
        if reply.etag is not None:
            self.set_header("Etag", f'"{reply.etag}"')
        for name, value in reply.headers.items():
            self.set_header(name, value)
        self._envelope("sync", 200, "Success", "", reply.metadata)

    def _write_error(self, refused: Refused) -> None:
        self.set_status(refused.code)
        self._json(refusal(refused))

    def _envelope(self, kind: str, code: int, status: str, operation: str, metadata: Any) -> None:
        self._json(_enveloped(kind, code, status, operation, metadata))

    def _json(self, record: Any) -> None:
        self.set_header("Content-Type", "application/json")
        body = written(record) + b"\n"
        self.write(body[: len(body) // 2] if "malformed" in self._faults else body)

    def _write_content(self, reply: Content) -> None:
        for name, value in reply.headers.items():
            self.set_header(name, value)
        if reply.kind != "multipart/form-data":
            self.set_header("Content-Type", reply.kind)
            self.set_header("Content-Disposition", f"inline;filename={reply.name}")
            self.write(reply.files[0])
            return
        boundary = secrets.token_hex(30)
        self.set_header("Content-Type", f"multipart/form-data; boundary={boundary}")
        for part, file in zip(("metadata", "rootfs"), reply.files, strict=True):
            name = f"{'meta-' if part == 'metadata' else ''}{reply.name}{ending_of(file)}"
            head = f'Content-Disposition: form-data; name="{part}"; filename="{name}"'
            self.write(f"--{boundary}\r\n{head}\r\nContent-Type: application/octet-stream\r\n\r\n".encode())
            self.write(file)
            self.write(b"\r\n")
        self.write(f"--{boundary}--\r\n".encode())

    async def _wait(self, reply: Waits) -> None:
        over = asyncio.Event()
        forget = reply.whenever(over.set)
        waits = [asyncio.ensure_future(each.wait()) for each in (over, self._gone)]
        try:
            await asyncio.wait(waits, timeout=reply.seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            forget()
            for each in waits:
                each.cancel()


class EventsHandler(websocket.WebSocketHandler):
    """Who listens to events."""

    driver: Driver
    _leave: Callable[[], None] | None = None
    _left: int | None = None  # messages until a fault hangs up
    _unread = 0

    def initialize(self, driver: Driver) -> None:
        self.driver = driver

    def check_origin(self, origin: str) -> bool:
        return True  # as real servers; where a page could come in, it is turned away before

    async def get(self, *args: Any, **kwargs: Any) -> None:
        try:
            self._listener = self._wanted()
            faults = await suffered(self.driver.host, "GET", "/1.0/events")
        except Refused as refused:
            refuse(self, refused)
            return
        self._left = int(faults["drop"]) if "drop" in faults else None
        await super().get(*args, **kwargs)

    def _wanted(self) -> Listener:
        """Return who is to hear what. Raises Refused."""
        host, query = self.driver.host, _query(self.request.uri or "")
        caller = caller_of(host, self.request)
        caller.check_trusted()
        bad = 400 if host.flavour.incus else 500
        types = [each for each in query.get("type", "").split(",") if each] or list(TYPES)
        if unknown := [each for each in types if each not in TYPES]:
            raise Refused(bad, f'"{unknown[0]}" isn\'t a supported event type')
        project: str | None = query.get("project") or "default"
        if query.get("all-projects", "").lower() in ("1", "true"):
            if query.get("project"):
                raise Refused(bad, "Cannot specify a project when requesting all projects")
            project = None
        elif host.flavour.incus and not caller.may_use(project):
            raise refused_project(host, project)
        elif project not in host.projects:
            where = f'Failed loading project "{project}"'
            raise Refused(404 if host.flavour.incus else 500, f"{where}: Project not found")
        wanted = Listener(frozenset(types), project, self._hand_over)
        return replace(wanted, may_hear=caller.may_use) if host.flavour.incus else wanted

    def open(self, *args: str, **kwargs: str) -> None:
        self._leave = self.driver.host.events.subscribe(self._listener)
        self._signs = asyncio.ensure_future(self._give_signs())

    async def _give_signs(self) -> None:
        """Tell the listener that the server lives; who does not answer is busy, and hears all later."""
        with contextlib.suppress(websocket.WebSocketClosedError):
            while self._leave is not None:
                self.ping(b"keepalive")
                await asyncio.sleep(PING)

    def _hand_over(self, text: str) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self._hang_up()
                return
        try:
            sent = self.write_message(text)
        except websocket.WebSocketClosedError:
            self.on_close()
            return
        self._unread += len(text)
        sent.add_done_callback(partial(self._read, len(text)))
        if self._unread > MOST_UNREAD:
            self._hang_up()

    def _read(self, size: int, sent: asyncio.Future[None]) -> None:
        self._unread -= size
        if not sent.cancelled():
            sent.exception()  # that it is closed, which on_close tells as well

    def _hang_up(self) -> None:
        self.on_close()
        if self.ws_connection is not None:
            self.ws_connection._abort()  # pyright: ignore  # closed in due form it would send a frame

    def on_message(self, message: str | bytes) -> None:
        pass  # servers read nothing here

    def on_close(self) -> None:
        if self._leave is not None:
            self._leave()
            self._leave = None
            self._signs.cancel()
