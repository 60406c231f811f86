"""What tests of an instance's files share: a shell in it, and a server without SFTP."""

from __future__ import annotations

from typing import NoReturn

from lxdnb.exceptions import LXDAPIException
from lxdnb.models import Container
from lxdnb.transport import refusal

__all__ = ["no_sftp", "run"]


def run(box: Container, script: str) -> str:
    """Run a shell script in a container and return what it prints; it must go well and complain of nothing."""
    result = box.execute(["sh", "-c", script])
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def no_sftp(*_: object) -> NoReturn:
    """What `Transport.upgrade` is where the server does not know the path."""
    raise LXDAPIException(refusal(404, "not found"))
