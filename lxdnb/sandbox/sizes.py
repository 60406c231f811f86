"""Sizes as settings have them, read as numbers.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/instance_units/
"""

from __future__ import annotations

import re

__all__ = ["bytes_of"]

_SIZE = re.compile(r"(\d+)\s*(B|[kMGTPE]B|[KMGTPE]iB)?")
_LETTERS = "BkMGTPE"


def bytes_of(text: str) -> int:
    """Return how many bytes a size is. Raises ValueError."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"Invalid value: {text}")
    unit = found[2] or "B"
    return int(found[1]) * (1024 if "i" in unit else 1000) ** _LETTERS.index(unit[0].replace("K", "k"))
