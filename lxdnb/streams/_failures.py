"""What goes wrong with a file in an instance, as errors that name it."""

from __future__ import annotations

from lxdnb.exceptions import FileFailed, LXDAPIException, NotFound
from lxdnb.streams._packets import Code, Status
from lxdnb.transport import refusal


def failure(path: str, status: Status) -> LXDAPIException:
    """Return the error that a status is."""
    if status.code == Code.NO_SUCH_FILE:
        return NotFound(refusal(404, f"{path[:200]}: no such file or directory"))
    said = status.message.strip()
    if status.code == Code.PERMISSION_DENIED:
        return file_failed(path, "permission denied", 403)
    # Servers written in Go say `open /a: no space left on device`; the path is named already.
    reason = said.removesuffix(" (SSH_FX_FAILURE)").strip('"').rpartition(": ")[2]
    return file_failed(path, reason if reason not in ("", "Failure") else "failed; the server does not say why")


def file_failed(path: str, reason: str, status_code: int = 500) -> FileFailed:
    """Return the error of a file in an instance, whoever found it."""
    return FileFailed(refusal(status_code, f"{path}: {reason}"), path, reason)
