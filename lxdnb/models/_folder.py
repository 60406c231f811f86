"""This side of a transfer: files that appear whole or not at all, and never outside the folder that was named.

A container chooses the names and links that it shows. So a name is checked before it is used, a link is made but never
followed, and a folder that is entered is one indeed, not a link to another.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

__all__ = ["KEPT", "destination", "enter", "link", "problem", "replaced"]

KEPT = 0o777
"""What of a file's mode is kept. Who may run a container must not be able to leave programs here that run as root."""

_WINDOWS_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{device}{number}" for device in ("com", "lpt") for number in "0123456789¹²³"
}


def problem(name: str, windows: bool = os.name == "nt") -> str | None:
    """Return why a name cannot be a file's here, or None if it can.

    >>> problem("..x"), problem("a:b", windows=False)
    (None, None)
    >>> problem("a/b")
    'it is no name of a file'
    >>> problem("nul.txt", windows=True)
    'Windows does not allow such a name'
    """
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        return "it is no name of a file"
    if windows and (
        any(letter in '<>:"\\|?*' or letter < " " or "\ud800" <= letter <= "\udfff" for letter in name)
        or name[-1] in ". "
        # https://learn.microsoft.com/windows/win32/fileio/naming-a-file
        or name.partition(".")[0].rstrip(" ").lower() in _WINDOWS_DEVICES
    ):
        return "Windows does not allow such a name"
    return None


def destination(to: str | os.PathLike[str], name: str) -> str:
    """Return the path of the file that is meant by `to`: itself, or the one called `name` in the folder it is.

    Raises FileNotFoundError where its folder is not there.
    """
    path = os.path.realpath(to)  # a person's own link is followed, as open() does
    if os.path.isdir(path):
        path = os.path.join(path, name)
    elif not os.path.isdir(os.path.dirname(path)):
        raise FileNotFoundError(f"there is no folder {os.path.dirname(path)!r} to put {os.path.basename(path)!r} in")
    return path


@contextmanager
def replaced(path: str, mode: int | None = None) -> Generator[IO[bytes]]:
    """Open a file for writing that takes its name, in place of what has it, only at a good end of the block.

    Without a mode it keeps that of the file it replaces. What is no regular file, such as /dev/null, is written to.
    """
    there = None
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        pass
    if there is not None and stat.S_ISDIR(there.st_mode):
        raise IsADirectoryError(f"{path!r} is a folder")
    if mode is None and there is not None:
        if not stat.S_ISREG(there.st_mode):
            with open(path, "wb") as file:
                yield file
            return
        mode = stat.S_IMODE(there.st_mode)
    temporary = _beside(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    # Nobody else may read what will be closed to them.
    descriptor = os.open(temporary, flags, 0o666 if mode is None else 0o600)
    try:
        with open(descriptor, "wb") as file:
            yield file
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def enter(path: str) -> bool:
    """Make a folder, unless there is one, and return whether it is new. Raises FileExistsError for a link to one."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise FileExistsError(f"{path!r} is in the way: a folder is to be made, and it is none") from None
        return False
    return True


def link(path: str, target: str) -> None:
    """Make a symbolic link, in place of a file or link that has its name."""
    temporary = _beside(path)
    os.symlink(target, temporary)
    try:
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _beside(path: str) -> str:
    return os.path.join(os.path.dirname(path), f".lxdnb-{secrets.token_hex(8)}")
