"""The last lines of any output, as a terminal would show them, in bounded memory."""

from __future__ import annotations

import tracemalloc

import pytest

from lxdnb.display import escaped, visible
from lxdnb.widgets._tail import LINE_BYTES, Bounded, Tail


def texts(tail: Tail, ended: bool = False) -> list[str]:
    return [line.text for line in tail.lines(ended)]


def fed(*pieces: bytes, **options: int) -> Tail:
    tail = Tail(**options)
    for piece in pieces:
        tail.feed(piece)
    return tail


def test_any_cutting_of_the_same_bytes_gives_the_same_lines():
    output = "erste Zeile\n\nzweite: äöü €\n\x1b[1;31mrot\x1b[0m\r\n50%\r100%\nohne Ende 🐧".encode()
    whole = texts(fed(output))
    assert whole == ["erste Zeile", "", "zweite: äöü €", "rot", "100%", "ohne Ende 🐧"]
    for size in range(1, 9):
        pieces = [output[at : at + size] for at in range(0, len(output), size)]
        assert texts(fed(*pieces)) == whole, size


def test_half_a_character_is_waited_for_until_the_end():
    tail = fed("€".encode()[:2])
    assert texts(tail) == [""]
    assert texts(tail, ended=True) == ["\ufffd"]
    tail.feed("€".encode()[2:])
    assert texts(tail) == ["€"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"10%\r20%\r30%", "30%"),
        (b"10%\r20%\r", "20%"),
        (b"text\r\r", "text"),
        (b"\x1b[31mred\x1b[0m \x1b[1;38;5;12mblue\x1b[m", "red blue"),
        (b"\x1b[2K\x1b[1Gpulling\x1b[?25l", "pulling"),
        (b"\x1b]0;a title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\a link\x1b]8;;\x1b\\", "a link"),
        (b"\x1b(Bplain", "plain"),
        (b"not yet whole \x1b[3", "not yet whole "),
        (b"bell\x07 \x08 \x1bx", "bell\x07 \x08 \x1bx"),
    ],
)
def test_a_line_is_what_a_terminal_would_show_in_the_end(line: bytes, shown: str):
    assert texts(fed(line)) == [shown]
    if not line.endswith(b"[3"):
        assert texts(fed(line + b"\n")) == [shown]


def test_what_is_hostile_stays_text():
    hostile = "<img src=x onerror=alert(1)> $x$ abc\u202edef \x00"
    (line,) = texts(fed(hostile.encode() + b"\n"))
    assert visible(line) == "<img src=x onerror=alert(1)> $x$ abc\\u202edef ␀"
    page = escaped(line)
    assert "<img" not in page
    assert "$x" not in page
    assert "\u202e" not in page


def test_the_two_outputs_keep_their_lines_apart():
    tail = Tail()
    tail.feed(b"out begins, ")
    tail.feed(b"an error\nanother", is_error=True)
    tail.feed(b"out ends\n")
    assert [tuple(line) for line in tail.lines()] == [
        ("an error", True),
        ("out begins, out ends", False),
        ("another", True),
    ]


def test_bound_by_lines_and_says_how_many_are_gone():
    tail = fed(b"".join(b"%d\n" % number for number in range(10_000)), lines=10)
    assert texts(tail) == [str(number) for number in range(9_990, 10_000)]
    assert tail.dropped == 9_990
    tail.feed(b"open")
    assert texts(tail) == [*map(str, range(9_990, 10_000)), "open"]


@pytest.mark.parametrize("size", [1, 7, 4096, 65536])
def test_counts_the_same_however_the_output_is_cut(size: int):
    output = b"".join(b"%d\n" % number for number in range(5_000))
    tail = fed(*(output[at : at + size] for at in range(0, len(output), size)), lines=100)
    assert (len(tail.lines()), tail.dropped) == (100, 4_900)


def test_bound_by_bytes():
    tail = fed(*[b"x" * 999 + b"\n"] * 1000, lines=1000, size=50_000)
    assert len(tail.lines()) == 50
    assert tail.dropped == 950


def test_of_an_endless_line_the_end_is_kept():
    tail = fed(*["ä".encode() * 50_000] * 3, b"the end")
    (line,) = texts(tail)
    assert line.startswith("…ä")
    assert line.endswith("äthe end")
    assert len(line.encode()) <= LINE_BYTES + 3
    tail.feed(b"\nnext\n")
    assert texts(tail)[1:] == ["next"]


def test_noise_without_end_needs_no_memory():
    noise = bytes(range(256)) * 256  # 64 KiB
    endless = b"\xff\x00\x1b[" * (16 * 1024)
    tail = Tail()
    tracemalloc.start()
    try:
        for _ in range(100):
            tail.feed(noise)
            tail.feed(endless, is_error=True)
        tail.lines()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


def test_the_last_item_is_kept_even_if_it_is_too_heavy():
    last = Bounded[str](3, 10)
    last.add("small", 1)
    last.add("huge", 1000)
    assert list(last) == ["huge"]
    last.add("small", 1)
    assert list(last) == ["small"]
    assert last.dropped == 2


def test_no_lines_at_all_is_a_mistake():
    with pytest.raises(ValueError, match="at least one line"):
        Tail(lines=0)
