"""What the output of a command becomes: text or bytes, kept whole or handed on piece by piece."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["ExecResult", "Output"]


class ExecResult(NamedTuple):
    """What a command gave: its exit code, and its output as str, or as bytes if it was asked for so."""

    exit_code: int
    stdout: Any
    stderr: Any


class Output:
    """Collects output, or decodes it piece by piece for a handler, in constant memory then."""

    def __init__(self, handler: Callable[[Any], object] | None, encoding: str, decode: bool) -> None:
        self._handler = handler
        self._pieces: list[bytes] = []
        # Incremental: a character may be split between two pieces.
        self._decoder = codecs.getincrementaldecoder(encoding)("replace") if decode else None

    def take(self, piece: bytes, final: bool = False) -> None:
        if self._handler is None:
            self._pieces.append(piece)
            return
        text = self._decoder.decode(piece, final) if self._decoder else piece
        if text:
            self._handler(text)

    def end(self) -> str | bytes:
        if self._handler is not None:
            self.take(b"", final=True)
        whole = b"".join(self._pieces)
        return self._decoder.decode(whole, True) if self._decoder else whole
