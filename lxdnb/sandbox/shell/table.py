"""The table of what the shell does by itself, which the files beside this one fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lxdnb.sandbox.channels import Steps

__all__ = ["BUILTINS", "SPECIAL", "Builtin", "builtin"]

Builtin = Callable[[Any, list[str]], Steps[int]]  # of a Shell, which knows this table itself
B = TypeVar("B", bound=Builtin)
BUILTINS: dict[str, Builtin] = {}
SPECIAL = frozenset({"break", ":", "continue", ".", "eval", "exec", "exit", "export", "readonly", "return", "set",
                     "shift", "times", "trap", "unset"})  # fmt: skip


def builtin(*names: str) -> Callable[[B], B]:
    def registered(function: B) -> B:
        BUILTINS.update(dict.fromkeys(names, function))
        return function

    return registered
