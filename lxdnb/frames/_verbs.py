"""What may be done to the things of each view, with which options, and what that takes from the state they are in.

Pure: a verb, its options and a status become the requests that it takes, or the reason why there is none to send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lxdnb import checks
from lxdnb.frames._columns import Record, closest
from lxdnb.frames._references import references

__all__ = ["THINGS", "Intent", "Kind", "Status", "intent", "verb_of"]

PRESENT = "present"
READY = "Ready"  # what newer servers call one that runs and has said so itself

Check = Callable[[str, Any], Any]


def _timeout(what: str, value: Any) -> int:
    return checks.whole_number(what, value, -1)  # -1 is without an end, for servers


def _name(what: str, value: Any) -> str:
    return checks.name(value, what)


STATE: Mapping[str, Mapping[str, Check]] = {
    "start": {"timeout": _timeout},
    "stop": {"timeout": _timeout, "force": checks.flag},
    "restart": {"timeout": _timeout, "force": checks.flag},
    "freeze": {},
    "unfreeze": {},
}
ALIASES = {"pause": "freeze", "resume": "unfreeze"}
"""What `lxc` and `incus` call them."""


def _used(record: Record) -> str | None:
    users = references(record.get("used_by"))
    more = f" and {len(users) - 1:,} more" if len(users) > 1 else ""
    return f"is in use by {users[0]}{more}" if users else None


def _network(record: Record) -> str | None:
    return "is not managed: it is not the server's to delete" if record.get("managed") is False else _used(record)


def _profile(record: Record) -> str | None:
    return "is the profile that each project has" if record.get("name") == "default" else _used(record)


def _volume(record: Record) -> str | None:
    if record.get("type") in ("container", "virtual-machine"):
        return "is an instance's own: it goes with that"
    return _used(record) if record.get("type") == "custom" else None


@dataclass(frozen=True)
class Kind:
    """The things of a view: where each is, and the verbs for it with their options.

    `path` is that of one of them, with its keys in braces. `held` tells from a record why servers would not delete it.
    """

    path: tuple[str, ...]
    keys: tuple[str, ...]
    verbs: Mapping[str, Mapping[str, Check]] = field(default_factory=lambda: {"delete": {}})
    held: Callable[[Record], str | None] = lambda _: None


THINGS: Mapping[str, Kind] = {
    "images": Kind(("images", "{fingerprint}"), ("project", "fingerprint")),
    "instances": Kind(
        ("instances", "{name}"),
        ("project", "name"),
        {**STATE, "delete": {"force": checks.flag}, "snapshot": {"name": _name, "stateful": checks.flag}},
    ),
    "networks": Kind(("networks", "{name}"), ("project", "name"), held=_network),
    "profiles": Kind(("profiles", "{name}"), ("project", "name"), held=_profile),
    "snapshots": Kind(("instances", "{instance}", "snapshots", "{name}"), ("project", "instance", "name")),
    "volume_snapshots": Kind(
        ("storage-pools", "{pool}", "volumes", "{type}", "{volume}", "snapshots", "{name}"),
        ("project", "pool", "type", "volume", "name"),
    ),
    "volumes": Kind(
        ("storage-pools", "{pool}", "volumes", "{type}", "{name}"), ("project", "pool", "type", "name"), held=_volume
    ),
}
"""By the names of the views."""


def verb_of(view: str, verb: Any, options: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return a verb by its proper name, and its options, checked.

    Raises ValueError for a verb that there is none of for the view, TypeError for an option that it has not.
    """
    verbs = THINGS[view].verbs
    said: str = checks.text("a verb", verb)
    name = ALIASES.get(said, said)
    if name not in verbs:
        known = [*verbs, *(alias for alias, proper in ALIASES.items() if proper in verbs)]
        raise ValueError(f"there is no verb {said!r} for {view}: {closest(said, known)}")
    known = verbs[name]
    for option in options:
        if option not in known:
            hint = closest(option, known) if known else "it has none"
            raise TypeError(f"{said} has no option {option!r}: {hint}")
    return name, {option: known[option](option, value) for option, value in options.items()}


class Status(NamedTuple):
    """What a thing is found to be: the server's word, or `present`; None for one that is not there."""

    word: str | None
    ephemeral: bool = False
    held: str | None = None
    """Why a server would not delete it, as far as that was asked for."""


class Intent(NamedTuple):
    """What is to be done to a thing: `steps`, in order; or why there is `nothing` to do, or why it is `refused`."""

    steps: tuple[str, ...] = ()
    nothing: str | None = None
    refused: str | None = None

    def __str__(self) -> str:
        return ", ".join(self.steps) if self.nothing is None else f"nothing: {self.nothing}"


ALREADY = {"start": "Running", "stop": "Stopped", "freeze": "Frozen", "unfreeze": "Running"}
NOT_WHEN_STOPPED = {"restart": "restarted", "freeze": "frozen", "unfreeze": "unfrozen"}


def intent(verb: str, status: Status, *, force: bool = False) -> Intent:
    """Return what a verb means for a thing of that status. What is in no status known here, a server decides.

    >>> intent("start", Status("Frozen"))
    Intent(steps=('unfreeze',), nothing=None, refused=None)
    >>> str(intent("stop", Status("Stopped")))
    'nothing: is Stopped already'
    """
    if status.word is None:
        return Intent(nothing="is gone already") if verb == "delete" else Intent(refused="is not there any more")
    word = "Running" if status.word == READY else status.word
    if ALREADY.get(verb) == word:
        return Intent(nothing=f"is {status.word} already")
    if word == "Stopped" and verb in NOT_WHEN_STOPPED:
        return Intent(refused=f"is Stopped: only what runs can be {NOT_WHEN_STOPPED[verb]}")
    if verb == "start" and word == "Frozen":
        return Intent(("unfreeze",))  # a server takes it for running
    if verb == "delete" and status.held:
        return Intent(refused=status.held)
    if verb == "delete" and word in ("Running", "Frozen"):
        if not force:
            return Intent(refused=f"is {status.word}: stop it first, or give force=True")
        return Intent(("stop",) if status.ephemeral else ("stop", "delete"))  # an ephemeral one is gone with its stop
    return Intent((verb,))
