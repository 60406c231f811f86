"""Commands that a client has run in an instance: how they begin, what their streams are, and how they end.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_exec_post
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.channels import PIECE, Gate, Pipe, PipeEnd, Steps
from lxdnb.sandbox.commands import NotExecutable, NotFound, program
from lxdnb.sandbox.filesystem import User
from lxdnb.sandbox.instances import Instance, known
from lxdnb.sandbox.machines import Process, machine_of
from lxdnb.sandbox.nodes import Directory, FileError
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Refused, Reply, Request
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.signals import HUP, KILL
from lxdnb.sandbox.terminal import Terminal, TerminalFile

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Session"]

CONNECTING = 5.0  # seconds in which a client has to come for the streams
LINGER = 1.0  # seconds that Incus waits for who holds an output beyond the end of the command
RECORDED = 2**24  # bytes of an output that are kept
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FIELDS: dict[str, Shape] = {
    "command": ["string"],
    "wait-for-websocket": "bool",
    "interactive": "bool",
    "environment": CONFIG,
    "width": "int",
    "height": "int",
    "record-output": "bool",
    "user": "uint32",
    "group": "uint32",
    "cwd": "string",
}


class Session:
    """One command of a client's, with its streams: those of a terminal, or three pipes; or none of a client's."""

    severed = False
    """Whether its streams are to be cut before it ends, with which they do in any case."""

    outlives = False
    """Whether the command is to live on when its client's streams are gone."""

    def __init__(self, host: Host, instance: Instance, asked: dict[str, Any]) -> None:
        self.host, self.instance = host, instance
        self.command: list[str] = asked.get("command", [])
        self.streamed: bool = asked.get("wait-for-websocket", False)
        self.interactive: bool = asked.get("interactive", False) and self.streamed
        self.user = User(asked.get("user", 0), asked.get("group", 0))
        self.environment = _environment(self.user, _configured(host, instance) | asked.get("environment", {}))
        self.directory: str = asked.get("cwd", "") or self.environment.get("HOME", "/")
        self.secrets: dict[str, str] = {}
        self.changed = Gate()
        """Opens whenever a stream comes or goes, or the command ends."""
        self.connected: set[str] = set()
        self.finished: set[str] = set()
        self.process: Process | None = None
        self.terminal: Terminal | None = None
        self.pipes: dict[str, Pipe] = {}
        if self.interactive:
            self.terminal = Terminal(asked.get("width", 0), asked.get("height", 0), self._typed)
            self.terminal.out.readers = 1
        else:
            self.pipes = {name: Pipe() for name in ("0", "1", "2")}
            for name in ("1", "2"):
                self.pipes[name].writers = 1  # the session's own, until the command has them
        if self.streamed:
            names = ("0", "control") if self.interactive else ("0", "1", "2", "control")
            self.secrets = {name: host.new_secret() for name in names}

    @property
    def over(self) -> bool:
        """Whether the command has ended."""
        return self.severed or (self.process is not None and self.process.status is not None)

    def shown(self, name: str) -> Pipe | None:
        """What goes to the client on a stream."""
        if self.terminal is not None:
            return self.terminal.out if name == "0" else None
        return self.pipes.get(name) if name != "0" else None

    @property
    def needed(self) -> set[str]:
        return {"0", "control"} if self.interactive else {"0", "1", "2"}

    def metadata(self) -> dict[str, Any]:
        return {
            "command": self.command,
            "environment": self.environment,
            "fds": self.secrets,
            "interactive": self.interactive,
        }

    # --- what its operation does

    def work(self, operation: Operation) -> Work:
        yield 0.0
        if self.streamed:
            until = self.host.clock() + CONNECTING
            self.host.agenda.after(CONNECTING, self.changed.open)
            while not self.needed <= self.connected:
                if self.host.clock() >= until:
                    self._end_streams()
                    raise Refused(500, "Timed out waiting for websockets to connect")
                yield self.changed
        try:
            body = self._begin()
        except FileError as error:
            self.sever()
            raise Refused(500, f"Failed to fork: {error.text}") from None
        except (NotFound, NotExecutable) as error:
            self._end_streams()
            operation.progress(**{"return": error.status})
            raise Refused(400, str(error)) from None
        process = self.process
        if process is None or process.machine is not self.instance.machine:
            raise Refused(400, "Instance is not running")
        process.machine.begin(process, body)
        while process.status is None:
            yield process.ended
        if self.terminal is not None:
            self.terminal.out.writers = 0
            self.terminal.out.readable.open()
        if self.host.flavour.incus:
            self.host.agenda.after(LINGER, self._cut)
        self.changed.open()
        while not self._drained():
            yield self.changed
        operation.progress(**{"return": process.status})

    def _drained(self) -> bool:
        if self.interactive:
            return "0" in self.finished
        return all(name in self.finished or (not self.streamed and self.pipes[name].ended) for name in ("1", "2"))

    def _cut(self) -> None:
        for pipe in self.pipes.values():
            pipe.writers = 0
            pipe.readable.open()

    def sever(self) -> None:
        """End it, whatever it does, and all of its streams."""
        self.severed = True
        if self.process is not None:
            self.process.end(128 + KILL)
        self._end_streams()
        self.changed.open()

    def _end_streams(self) -> None:
        self._cut()
        if self.terminal is not None:
            self.terminal.out.writers = 0
            self.terminal.out.readable.open()

    def _begin(self) -> Steps[int]:
        machine = machine_of(self.host, self.instance)
        process = machine.make(self.command or [""])
        process.parent, process.user, process.environment = 0, self.user, dict(self.environment)
        directory = f"/{self.directory.lstrip('/')}"
        process.directory = directory if isinstance(machine.tree.get(directory), Directory) else "/"
        if self.terminal is not None:
            process.terminal = self.terminal
            process.files = {0: TerminalFile(self.terminal)}
            process.files |= {number: process.files[0].hold() for number in (1, 2)}
        else:
            process.files = {int(name): PipeEnd(pipe, "r" if name == "0" else "w") for name, pipe in self.pipes.items()}
        for name in ("1", "2") if self.pipes else ():
            self.pipes[name].end("w")
        self.process = process
        try:
            if not self.command:
                raise NotFound("Command not found")
            return program(process, self.command)
        except (NotFound, NotExecutable):
            process.end(127)
            raise
        except FileError as error:
            process.end(126)
            raise NotExecutable(error.text) from None

    # --- what comes from its client

    def connect(self, name: str) -> None:
        self.connected.add(name)
        if name in self.pipes:
            pipe = self.pipes[name]
            if name == "0":
                pipe.writers += 1
            else:
                pipe.readers += 1
        self.changed.open()

    def feed(self, data: bytes) -> None:
        """Take input; see `wants` before more of it."""
        if self.terminal is not None:
            self.terminal.type(data)
        elif self.pipes["0"].readers > 0 or self.process is None:
            self.pipes["0"].put(data)

    @property
    def wants(self) -> Gate | None:
        """What opens once there is room for more input; None while there is."""
        if self.terminal is not None or (self.process is not None and self.pipes["0"].readers <= 0):
            return None
        return self.pipes["0"].writable if len(self.pipes["0"].data) >= PIECE else None

    def end_input(self) -> None:
        if "0" in self.pipes and "0" not in self.finished:
            self.finished.add("0")
            self.pipes["0"].end("w")

    def control(self, text: str | bytes) -> None:
        """Take a message of the control stream; what is none is passed over, as servers do."""
        try:
            message = json.loads(text)
            if message["command"] == "signal" and self.process is not None:
                self.process.signal(int(message["signal"]))
            elif message["command"] == "window-resize" and self.terminal is not None:
                told = message["args"]
                self.terminal.width, self.terminal.height = int(told["width"]), int(told["height"])
        except (ValueError, TypeError, KeyError):
            return

    def _typed(self, number: int) -> None:
        """Have a key's signal reach all that run in the terminal."""
        machine = self.instance.machine
        if machine is not None:
            for process in [*machine.processes.values()]:
                if process.terminal is self.terminal:
                    process.signal(number)

    def leave(self, name: str) -> None:
        """A stream of the client's is gone."""
        if name == "control":
            if self.process is not None and not self.outlives:
                self.process.signal(KILL)
        elif self.terminal is not None:
            self.terminal.hang_up()
            if self.process is not None:
                self._typed(HUP)
        elif name == "0":
            self.end_input()
        else:
            self.pipes[name].end("r")
        self.finished.add(name)
        self.changed.open()


