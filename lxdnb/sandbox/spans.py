"""Spans of time as people write them in settings: `2d`, `1w 3H`; months and years by the calendar."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

__all__ = ["after"]

_SPANS = {"S": timedelta(seconds=1), "M": timedelta(minutes=1), "H": timedelta(hours=1), "d": timedelta(days=1),
          "w": timedelta(weeks=1)}  # fmt: skip
_MONTHS = {"m": 1, "y": 12}


def after(now: float, text: str) -> float | None:
    """Return when a span that begins now is over, both in seconds since 1970; None where there is no span."""
    spans = re.findall(r"(\d+)([SMHdwmy])", text)
    if not spans:
        return None
    then = datetime.fromtimestamp(now, UTC)
    months = sum(int(count) * _MONTHS[unit] for count, unit in spans if unit in _MONTHS)
    years, month = divmod(then.month - 1 + months, 12)
    then = then.replace(year=then.year + years, month=month + 1, day=min(then.day, 28) if months else then.day)
    then += sum((int(count) * _SPANS[unit] for count, unit in spans if unit in _SPANS), timedelta())
    return then.timestamp()
