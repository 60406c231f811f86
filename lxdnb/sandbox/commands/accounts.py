"""Users and groups of an instance, as its /etc/passwd and /etc/group have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.nodes import File

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__ = ["group_name", "groups", "number_of", "user_name", "users"]


def _rows(process: Process, path: str) -> list[list[str]]:
    file = process.tree.get(path)
    text = bytes(file.data).decode(errors="replace") if isinstance(file, File) else ""
    return [line.split(":") for line in text.splitlines() if line.count(":") >= 2]


def users(process: Process) -> list[list[str]]:
    return [row for row in _rows(process, "/etc/passwd") if len(row) > 3]


def groups(process: Process) -> list[list[str]]:
    return _rows(process, "/etc/group")


def user_name(process: Process, uid: int) -> str:
    return next((row[0] for row in users(process) if row[2] == str(uid)), str(uid))


def group_name(process: Process, gid: int) -> str:
    return next((row[0] for row in groups(process) if row[2] == str(gid)), str(gid))


def number_of(rows: list[list[str]], name: str) -> int | None:
    """Return the number of a user or a group, by name or number."""
    found = next((row[2] for row in rows if row[0] == name), name)
    return int(found) if found.isdecimal() else None
