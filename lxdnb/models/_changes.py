"""What a person has changed of a record, and how it is laid on what the server has now. Pure.

A difference maps the path of each changed value, as a tuple of keys, to what it was and what it is to be. Dicts are
compared key by key; a list is one value, since its order has a meaning: of two profiles the later one wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any, NamedTuple, Self

from lxdnb import checks

__all__ = ["Change", "Changes", "Difference", "as_sent", "clash", "difference", "laid_on", "own", "refresh"]

VOLATILE = "volatile."  # keys of config in which the server keeps notes of its own


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


def refresh(held: Any, before: Any, now: Any) -> Any:
    """Bring what a person holds from the server's record `before` to that of `now`, and return it.

    What they have changed stays. Dicts and lists are changed in place, and only where the server's have changed:
    another thread may be writing to them.
    """
    if isinstance(held, dict) and isinstance(now, Mapping) and (isinstance(before, Mapping) or before is None):
        for key in {**(before or {}), **now}:
            _refresh_key(held, key, (before or {}).get(key), now.get(key))
        return held
    if _same(held, now) or _same(held, before):
        if isinstance(held, list) and isinstance(now, list):
            held[:] = own(now)
            return held
        return own(now)
    return held


def as_sent(value: Mapping[Any, Any], name: str = "config", depth: int = 1) -> dict[str, Any]:
    """Return a dict as the server keeps it: booleans and numbers are strings, None is for a key that is not there.

    `depth` is 2 for a dict of such dicts, as `devices` is.

    >>> as_sent({"security.nesting": True, "limits.cpu": 2, "user.gone": None})
    {'security.nesting': 'true', 'limits.cpu': '2'}

    Raises TypeError for anything else; the error names the key, and not the value, which may be a secret.
    """
    if not isinstance(value, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{name} is a dict, not {_kind(value)}")
    made: dict[str, Any] = {}
    for key, inner in value.items():
        if not isinstance(key, str):
            raise TypeError(f"a key of {name} is a str, not {checks.shown(key)}")
        if inner is not None:
            here = f"{name}[{checks.shown(key)}]"
            made[checks.text(f"a key of {name}", key)] = (
                _text(inner, here) if depth == 1 else as_sent(inner, here, depth - 1)
            )
    return made


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Return what leads from one record to another; of fields only what `after` has is looked at."""
    return dict(_differing(before, after, ()))


def clash(now: Mapping[str, Any], wanted: Difference) -> tuple[str, Change] | None:
    """Return the first path that was changed in `now` too, and to something else, with what it is there and here."""
    for path, change in wanted.items():
        theirs = _at(now, path)
        # A path into a device, say, was found because it was there; if it is gone a part of it cannot come back alone.
        gone = len(path) > 2 and not isinstance(_at(now, path[:-1]), Mapping) and change.new is not None
        if gone or not (_same(change.old, theirs) or _same(change.new, theirs)):
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
            yield from _differing(old or {}, new, path)
        elif old is None and new == [] and not way:
            pass  # an absent list that was looked at
        elif old != new:
            yield path, Change(old, new)


def _at(record: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if not isinstance(record, Mapping):
            return None
        record = record.get(step)
    return record


def _refresh_key(held: dict[str, Any], key: str, before: Any, now: Any) -> None:
    if key in held and isinstance(held[key], dict) and isinstance(now, Mapping):
        held[key] = refresh(held[key], before, now)
    elif now is None:
        if key in held and (held[key] is None or _same(held[key], before)):
            del held[key]
    elif key not in held:
        if before is None:
            held[key] = own(now)  # new on the server; one that was there before has been removed here
    else:
        held[key] = refresh(held[key], before, now)


def _same(held: Any, value: Any) -> bool:
    """Return whether a value, as a person may write it, is one of the server's."""
    if isinstance(value, str) and isinstance(held, bool | Real):
        return _text(held, "") == value
    if isinstance(held, list) and isinstance(value, list):
        return len(held) == len(value) and all(map(_same, held, value))
    if isinstance(held, Mapping) and isinstance(value, Mapping):
        # Of what a server is given it leaves out what is empty, or fills in what was left out.
        both = [(held.get(key), value.get(key)) for key in {**held, **value}]
        return all(_same(mine, theirs) or (mine in (None, "") and theirs in (None, "")) for mine, theirs in both)
    return held == value


def _text(value: Any, name: str) -> str:
    if isinstance(value, str):
        return checks.text(name, value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Real):  # NumPy's are such too
        return str(value)
    raise TypeError(f"{name} is a text, a number or a boolean, not {_kind(value)}")


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
