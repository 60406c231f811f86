"""All that answers requests, brought together so that the routes are there."""

from __future__ import annotations

from lxdnb.sandbox import (  # noqa: F401
    backups,  # pyright: ignore[reportUnusedImport]
    buckets,  # pyright: ignore[reportUnusedImport]
    certificates,  # pyright: ignore[reportUnusedImport]
    cluster,  # pyright: ignore[reportUnusedImport]
    configuration,  # pyright: ignore[reportUnusedImport]
    creation,  # pyright: ignore[reportUnusedImport]
    execs,  # pyright: ignore[reportUnusedImport]
    files,  # pyright: ignore[reportUnusedImport]
    hardware,  # pyright: ignore[reportUnusedImport]
    inventory,  # pyright: ignore[reportUnusedImport]
    logs,  # pyright: ignore[reportUnusedImport]
    metadata,  # pyright: ignore[reportUnusedImport]
    metrics,  # pyright: ignore[reportUnusedImport]
    moves,  # pyright: ignore[reportUnusedImport]
    network_acls,  # pyright: ignore[reportUnusedImport]
    network_forwards,  # pyright: ignore[reportUnusedImport]
    network_others,  # pyright: ignore[reportUnusedImport]
    network_states,  # pyright: ignore[reportUnusedImport]
    network_zones,  # pyright: ignore[reportUnusedImport]
    networks,  # pyright: ignore[reportUnusedImport]
    publishing,  # pyright: ignore[reportUnusedImport]
    root,  # pyright: ignore[reportUnusedImport]
    snapshot_moves,  # pyright: ignore[reportUnusedImport]
    volume_backups,  # pyright: ignore[reportUnusedImport]
    volume_moves,  # pyright: ignore[reportUnusedImport]
    volume_snapshots,  # pyright: ignore[reportUnusedImport]
    volumes,  # pyright: ignore[reportUnusedImport]
    warnings,  # pyright: ignore[reportUnusedImport]
)

__all__: list[str] = []
