"""Faults on purpose: which requests are to go wrong, how, and how often.

Pure: a rule says what; the server does it. Rules are given at start, or sent while it runs, as JSON:
`{"request": "GET /1.0/instances.*", "fault": "delay", "amount": 2.5, "times": 1}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.replies import Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["FAULTS", "Fault", "Faults"]

FAULTS = {
    "delay": "answered so many seconds later",
    "error": "answered with this HTTP status instead",
    "malformed": "answered with JSON that ends too early",
    "cut": "the connection is closed after so many bytes of the answer's body",
    "drop": "a websocket is closed after so many messages",
    "fail": "the operation that it begins fails at so many per cent",
    "restart": "unanswered: the server is away for so many seconds, and has forgotten its operations then",
}
"""What there is, and what its `amount` means."""


@dataclass
class Fault:
    """A rule: requests whose method and path match `request`, all of it, go wrong, so many `times` or always.

    `request` is a regular expression; `fault` and what its `amount` means:

    - `delay`: it is answered so many seconds later
    - `error`: it is answered with this HTTP status, 400 to 599
    - `malformed`: it is answered with JSON that ends too early
    - `cut`: the connection is closed after so many bytes of the answer's body
    - `drop`: a websocket is closed before message number `amount` + 1, events and streams of commands alike
    - `fail`: the operation that it begins tells of its progress up to so many per cent, and fails there
    - `restart`: it is not answered: the server is away for so many seconds, and has forgotten its operations then

    Raises ValueError for a rule that is none.

    >>> from lxdnb.sandbox import Fault
    >>> Fault("GET /1.0/instances.*", "delay", 2.5, times=1).record()
    {'request': 'GET /1.0/instances.*', 'fault': 'delay', 'amount': 2.5, 'times': 1}
    """

    request: str
    fault: str
    amount: float = 0.0
    times: int | None = None

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise ValueError(f"there is no fault {self.fault!r}: there are {', '.join(FAULTS)}")
        if self.amount < 0:
            raise ValueError(f"the amount of a fault is 0 or more, not {self.amount}")
        if self.fault == "error" and not 400 <= self.amount <= 599:
            raise ValueError(f"the amount of an error is its HTTP status, 400 to 599, not {self.amount:g}")
        try:
            self.pattern = re.compile(self.request)
        except re.error as error:
            raise ValueError(f"{self.request!r} is no regular expression: {error}") from None

    @classmethod
    def from_record(cls, record: Any) -> Fault:
        """Return a rule from parsed JSON. Raises ValueError for what is none."""
        if not isinstance(record, Mapping) or not isinstance(record.get("request"), str):
            raise ValueError(f"a fault is like {json.dumps(_EXAMPLE)}")
        known = {"request": str, "fault": str, "amount": (int, float), "times": int}
        for name, value in record.items():
            if name not in known or not isinstance(value, known[name]) or isinstance(value, bool):
                raise ValueError(f"a fault is like {json.dumps(_EXAMPLE)}; this one has {name!r}: {value!r}")
        return cls(record["request"], record.get("fault", ""), float(record.get("amount", 0)), record.get("times"))

    def record(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {"request": self.request, "fault": self.fault, "amount": self.amount, "times": self.times}


_LONGEST = 86_400.0  # seconds
_EXAMPLE = {"request": "GET /1.0/instances.*", "fault": "delay", "amount": 2.5, "times": 1}


class Faults:
    """The rules in force, in the order in which they came."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter([*self._rules])

    def add(self, rule: Fault) -> None:
        """Have requests go wrong from now on."""
        self._rules.append(rule)

    def clear(self) -> None:
        """Let all be well again."""
        self._rules.clear()

    def take(self, method: str, path: str) -> list[Fault]:
        """Return what is to go wrong with a request, and count that it has: one rule of each kind at most."""
        found: dict[str, Fault] = {}
        for rule in [*self._rules]:
            if rule.fault not in found and rule.pattern.fullmatch(f"{method} {path}"):
                found[rule.fault] = rule
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self._rules.remove(rule)
        return [*found.values()]


# --- requests, outside of the API that is simulated


@route("GET", "/sandbox/faults")
def every(host: Host, request: Request) -> Reply:
    return Sync([rule.record() for rule in host.faults])


@route("POST", "/sandbox/faults")
def add(host: Host, request: Request) -> Reply:
    try:
        host.faults.add(Fault.from_record(json.loads(request.body or b"null")))
    except (ValueError, RecursionError) as error:
        raise Refused(400, str(error)) from None
    return Sync({})


@route("DELETE", "/sandbox/faults")
def clear(host: Host, request: Request) -> Reply:
    host.faults.clear()
    return Sync({})


@route("POST", "/sandbox/restart")
def restart(host: Host, request: Request) -> Reply:
    try:
        asked = json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refused(400, str(error)) from None
    seconds = asked.get("seconds", 0) if isinstance(asked, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < _LONGEST:
        raise Refused(400, 'a restart is like {"seconds": 2.5}, in which the server is away')
    host.leaving = float(seconds)
    return Sync({})
