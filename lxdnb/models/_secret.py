"""A secret that a server tells, and that is there to be used: a text that no repr shows."""

from __future__ import annotations

__all__ = ["Secret"]


class Secret(str):
    """A text like any other, but for its repr, and so those of all that holds it.

    >>> Secret("kDQD6AOg")
    <secret>
    >>> f"{Secret('kDQD6AOg')}"
    'kDQD6AOg'
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"
