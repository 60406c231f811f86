"""A file in a volume: of a real daemon in its folder, of a sandbox through an instance that has the volume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lxdnb import Client

from .daemons import Daemon

__all__ = ["FileWithin", "file_in"]


class FileWithin:
    """A file that no folder of this machine has, with two of `Path`'s methods."""

    def __init__(self, socket: Path, pool: str, volume: str, project: str) -> None:
        self._socket, self._pool, self._volume, self._project = socket, pool, volume, project

    def read_text(self) -> str:
        return self._within(lambda files: files.get("/data/file")).decode()

    def write_text(self, text: str) -> None:
        self._within(lambda files: files.put("/data/file", text))

    def _within(self, do: Callable[[Any], Any]) -> Any:
        devices = {
            "root": {"type": "disk", "path": "/", "pool": "default"},
            "data": {"type": "disk", "path": "/data", "pool": self._pool, "source": self._volume},
        }
        client = Client(str(self._socket), project=self._project)
        definition = {"name": "reader", "source": {"type": "none"}, "profiles": [], "devices": devices}
        target = client.cluster.get().server_name if client.server_clustered else None
        reader = client.instances.create(definition, wait=True, target=target)
        try:
            reader.start(wait=True)
            result = do(reader.files)
            reader.stop(wait=True)
            return result
        finally:
            reader.delete(wait=True)
            client.close()


def file_in(server: Daemon, volume: str, pool: str = "default", project: str = "default") -> Path | FileWithin:
    """Return the file `file` of a custom volume."""
    folders = server.directory / "storage-pools"
    if folders.exists():
        return folders / pool / "custom" / f"{project}_{volume}" / "file"
    return FileWithin(server.socket, pool, volume, project)
