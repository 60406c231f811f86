"""What a shell knows: variables, which of them its children see, options and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from lxdnb.sandbox.nodes import File

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__ = ["Variables", "quoted"]

WORD = 50  # bytes that one takes besides its characters
LONGEST = 2**24  # characters of a value


class Variables:
    def __init__(self, process: Process, name: str, positional: list[str]) -> None:
        self.process, self.name, self.positional = process, name, positional
        self.variables: dict[str, str] = dict(process.environment)
        self.exported: set[str] = set(process.environment)
        self.fixed: set[str] = set()
        self.options = {**dict.fromkeys("efuxnvaC", False), "pipefail": False}
        self.locals: list[dict[str, str | None]] = []
        self.status = 0
        self.own_pid = process.pid
        self.last_background: int | None = None
        self.children: list[Process] = []
        self.variables.setdefault("PWD", process.directory)
        self.exported.add("PWD")
        self.variables["OPTIND"] = "1"
        self.variables.setdefault("PATH", "/sbin:/usr/sbin:/bin:/usr/bin")

    def take_over(self, other: Self) -> None:
        """Know what another shell knows."""
        self.variables, self.exported, self.fixed = dict(other.variables), set(other.exported), set(other.fixed)
        self.status, self.own_pid, self.last_background = other.status, other.own_pid, other.last_background
        self.locals = [dict(each) for each in other.locals]

    def get(self, name: str) -> str:
        found = self.parameter(name)
        return " ".join(found) if found else ""

    def parameter(self, name: str) -> list[str] | None:
        """Return the value of a parameter, or values in the case of `@` and `*`; None where it is not set."""
        if name in self.variables:
            return [self.variables[name]]
        if name in ("@", "*"):
            return self.positional or None
        if name == "RANDOM":
            return [str(self.process.machine.host.random.randrange(32768))]
        if name.isdecimal():
            number = int(name)
            if number == 0:
                return [self.name]
            return [self.positional[number - 1]] if number <= len(self.positional) else None
        flags = "".join(letter for letter, on in self.options.items() if on and len(letter) == 1)
        special = {"?": str(self.status), "#": str(len(self.positional)), "$": str(self.own_pid), "-": flags}
        if name == "!" and self.last_background is not None:
            return [str(self.last_background)]
        return [special[name]] if name in special else None

    def assign(self, name: str, value: str) -> None:
        if name in self.fixed:
            from lxdnb.sandbox.shell.expansion import Fault

            raise Fault(f"{name}: is read only")
        if len(value) > LONGEST:
            from lxdnb.sandbox.shell.expansion import Fault

            raise Fault("out of memory")
        self._put(name, value)
        if self.options["a"]:
            self.exported.add(name)

    def give(self, positional: list[str]) -> None:
        """Have other parameters from now on."""
        self.process.take(_size(positional) - _size(self.positional))
        self.positional = positional

    def unset(self, name: str) -> None:
        self.process.take(-len(self.variables.pop(name, "")))
        self.exported.discard(name)

    def _put(self, name: str, value: str) -> None:
        self.process.take(len(value) - len(self.variables.get(name, "")))
        self.variables[name] = value

    def restore(self, kept: dict[str, str | None]) -> None:
        """Give variables the values again that they had."""
        for name, value in kept.items():
            if value is None:
                self.unset(name)
            else:
                self._put(name, value)

    def environment(self) -> dict[str, str]:
        return {name: value for name, value in self.variables.items() if name in self.exported}

    @property
    def accounts(self) -> dict[str, str]:
        """The homes of those who have an account."""
        file = self.process.tree.get("/etc/passwd")
        text = bytes(file.data).decode(errors="replace") if isinstance(file, File) else ""
        return {parts[0]: parts[5] for line in text.splitlines() if len(parts := line.split(":")) > 5}


def _size(words: list[str]) -> int:
    return sum(map(len, words)) + WORD * len(words)


def quoted(value: str) -> str:
    """Return a value as a shell reads it back."""
    return "'" + value.replace("'", "'\"'\"'") + "'"
