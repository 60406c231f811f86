"""What most commands need: their options, and the files that they are given, read in pieces or lines."""

from __future__ import annotations

import getopt
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import PIECE, Open, Step, Steps
from lxdnb.sandbox.commands.registry import Broken
from lxdnb.sandbox.nodes import FileError

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__ = ["LARGEST", "Lines", "all_of", "cannot", "given", "number", "opened", "options", "taken"]

LONGEST_LINE = 2**22  # bytes
LARGEST = 2**26  # bytes that a command that needs all at once holds


def options(words: list[str], letters: str, long: tuple[str, ...] = ()) -> tuple[dict[str, str], list[str]]:
    """Return the options by their letters, and the other words."""
    try:
        found, rest = getopt.gnu_getopt(words, letters, [*long])
    except getopt.GetoptError as error:
        if error.msg.startswith("option") and "requires argument" in error.msg:
            raise Broken(f"option requires an argument -- '{error.opt}'") from None
        dash = "unrecognized option '--" if len(error.opt) > 1 else "invalid option -- '"
        raise Broken(f"{dash}{error.opt}'") from None
    return {key.lstrip("-"): value for key, value in found}, rest


def number(text: str) -> int:
    """Return a whole number, which may end with a unit as b, k or M."""
    units = {"": 1, "b": 512, "k": 1024, "K": 1024, "kB": 1000, "M": 2**20, "MB": 10**6, "G": 2**30}
    digits = text.rstrip("bkKMGB")
    unit = text[len(digits) :]
    if not digits.lstrip("+-").isdecimal() or unit not in units:
        raise Broken(f"invalid number '{text}'")
    return int(digits) * units[unit]


def cannot(what: str, path: str, error: FileError) -> Broken:
    return Broken(f"can't {what} '{path}': {error.text}" if what else f"{path}: {error.text}")


def opened(process: Process, path: str) -> Open:
    """Open a file to read; `-` is the standard input. Raises Broken."""
    try:
        return process.files[0].hold() if path == "-" else process.open(path)
    except KeyError:
        raise Broken("standard input: Bad file descriptor") from None
    except FileError as error:
        raise cannot("open", path, error) from None


def given(process: Process, name: str, paths: list[str], each: Callable[[Open, str], Steps[None]]) -> Steps[int]:
    """Do something to each file in turn, or to the standard input, and tell of those that cannot be read."""
    status = 0
    for path in paths or ["-"]:
        try:
            file = opened(process, path)
            try:
                yield from each(file, path)
            finally:
                file.let_go()
        except FileError as error:
            status = 1
            yield from process.say(f"{name}: read error: {error.text}\n", 2)
        except Broken as broken:
            status = 1
            yield from process.say(f"{name}: {broken}\n", 2)
    return status


def all_of(file: Open, process: Process) -> Steps[bytes]:
    """Return all that is in a file."""
    held = bytearray()
    while data := (yield from file.read(PIECE)):
        process.take(len(data))
        held += data
        if len(held) > LARGEST:
            raise Broken("out of memory")
    return bytes(held)


def taken(lines: list[bytes], process: Process) -> int:
    """Return how many bytes of memory lines take, which a process keeps."""
    size = sum(map(len, lines)) + 50 * len(lines)
    process.take(size)
    return size


class Lines:
    """The lines of a file, each with its end, if it has one."""

    def __init__(self, file: Open, process: Process) -> None:
        self._file, self._process = file, process
        self._held = bytearray()
        self._ended = False

    def some(self) -> Generator[Step, None, list[bytes]]:
        """Return the next lines, as many as have come; none at the end."""
        while not self._ended:
            data = yield from self._file.read(PIECE)
            if not data:
                self._ended = True
                break
            self._held += data
            self._process.take(len(data))
            whole = self._held.rfind(b"\n", len(self._held) - len(data)) + 1
            if whole:
                lines = bytes(self._held[:whole]).splitlines(keepends=True) if b"\r" not in data else None
                if lines is None or any(not line.endswith(b"\n") for line in lines):
                    lines = [line + b"\n" for line in bytes(self._held[: whole - 1]).split(b"\n")]
                del self._held[:whole]
                self._process.take(-whole)
                return lines
            if len(self._held) > LONGEST_LINE:
                raise Broken("out of memory")
        rest, self._held = bytes(self._held), bytearray()
        return [rest] if rest else []
