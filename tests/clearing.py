"""A daemon as it was at first: what a test has left in it is deleted, by the REST API alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .image import ALIAS
from .watcher import NotFound, ask, finish

__all__ = ["clear"]


def clear(socket: Path, profile: dict[str, Any]) -> None:
    """Delete instances, images, volumes, profiles, networks and projects; the default profile is as at first."""
    keep = ask(socket, "GET", f"/1.0/images/aliases/{ALIAS}")["metadata"]["target"]
    projects = _every(socket, "projects")
    for project in projects:
        own = project["name"] != "default" and project["config"].get("features.images") == "true"
        _clear(socket, f"?project={quote(project['name'], safe='')}", "" if own else keep)
    ask(socket, "PUT", "/1.0/profiles/default", profile)
    for kind in ("networks", "network-acls", "network-zones"):  # those of a project may need the default one's
        for project in sorted(projects, key=lambda each: each["name"] == "default"):
            query = f"?project={quote(project['name'], safe='')}"
            _together(socket, [("DELETE", url, None) for url in _urls(socket, kind, query)])
    _together(socket, [("DELETE", url, None) for url in _urls(socket, "projects")])


def _clear(socket: Path, query: str, keep: str) -> None:
    stop = {"action": "stop", "force": True, "timeout": 30}
    running = [each["name"] for each in _every(socket, "instances", query) if each["status"] != "Stopped"]
    _together(socket, [("PUT", f"/1.0/instances/{quote(name, safe='')}/state{query}", stop) for name in running])
    for kind in ("instances", "images", "storage-pools/default/volumes/custom", "profiles"):
        _together(socket, [("DELETE", url, None) for url in _urls(socket, kind, query, keep)])


def _every(socket: Path, kind: str, query: str = "") -> list[dict[str, Any]]:
    return ask(socket, "GET", f"/1.0/{kind}{query}{'&' if query else '?'}recursion=1")["metadata"] or []


def _urls(socket: Path, kind: str, query: str = "", keep: str = "") -> list[str]:
    """Where the things of a kind are that are to go: not what the server or `daemon()` made, nor snapshots."""
    stays = keep if kind == "images" else "default" if kind in ("profiles", "projects") else None
    every = [each for each in _every(socket, kind, query) if each.get("managed", True)]
    names = [each["fingerprint"] if kind == "images" else each["name"] for each in every]
    return [
        f"/1.0/{kind}/{quote(name, safe='')}{query}"
        for name in names
        if name != stays and not (kind.endswith("custom") and "/" in name)
    ]


def _together(socket: Path, requests: Iterable[tuple[str, str, Any]]) -> None:
    """Send all the requests, then wait for what they began. What is gone already is fine."""
    begun = []
    for method, url, body in requests:
        try:
            begun.append(ask(socket, method, url, body))
        except NotFound:
            continue
    for operation in begun:
        finish(socket, operation)
