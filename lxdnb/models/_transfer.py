"""Large bodies, to a file here or from what a person has: in constant memory, with progress, whole or not at all.

A body that ends too early raises, whatever library would take it for whole, and a file has its name only once it is
complete. Nothing here knows what is in it: images, backups and volumes go this way.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, overload

from lxdnb import checks
from lxdnb.exceptions import FingerprintMismatch
from lxdnb.models._folder import destination, replaced
from lxdnb.models._source import Data, chunks, opened
from lxdnb.models.operation import Progress

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.api import APINode

__all__ = [
    "PIECE",
    "Heard",
    "Meter",
    "Place",
    "fetch",
    "heard",
    "length",
    "outgoing",
    "path_of",
    "placed",
    "received",
    "send",
    "take",
    "write",
]

PIECE = 64 * 1024  # bytes that are held at a time: larger ones may cost fresh pages of memory, each time
TELL_SECONDS = 0.1  # between two words of how far it has come

Heard = Callable[[Progress], object] | None
"""Who hears how far a transfer has come."""

Place = str | os.PathLike[str] | IO[bytes]
"""Where a body goes: the path of a file, or a file that is open for bytes."""


def heard(on_progress: Heard) -> Heard:
    """Return who hears of it. Raises TypeError for what cannot."""
    if on_progress is not None and not callable(on_progress):
        raise TypeError(f"on_progress is a function of a Progress, not {checks.shown(on_progress)}")
    return on_progress


class Meter:
    """Counts bytes, and tells how far they are of `total`: at most ten times a second, and once at the end."""

    def __init__(self, stage: str, on_progress: Heard, total: int | None = None) -> None:
        self.stage, self.total, self.count = stage, total, 0
        self._hear = heard(on_progress)
        self._next = time.monotonic() + TELL_SECONDS

    def add(self, count: int) -> None:
        """Count what has come or gone."""
        self.count += count
        if self._hear is not None and time.monotonic() >= self._next and self.count != self.total:
            self._tell()
            self._next = time.monotonic() + TELL_SECONDS

    def end(self) -> None:
        """Tell that all of it has come or gone."""
        if self._hear is not None:
            self.total = self.count
            self._tell()

    def _tell(self) -> None:
        from lxdnb.display import human_size  # here, so that `import lxdnb` does not pay for it

        assert self._hear is not None
        text, percent = human_size(self.count), None
        if self.total is not None:
            percent = min(100.0, 100 * self.count / self.total) if self.total else 100.0
            text += f" of {human_size(self.total)}"
        self._hear(Progress(self.stage, percent, text))


@overload
def fetch(
    node: APINode,
    to: None,
    *,
    stage: str,
    on_progress: Heard = None,
    fingerprint: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> IO[bytes]: ...
@overload
def fetch(
    node: APINode,
    to: Place,
    *,
    stage: str,
    on_progress: Heard = None,
    fingerprint: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> None: ...


def fetch(
    node: APINode,
    to: Place | None,
    *,
    stage: str,
    on_progress: Heard = None,
    fingerprint: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> IO[bytes] | None:
    """GET a body into `to`: the path of a file, a file that is open for bytes, or None for a temporary one.

    A file at a path has its new content only once that is all there, and is as it was after any failure; an open one
    then holds a part. The temporary one, without a name, is returned open at its start. `on_progress` hears of the
    `stage`. Raises ClientConnectionFailed for a body that ends too early, FingerprintMismatch for one whose SHA-256 is
    not `fingerprint`, and OSError for what cannot be written here.
    """
    with placed(to) as file, received(node, stage=stage, on_progress=on_progress, params=params) as (_, pieces):
        take(pieces, file, fingerprint)
        if to is None:
            file.seek(0)
            return file
    return None


@contextmanager
def placed(to: Place | None) -> Generator[IO[bytes]]:
    """Open what a body goes to, and give it its name only at a good end of the block.

    A temporary file, for None, stays open at a good end.
    """
    place: Any = to
    if place is None:
        file = tempfile.TemporaryFile()  # noqa: SIM115 (whoever asked for it closes it)
        try:
            yield file
        except BaseException:
            file.close()
            raise
    elif isinstance(place, str | os.PathLike):
        with replaced(destination(path_of(place), "")) as file:
            yield file
    elif isinstance(place, io.TextIOBase) or not hasattr(place, "write"):
        raise TypeError(f"to is a path, or a file that is open for bytes, not {place!r:.100}")
    else:
        yield place


def path_of(place: Any) -> str:
    """Return the path of a file or folder here. Raises ValueError for what is none."""
    given = os.fspath(place)
    if not isinstance(given, str) or not given or "\0" in given:
        raise ValueError(f"{place!r:.100} is no path of a file")
    return given


@contextmanager
def received(
    node: APINode, *, stage: str, on_progress: Heard = None, params: Mapping[str, Any] | None = None
) -> Generator[tuple[Response, Iterator[bytes]]]:
    """GET a body: its answer, and its pieces, which raise ClientConnectionFailed where it ends too early."""
    meter = Meter(stage, on_progress)
    # As it is: a length is that of what is sent, and a hash that of what is there.
    headers = {"Accept-Encoding": "identity"}
    with node.get(is_api=False, stream=True, params=params, headers=headers) as response:
        said = response.headers.get("Content-Length", "")
        meter.total = int(said) if said.isdigit() else None
        yield response, _pieces(node, response, meter)


def _pieces(node: APINode, response: Response, meter: Meter) -> Iterator[bytes]:
    total = meter.total
    for piece in node.pieces(response, PIECE):
        yield piece
        meter.add(len(piece))
    if total is not None and meter.count != total:  # which not every urllib3 sees
        raise node.lost(ConnectionResetError())
    meter.end()


def take(pieces: Iterable[bytes], file: IO[bytes], fingerprint: str | None = None) -> None:
    """Write all of the pieces to a file. Raises FingerprintMismatch where their SHA-256 is another."""
    seen = hashlib.sha256() if fingerprint is not None else None
    for piece in pieces:
        write(file, piece)
        if seen is not None:
            seen.update(piece)
    if seen is not None and fingerprint is not None and seen.hexdigest() != fingerprint:
        raise FingerprintMismatch(fingerprint, seen.hexdigest())


def write(file: IO[bytes], piece: bytes) -> None:
    """Write all of a piece to a file."""
    left = memoryview(piece)
    while left:
        written: Any = file.write(left)  # a file without a buffer may take less; of others not all say how much
        left = left[written:] if isinstance(written, int) else left[:0]


def send(
    node: APINode,
    data: Data,
    *,
    stage: str,
    on_progress: Heard = None,
    headers: Mapping[str, str | bytes] | None = None,
    params: Mapping[str, Any] | None = None,
) -> Response:
    """POST a body, and return the answer.

    `data` are bytes, the path of a file here as a `pathlib.Path`, an open file, read from where it stands, or an
    iterable of bytes. `on_progress` hears of the `stage`. What reading them raises is raised, and the server then sees
    that the body is cut, not an end.
    """
    meter = Meter(stage, on_progress, length(data))
    told = {"Content-Type": "application/octet-stream", **(headers or {})}
    with opened(data, PIECE) as pieces:
        return outgoing(node, pieces, meter, headers=told, params=params)


def outgoing(
    node: APINode,
    pieces: Iterable[Any],
    meter: Meter,
    *,
    headers: Mapping[str, str | bytes],
    params: Mapping[str, Any] | None = None,
) -> Response:
    """POST pieces of bytes as one body, and return the answer; what the pieces raise is raised."""
    failed: list[Exception] = []

    def body() -> Iterator[bytes]:
        try:
            for piece in chunks(pieces, PIECE):
                yield bytes(piece)
                meter.add(len(piece))
            meter.end()
        except Exception as error:
            failed.append(error)
            raise

    try:
        # An iterator has no length: the body goes in chunks, and only the last one says that it is whole.
        return node.post(data=body(), headers=dict(headers), params=params)
    except Exception:
        if failed:  # it is no fault of the connection, as which requests tells an OSError
            raise failed[0] from None
        raise


def length(data: Any) -> int | None:
    """Return how many bytes there are to send; None where that is not known. Raises TypeError for text."""
    if isinstance(data, str | io.TextIOBase):
        hint = f": pathlib.Path({data!r:.100}) is the file of that name" if isinstance(data, str) else ""
        raise TypeError(f"what is sent are bytes, a pathlib.Path, a file open for bytes or an iterable of bytes{hint}")
    if isinstance(data, bytes | bytearray | memoryview):
        return memoryview(data).nbytes
    if isinstance(data, os.PathLike):
        return os.stat(data).st_size or None  # a pipe has none
    try:
        stands = data.tell()
        end = data.seek(0, os.SEEK_END)
        data.seek(stands)
        return end - stands
    except (AttributeError, OSError, TypeError, ValueError):
        return None  # an iterable, or a file that is no place to go back and forth in