def _configured(host: Host, instance: Instance) -> dict[str, str]:
    """Return the variables that an instance is set to have."""
    prefix, config = "environment.", instance.expanded(host)[0]
    return {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}


def _environment(user: User, given: dict[str, str]) -> dict[str, str]:
    own = {"PATH": _PATH, "LANG": "C.UTF-8"}
    if user.uid == 0:
        own |= {"HOME": "/root", "USER": "root"}
    return dict(sorted((own | given).items()))


def _record(session: Session, operation: Operation) -> dict[str, str]:
    """Keep what the command says as files among the instance's logs, and return their URLs."""
    where = "logs/exec-output" if session.host.flavour.incus else "logs"
    urls: dict[str, str] = {}
    for number, ending in (("1", "stdout"), ("2", "stderr")):
        name = f"exec_{operation.id}.{ending}"
        pipe = session.pipes[number]
        kept = bytearray()
        session.instance.logs = {**(session.instance.logs or {}), name: kept}
        _collect(pipe, lambda data, kept=kept: kept.extend(data[: max(0, RECORDED - len(kept))]), session.changed)
        urls[number] = f"{session.instance.url}/{where}/{name}"
    return urls


def _collect(pipe: Pipe, keep: Callable[[bytes], object], changed: Gate) -> None:
    """Read a pipe to its end, piece by piece as they come."""
    pipe.readers += 1

    def take() -> None:
        while data := pipe.take(PIECE):
            keep(data)
        if pipe.ended:
            changed.open()
        else:
            pipe.readable.wait(take)

    pipe.readable.wait(take)


