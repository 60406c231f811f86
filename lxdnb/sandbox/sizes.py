"""Sizes as settings have them, read as numbers.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/instance_units/
"""

from __future__ import annotations

import re

__all__ = ["bytes_of"]

_SIZE = re.compile(r"([0-9]+)(B| bytes|[kMGTPE]B|[KMGTPE]iB)?")
_LETTERS = "kMGTPE"
_END = 2**63


def bytes_of(text: str) -> int:
    """Return how many bytes a size is. Raises ValueError, in the servers' words."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"Invalid value: {text}")
    digits, unit = found[1], found[2] or ""
    # Not made a number before it is known to be of few digits: of very many Python makes none.
    if len(digits.lstrip("0")) > 19 or int(digits) >= _END:
        raise ValueError(f"Invalid integer: {text}")
    power = _LETTERS.index(unit[0].replace("K", "k")) + 1 if unit[1:] in ("B", "iB") else 0
    each = (1024 if "i" in unit else 1000) ** power
    if int(digits) * each >= _END:
        raise ValueError(f"Overflow multiplying {int(digits)} with {each}")
    return int(digits) * each
