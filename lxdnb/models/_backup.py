"""What backups of instances and of volumes have in common: made on the server, fetched whole or not at all."""
# What is private to a backup is its manager's too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from datetime import datetime
from typing import IO, Any, ClassVar, Generic, Self, TypeVar, cast
from uuid import uuid4

from lxdnb import checks
from lxdnb.exceptions import LXDError
from lxdnb.models._folder import destination
from lxdnb.models._named import Part, PartManager
from lxdnb.models._transfer import Heard, Place, fetch, heard, path_of
from lxdnb.models.snapshot import instant

__all__ = ["BaseBackup", "BaseBackupManager"]


class BaseBackup(Part):
    """A backup, which lies on the server until it is deleted or expires."""

    collection: ClassVar[str] = "backups"

    expires_at: str
    name: str

    @classmethod
    def _made(
        cls,
        owner: Any,
        name: str | None,
        expires_at: datetime | str | None,
        flags: Mapping[str, bool],
        compression_algorithm: str | None,
        wait: bool,
    ) -> Self:
        """Make one. `flags` are the fields that say what is in it, and how."""
        # A name of this side's, where none is given: the backup can be found even when the answer is lost.
        name = f"backup-{uuid4().hex[:12]}" if name is None else name
        _ = cls._node(owner, name)
        request: dict[str, Any] = {"name": name, **_checked(flags)}
        if expires_at is not None:
            request["expires_at"] = instant(expires_at)
        if compression_algorithm is not None:
            owner.client.assert_has_api_extension("backup_compression_algorithm")
            request["compression_algorithm"] = checks.text("compression_algorithm", compression_algorithm)
        made = cls(owner.client, **{"name": name, cls.within: owner})
        made._started(cls._collection(owner).post(json=request), wait)
        return made

    def rename(self, new_name: str, wait: bool = True) -> None:
        """Give it another name. Raises Conflict or OperationFailed when that is taken."""
        _ = self._node(self._owner, new_name)
        self._rename(new_name, wait)

    def export(self, to: Place | None = None, *, on_progress: Heard = None) -> IO[bytes] | None:
        """Fetch it: to the path of a file, into a file that is open for bytes, or, for None, into a temporary file
        without a name, which is returned open at its start.

        A file at a path has its new content only once that is all there. `on_progress` hears of the stage `export`.
        Raises ClientConnectionFailed for one that ends too early.
        """
        return fetch(self.api["export"], cast(Any, to), stage="export", on_progress=on_progress)

    @classmethod
    def _node(cls, owner: Any, name: str) -> Any:
        if "/" in checks.name(name):
            raise ValueError(f"{checks.shown(name)} is no name of a backup: it has a / in it")
        return super()._node(owner, name)


B = TypeVar("B", bound=BaseBackup)


class BaseBackupManager(PartManager[B], Generic[B]):
    """The backups of one resource."""

    def _exported(
        self,
        to: Place | None,
        flags: Mapping[str, bool],
        compression_algorithm: str | None,
        on_progress: Heard,
    ) -> IO[bytes] | None:
        """Make one, fetch it and delete it, whatever happens."""
        # What is wrong with the arguments is told before anything is sent.
        heard(on_progress)
        _checked(flags)
        if compression_algorithm is not None:
            checks.text("compression_algorithm", compression_algorithm)
            self.client.assert_has_api_extension("backup_compression_algorithm")
        place: Any = to
        if isinstance(place, str | os.PathLike):
            destination(path_of(place), "")
        elif place is not None and (isinstance(place, io.TextIOBase) or not hasattr(place, "write")):
            raise TypeError(f"to is a path, or a file that is open for bytes, not {place!r:.100}")
        name = f"export-{uuid4().hex[:12]}"
        try:
            made = self.model._made(self._owner, name, None, flags, compression_algorithm, True)
            fetched = made.export(to, on_progress=on_progress)
        except BaseException:
            left = self.model(self.client, **{"name": name, self.model.within: self._owner})
            try:
                left.delete(wait=True)
            except LXDError:
                pass  # what went wrong before is what there is to tell
            raise
        made.delete(wait=True)
        return fetched


def _checked(flags: Mapping[str, bool]) -> dict[str, bool]:
    return {field: checks.flag(field, value) for field, value in flags.items()}