@route("POST", "/1.0/instances/*/exec")
def begin(host: Host, request: Request, name: str) -> Reply:
    if not request.body.strip():
        raise Refused(400, "unexpected end of JSON input")
    asked = read(request.body, "InstanceExecPost", _FIELDS)
    instance = known(host, request.project, name)
    if host.flavour.incus and asked.get("record-output"):
        for other in ("wait-for-websocket", "interactive"):
            if asked.get(other):
                first, second = sorted((other, "record-output"), reverse=other > "record-output")
                raise Refused(400, f'Cannot use "{first}" in combination with "{second}"')
    if instance.status == "Stopped":
        raise Refused(400, "Instance is not running")
    if instance.status == "Frozen":
        raise Refused(400, "Instance is frozen")
    session = Session(host, instance, asked)
    records = asked.get("record-output", False) and not session.streamed
    recorded: dict[str, str] = {}

    def work(operation: Operation) -> Work:
        operation.session = session if session.streamed else None
        if session.streamed:
            operation.metadata = session.metadata()
        elif records:
            recorded.update(_record(session, operation))
        else:
            for number in ("1", "2"):
                _collect(session.pipes[number], lambda _: None, session.changed)
        return _worked(session, operation, recorded)

    instances = [f"/1.0/instances/{name}"]
    resources = {"containers": [f"/1.0/{'instances' if host.flavour.incus else 'containers'}/{name}"]}
    if host.flavour.incus and session.streamed:
        resources = {}
    kind = "websocket" if session.streamed else "task"
    begun = host.operations.begin(
        instance.project, "Executing command", {**resources, "instances": instances}, work, kind=kind
    )
    host.tell("instance-exec", instance.url, instance.project, {"command": session.command})
    return Async(begun)


def _worked(session: Session, operation: Operation, recorded: dict[str, str]) -> Work:
    yield from session.work(operation)
    if recorded:
        operation.progress(output=recorded)
