"""Sizes, shares and cores as LXD writes them in its configuration."""

from __future__ import annotations

import re

__all__ = ["cores", "share", "size"]

_UNITS = {"": 1, "B": 1} | {
    f"{letter}{end}": base**power
    for power, letter in enumerate("kMGTPE", 1)
    for end, base in (("B", 1000), ("iB", 1024))
}
_UNITS["KiB"] = _UNITS.pop("kiB")


def size(text: str) -> int | None:
    """Return the bytes that a size such as `1GiB` means; None for what is none."""
    found = re.fullmatch(r"(\d+)([a-zA-Z]*)", text)
    unit = _UNITS.get(found.group(2)) if found else None
    return int(found.group(1)) * unit if found and unit else None


def share(text: str) -> float | None:
    """Return the share that `50%` is."""
    found = re.fullmatch(r"(\d+)%", text)
    return int(found.group(1)) / 100 if found else None


def cores(text: str) -> int | None:
    """Return how many cores `2`, `0-3` or `0,2-3` are."""
    if text.isdigit():
        return int(text)
    spans = [re.fullmatch(r"(\d+)(?:-(\d+))?", part) for part in text.split(",")]
    if not all(spans):
        return None
    return sum(int(span.group(2) or span.group(1)) - int(span.group(1)) + 1 for span in spans if span)
