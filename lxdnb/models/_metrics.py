"""Metrics: what a server counts and measures of its instances and itself, as Prometheus reads it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Metric", "parsed"]


class Metric(NamedTuple):
    """One measurement: of what (`name`, as in `lxd_memory_MemFree_bytes`), whose (`labels`), and how much.

    Seconds and bytes, as the name says; what ends in `_total` has been counted since the start.
    """

    name: str
    labels: dict[str, str]
    value: float


def parsed(text: str) -> list[Metric]:
    """Return what a text in the format of Prometheus has."""
    # Of the two parsers the one for OpenMetrics, though servers name that, refuses how they name their counters.
    from prometheus_client.parser import text_string_to_metric_families  # here, so that `import lxdnb` does not pay

    found = text_string_to_metric_families(text)
    return [
        Metric(sample.name, dict(sample.labels), float(sample.value)) for family in found for sample in family.samples
    ]
