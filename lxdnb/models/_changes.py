"""What a person has changed of a record, and how it is laid on what the server has now. Pure.

A difference maps the path of each changed value, as a tuple of keys, to what it was and what it is to be; dicts are
compared key by key. The values of config and devices are the server's strings, whatever a person wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

__all__ = ["Change", "Changes", "Difference", "as_sent", "clash", "difference", "laid_on", "own", "refresh"]


class Change(NamedTuple):
    """A value as it was and as it is to be; None stands for one that is not there."""

    old: Any
    new: Any


Difference = dict[tuple[str, ...], Change]


class Changes(dict[str, Change]):
    """What `save` would change: from the path of a value, as in `config.limits.memory`, to its `Change`."""

    def __str__(self) -> str:
        return "\n".join(f"{path}: {change.old!r} -> {change.new!r}" for path, change in self.items())


class _Fields(dict[str, Any]):
    """A dict whose `update` returns it, so that `p.config = p.config.update({…})`, as pylxd's manual has it, works."""

    def update(self, *args: Any, **kwargs: Any) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().update(*args, **kwargs)
        return self


def own(value: Any) -> Any:
    """Return a copy to change in place, dicts and lists all the way down."""
    if isinstance(value, Mapping):
        return _Fields((key, own(inner)) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return [own(inner) for inner in value]
    return value


def refresh(held: Any, value: Any) -> Any:
    """Make a dict or list that somebody may hold equal to `value`, in place where that can be, and return it."""
    if isinstance(held, dict) and isinstance(value, dict):
        for key in held.keys() - value.keys():
            del held[key]
        for key, inner in value.items():
            held[key] = refresh(held.get(key), inner)
        return held
    if isinstance(held, list) and isinstance(value, list):
        held[:] = own(value)
        return held
    return own(value)


def as_sent(value: Any, name: str = "config") -> Any:
    """Return a value as the server keeps it: in dicts, booleans and numbers are strings.

    >>> as_sent({"security.nesting": True, "limits.cpu": 2, "root": {"size": "1GiB"}})
    {'security.nesting': 'true', 'limits.cpu': '2', 'root': {'size': '1GiB'}}

    Raises TypeError for what is neither a text, a number, a boolean, None nor such a dict.
    """
    if not isinstance(value, Mapping):
        return value
    made: dict[str, Any] = {}
    for key, inner in value.items():
        if not isinstance(key, str):
            raise TypeError(f"a key of {name} is a str, not {key!r}")
        made[key] = _text(inner, f"{name}[{key!r}]")
    return made


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Return what leads from one record to another; only what `after` has of fields is looked at."""
    return dict(_differing(before, after, ()))


def clash(now: Mapping[str, Any], wanted: Difference) -> tuple[str, Change] | None:
    """Return the first path that was changed in `now` too, and to something else, with what it is there and here."""
    for path, change in wanted.items():
        theirs = _at(now, path)
        if theirs not in (change.old, change.new):
            return ".".join(path), Change(theirs, change.new)
    return None


def laid_on(now: Mapping[str, Any], wanted: Difference) -> dict[str, Any]:
    """Return the record `now` with a difference applied to it."""
    made = dict(now)
    for (*way, key), change in wanted.items():
        place = made
        for step in way:  # copied on the way down: `now` stays as it is
            place[step] = dict(place.get(step) or {})
            place = place[step]
        if change.new is None:
            place.pop(key, None)
        else:
            place[key] = change.new
    return made


def _differing(before: Mapping[str, Any], after: Mapping[str, Any], way: tuple[str, ...]) -> Iterator[Any]:
    for key in {**before, **after} if way else after:
        old, new = before.get(key), after.get(key)
        path = (*way, key)
        if isinstance(new, Mapping) and (isinstance(old, Mapping) or (old is None and not way)):
            sent = as_sent(new, ".".join(path))
            yield from _differing(as_sent(old or {}), sent, path)
        elif old is None and new in ([], {}):
            pass  # an absent list that was looked at
        elif new is None and path[0] == "config" and key.startswith("volatile."):
            pass  # the server's own notes: whoever writes a whole new config means his keys, not these
        elif old != new:
            yield path, Change(old, new)


def _at(record: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if not isinstance(record, Mapping):
            return None
        record = record.get(step)
    return record


def _text(value: Any, name: str) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return as_sent(value, name)
    raise TypeError(f"{name} is a text, a number or a boolean, not {value!r}")
