"""A file of an instance that does not run: of a real daemon in its pool, of a sandbox by its files.

`lxc file` would hold a stopped instance of a real daemon for 10 s.
"""

from __future__ import annotations

from pathlib import Path

from lxdnb import Client, NotFound

from .daemons import Daemon

__all__ = ["FileOf", "file_of"]


class FileOf:
    """A file that no folder of this machine has, with three of `Path`'s methods."""

    def __init__(self, socket: Path, instance: str, path: str) -> None:
        self._socket, self._instance, self._path = socket, instance, path

    def read_text(self) -> str:
        client = Client(str(self._socket))
        try:
            return client.instances.get(self._instance).files.get(self._path).decode(errors="replace")
        finally:
            client.close()

    def exists(self) -> bool:
        try:
            self.read_text()
        except NotFound:
            return False
        return True

    def write_text(self, text: str) -> None:
        client = Client(str(self._socket))
        try:
            client.instances.get(self._instance).files.put(self._path, text)
        finally:
            client.close()


def file_of(server: Daemon, instance: str, path: str = "/root/mark") -> Path | FileOf:
    """Return a file of an instance, by its path in it."""
    folders = server.directory / "storage-pools"
    if folders.exists():
        return folders / "default/containers" / instance / "rootfs" / path.lstrip("/")
    return FileOf(server.socket, instance, path)
