"""Consoles of instances as clients see them: what they have said, and a look at them while it is said.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_console_post
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.channels import Gate, Pipe
from lxdnb.sandbox.console import Console
from lxdnb.sandbox.instances import Instance, fetched, known, resources_of
from lxdnb.sandbox.machines import machine_of
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Content, Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Attached"]

_FIELDS: dict[str, Shape] = {"type": "string", "width": "int", "height": "int", "force": "bool"}
_STREAMS = frozenset(("0", "control"))


class Attached:
    """One look at a console, with the two streams of its client."""

    interactive = True
    outlives = False

    def __init__(self, host: Host, instance: Instance) -> None:
        self.host, self.instance = host, instance
        self.secrets = {name: host.new_secret() for name in sorted(_STREAMS)}
        self.connected: set[str] = set()
        self.finished: set[str] = set()
        self.changed = Gate()
        self.severed = False
        """Whether its streams are to be cut, now that all is told."""
        self.wants: Gate | None = None
        self._shown = Pipe()
        self._shown.writers = 1
        self._console: Console | None = None

    # --- what its operation does

    def work(self, operation: Operation) -> Work:
        try:
            while not self.connected >= _STREAMS and "control" not in self.finished:
                yield self.changed
            self._attach()
            while "control" not in self.finished:
                yield self.changed
            lost = "0" in self.finished or self._shown.writers <= 0
            if lost and not self.host.flavour.incus:
                raise Refused(400, "write /dev/pts/ptmx: file already closed")
        finally:
            self._end(b"" if self.host.flavour.incus else b"\n\r", severed=True)

    def _attach(self) -> None:
        if self.instance.started is None:
            self._end(b"")
            return
        console = machine_of(self.host, self.instance).console
        if console.shown is not None:  # only LXD comes so far
            self._end(b'Error: Failed running forkconsole: "attaching to the container failed"\n\r')
            return
        self._console = console
        console.attach(self._shown)
        console.over.wait(lambda: self._end(b"" if self.host.flavour.incus else b"\r"))

    def _end(self, last: bytes, *, severed: bool = False) -> None:
        self.severed |= severed
        if self._console is not None:
            self._console.detach(self._shown)
            self._console = None
        if self._shown.writers > 0:
            self._shown.put(last)
            self._shown.writers = 0
        self._shown.readable.open()
        self.changed.open()

    def sever(self) -> None:
        """End it, and its streams."""
        self._end(b"", severed=True)

    # --- what comes from its client

    def connect(self, name: str) -> None:
        self.connected.add(name)
        self.changed.open()

    def shown(self, name: str) -> Pipe | None:
        """What goes to the client on a stream."""
        return self._shown if name == "0" else None

    @property
    def over(self) -> bool:
        return self.severed

    def feed(self, data: bytes) -> None:
        if self._console is not None:
            self._console.terminal.type(data)

    def end_input(self) -> None:
        """Nothing: a console has no end."""

    def control(self, text: str | bytes) -> None:
        """Take a message of the control stream: none has a meaning for a console."""

    def leave(self, name: str) -> None:
        self.finished.add(name)
        if name == "0" and self._console is not None:
            self._console.detach(self._shown)
            self._console = None
        self.changed.open()


# --- requests


@route("POST", "/1.0/instances/*/console")
def attach(host: Host, request: Request, name: str) -> Reply:
    if not request.body.strip():
        raise Refused(400, "unexpected end of JSON input")
    asked = read(request.body, "InstanceConsolePost", _FIELDS)
    instance, kind = known(host, request.project, name), asked.get("type") or "console"
    if kind not in ("console", "vga"):
        raise Refused(400, f'Unknown console type "{kind}"')
    if kind == "vga" and instance.kind != "virtual-machine":
        raise Refused(400, "VGA console is only supported by virtual machines")
    if instance.status == "Stopped":
        raise Refused(400, "Instance is not running")
    if instance.status == "Frozen":
        raise Refused(400, "Instance is frozen")
    if kind == "vga":
        raise Refused(501, "A sandbox has no screens to show: ask for a console of the type console")
    if host.flavour.incus:
        _take_over(host, instance, by_force=asked.get("force", False))
    session = Attached(host, instance)

    def work(operation: Operation) -> Work:
        operation.session, operation.metadata = session, {"fds": session.secrets}
        return session.work(operation)

    resources = resources_of(host, name, both=True)
    begun = host.operations.begin(
        instance.project, "Showing console", resources, work, kind="websocket", may_cancel=host.flavour.incus
    )
    host.tell("instance-console", instance.url, instance.project, {"type": kind}, bare=True)
    return Async(begun)


def _take_over(host: Host, instance: Instance, *, by_force: bool) -> None:
    """Have nobody else attached."""
    for operation in host.operations.all(instance.project):
        session = operation.session
        if operation.final or not isinstance(session, Attached) or session.instance is not instance:
            continue
        if not by_force:
            raise Refused(500, "This console is already connected. Force is required to take it over.")
        host.operations.cancel(operation)


@route("GET", "/1.0/instances/*/console")
def log(host: Host, request: Request, name: str) -> Reply:
    instance = _container(host, request, name)
    path = _path(host, instance)
    if instance.started is None:
        if instance.console is None:
            return _nothing(host, f"open {path}: no such file or directory")
        return Content((bytes(instance.console),), path, "application/octet-stream")
    console = machine_of(host, instance).console
    if not console.unread:
        return _nothing(host, "open : no such file or directory")
    said, console.unread = bytes(console.unread), bytearray()
    host.tell("instance-console-retrieved", instance.url, instance.project, bare=True)
    return Content((said,), "", "application/octet-stream")


def _container(host: Host, request: Request, name: str) -> Instance:
    instance = known(host, request.project, name)
    if instance.kind != "container":
        raise Refused(500, "Instance is not container type")
    return instance


def _path(host: Host, instance: Instance) -> str:
    return f"/var/log/{host.flavour.name}/{instance.name}/console.log"


def _nothing(host: Host, words: str) -> Reply:
    if not host.flavour.incus:
        raise Refused(500, words)
    return Content((b"",), "", "application/json")


@route("DELETE", "/1.0/instances/*/console")
def clear(host: Host, request: Request, name: str) -> Reply:
    fetched(host, request.project, name)
    instance = _container(host, request, name)
    if instance.started is not None:
        machine_of(host, instance).console.unread.clear()
        host.tell("instance-console-reset", instance.url, instance.project, bare=True)
    elif instance.console is None:
        raise Refused(404, f"stat {_path(host, instance)}: no such file or directory")
    else:
        instance.console = b""
    return Sync({})
