"""Output as lines, for whoever takes them: a bounded queue, so that a command waits where its reader is slow."""

from __future__ import annotations

import codecs
import threading
from collections import Counter, deque
from collections.abc import Iterator

__all__ = ["Lines"]

LIMIT = 1024 * 1024  # bytes that wait to be read
WEIGHT = 64  # bytes that a piece weighs beside its own, or small ones would be many
LONGEST = 1024 * 1024  # characters in a line; a longer one comes in parts


class Lines:
    """The lines of an output: one thread puts pieces of bytes in, another takes lines out.

    A full queue holds back who puts. It does not where the one who should take waits for the command's end instead,
    which would never come: then what is queued is let go, and taking more says so.
    """

    def __init__(self, encoding: str) -> None:
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._ended = False  # nothing more is put in
        self._over = False  # nothing more is to be taken out
        self._dropped = 0
        self._discards = False
        self._reader: int | None = None  # the thread that takes lines
        self._waiting: Counter[int] = Counter()  # threads that wait for the command's end
        b"x".decode(encoding, "replace")  # there are codecs that make no text
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready: deque[str] = deque()
        self._open: list[str] = []  # parts of a line that has not ended
        self._open_size = 0

    @property
    def queued(self) -> int:
        """Bytes that wait to be read, and what their pieces weigh."""
        return self._size

    def put(self, piece: bytes) -> None:
        """Add a piece; wait where there is no room."""
        with self._changed:
            while self._size >= LIMIT and not self._discards:
                if self._nobody_takes():
                    self._discards = True
                    self._dropped += sum(map(len, self._pieces))
                    self._pieces.clear()
                    self._size = 0
                    break
                self._changed.wait()
            if self._discards:
                self._dropped += len(piece)
                return
            self._pieces.append(piece)
            self._size += len(piece) + WEIGHT
            self._changed.notify_all()

    def end(self) -> None:
        """Say that nothing more comes; if it does, it is let go."""
        with self._changed:
            self._ended = self._discards = True
            self._changed.notify_all()

    def discard(self) -> None:
        """Hold nobody back from now on: what does not fit is let go."""
        with self._changed:
            self._discards = True
            self._changed.notify_all()

    def waits(self, count: int) -> None:
        """Note that this thread begins (1) or ceases (-1) to wait for the command's end."""
        with self._changed:
            self._waiting[threading.get_ident()] += count
            self._waiting += Counter()  # without those that are 0
            self._changed.notify_all()

    def __iter__(self) -> Iterator[str]:
        try:
            while self._ready or self._fill():
                yield self._ready.popleft()
        finally:
            with self._changed:
                self._reader = None
                self._changed.notify_all()

    def _nobody_takes(self) -> bool:
        return bool(self._waiting) and (self._reader is None or self._reader in self._waiting)

    def _fill(self) -> bool:
        """Have a line ready; return whether there is any more."""
        while not self._ready and not self._over:
            piece = self._take()
            if self._dropped:
                raise ValueError(
                    f"{self._dropped:,} bytes of output were let go, since nobody took them while the command's end "
                    "was waited for: take the lines first, or give on_stdout"
                )
            self._over = not piece
            self._split(self._decoder.decode(piece, self._over))
            if self._over or self._open_size >= LONGEST:
                self._close_line("")
        return bool(self._ready)

    def _take(self) -> bytes:
        """Return the next piece, empty at the end."""
        with self._changed:
            self._reader = threading.get_ident()
            while not self._pieces and not self._ended and not self._dropped:
                self._changed.wait()
            if not self._pieces:
                return b""
            piece = self._pieces.popleft()
            self._size -= len(piece) + WEIGHT
            self._changed.notify_all()
            return piece

    def _split(self, text: str) -> None:
        # Where "\n" is and nowhere else, as in a file: str.splitlines knows ten more ends of a line.
        *whole, rest = text.split("\n")
        for part in whole:
            self._open.append(part)
            self._close_line("\n")
        if rest:
            self._open.append(rest)
            self._open_size += len(rest)

    def _close_line(self, end: str) -> None:
        line = "".join(self._open) + end
        if line:
            self._ready.append(line)
        self._open.clear()
        self._open_size = 0
