"""Another server as a remote of a server's own command line program."""

from __future__ import annotations

from .daemons import Daemon

__all__ = ["other_remote"]

NAME = "other"


def other_remote(server: Daemon, other: Daemon) -> str:
    """Return what the other server is called by the command line of the first one, which is made to know it."""
    if NAME not in server.cli("remote", "list"):
        named = ("--name", "tests") if server.flavour == "lxd" else ("tests",)
        token = other.cli("config", "trust", "add", *named).split()[-1]
        server.cli("remote", "add", NAME, token)
    return NAME
