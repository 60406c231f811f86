"""What running instances use, as simple models of time: each has habits of its own, settled by its seed.

Pure: the same seed and the same moment give the same figures, and counters only ever rise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from random import Random
from typing import NamedTuple

from lxdnb.sandbox.sizes import bytes_of

__all__ = ["MEMORY", "Usage", "memory_limit", "usage"]

MEMORY = 16 * 2**30  # bytes that the simulated machine has
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


class _Habits(NamedTuple):
    share: float  # of a processor, on average
    period: float  # seconds from one busy time to the next
    swing: float
    base: float
    growth: float
    received: float
    sent: float
    phase: float
    processes: int


@lru_cache(2**17)
def _habits(seed: int) -> _Habits:
    chance = Random(seed)
    share = chance.choice((0.002, 0.01, 0.05, 0.3, 0.8))
    period = chance.uniform(20, 600)
    swing = chance.uniform(0.1, 0.9)
    base = chance.uniform(2, 400) * _MIB
    growth = chance.uniform(0, 0.3)
    received, sent = (chance.choice((0, 200, 5_000, 300_000)) * chance.uniform(0.5, 1.5) for _ in range(2))
    phase = chance.uniform(0, math.tau)
    return _Habits(share, period, swing, base, growth, received, sent, phase, chance.randint(2, 40))


def usage(seed: int, seconds: float) -> Usage:
    """Return what an instance has used that runs for so many seconds."""
    habits = _habits(seed)
    phase, swing, period = habits.phase, habits.swing, habits.period
    # The rate is share × (1 + swing × sin), never below 0; this is its integral.
    busy = seconds + swing * period / math.tau * (math.cos(phase) - math.cos(phase + math.tau * seconds / period))
    wave = 1 + 0.1 * math.sin(phase + math.tau * seconds / period)
    grown = habits.base * (1 + habits.growth * min(1.0, seconds / _DAY))
    return Usage(
        cpu=int(30_000_000 + habits.share * busy * 1e9),
        memory=int(grown * wave),
        memory_peak=int(habits.base * (1 + habits.growth) * 1.1),
        received=int(habits.received * busy),
        sent=int(habits.sent * busy),
        processes=habits.processes,
    )


def memory_limit(config: Mapping[str, str]) -> int:
    """Return how many bytes of memory an instance may use that has this expanded configuration."""
    limit = config.get("limits.memory", "")
    if limit.endswith("%"):
        return MEMORY * int(limit[:-1]) // 100
    return bytes_of(limit) if limit else MEMORY
