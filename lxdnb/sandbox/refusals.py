"""How a request is refused, or an operation fails."""

from __future__ import annotations

__all__ = ["Refused"]


class Refused(Exception):
    """A request is answered with an error, or an operation ends in failure: an HTTP status and the server's words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words
