"""A sandbox's terminal: what is typed, what is shown of it, and what reaches the command."""

from __future__ import annotations

import pytest

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands import program
from lxdnb.sandbox.signals import INT, QUIT
from lxdnb.sandbox.terminal import Terminal, TerminalFile
from tests.shells import Simulated


def read(terminal: Terminal, size: int = 100) -> bytes | None:
    """What a command reads now; None if it has to wait."""
    reading: Steps[bytes] = terminal.read(size)
    try:
        next(reading)
    except StopIteration as over:
        return over.value
    reading.close()
    return None


@pytest.mark.parametrize(
    ("typed", "read_then", "shown"),
    [
        (b"ls\r", b"ls\n", b"ls\r\n"),
        (b"lx\x7fs\n", b"ls\n", b"lx\b \bs\r\n"),
        ("é€\b\b".encode() + b"x\n", b"x\n", "é€".encode() + b"\b \b\b \bx\r\n"),
        (b"\x7fa\n", b"a\n", b"a\r\n"),
        (b"wrong\x15right\n", b"right\n", b"wrong" + b"\b \b" * 5 + b"right\r\n"),
        (b"\x04", b"", b""),
        (b"half\x04", b"half", b"half"),
        (b"a\x01b\n", b"a\x01b\n", b"a^Ab\r\n"),
    ],
)
def test_a_line_is_mended_until_it_is_sent(typed: bytes, read_then: bytes, shown: bytes):
    terminal = Terminal(80, 25, lambda number: None)
    terminal.type(typed)
    assert (read(terminal), bytes(terminal.out.data)) == (read_then, shown)
    assert read(terminal) is None


def test_keys_that_are_signals_take_the_line_with_them():
    heard: list[int] = []
    terminal = Terminal(80, 25, heard.append)
    terminal.type(b"half a line\x03\x1crest\n")
    assert heard == [INT, QUIT]
    assert read(terminal) == b"rest\n"


def test_nothing_is_shown_and_nothing_mended_where_that_is_not_wanted():
    terminal = Terminal(80, 25, lambda number: None)
    terminal.echo = terminal.canonical = False
    terminal.type(b"a\x7f\x03")
    assert (read(terminal, 2), read(terminal), bytes(terminal.out.data)) == (b"a\x7f", b"\x03", b"")


def test_much_that_nobody_reads_is_not_kept():
    terminal = Terminal(80, 25, lambda number: None)
    for _ in range(3000):
        terminal.type(b"x" * 1000 + b"\n")
    held = 0
    while line := read(terminal, 2000):
        held += len(line)
    assert 1_000_000 < held < 1_100_000
    assert len(terminal.out.data) < 1_100_000


def test_one_that_is_hung_up_has_no_more_to_say():
    terminal = Terminal(80, 25, lambda number: None)
    terminal.hang_up()
    assert read(terminal) == b""
    assert [*terminal.write(b"x" * 1_000_000)] == []


def test_what_is_typed_before_a_shell_asks_is_shown_again_where_it_asks():
    simulated = Simulated()
    terminal = Terminal(80, 24, lambda number: None)
    terminal.out.readers = 1
    terminal.type(b"stty size\nexit\n")
    process = simulated.machine.make(["sh"])
    process.environment, process.directory = {"PATH": "/sbin:/bin"}, "/"
    process.files = {number: TerminalFile(terminal) for number in range(3)}
    simulated.machine.begin(process, program(process, ["sh"]))
    simulated.turn()
    assert terminal.out.data == b"stty size\r\nexit\r\n/ # stty size\r\n24 80\r\n/ # exit\r\n"
