"""Which conditions a server is sent, as the filter of a list: those that it evaluates as we do, found by trying.

A filter saves the sending of what is not wanted. All conditions are applied here again to what comes, so it may let
through too much, and must never leave out what belongs: nothing is sent but what the table has, with values that mean
the same to both engines of expressions. What LXD does not know it takes for false, and what it does not filter it sends
whole; Incus fails. Neither knows parentheses, and both read from left to right, so that what `or` joins goes first.

Only with recursion: of a list of URLs a cluster of LXD 5.0 leaves out what the other members have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from lxdnb.frames._filter import And, Comparison, Condition, Not

__all__ = ["RIGHT", "sent"]

_TEXTS: dict[str, str] = {"name": "text", "description": "text", "config.*": "text"}
_INSTANCES: dict[str, str] = _TEXTS | {
    "status": "text",
    "type": "text",
    "architecture": "text",
    "location": "text",
    "project": "text",
    "expanded_config.*": "text",
}
_IMAGES: dict[str, str] = {
    "fingerprint": "text",
    "filename": "text",
    "architecture": "text",
    "type": "text",
    "properties.*": "text",
}

RIGHT: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("lxd", "instances"): _INSTANCES,
    ("lxd", "images"): _IMAGES,
    ("incus", "instances"): _INSTANCES | {"ephemeral": "boolean", "stateful": "boolean"},
    ("incus", "images"): _IMAGES
    | {"project": "text", "public": "boolean", "cached": "boolean", "auto_update": "boolean"},
    ("incus", "networks"): _TEXTS | {"type": "text", "status": "text", "managed": "boolean"},
    ("incus", "profiles"): _TEXTS,
    ("incus", "projects"): _TEXTS,
    ("incus", "storage-pools"): _TEXTS | {"driver": "text", "status": "text"},
}
"""The fields of a product's collection that `eq` and `ne` are right for; `*` is any key."""

LONGEST = 4_000  # characters of a filter: it is part of a URL
_KEY = re.compile(r"[A-Za-z0-9_./:@-]+")
_WORD = r"(?:(?:[A-Za-z0-9_/:@,~=-]|\\?\.)[*+?]?)+"
_VALUE = re.compile(f"{_WORD}(?P<several>(?: {_WORD})+)?")
_CONTRARY = {"eq": "ne", "ne": "eq"}


def sent(
    conditions: Sequence[Condition],
    product: str,
    collection: str,
    path_of: Callable[[str], str | None] = lambda field: field,
) -> str | None:
    """Return the filter to send for conditions that must all hold; None where the server gets none of them right.

    `path_of` tells where the value of a field stands in the server's records; None for one that is made here.

    >>> from lxdnb.frames._filter import parse
    >>> sent([parse("not (status eq Running or created_at lt 2026-01-01)")], "lxd", "instances")
    'status ne Running'
    """
    right = RIGHT.get((product, collection), {})
    either: str | None = None
    each: list[str] = []
    for clause in (clause for condition in conditions for clause in _clauses(condition, True)):
        texts = [_text(comparison, right, path_of) for comparison in clause]
        said = [text for text in texts if text is not None]
        if len(said) < len(texts) or not texts:
            continue
        if len(said) == 1:
            each.append(said[0])
        elif either is None:  # a second one would be joined to what stands before it
            either = " or ".join(said)
    whole = ""
    for text in ([] if either is None else [either]) + list(dict.fromkeys(each)):
        longer = f"{whole} and {text}" if whole else text
        if len(longer) <= LONGEST:
            whole = longer
    return whole or None


def _clauses(condition: Condition, holds: bool) -> list[list[Comparison]]:
    """Return alternatives, of each of which one must be right for the condition to hold, or not to hold."""
    if isinstance(condition, Not):
        return _clauses(condition.part, not holds)
    if isinstance(condition, Comparison):
        if holds:
            return [[condition]]
        contrary = _CONTRARY.get(condition.operator)
        return [[Comparison(condition.field, contrary, condition.value)]] if contrary else []
    parts = [_clauses(part, holds) for part in condition.parts]
    if isinstance(condition, And) == holds:
        return [clause for part in parts for clause in part]
    if all(len(part) == 1 for part in parts):
        return [[comparison for part in parts for comparison in part[0]]]
    return []


def _text(comparison: Comparison, right: Mapping[str, str], path_of: Callable[[str], str | None]) -> str | None:
    path = path_of(comparison.field)
    if path is None or comparison.operator not in _CONTRARY:
        return None
    start, _, key = path.partition(".")
    kind = right.get(f"{start}.*" if _KEY.fullmatch(key) else path)
    value = _boolean(comparison.value) if kind == "boolean" else _value(comparison.value)
    return f"{path} {comparison.operator} {value}" if kind and value else None


def _boolean(value: str) -> str | None:
    return value.lower() if value.lower() in ("true", "false") else None


def _value(value: str) -> str | None:
    found = _VALUE.fullmatch(value)
    if found is None:
        return None
    return f'"{value}"' if found["several"] else value  # one word in quotes is an error to both
