"""One call that acts on many: it goes on when one of them fails, and has one result for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from lxdnb import api, checks
from lxdnb.exceptions import LXDError
from lxdnb.models._model import Model

__all__ = ["Outcome", "each", "names_of"]

AT_ONCE = 8  # requests that are under way at a time: more make no server faster


class Outcome(NamedTuple):
    """What became of one of many: its `name`, and the error where it failed, else None.

    >>> for outcome in client.instances.set_state("start", ["c2", "nobody"]):
    ...     print(outcome.name, outcome.error or "done")
    c2 done
    nobody Instance not found
    """

    name: str
    error: Exception | None = None


T = TypeVar("T")


def each(items: Iterable[T], name: Callable[[T], str], act: Callable[[T], object]) -> list[Outcome]:
    """Act on all of them, some at a time, and return what became of each, in their order.

    Only errors of a server's are results: another one is a fault of this program, and raised. An interrupt begins no
    more, and waits for none.
    """

    def one(item: T) -> Outcome:
        try:
            act(item)
        except LXDError as error:
            return Outcome(name(item), error)
        return Outcome(name(item))

    return api.at_once(one, items, AT_ONCE)


def names_of(what: str, items: Sequence[str | Model]) -> list[str]:
    """Return the names of what is given by its name or as an object, each once. Raises TypeError and ValueError."""
    given: Any = items
    if isinstance(given, str | bytes | Model) or not isinstance(given, Sequence):
        raise TypeError(f"{what} are a list of names or objects, not {checks.shown(given)}")
    names = [item._name if isinstance(item, Model) else item for item in given]  # pyright: ignore[reportPrivateUsage]
    for name in names:
        checks.segment(name)
    return list(dict.fromkeys(names))
