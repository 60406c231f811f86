"""Instances by what their servers measured, in the place of their states: one request for all that run.

What is measured is up to 8 seconds old, and has no addresses: who wants those has the states asked for all the same.
"""

from __future__ import annotations

from dataclasses import replace

from lxdnb.frames._columns import Column
from lxdnb.frames._instances import INSTANCES
from lxdnb.frames._metrics import TOLD, UseByMetrics

__all__ = ["BY_METRICS"]

STATE, METRICS = "state", "metrics"
_MEMORY_SHARE = "memory_share"  # of two columns, of which one is of a state


def _by_metrics(column: Column) -> Column:
    if STATE not in column.needs:
        return column
    if column.path not in TOLD and column.name != _MEMORY_SHARE:
        return replace(column, shown=False)
    needs = tuple(METRICS if need == STATE else need for need in column.needs)
    return replace(column, needs=needs, what=f"{column.what}; as measured".removeprefix("; "))


BY_METRICS = replace(
    INSTANCES,
    columns={name: _by_metrics(column) for name, column in INSTANCES.columns.items()},
    fields={path: ("Int64", METRICS) if path in TOLD else kind for path, kind in INSTANCES.fields.items()},
    sources={METRICS: UseByMetrics(), **INSTANCES.sources},
    covers={"recursion=2": (*INSTANCES.covers["recursion=2"], METRICS), STATE: (METRICS,)},
    of_url_sources=frozenset({METRICS}),
)
