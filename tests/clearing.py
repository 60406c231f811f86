"""A daemon as it was at first: what a test has left in it is deleted, by the REST API alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .image import ALIAS
from .watcher import NotFound, ask, finish

__all__ = ["clear"]


def clear(socket: Path, profile: dict[str, Any]) -> None:
    """Delete instances, images, volumes, profiles, networks and projects; the default profile is as at first, and the
    image that stays has its alias alone.

    After most tests there is nothing of most kinds. A list costs a daemon more than all the rest then (of networks
    tenfold), so it is asked only for what its projects say that they hold.
    """
    aliases = {each["name"]: each["target"] for each in _every(socket, "images/aliases")}
    keep = aliases.pop(ALIAS)
    others = [name for name, target in aliases.items() if target == keep]
    _together(socket, [("DELETE", f"/1.0/images/aliases/{quote(name, safe='')}", None) for name in others])
    projects = _every(socket, "projects")
    for project in projects:
        own = project["name"] != "default" and project["config"].get("features.images") == "true"
        _clear(socket, project, "" if own else keep)
    now = ask(socket, "GET", "/1.0/profiles/default")["metadata"]
    if any(now[field] != value for field, value in profile.items()):
        ask(socket, "PUT", "/1.0/profiles/default", profile)
    for kind in ("networks", "network-acls", "network-zones"):  # those of a project may need the default one's
        for project in sorted(projects, key=lambda each: each["name"] == "default"):
            # No project of LXD 5.0 tells of its zones.
            if kind == "network-zones" or _holds(project, kind):
                _together(socket, [("DELETE", url, None) for url in _urls(socket, kind, _query(project))])
    for project in projects:
        if project["name"] != "default":
            _together(socket, [("DELETE", f"/1.0/projects/{quote(project['name'], safe='')}", None)])


def _clear(socket: Path, project: dict[str, Any], keep: str) -> None:
    query = _query(project)
    if _holds(project, "instances"):
        stop = {"action": "stop", "force": True, "timeout": 30}
        running = [each["name"] for each in _every(socket, "instances", query) if each["status"] != "Stopped"]
        _together(socket, [("PUT", f"/1.0/instances/{quote(name, safe='')}/state{query}", stop) for name in running])
    for kind in ("instances", "images", "storage-pools/default/volumes/custom", "profiles"):
        if _holds(project, kind, {f"/1.0/images/{keep}", "/1.0/profiles/default"}):
            _together(socket, [("DELETE", url, None) for url in _urls(socket, kind, query, keep)])


def _query(project: dict[str, Any]) -> str:
    return f"?project={quote(project['name'], safe='')}"


def _holds(project: dict[str, Any], kind: str, stays: Collection[str] = ()) -> bool:
    """Whether the project says that it has things of a kind, beside those that stay."""
    used = {url.partition("?")[0] for url in project["used_by"] or ()}
    return any(url.startswith(f"/1.0/{kind}/") and url not in stays for url in used)


def _every(socket: Path, kind: str, query: str = "") -> list[dict[str, Any]]:
    return ask(socket, "GET", f"/1.0/{kind}{query}{'&' if query else '?'}recursion=1")["metadata"] or []


def _urls(socket: Path, kind: str, query: str = "", keep: str = "") -> list[str]:
    """Where the things of a kind are that are to go: not what the server or `daemon()` made, nor snapshots."""
    stays = keep if kind == "images" else "default" if kind == "profiles" else None
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
