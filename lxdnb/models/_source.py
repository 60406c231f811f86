"""What a person gives to be put into a file, as pieces of bytes that fit into a request, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from lxdnb.streams import CHUNK

__all__ = ["Data", "chunks", "opened"]

Data = str | bytes | bytearray | memoryview | os.PathLike[str] | IO[bytes] | IO[str] | Iterable[bytes]
"""A text, which becomes UTF-8; bytes; the path of a file here, whose content it is; an open file, read from where it
stands; or an iterable of pieces."""


@contextmanager
def opened(data: Data, size: int = CHUNK) -> Generator[Iterable[Any]]:
    """Return the pieces of what was given, and close what was opened for it; a file is read `size` bytes at a time.

    Raises TypeError for what is no data.
    """
    given: Any = data
    if isinstance(given, os.PathLike):
        with open(given, "rb") as file:
            yield _read(file, size)
    elif isinstance(given, str | bytes | bytearray | memoryview):
        yield [_bytes(given)]
    elif hasattr(given, "read"):
        yield _read(given, size)
    elif isinstance(given, Iterable) and not isinstance(given, Mapping):
        # What can be looked at before its turn is: a wrong piece would come too late for what was in the file.
        yield [_bytes(piece) for piece in given] if isinstance(given, list | tuple) else given
    else:
        wanted = "a str, bytes, a pathlib.Path, an open file or an iterable of bytes"
        raise TypeError(f"the data of a file is {wanted}, not {given!r:.100}")


def chunks(pieces: Iterable[Any], size: int = CHUNK) -> Iterator[bytes | memoryview]:
    """Yield pieces of any length as ones of `size` bytes, the last one shorter."""
    kept = bytearray()
    for piece in pieces:
        view = memoryview(_bytes(piece))
        start = 0
        if kept:
            start = size - len(kept)
            kept += view[:start]
            if len(kept) < size:
                continue
            yield bytes(kept)
            kept.clear()
        while len(view) - start >= size:
            yield view[start : start + size]
            start += size
        kept += view[start:]
    if kept:
        yield bytes(kept)


def _read(file: Any, size: int) -> Iterator[Any]:
    while piece := file.read(size):
        yield piece


def _bytes(piece: Any) -> bytes | memoryview:
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, bytearray | memoryview):
        view = memoryview(piece)
        return view.cast("B") if view.c_contiguous else view.tobytes()
    raise TypeError(f"a piece of a file's data is bytes or str, not {piece!r:.100}")
