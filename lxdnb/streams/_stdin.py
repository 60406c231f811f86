"""A command's input, of whatever kind it is given: in the end pieces of bytes, none of them empty."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

__all__ = ["Encoder", "pieces"]

CHUNK = 64 * 1024  # bytes in one message

_KINDS = "str, bytes, a file, or an iterable of str or bytes"


class Encoder:
    """The texts of an input as one text in an encoding; bytes go among them as they are."""

    def __init__(self, encoding: str) -> None:
        self._encoder = codecs.getincrementalencoder(encoding)()
        self._begun = False

    def pieces(self, data: Any) -> Iterator[bytes]:
        """Return the pieces of what is written in one go. Raises TypeError for what is neither str nor bytes."""
        if not isinstance(_checked(data), str):
            return _cut(bytes(data))
        if not data:
            return iter(())
        self._begun = True
        return _cut(self._encoder.encode(data))

    def end(self) -> Iterator[bytes]:
        """Return what an encoding has at the end of a text, as iso2022_jp does; nothing where there was no text."""
        return _cut(self._encoder.encode("", True)) if self._begun else iter(())


def pieces(stdin: Any, encoding: str) -> Iterator[bytes]:
    """Return the pieces of an input, each at most CHUNK long.

    Raises TypeError for what is none, LookupError for an encoding that is none, UnicodeEncodeError for a str that it
    cannot say. Of a file or an iterable nothing is read yet; what is wrong in it is raised when its turn comes.
    """
    encoder = Encoder(encoding)
    if isinstance(stdin, str):
        return chain(encoder.pieces(stdin), encoder.end())
    if isinstance(stdin, bytes | bytearray | memoryview):
        return _cut(bytes(stdin))
    read = getattr(stdin, "read", None)
    if callable(read):
        return _encoded(iter(lambda: read(CHUNK) or b"", b""), encoder)
    if not isinstance(stdin, Iterable) or isinstance(stdin, Mapping):
        raise TypeError(f"an input is {_KINDS}, not {type(stdin).__name__}")
    if isinstance(stdin, list | tuple):
        for item in stdin:
            _checked(item)
    return _encoded(iter(stdin), encoder)


def _encoded(items: Iterator[Any], encoder: Encoder) -> Iterator[bytes]:
    for item in items:
        yield from encoder.pieces(item)
    yield from encoder.end()


def _checked(item: Any) -> Any:
    if not isinstance(item, str | bytes | bytearray | memoryview):
        raise TypeError(f"a piece of input is str or bytes, not {type(item).__name__}")
    return item


def _cut(data: bytes) -> Iterator[bytes]:
    # Never an empty one: as a message that ends the input.
    return (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
