"""Processes of a running instance, and the machine that gives each of them its turn.

A process is a generator: it runs until it yields what it waits for. The machine lets those run that can, for a few
milliseconds at a time, and has the host's agenda call it again while there is more to do: so nothing here stalls the
server, an endless loop included.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import BrokenPipe, DeviceFile, Gate, Open, OpenFile, Pipe, PipeEnd, Step, Steps
from lxdnb.sandbox.console import Console
from lxdnb.sandbox.filesystem import ROOT, Tree, User
from lxdnb.sandbox.memory import OutOfMemory, memory_of
from lxdnb.sandbox.mounts import Mount, mount, unmount
from lxdnb.sandbox.nodes import Device, Fifo, FileError, LiveDirectory
from lxdnb.sandbox.proc import entries_of
from lxdnb.sandbox.rootfs import files_of
from lxdnb.sandbox.signals import HARMLESS, KILL, PIPE, SEGV, STOP
from lxdnb.sandbox.terminal import Terminal, TerminalFile

if TYPE_CHECKING:
    from lxdnb.sandbox.instances import Instance
    from lxdnb.sandbox.state import Host

__all__ = ["Machine", "Process", "machine_of"]

SLICE = 0.004  # seconds that the processes of one machine run before others have their turn
MOST_TURNS = 200  # at most, in that time
MOST_PROCESSES = 1000
_log = logging.getLogger("lxdnb.sandbox")


class Process:
    """One of them. `status` is its exit code once it has ended."""

    def __init__(self, machine: Machine, pid: int, words: list[str]) -> None:
        self.machine, self.pid, self.words = machine, pid, words
        self.parent = 1
        self.environment: dict[str, str] = {}
        self.directory = "/"
        self.user: User = ROOT
        self.mask = 0o022
        self.files: dict[int, Open] = {}
        self.terminal: Terminal | None = None
        self.ignored: set[int] = set()
        self.caught: set[int] = set()
        self.pending: list[int] = []
        self.breakable = False
        """Whether a signal that it catches is to end what it waits for."""
        self.status: int | None = None
        self.killer: int | None = None  # the signal that ended it
        self.ended = Gate()
        self.stopped = False
        self.began = machine.host.clock()
        self.ticket = 0
        self.doomed: int | None = None
        self.taken = 0  # bytes of memory
        self.body: Steps[int] | None = None

    # --- what it does

    def read(self, number: int, size: int = 65_536) -> Steps[bytes]:
        return (yield from self._file(number).read(size))

    def write(self, number: int, data: bytes) -> Steps[None]:
        yield from self._file(number).write(data)

    def say(self, text: str, number: int = 1) -> Steps[None]:
        yield from self._file(number).write(text.encode(errors="surrogateescape"))

    def _file(self, number: int) -> Open:
        if number not in self.files:
            raise FileError("EBADF")
        return self.files[number]

    def path(self, path: str) -> str:
        """Return a path from the root."""
        return path if path.startswith("/") else f"{self.directory.rstrip('/')}/{path}"

    @property
    def tree(self) -> Tree:
        return self.machine.tree

    def open(self, path: str, *, write: bool = False, append: bool = False, truncate: bool = False) -> Open:
        """Open a file, made where it is to be written to."""
        if not path:
            raise FileError("ENOENT")
        number = path.removeprefix("/dev/fd/").removeprefix("/proc/self/fd/")
        number = {"/dev/stdin": "0", "/dev/stdout": "1", "/dev/stderr": "2"}.get(path, number)
        if number != path and number.isdecimal():
            return self._file(int(number)).hold()
        node = self.tree.opened(
            self.path(path),
            write=write,
            create=write,
            truncate=truncate,
            mode=0o666 & ~self.mask,
            who=self.user,
        )
        if isinstance(node, Device):
            if node.name == "tty" and self.terminal is not None:
                return TerminalFile(self.terminal)
            if node.name == "console":
                return TerminalFile(self.machine.console.terminal)
            return DeviceFile(node.name, self.machine.host.random.randbytes)
        if isinstance(node, Fifo):
            pipe = node.pipe = node.pipe if isinstance(node.pipe, Pipe) else Pipe()
            return PipeEnd(pipe, "w" if write else "r")
        return OpenFile(self.tree, node, reads=not write, writes=write, append=append)

    def put(self, number: int, file: Open) -> None:
        """Have a file under a number, instead of what is there."""
        old = self.files.get(number)
        self.files[number] = file
        if old is not None:
            old.let_go()

    def drop(self, number: int) -> None:
        file = self.files.pop(number, None)
        if file is not None:
            file.let_go()

    def spawn(self, words: list[str], body: Callable[[Process], Steps[int]]) -> Process:
        """Begin a child that has all that this one has."""
        made = self.machine.make(words)
        made.parent, made.environment, made.directory = self.pid, dict(self.environment), self.directory
        made.user, made.mask, made.terminal = self.user, self.mask, self.terminal
        made.ignored = set(self.ignored)
        made.files = {number: file.hold() for number, file in self.files.items()}
        try:
            self.machine.begin(made, body(made))
        except Exception:
            made.end(127)
            raise
        return made

    def wait(self, child: Process) -> Steps[int]:
        """Return the exit code of a child, once it has one."""
        while child.status is None:
            if self.breakable and self.pending:
                return 128 + self.pending[0]
            yield child.ended
        return child.status

    @property
    def late(self) -> bool:
        """Whether it has run for so long that others are to have their turn."""
        return self.machine.late

    def take(self, size: int) -> None:
        """Take so many bytes of memory more, or give some back. Raises OutOfMemory, of which it dies."""
        size = max(size, -self.taken)
        self.machine.memory.take(size)
        self.taken += size

    # --- what is done to it

    def signal(self, number: int) -> None:
        if self.status is not None or number in self.ignored or number == 0:
            return
        if number in self.caught and number not in (KILL, STOP):
            self.pending.append(number)
            if self.breakable:
                self.machine.wake(self)
        elif number == STOP:
            self.stopped = True
        elif number not in HARMLESS:
            self.killer = number
            self.end(128 + number)
        if number in (18, KILL) and self.stopped:
            self.stopped = False
            self.machine.wake(self)

    def end(self, status: int) -> None:
        """End it, now or, if it is its turn, when that is over."""
        if self.status is not None:
            return
        if self.machine.current is self:
            self.doomed = status
            return
        self.status = status
        self.ticket += 1
        if self.body is not None:
            self.body.close()
            self.body = None
        for number in [*self.files]:
            self.drop(number)
        self.take(-self.taken)
        self.machine.ended(self)
        self.ended.open()


class Machine:
    """All processes of one running instance."""

    def __init__(self, host: Host, instance: Instance) -> None:
        self.host, self.instance = host, instance
        self.tree = files_of(host, instance)
        self.memory = memory_of(host, instance)
        processes = instance.expanded(host)[0].get("limits.processes", "")
        self._most = min(MOST_PROCESSES, int(processes)) if processes.isdecimal() else MOST_PROCESSES
        self.processes: dict[int, Process] = {}
        self.current: Process | None = None
        self._ready: deque[tuple[Process, int]] = deque()
        self._planned = False
        self._until = 0.0
        self._last = 0
        self._began = host.clock()
        self.make(["init"])
        self.tree.root.put("proc", LiveDirectory(lambda: entries_of(self), host.clock()))
        self._mounts: dict[str, Mount] = {}
        self._console: Console | None = None
        self.addresses: dict[str, list[str]] = {}  # given to interfaces by `ip`

    @property
    def late(self) -> bool:
        """Whether the others of the host are to have their turn."""
        return self.host.clock() > self._until

    @property
    def console(self) -> Console:
        """Its console, made when it is first asked for."""
        if self._console is None:
            self._console = Console(self)
        return self._console

    @property
    def spoke(self) -> bool:
        """Whether what its console has said is kept already."""
        return self._console is not None

    @property
    def runs(self) -> bool:
        return self.instance.machine is self

    def make(self, words: list[str]) -> Process:
        if len(self.processes) >= self._most and self.processes:
            raise FileError("EAGAIN")
        self._last += 1
        made = Process(self, self._last, words)
        self.processes[made.pid] = made
        if self._last == 1:
            self._last = 20
        return made

    def begin(self, process: Process, body: Steps[int]) -> None:
        process.body = body
        self.wake(process)

    def wake(self, process: Process) -> None:
        """Have a process run on."""
        if process.status is None:
            process.ticket += 1
            self._ready.append((process, process.ticket))
            self._plan()

    def ended(self, process: Process) -> None:
        self.processes.pop(process.pid, None)
        for each in self.processes.values():
            if each.parent == process.pid:
                each.parent = 1

    def halt(self) -> None:
        """End all of them."""
        for process in [*self.processes.values()]:
            process.end(137)
        self._ready.clear()
        if self._console is not None:
            self._console.over.open()
        unmount(self.tree, self._mounts)

    def mount(self) -> None:
        """Have the volumes in it that the instance's devices name now."""
        mount(self.host, self.instance, self.tree, self._mounts)

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            # One that is frozen looks now and then whether it is still.
            self.host.agenda.after(0.1 if self.instance.status == "Frozen" else 0.0, self._run)

    def _run(self) -> None:
        self._planned = False
        if self.instance.status != "Frozen":
            self._until = self.host.clock() + SLICE
            for turn in range(MOST_TURNS):
                if not self._ready or (turn and self.late):
                    break
                process, ticket = self._ready.popleft()
                if process.ticket == ticket and not process.stopped:
                    self._turn(process)
        if self._ready:
            self._plan()

    def _turn(self, process: Process) -> None:
        self.current = process
        step: Step = None
        status: int | None = None
        try:
            step = next(process.body) if process.body is not None else None
        except StopIteration as over:
            status = over.value
        except BrokenPipe:
            status = 128 + PIPE
        except FileError:
            status = 2
        except RecursionError:
            status, process.killer = 128 + SEGV, SEGV  # as where a stack overflows
        except (OutOfMemory, MemoryError):
            status, process.killer = 128 + KILL, KILL
        except Exception:
            _log.exception("The sandbox failed at %r", process.words)
            status = 2
        finally:
            self.current = None
        if process.doomed is not None:
            status = process.doomed
        if status is not None:
            process.end(status & 0xFF)
        elif process.status is None:
            self._hold(process, step)

    def _hold(self, process: Process, step: Step) -> None:
        process.ticket += 1
        ticket = process.ticket
        if step is None:
            self._ready.append((process, ticket))
            return

        def go() -> None:
            if process.ticket == ticket and process.status is None:
                self._ready.append((process, ticket))
                self._plan()

        if isinstance(step, Gate):
            step.wait(go)
        else:
            self.host.agenda.after(float(step), go)


def machine_of(host: Host, instance: Instance) -> Machine:
    """Return the machine of an instance that runs, made when it is first asked for."""
    if instance.machine is None:
        instance.machine = Machine(host, instance)
    instance.machine.mount()
    return instance.machine
