"""Scripts run in an instance of a simulated host whose clock a test turns: no thread, no socket, no waiting."""

from __future__ import annotations

from typing import NamedTuple

from lxdnb.sandbox.beginning import first_host
from lxdnb.sandbox.channels import Pipe, PipeEnd
from lxdnb.sandbox.commands import program
from lxdnb.sandbox.instances import Instance
from lxdnb.sandbox.machines import Machine, Process, machine_of


class Said(NamedTuple):
    status: int
    stdout: bytes
    stderr: bytes


class Simulated:
    """A running instance of the sandbox's own image."""

    def __init__(self, flavour: str = "lxd") -> None:
        self.now = 1_700_000_000.0
        self.host = first_host(flavour, 7, clock=lambda: self.now)
        image = next(iter(self.host.images("default").values()))
        self.instance = Instance("c1", "default", "container", self.now, 7)
        self.instance.files, self.instance.status, self.instance.started = image, "Running", self.now
        self.host.instances("default")["c1"] = self.instance

    @property
    def machine(self) -> Machine:
        return machine_of(self.host, self.instance)

    def begin(self, words: list[str], given: bytes = b"") -> tuple[Process, Pipe, Pipe]:
        process = self.machine.make(words)
        process.environment = {"PATH": "/sbin:/usr/sbin:/bin:/usr/bin", "HOME": "/root"}
        process.directory = "/root"
        pipes = [Pipe(2**24) for _ in range(3)]
        pipes[0].put(given)
        process.files = {number: PipeEnd(pipe, "w" if number else "r") for number, pipe in enumerate(pipes)}
        for pipe in pipes[1:]:
            pipe.readers = 1
        self.machine.begin(process, program(process, words))
        return process, pipes[1], pipes[2]

    def turn(self, rounds: int = 100_000) -> None:
        """Let the host do what it has to do, and time pass where it waits for that."""
        for _ in range(rounds):
            due = self.host.agenda.due
            if due is None:
                return
            self.now += due + 0.0001
            self.host.agenda.run()

    def run(self, script: str, given: bytes = b"") -> Said:
        process, out, error = self.begin(["sh", "-c", script], given)
        for _ in range(200_000):
            if process.status is not None and not out.writers:
                break
            self.turn(1)
        assert process.status is not None, "the script does not end"
        return Said(process.status, bytes(out.data), bytes(error.data))
