r"""The last lines of an output without end: bytes in, lines of text out, in bounded memory.

Pure. What comes in is only cut at line ends; it is decoded and cleaned when it is looked at, since of a fast output
most is never seen.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Bounded", "Line", "Tail"]

LINE_BYTES = 8 * 1024  # of a longer line, its end is kept

T = TypeVar("T")

# What programs send to style or move: CSI (colours, erasing, the cursor), OSC (titles, links), choice of character set.
# One that is not complete yet, at the end of what has come, is left out as well.
_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*(?:[@-~]|\Z)"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\|\Z)"
    r"|\x1b[()][0-9A-Z]"
    r"|\x1b\Z"
)
_CONTINUATION = bytes(range(0x80, 0xC0))  # of UTF-8: what a cut character leaves behind


class Bounded(Generic[T]):
    """The last items of many: at most `count` of them, together weighing at most `weight`, but never none.

    >>> last = Bounded(2, 100)
    >>> for word in ("a", "b", "c"):
    ...     last.add(word, len(word))
    >>> list(last), last.dropped
    (['b', 'c'], 1)
    """

    def __init__(self, count: int, weight: int) -> None:
        if count < 1:
            raise ValueError(f"a panel shows at least one line, not {count}")
        self.count, self.weight = count, weight
        self.dropped = 0
        self._items: deque[tuple[T, int]] = deque()
        self._total = 0

    def add(self, item: T, weight: int) -> None:
        """Add an item, and drop the oldest that are now too many."""
        self._items.append((item, weight))
        self._total += weight
        while len(self._items) > self.count or (self._total > self.weight and len(self._items) > 1):
            self._total -= self._items.popleft()[1]
            self.dropped += 1

    def __iter__(self) -> Iterator[T]:
        return iter([item for item, _ in self._items])

    def __len__(self) -> int:
        return len(self._items)


class Line(NamedTuple):
    """A line as a terminal would show it at its end, without colours, and whether it came from standard error.

    Its other control characters are still in it.
    """

    text: str
    is_error: bool


class Tail:
    r"""The last `lines` of a command's two outputs, in at most `size` bytes.

    Lines stand in the order in which they were completed, each from one output; what is not a whole line yet comes
    last. Not locked: whoever feeds it from two threads does that.

    >>> tail = Tail()
    >>> tail.feed(b"one\n10%\r")
    >>> tail.feed(b"20%")
    >>> [line.text for line in tail.lines()]
    ['one', '20%']
    """

    def __init__(self, lines: int = 1000, size: int = 128 * 1024) -> None:
        self._whole: Bounded[tuple[bytes, bool]] = Bounded(lines, size)
        self._open = {False: b"", True: b""}

    @property
    def dropped(self) -> int:
        """How many lines came and are not kept."""
        return self._whole.dropped

    def feed(self, piece: bytes, is_error: bool = False) -> None:
        """Take a piece of output, of any length and cut anywhere."""
        # From the right and no further than will be kept, so that a piece costs the same whatever is in it.
        *whole, rest = (self._open[is_error] + piece).rsplit(b"\n", self._whole.count)
        if len(whole) == self._whole.count and b"\n" in whole[0]:
            earlier, _, whole[0] = whole[0].rpartition(b"\n")
            self._whole.dropped += earlier.count(b"\n") + 1
        for line in whole:
            kept = _end_of(line)
            self._whole.add((kept, is_error), len(kept) + 1)
        self._open[is_error] = _end_of(rest)

    def lines(self, ended: bool = False) -> list[Line]:
        """Return what is kept. With `ended`, nothing more comes: half a character at the end is shown as such."""
        found = [Line(_cleaned(line), is_error) for line, is_error in self._whole]
        return found + [Line(_cleaned(rest, ended), is_error) for is_error, rest in self._open.items() if rest]


def _end_of(line: bytes) -> bytes:
    if len(line) <= LINE_BYTES:
        return line
    return "…".encode() + line[-LINE_BYTES:].lstrip(_CONTINUATION)


def _cleaned(line: bytes, ended: bool = True) -> str:
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(line, ended)
    # A carriage return starts the line anew, but what stood there stays until something is written over it.
    passes = [part for part in _SEQUENCES.sub("", text).split("\r") if part]
    return passes[-1] if passes else ""
