"""Sizes, shares and cores, as the settings of instances have them, read the way servers do: what these refuse is none.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/instance_units/
"""

from __future__ import annotations

import re
from itertools import pairwise

__all__ = ["cores", "share", "size"]

_UNITS = {"": 1, "B": 1, " bytes": 1} | {
    unit: base**power
    for power, letter in enumerate("kMGTPE", 1)
    for unit, base in ((f"{letter}B", 1000), (f"{letter.upper()}iB", 1024))
}
_SIZE = re.compile(f"([0-9]{{1,100}})({'|'.join(_UNITS)})")
_SHARE = re.compile("[+]?([0-9]{1,100})%")
_SPAN = re.compile("([0-9]{1,100})(?:-([0-9]{1,100}))?")
_MOST = 2**63 - 1
"""Servers count in 64 bits: of more they say that it overflows."""


def size(text: str) -> int | None:
    """Return the bytes that a size is; None for what is none.

    `kB`, `MB`, `GB` … are powers of 1000, `KiB`, `MiB`, `GiB` … of 1024; a number alone is bytes.

    >>> size("1GiB"), size("512MB"), size("1.5GiB")
    (1073741824, 512000000, None)
    """
    found = _SIZE.fullmatch(text)
    amount = int(found[1]) * _UNITS[found[2]] if found else None
    return None if amount is None or amount > _MOST else amount


def share(text: str) -> float | None:
    """Return the share of the host's memory that a limit in per cent is; None for what is none.

    Servers take the host's memory as `MemTotal` of its /proc/meminfo has it, with kB of 1000 bytes.

    >>> share("50%"), share("50")
    (0.5, None)
    """
    found = _SHARE.fullmatch(text)
    return int(found[1]) / 100 if found and int(found[1]) <= _MOST else None


def cores(text: str) -> int | None:
    """Return how many cores a limit is: a number of them, or which; None for what is none.

    >>> cores("2"), cores("0-3"), cores("0-1,4"), cores("0,0")
    (2, 4, 3, None)
    """
    spans = [_SPAN.fullmatch(part) for part in text.split(",")]
    ranges: list[tuple[int, int]] = []
    for span in spans:
        if span is None or int(span[1]) > _MOST or int(span[2] or 0) > _MOST:
            return None
        ranges.append((int(span[1]), int(span[2] or span[1])))
    if len(ranges) == 1 and "-" not in text:
        return ranges[0][0] or None
    ranges = sorted(span for span in ranges if span[0] <= span[1])
    if any(after[0] <= before[1] for before, after in pairwise(ranges)):
        return None  # a core named twice is refused
    return sum(last - first + 1 for first, last in ranges) or None
