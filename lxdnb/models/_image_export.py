"""An image's files as they come: apart, checked against the fingerprint, and each named only once all are whole.

An image of two files, its metadata and its root filesystem, comes as one multipart body. Its fingerprint is the
SHA-256 of both, one after the other.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lxdnb.exceptions import FingerprintMismatch, LXDAPIException
from lxdnb.models._folder import destination, problem
from lxdnb.models._transfer import Heard, Place, path_of, placed, received, write

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.api import APINode

__all__ = ["Part", "checked", "export", "filename", "parts"]

STAGE = "export"

Part = tuple[str, Iterator[bytes]]
"""A file of an image as it comes: its name, which is empty where the server told none, and its pieces."""


def export(node: APINode, fingerprint: str, to: Place | None, on_progress: Heard) -> IO[bytes] | list[Path] | None:
    """GET an image into a place; see `Image.export`."""
    place: Any = to
    if not isinstance(place, str | os.PathLike):
        with placed(to) as file, received(node, stage=STAGE, on_progress=on_progress) as (response, pieces):
            if to is not None and _boundary(response):
                raise ValueError("it is an image of two files: to is the path of a folder that they go to")
            for piece in checked(response, pieces, fingerprint):
                write(file, piece)
            if to is not None:
                return None
            file.seek(0)
            return file
    place = path_of(place)
    folder = os.path.isdir(place)
    if not folder:
        destination(place, "")  # raises where there is no such folder, before anything is asked for
    with ExitStack() as files, received(node, stage=STAGE, on_progress=on_progress) as (response, pieces):
        seen = hashlib.sha256()
        written: list[Path] = []
        for number, (name, content) in enumerate(parts(response, pieces)):
            path = _path(place, folder, name, fingerprint, number)
            if path in written:
                raise LXDAPIException(response, message=f"the server has the name {name!r} for two files of an image")
            file = files.enter_context(placed(path))
            for piece in content:
                write(file, piece)
                seen.update(piece)
            written.append(path)
        _agree(fingerprint, seen.hexdigest())
        return written


def parts(response: Response, pieces: Iterator[bytes]) -> Iterator[Part]:
    """Yield the files of an image in their order; each is to be read to its end before the next."""
    boundary = _boundary(response)
    if boundary is None:
        yield filename(response.headers.get("Content-Disposition", "")), pieces
        return
    body = _Body(response, pieces)
    mark = b"--" + boundary.encode()
    list(body.until(mark))
    while True:
        if b"".join(body.until(b"\r\n")).startswith(b"--"):
            for _ in pieces:  # to the end, where a body that is cut is seen
                pass
            return
        head = BytesHeaderParser().parsebytes(b"".join(body.until(b"\r\n\r\n")))
        yield filename(str(head.get("Content-Disposition", ""))), body.until(b"\r\n" + mark)


def checked(response: Response, pieces: Iterator[bytes], fingerprint: str) -> Iterator[bytes]:
    """Yield a body as it came, all but its last piece; that one only once the fingerprint is known to be right."""
    passed: list[bytes] = []
    seen = hashlib.sha256()

    def noted() -> Iterator[bytes]:
        for piece in pieces:
            passed.append(piece)
            yield piece

    for _, content in parts(response, noted()):
        for piece in content:
            seen.update(piece)
            while len(passed) > 1:
                yield passed.pop(0)
    _agree(fingerprint, seen.hexdigest())
    yield from passed


def filename(disposition: str) -> str:
    """Return the name of a file in a Content-Disposition header; an empty text where none is told.

    >>> filename('attachment;filename=a.tar.gz')
    'a.tar.gz'
    """
    message = Message()
    message["Content-Disposition"] = disposition.replace("\r", "").replace("\n", "")
    return message.get_filename("")


class _Body:
    """A body that is read up to one mark after the other."""

    def __init__(self, response: Response, pieces: Iterator[bytes]) -> None:
        self._response = response
        self._pieces = pieces
        self._kept = b""

    def until(self, mark: bytes) -> Iterator[bytes]:
        """Yield what comes before a mark, and go behind it."""
        while (found := self._kept.find(mark)) < 0:
            sure = len(self._kept) - len(mark) + 1  # what cannot be the beginning of the mark
            if sure > 0:
                yield self._kept[:sure]
                self._kept = self._kept[sure:]
            piece = next(self._pieces, None)
            if piece is None:
                raise LXDAPIException(self._response, message="the server sent a multipart body without its end")
            self._kept += piece
        before, self._kept = self._kept[:found], self._kept[found + len(mark) :]
        yield before


def _boundary(response: Response) -> str | None:
    message = Message()
    message["Content-Type"] = response.headers.get("Content-Type", "")
    if message.get_content_maintype() != "multipart":
        return None
    return message.get_boundary("")


def _path(place: str, folder: bool, name: str, fingerprint: str, number: int) -> Path:
    """Return where a file of an image goes: into the folder by the server's name, else to the place, the second
    with `.root` after it, as the command line does."""
    suffix = ".root" if number else ""
    if not folder:
        return Path(f"{place}{suffix}")
    return Path(place, fingerprint + suffix if problem(name) else name)


def _agree(wanted: str, found: str) -> None:
    if found != wanted:
        raise FingerprintMismatch(wanted, found)
