"""What is to break, and when: a fault names a request by a pattern, and a moment in it by bytes or by a mark."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

__all__ = ["ANSWER", "ASKED", "HEAD", "REQUEST", "SECONDS", "Fault", "Moment", "down", "up"]

SECONDS = 20.0  # that a test waits for something which is to happen in the proxy


class Moment(NamedTuple):
    """A moment in a request: so many bytes into a part of it, or just before a mark."""

    way: Literal["up", "down"]
    part: Literal["head", "body"]
    after: int = 0
    mark: bytes = b""


REQUEST = Moment("up", "head")
"""Before the server sees anything of the request."""
ASKED = Moment("up", "body")
"""As soon as the server has the head of the request."""
ANSWER = Moment("down", "head")
"""When the server answers, before anything of the answer is passed on."""
HEAD = Moment("down", "head", 12)
"""In the middle of the answer's head, hence of a websocket's handshake."""


def down(after: int | bytes = 0) -> Moment:
    """So many bytes after the head of the answer, or when the server sends that mark, which does not pass."""
    return Moment("down", "body", 0, after) if isinstance(after, bytes) else Moment("down", "body", after)


def up(after: int | bytes = 0) -> Moment:
    """So many bytes after the head of the request, or when the client sends that mark, which does not pass."""
    return Moment("up", "body", 0, after) if isinstance(after, bytes) else Moment("up", "body", after)


@dataclass
class Fault:
    """What is to happen, once, to the first request after `skip` others that matches."""

    pattern: str
    moment: Moment
    how: Literal["hang up", "reset", "stall"]
    times: int = 1
    skip: int = 0
    struck: threading.Event = field(default_factory=threading.Event)

    def await_strike(self) -> None:
        """Wait until it has happened."""
        assert self.struck.wait(SECONDS), f"nothing came to the moment of {self}"

    def takes(self, line: str) -> bool:
        if not self.times or not re.search(self.pattern, line):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True
