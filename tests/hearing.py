"""What tests of events share: profiles to make, the events that tell of them, and the threads that hear."""

from __future__ import annotations

import threading

__all__ = ["made", "make", "ours"]


def ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lxdnb events")]


def make(server, name: str, project: str = "default") -> None:
    server.cli("profile", "create", name, "--project", project)


def made(event: dict) -> tuple[str, str]:
    """The project and the name of the profile that an event tells to be created."""
    assert event["metadata"]["action"] == "profile-created", event
    return event["project"], event["metadata"]["source"].partition("?")[0].rpartition("/")[2]
