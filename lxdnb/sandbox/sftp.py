"""The files of an instance over SFTP: what a client sends is answered out of the tree, packet by packet.

Pure, and of the sandbox's own: paramiko's server takes no names that are not UTF-8, keeps why something failed to
itself, and wants a thread. https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_sftp
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import count

from lxdnb.sandbox.filesystem import Tree
from lxdnb.sandbox.nodes import Directory, File, FileError, Link, Live, Node
from lxdnb.sandbox.packets import Attributes, Code, Kind, Malformed, Reader, attributes, packet, text

__all__ = ["Sftp"]

LONGEST = 2**18 + 1024  # bytes in a packet
ENTRIES = 100  # of a directory that are told at once
_READ, _WRITE, _APPEND, _CREATE, _TRUNCATE, _EXCLUSIVE = 1, 2, 4, 8, 16, 32
_CODES = {"ENOENT": Code.MISSING, "EACCES": Code.DENIED, "EPERM": Code.DENIED}
_EXTENSIONS = ("hardlink@openssh.com", "posix-rename@openssh.com")
_DOING = {
    Kind.OPEN: "open", Kind.LSTAT: "lstat", Kind.STAT: "stat", Kind.SETSTAT: "chmod", Kind.FSETSTAT: "chmod",
    Kind.OPENDIR: "open", Kind.REMOVE: "remove", Kind.MKDIR: "mkdir", Kind.RMDIR: "remove", Kind.RENAME: "rename",
    Kind.READLINK: "readlink", Kind.SYMLINK: "symlink", Kind.WRITE: "write", Kind.READ: "read",
}  # fmt: skip


class _Handle:
    """Something open: a file, or the rest of a directory."""

    def __init__(self, path: str, node: Node, append: bool) -> None:
        self.path, self.node, self.append = path, node, append
        self.content = node.content() if isinstance(node, Live) else None
        self.names = node.names() if isinstance(node, Directory) else []


class Sftp:
    """One conversation."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._held = bytearray()
        self._handles: dict[bytes, _Handle] = {}
        self._numbers = count(1)
        self._path = ""
        self._answers: dict[int, Callable[[Reader], bytes]] = {
            Kind.OPEN: self._open, Kind.CLOSE: self._close, Kind.READ: self._read, Kind.WRITE: self._write,
            Kind.LSTAT: self._lstat, Kind.FSTAT: self._fstat, Kind.SETSTAT: self._setstat,
            Kind.FSETSTAT: self._fsetstat, Kind.OPENDIR: self._opendir, Kind.READDIR: self._readdir,
            Kind.REMOVE: self._remove, Kind.MKDIR: self._mkdir, Kind.RMDIR: self._rmdir,
            Kind.REALPATH: self._realpath, Kind.STAT: self._stat, Kind.RENAME: self._rename,
            Kind.READLINK: self._readlink, Kind.SYMLINK: self._symlink, Kind.EXTENDED: self._extended,
        }  # fmt: skip

    def feed(self, data: bytes) -> bytes:
        """Take what has come, and return what it is answered with. Raises Malformed, which ends the conversation."""
        self._held += data
        made: list[bytes] = []
        while len(self._held) >= 4:
            length = int.from_bytes(self._held[:4], "big")
            if not 0 < length <= LONGEST:
                raise Malformed
            if len(self._held) < 4 + length:
                break
            body = bytes(memoryview(self._held)[4 : 4 + length])
            del self._held[: 4 + length]
            made.append(self._answer(body[0], Reader(body[1:])))
        return b"".join(made)

    def _answer(self, kind: int, reader: Reader) -> bytes:
        if kind == Kind.INIT:
            extensions = b"".join(text(name) + text("1") for name in _EXTENSIONS)
            return packet(Kind.VERSION, struct.pack(">I", 3), extensions)
        identifier = reader.raw(4)
        try:
            if kind not in self._answers:
                return _status(Code.UNSUPPORTED, "unsupported", identifier)
            answer = self._answers[kind](reader)
        except FileError as error:
            code = _CODES.get(error.word, Code.FAILURE)
            doing = _DOING.get(Kind(kind), "do")
            return _status(code, f"{doing} {self._path}: {error.text.lower()}", identifier)
        # What they return begins with the kind; the number of the request belongs behind it.
        return packet(answer[0], identifier, answer[1:])

    def _taken(self, reader: Reader) -> str:
        """Take a path off a packet."""
        self._path = reader.path()  # as it was asked, for what is said of it
        return f"/{self._path.lstrip('/')}"

    def _handle(self, reader: Reader) -> _Handle:
        handle = self._handles.get(reader.string())
        if handle is None:
            raise FileError("EBADF")
        self._path = handle.path
        return handle

    def _held_as(self, handle: _Handle) -> bytes:
        name = str(next(self._numbers)).encode()
        self._handles[name] = handle
        return bytes([Kind.HANDLE]) + text(name)

    # --- open files

    def _open(self, reader: Reader) -> bytes:
        path, flags, told = self._taken(reader), reader.number(), reader.attributes()
        writes = bool(flags & (_WRITE | _APPEND))
        node = self._tree.opened(
            path,
            write=writes,
            create=bool(flags & _CREATE),
            truncate=writes and bool(flags & _TRUNCATE),
            exclusive=bool(flags & _EXCLUSIVE),
            mode=0o644 if told.mode is None else told.mode & 0o777,
        )
        return self._held_as(_Handle(path, node, bool(flags & _APPEND)))

    def _close(self, reader: Reader) -> bytes:
        self._handles.pop(reader.string(), None)
        return _done()

    def _read(self, reader: Reader) -> bytes:
        handle, offset, size = self._handle(reader), reader.long(), reader.number()
        if isinstance(handle.node, Directory):
            raise FileError("EISDIR")
        content = handle.content
        if content is None:
            content = handle.node.data if isinstance(handle.node, File) else b""
        piece = bytes(memoryview(content)[offset : offset + min(size, 2**18)])
        return bytes([Kind.DATA]) + text(piece) if piece else _done(Code.EOF, "EOF")

    def _write(self, reader: Reader) -> bytes:
        handle, offset, data = self._handle(reader), reader.long(), reader.string()
        if isinstance(handle.node, File):
            self._tree.write(handle.node, handle.node.size if handle.append else offset, data)
            handle.node.mode &= 0o1777
        return _done()

    def _fstat(self, reader: Reader) -> bytes:
        return bytes([Kind.ATTRS]) + attributes(self._handle(reader).node)

    def _fsetstat(self, reader: Reader) -> bytes:
        self._change(self._handle(reader).node, reader.attributes())
        return _done()

    # --- directories

    def _opendir(self, reader: Reader) -> bytes:
        path = self._taken(reader)
        node = self._tree.find(path)
        if not isinstance(node, Directory):
            raise FileError("ENOTDIR")
        return self._held_as(_Handle(path, node, False))

    def _readdir(self, reader: Reader) -> bytes:
        handle = self._handle(reader)
        node = handle.node
        entries: list[bytes] = []
        while handle.names and len(entries) < ENTRIES:
            name = handle.names.pop(0)
            child = node.get(name) if isinstance(node, Directory) else None
            if child is not None:
                entries.append(text(name) + text(name) + attributes(child))
        if not entries:
            return _done(Code.EOF, "EOF")
        return bytes([Kind.NAME]) + struct.pack(">I", len(entries)) + b"".join(entries)

    def _mkdir(self, reader: Reader) -> bytes:
        path, told = self._taken(reader), reader.attributes()
        self._tree.make_directory(path.rstrip("/"), 0o755 if told.mode is None else told.mode & 0o777)
        return _done()

    def _rmdir(self, reader: Reader) -> bytes:
        self._tree.remove_directory(self._taken(reader))
        return _done()

    # --- names

    def _lstat(self, reader: Reader) -> bytes:
        return bytes([Kind.ATTRS]) + attributes(self._tree.find(self._taken(reader), follow=False))

    def _stat(self, reader: Reader) -> bytes:
        return bytes([Kind.ATTRS]) + attributes(self._tree.find(self._taken(reader)))

    def _setstat(self, reader: Reader) -> bytes:
        self._change(self._tree.find(self._taken(reader)), reader.attributes())
        return _done()

    def _remove(self, reader: Reader) -> bytes:
        path = self._taken(reader)
        if isinstance(self._tree.find(path, follow=False), Directory):
            self._tree.remove_directory(path)  # servers take both away by this
        else:
            self._tree.remove(path)
        return _done()

    def _rename(self, reader: Reader) -> bytes:
        path, target = self._taken(reader), f"/{reader.path().lstrip('/')}"
        self._tree.rename(path, target)
        return _done()

    def _readlink(self, reader: Reader) -> bytes:
        node = self._tree.find(self._taken(reader), follow=False)
        if not isinstance(node, Link):
            raise FileError("EINVAL")
        return _named(node.target)

    def _symlink(self, reader: Reader) -> bytes:
        target = reader.path()  # first, as OpenSSH has it and not the draft
        self._tree.make_link(self._taken(reader), target)
        return _done()

    def _realpath(self, reader: Reader) -> bytes:
        parts: list[str] = []
        for part in self._taken(reader).split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        return _named("/" + "/".join(parts))

    def _extended(self, reader: Reader) -> bytes:
        name = reader.path()
        if name not in _EXTENSIONS:
            return _done(Code.UNSUPPORTED, "unsupported")
        path, target = self._taken(reader), f"/{reader.path().lstrip('/')}"
        if name.startswith("hardlink"):
            self._tree.make_name(self._tree.find(path, follow=False), target)
        else:
            self._tree.rename(path, target)
        return _done()

    def _change(self, node: Node, told: Attributes) -> None:
        if node.fixed:
            raise FileError("EACCES")
        if told.size is not None and isinstance(node, File):
            self._tree.resize(node, told.size)
        if told.owner is not None:
            self._tree.change_owner(node, *told.owner)
        if told.mode is not None:
            self._tree.change_mode(node, told.mode & 0o777)
        if told.modified is not None:
            node.mtime = float(told.modified)


def _done(code: Code = Code.OK, words: str = "") -> bytes:
    return bytes([Kind.STATUS]) + struct.pack(">I", code) + text(words) + text("")


def _status(code: Code, words: str, identifier: bytes) -> bytes:
    return packet(Kind.STATUS, identifier, struct.pack(">I", code), text(words), text(""))


def _named(name: str) -> bytes:
    return bytes([Kind.NAME]) + struct.pack(">I", 1) + text(name) + text(name) + struct.pack(">I", 0)
