"""/proc of a running instance: a few of its files, written as they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lxdnb.sandbox.nodes import Link, Live, LiveDirectory, Node
from lxdnb.sandbox.workload import memory_limit, usage

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Machine, Process

__all__ = ["KERNEL", "MEMORY", "entries_of"]

KERNEL = "6.1.0-simulated"
MEMORY = 16 * 2**20  # kB, as much as the simulated machine has
_SPANS = (60, 300, 900)  # seconds
_CPU = "processor\t: {}\nvendor_id\t: lxdnb\nmodel name\t: Simulated CPU\ncpu MHz\t\t: 2400.000\ncpu cores\t: 2\n\n"


def entries_of(machine: Machine) -> dict[str, Node]:
    """Return what is in /proc now."""
    if not machine.runs:
        return {}
    when = machine.host.clock()
    written: dict[str, Callable[[], str]] = {
        "cmdline": lambda: "simulated\n",
        "cpuinfo": lambda: "".join(_CPU.format(number) for number in range(2)),
        "loadavg": lambda: f"{_load(machine)} 1/{len(machine.processes)} {max(machine.processes)}\n",
        "meminfo": lambda: _memory(machine),
        "mounts": lambda: "/simulated / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\n",
        "uptime": lambda: "{0:.2f} {0:.2f}\n".format(uptime(machine)),
        "version": lambda: f"Linux version {KERNEL} (lxdnb@simulated) #1 SMP\n",
    }
    entries: dict[str, Node] = {name: _live(text, when) for name, text in written.items()}
    for pid, process in machine.processes.items():
        entries[str(pid)] = LiveDirectory(_of_process(process), when)
    if machine.current is not None:
        entries["self"] = Link(str(machine.current.pid), when)
    return entries


def _live(text: Callable[[], str], when: float) -> Live:
    return Live(lambda: text().encode(errors="surrogateescape"), when)


def _of_process(process: Process) -> Callable[[], dict[str, Node]]:
    when, name = process.began, process.words[0].rpartition("/")[2][:15]
    written: dict[str, Callable[[], str]] = {
        "cmdline": lambda: "".join(f"{word}\0" for word in process.words),
        "comm": lambda: f"{name}\n",
        "environ": lambda: "".join(f"{key}={value}\0" for key, value in process.environment.items()),
        "status": lambda: (
            f"Name:\t{name}\nState:\tS (sleeping)\nPid:\t{process.pid}\nPPid:\t{process.parent}\n"
            f"Uid:\t{process.user.uid}\nGid:\t{process.user.gid}\n"
        ),
    }
    links: dict[str, Node] = {"cwd": Link(process.directory, when)}
    return lambda: links | {key: _live(text, when) for key, text in written.items()}


def uptime(machine: Machine) -> float:
    """For how many seconds the instance has run."""
    began = machine.instance.started
    return machine.host.clock() - began if began is not None else 0.0


def _load(machine: Machine) -> str:
    """Write how many processors it has kept busy for a minute, five and fifteen, which rises from 0 at its start."""
    now, seed = uptime(machine), machine.instance.seed
    used = {span: usage(seed, now).cpu - usage(seed, max(0.0, now - span)).cpu for span in _SPANS}
    return " ".join(f"{used[span] / 1e9 / span:.2f}" for span in _SPANS)


def memory_used(machine: Machine) -> int:
    """How much memory it uses, in kB."""
    most = memory_limit(machine.instance.expanded(machine.host)[0])
    return min(usage(machine.instance.seed, uptime(machine)).memory, most) // 1024


def _memory(machine: Machine) -> str:
    free = MEMORY - memory_used(machine)
    told = {"MemTotal": MEMORY, "MemFree": free, "MemAvailable": free, "Buffers": 0, "Cached": 0, "SwapTotal": 0}
    return "".join(f"{name + ':':<16}{value:>8} kB\n" for name, value in {**told, "SwapFree": 0}.items())
