"""What running instances use, as simple models of time: each has habits of its own, settled by its seed.

Pure: the same seed and the same moment give the same figures, and counters only ever rise.
"""

from __future__ import annotations

import math
from random import Random
from typing import NamedTuple

__all__ = ["Usage", "usage"]

_MIB = 2**20
_DAY = 86_400.0  # seconds


class Usage(NamedTuple):
    """Since the start: `cpu` in nanoseconds, the rest in bytes, packets and a number."""

    cpu: int
    memory: int
    memory_peak: int
    received: int
    sent: int
    processes: int


def usage(seed: int, seconds: float) -> Usage:
    """Return what an instance has used that runs for so many seconds."""
    habits = Random(seed)
    share = habits.choice((0.002, 0.01, 0.05, 0.3, 0.8))  # of a processor, on average
    period = habits.uniform(20, 600)  # seconds from one busy time to the next
    swing = habits.uniform(0.1, 0.9)
    base = habits.uniform(2, 400) * _MIB
    growth = habits.uniform(0, 0.3)
    rate_in, rate_out = (habits.choice((0, 200, 5_000, 300_000)) * habits.uniform(0.5, 1.5) for _ in range(2))
    phase = habits.uniform(0, math.tau)

    # The rate is share × (1 + swing × sin), never below 0; this is its integral.
    busy = seconds + swing * period / math.tau * (math.cos(phase) - math.cos(phase + math.tau * seconds / period))
    wave = 1 + 0.1 * math.sin(phase + math.tau * seconds / period)
    grown = base * (1 + growth * min(1.0, seconds / _DAY))
    return Usage(
        cpu=int(30_000_000 + share * busy * 1e9),
        memory=int(grown * wave),
        memory_peak=int(base * (1 + growth) * 1.1),
        received=int(rate_in * busy),
        sent=int(rate_out * busy),
        processes=habits.randint(2, 40),
    )
