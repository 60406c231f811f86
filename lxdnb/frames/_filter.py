"""Conditions on rows, in LXD's words: `status eq Running and config.user.role ne web`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Condition", "conjuncts", "fields", "holds", "parse"]


@dataclass(frozen=True)
class Condition:
    """A comparison of a field with a value."""

    field: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.field} {self.operator} {self.value}"


def parse(text: str) -> tuple[Condition, ...]:
    """Return the conditions that a text joins by `and`. Raises ValueError for what is none."""
    parts = [part.split() for part in re.split(r"\sand\s", text)]
    for part in parts:
        if len(part) != 3 or part[1] not in ("eq", "ne"):
            raise ValueError(f"where: {' '.join(part)!r} is no condition: FIELD eq VALUE, or FIELD ne VALUE")
    return tuple(Condition(*part) for part in parts)


def conjuncts(condition: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Return the parts of which all must hold."""
    return condition


def fields(condition: Condition | tuple[Condition, ...]) -> tuple[str, ...]:
    """Return the fields that it speaks of."""
    several = condition if isinstance(condition, tuple) else (condition,)
    return tuple(dict.fromkeys(each.field for each in several))


def holds(condition: Condition, value_of: Callable[[str], object]) -> bool:
    """Return whether it holds for a thing of which `value_of` tells the fields."""
    value = value_of(condition.field)
    same = value is not None and re.fullmatch(condition.value, str(value), re.IGNORECASE) is not None
    return same == (condition.operator == "eq")
