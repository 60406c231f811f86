"""A server for tests, real or simulated, by its name among those of the tests: lxd, incus, sandbox, sandbox-incus."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from . import daemons
from .on_sandbox import SANDBOXES
from .simulated import simulated

__all__ = ["a_server"]


@contextlib.contextmanager
def a_server(kind: str) -> Iterator[daemons.Daemon]:
    """Run one while the block does; skip the test, with the reason, where that daemon cannot be had."""
    if kind in SANDBOXES:
        with simulated(SANDBOXES[kind]) as server:
            yield server
        return
    if reason := daemons.missing(kind):
        pytest.skip(reason)
    with daemons.daemon(kind) as server:
        yield server
