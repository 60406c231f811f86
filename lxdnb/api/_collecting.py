"""Large answers are read without the garbage collector: nothing in them is garbage, and it would look through all of
them again and again while they grow, for twice as long as the reading itself takes.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Generator[None]:
    """Have no garbage collected in a block, and what it has made be looked through with what is old already.

    Nothing else changes its turn. Where nobody collects, or something is frozen, that is left as it is.
    """
    if not gc.isenabled():
        yield
        return
    try:
        gc.collect(1)  # so that nothing but what the block makes grows old before its time
        gc.disable()
        yield
    finally:
        if not gc.get_freeze_count():
            gc.freeze()  # moves all that is young too, at once,
            gc.unfreeze()  # to what is old
        gc.enable()
