"""Files of an instance as a tarball, and its description with them: what images and backups are made of."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import tarfile
import zlib
from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol

from lxdnb.sandbox.filesystem import Tree
from lxdnb.sandbox.nodes import Device, Directory, Fifo, File, Link
from lxdnb.sandbox.replies import Refused

__all__ = ["ALGORITHMS", "add_file", "add_tree", "compressed", "compressing", "packed"]


def packed(tree: Tree, metadata: Mapping[str, Any], templates: Mapping[str, bytes]) -> bytes:
    """Return the one file of an image: its metadata, its templates, and the files below rootfs."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        add_file(archive, "metadata.yaml", json.dumps(metadata).encode())  # which is YAML
        for name, content in sorted(templates.items()):
            add_file(archive, f"templates/{name}", content)
        add_tree(archive, tree, "rootfs")
    return written.getvalue()


def add_file(archive: tarfile.TarFile, name: str, content: bytes, when: float = 0.0, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), mode, int(when)
    archive.addfile(entry, io.BytesIO(content))


def add_tree(archive: tarfile.TarFile, tree: Tree, prefix: str) -> None:
    """Add the files below a name; those of two names are in it once, and what runs makes, as /proc, is not."""
    seen: dict[int, str] = {}
    for path, node in tree.walk("/", tree.root):
        entry = tarfile.TarInfo(f"{prefix}{path}".rstrip("/"))
        entry.mode, entry.mtime, entry.uid, entry.gid = node.mode, node.mtime, node.uid, node.gid
        content = None
        if id(node) in seen and not isinstance(node, Directory):
            entry.type, entry.linkname = tarfile.LNKTYPE, seen[id(node)]
        elif isinstance(node, Directory):
            entry.type = tarfile.DIRTYPE
        elif isinstance(node, Link):
            entry.type, entry.linkname = tarfile.SYMTYPE, node.target
        elif isinstance(node, Fifo):
            entry.type = tarfile.FIFOTYPE
        elif isinstance(node, Device):
            entry.type = tarfile.CHRTYPE
        elif isinstance(node, File):
            content = io.BytesIO(bytes(node.data))
            entry.size = len(content.getvalue())
        else:
            continue
        seen[id(node)] = entry.name
        archive.addfile(entry, content)


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return bytes(data)

    def flush(self) -> bytes:
        return b""


_PIECE = 2**18  # bytes that are made smaller at once
_COMPRESSORS: dict[str, Callable[[], _Compressor]] = {
    "none": _Plain,
    "gzip": lambda: zlib.compressobj(1, wbits=31),
    "bzip2": lambda: bz2.BZ2Compressor(1),
    "xz": lambda: lzma.LZMACompressor(preset=0),
}


ALGORITHMS = frozenset(_COMPRESSORS)


def compressed(data: bytes, algorithm: str) -> bytes:
    """Return data as an algorithm makes them smaller. Raises Refused for one that is not there."""
    working = compressing(data, algorithm)
    while True:
        try:
            next(working)
        except StopIteration as over:
            return over.value


def compressing(data: bytes, algorithm: str) -> Generator[float, None, bytes]:
    """As `compressed`, in turns with others: yields what share of the work is done."""
    if algorithm not in _COMPRESSORS:
        raise Refused(500, f'Compression algorithm "{algorithm}" isn\'t currently supported')
    compressor, made = _COMPRESSORS[algorithm](), bytearray()
    for at in range(0, len(data), _PIECE):
        made += compressor.compress(data[at : at + _PIECE])
        yield min(1.0, (at + _PIECE) / len(data))
    return bytes(made + compressor.flush())
