"""Which conditions a server evaluates rightly, and is sent."""

from __future__ import annotations

from collections.abc import Sequence

from lxdnb.frames._filter import Condition

__all__ = ["sent"]


def sent(conditions: Sequence[Condition], product: str, collection: str) -> str | None:
    """Return the filter to send for these conditions; None where there is none that the server gets right."""
    return None
